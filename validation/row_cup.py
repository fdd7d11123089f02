"""Suction with a large cup, read as the modulus of a homogeneous block (LUBOZ14)."""

from __future__ import annotations

import numpy as np

from validation.blocks import cheek, graded, homogeneous, quarter_disc, stack
from validation.row import Experiment, Row, protocol
from validation.suction import apex_uplift


def run() -> Experiment:
    """Young's modulus of the homogeneous block that rises as far as the cheek."""
    aperture = protocol("cup.aperture")
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
    row = Row(
        "cheek under a 10 mm cup, as modulus of a homogeneous block",
        "cup.modulus",
        unit / uplift,
        "calibrated",
        True,
        f"uplift {uplift:.2f} mm; the skin's pre-stretch was fitted to this row",
    )
    return Experiment(
        "row_cup",
        "Large-cup suction",
        (row,),
        "Certain: the range of moduli and that the device overestimates tensile tests by 24 % "
        "(its developers). Guessed: aperture radius 5 mm, pressure 3 kPa, sticking rim of 4 mm, "
        "and how uplift was turned into a modulus. In a trial the aperture alone moved the row "
        "from 45 (4 mm) to 21 kPa (10 mm).",
    )
