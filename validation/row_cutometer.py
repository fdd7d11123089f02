"""Probe suction with a 2 mm aperture: Cutometer R0 (JOFA46)."""

from __future__ import annotations

import numpy as np

from validation.blocks import cheek, graded, quarter_disc, stack
from validation.row import Experiment, Row, protocol
from validation.suction import apex_uplift


def run() -> Experiment:
    """Apex of the skin in the probe."""
    aperture = protocol("cutometer.aperture")
    rim = aperture + protocol("cutometer.ring")
    radii = np.unique(
        np.concatenate(
            [
                np.linspace(0.0, aperture, 9)[1:],
                graded(aperture, rim, 0.15, 1.4),
                graded(rim, protocol("cutometer.domain"), 1.0, 1.4),
            ]
        )
    )
    cells = {"skin": [1, 1.3, 1.7, 2.2, 2.8], "fat": [1, 1.5, 2, 2.5], "smas": [1], "deep": [1, 2]}
    mesh = quarter_disc(radii, 6, *stack(cells))
    r0 = apex_uplift(cheek(mesh), mesh, aperture, rim, protocol("cutometer.pressure"))
    row = Row(
        "skin drawn into a 2 mm probe at 450 mbar (R0)",
        "cutometer.r0",
        r0,
        "calibrated",
        True,
        "the skin's matrix modulus was fitted to this row",
    )
    return Experiment(
        "row_cutometer",
        "Cutometer R0",
        (row,),
        "Certain: aperture and pressure. Guessed: the rim (3 mm wide) sticks to the skin; with a "
        "slipping rim a trial gave 0.05 mm more. The published value includes some creep, the "
        "model answers at once.",
    )
