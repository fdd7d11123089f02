"""All findings on one photograph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.face.network.landmarker import FaceDetection
from threadlift.face.quality import picture as look
from threadlift.face.quality import subject
from threadlift.face.quality.finding import Finding


def before_fit(
    name: str, rgb: NDArray[np.uint8], face: FaceDetection, *, at_rest: bool = True
) -> tuple[Finding, ...]:
    """What can be said from the picture and its landmarks alone.

    name: of the picture, for messages. at_rest False: an expression is wanted here, so none is
    held against the picture.
    """
    px = face.landmarks_px
    found: list[Finding | None] = [
        look.resolution(name, px),
        look.sharpness(name, rgb, px),
        look.exposure(name, rgb, px),
        look.light_symmetry(name, rgb, px),
        look.framing(name, rgb, px),
        subject.drawn(name, rgb, px),
        subject.eyes(name, rgb, px, face.blendshapes),
        *subject.covering(name, rgb, px),
    ]
    if at_rest:
        found.extend(subject.expression(name, face.blendshapes))
    return tuple(f for f in found if f is not None)


def after_fit(
    name: str,
    role: str,
    angles_deg: tuple[float, float, float],
    identity_rms: float,
    misfit_percent: float,
) -> tuple[Finding, ...]:
    """What the fitted face and camera add: pose for the photo's role, and plausibility.

    role: 'front', 'left' or 'right'. angles_deg: yaw, pitch, roll of `PhotoCamera.angles_deg`.
    """
    return (
        *subject.pose(name, role, *angles_deg),
        *subject.plausibility(name, identity_rms, misfit_percent),
    )
