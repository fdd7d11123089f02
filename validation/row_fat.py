"""Fat: shear modulus at rest and under compression (MRE23), loss of stress with time (SIMS10)."""

from __future__ import annotations

import numpy as np

from validation.row import Experiment, Row
from validation.uniform import block_of, shear_modulus_kpa

# Compression along y.
_AXIS = 1


def run() -> Experiment:
    """Small shear on a compressed block of fat, and the relaxation function."""
    fat = block_of("fat")
    rest = shear_modulus_kpa(fat, _AXIS, 1.0)
    rows = [
        Row(
            "shear modulus of fat at rest",
            "fat.modulus",
            rest,
            "calibrated",
            True,
            "the register takes it from this row",
        )
    ]
    for metric in (0.8, 0.7, 0.6):
        rows.append(
            Row(
                f"stiffening of fat compressed to C = {metric:g}",
                f"fat.ratio_{round(10 * metric):02d}",
                shear_modulus_kpa(fat, _AXIS, float(np.sqrt(metric))) / rest,
                "predicted",
                True,
                "the fat's stiffening b was chosen between this law and the suture row",
            )
        )
    return Experiment(
        "row_fat",
        "Fat",
        tuple(rows),
        "Certain: the power law in the compressive metric and its site (buttock, 50 Hz). Guessed: "
        "that it holds for facial fat at rest, and which shear the elastography reads; here the "
        "shear is superposed in reference coordinates.",
    )
