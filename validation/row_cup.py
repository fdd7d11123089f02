"""Suction with a large cup, read as the modulus of a homogeneous block (LUBOZ14)."""

from __future__ import annotations

import numpy as np

from threadlift import evidence
from validation.blocks import cheek, graded, homogeneous, quarter_disc, stack
from validation.row import Experiment, Row, protocol
from validation.suction import apex_uplift


def modulus(aperture: float) -> tuple[float, float]:
    """Young's modulus [kPa] of the block that rises as far as the cheek, and that uplift [mm]."""
    rim = aperture + protocol("cup.ring")
    pressure = protocol("cup.pressure")
    radii = np.unique(
        np.concatenate(
            [
                np.linspace(0.0, aperture, 9)[1:],
                graded(aperture, rim, 0.5, 1.3),
                graded(rim, protocol("cup.domain"), 1.5, 1.4),
            ]
        )
    )
    cells = {"skin": [1, 1, 1], "fat": [1, 1.5, 2, 2.5], "smas": [1], "deep": [1, 1.5, 2]}
    mesh = quarter_disc(radii, 6, *stack(cells))
    uplift = apex_uplift(cheek(mesh), mesh, aperture, rim, pressure)
    depth = protocol("cup.homogeneous") * np.diff(np.linspace(0.0, 1.0, 15) ** 1.6)
    block = quarter_disc(radii, 6, list(depth), [1] * len(depth))
    # Uplift of a block of 1 kPa; it falls with the modulus.
    unit = apex_uplift(homogeneous(block, 1.0), block, aperture, rim, pressure, linear=True)
    return unit / uplift, uplift


def run() -> Experiment:
    """The modulus at the assumed aperture, and how far the assumption moves it."""
    assumed = evidence.parameter("validation.protocol.cup.aperture")
    value, uplift = modulus(assumed.value)
    assert assumed.low is not None
    assert assumed.high is not None
    small, large = modulus(assumed.low)[0], modulus(assumed.high)[0]
    row = Row(
        "cheek under a 10 mm cup, as modulus of a homogeneous block",
        "cup.modulus",
        value,
        "calibrated",
        True,
        f"uplift {uplift:.2f} mm; the skin's pre-stretch was fitted to this row; apertures of "
        f"radius {assumed.low:g} and {assumed.high:g} mm would give {small:.0f} and {large:.0f} "
        "kPa",
    )
    return Experiment(
        "row_cup",
        "Large-cup suction",
        (row,),
        "Certain: the range of moduli and that the device overestimates tensile tests by 24 % "
        "(its developers). Guessed: the aperture (5 mm radius, from memory), pressure 3 kPa, "
        "sticking rim of 4 mm, and how uplift was turned into a modulus (here: through a "
        "homogeneous block of 40 mm, small strains).",
    )
