"""Shift of the face from upright to supine (RAMESH21, SEE08)."""

from __future__ import annotations

import numpy as np

from validation.row import Experiment, Row
from validation.whole_face import CHEEK, SIDES, mean_face_tissue, zone_mean


def run() -> Experiment:
    """Mean and largest displacement of the skin when the mean face lies down."""
    tissue = mean_face_tissue()
    shift = tissue.equilibrium([], posture="supine").surface
    zones = [f"{zone}_{side}" for zone in CHEEK for side in SIDES]
    size = np.linalg.norm(shift, axis=1)
    up, back = (float(zone_mean(tissue, shift[:, c], zones)) for c in (1, 2))
    rows = (
        Row(
            "mean shift of the cheek, upright to supine",
            "gravity.mean",
            float(zone_mean(tissue, size, zones)),
            "predicted",
            True,
            f"of it {up:.2f} mm upwards and {-back:.2f} mm backwards; the rim's springs were "
            "fitted to this number on a flat patch; the face is a prediction",
        ),
        Row(
            "largest shift of the skin, upright to supine",
            "gravity.maximum",
            float(size.max()),
            "predicted",
            True,
            "a bound only",
        ),
    )
    return Experiment(
        "row_gravity",
        "Gravity shift",
        rows,
        "Certain: direction and order of magnitude. Guessed: that the published means are shifts "
        "and not differences between zones; the face is the mean head of the template at 45 years "
        "on the coarse mesh; a change of posture is seen after five minutes, with the relaxation "
        "of the face as one body.",
    )
