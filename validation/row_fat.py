"""Fat: shear modulus at rest and under compression (MRE23), loss of stress with time (SIMS10)."""

from __future__ import annotations

import numpy as np

from threadlift.tissue.relaxation import share
from validation.row import Experiment, Row, protocol
from validation.uniform import Sample, shear_modulus_kpa

# Compression across the layer, as under a seat or a coil.
_AXIS = 2


def run() -> Experiment:
    """Small shear on a compressed block of fat, and the relaxation function."""
    fat = Sample.of("fat")
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
    for key, seconds in (
        ("relaxation_5min", protocol("fat.early")),
        ("relaxation", protocol("fat.late")),
    ):
        rows.append(
            Row(
                f"stress lost by fat held for {seconds:.0f} s",
                f"fat.{key}",
                100.0 * (1.0 - float(share("fat", seconds))),
                "calibrated",
                False,
                "a check that the register's series is carried out, no more",
            )
        )
    return Experiment(
        "row_fat",
        "Fat",
        tuple(rows),
        "Certain: the power law in the compressive metric and its site (buttock, 50 Hz). Guessed: "
        "that it holds for facial fat at rest, and which shear the elastography reads; here the "
        "shear is superposed in reference coordinates. The relaxation is that of pig fat, one "
        "term, taken into the register as it stands.",
    )
