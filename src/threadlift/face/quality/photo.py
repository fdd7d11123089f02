"""Findings on one photograph from the picture and its landmarks."""

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
        subject.shading(name, rgb, px),
        subject.eyes(name, rgb, px, face.blendshapes),
        *subject.covering(name, rgb, px),
    ]
    if at_rest:
        found.extend(subject.expression(name, face.blendshapes))
    return tuple(f for f in found if f is not None)
