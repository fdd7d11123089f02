"""Where the irises of a photo would be if the eyes looked straight ahead.

Whoever looks into a camera turns both eyes towards it: the pupils come nearer to each other (by
one to two percent at 1 to 0.5 m) and move together where the head is turned. The template's eyes
look straight ahead, so that its pupils are as far apart as a ruler or a pupillometer measures them
(far distance). The irises of the front photo are therefore moved back before anything is fitted to
them; in the side photos nobody knows where the eyes look, and irises count there like any landmark.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.face.photo.camera import PhotoCamera
from threadlift.face.photo.problem import PointModel, View

Array = NDArray[np.float64]

AHEAD = np.array([0.0, 0.0, 1.0])
#: Landmarks of the two irises: centre, then four points round the rim.
IRISES = ((468, 469, 470, 471, 472), (473, 474, 475, 476, 477))


def turned_by(pupils: Array, camera: PhotoCamera) -> Array:
    """How far the pupils (n, 3) of eyes that look ahead move (n, 3) to look into the camera.

    The eye turns about a centre that lies `capture.eye.pupil_reach` behind its pupil. Patient
    frame, mm.
    """
    reach = value("capture.eye.pupil_reach")
    centre = pupils - reach * AHEAD
    toward = -camera.rotation.T @ camera.translation - centre
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    return reach * (toward - AHEAD)


def looking_ahead(view: View, landmarks: PointModel, camera: PhotoCamera) -> View:
    """The front photo with its irises where they would be in eyes that look straight ahead.

    Their centres are then sharper than other landmarks (`capture.photo.iris_sd`). landmarks: the
    model (its mean serves: shift and distance hardly depend on identity); camera:
    as far as it is known.
    """
    pupils = landmarks.mean[[rim[0] for rim in IRISES]]
    moved = camera.project(pupils + turned_by(pupils, camera)) - camera.project(pupils)
    pixels = view.pixels.copy()
    for rim, shift in zip(IRISES, moved, strict=True):
        pixels[list(rim)] -= shift
    sd = np.full(len(pixels), np.nan)
    sd[[rim[0] for rim in IRISES]] = value("capture.photo.iris_sd")
    return replace(view, pixels=pixels, sd_mm=sd)
