"""Patches of skin and eyes in a photograph, found by the landmarks of the network."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

from threadlift.face.network.landmarker import LEFT_IRIS, RIGHT_IRIS

Array = NDArray[np.float64]

# Landmarks in the middle of skin that is bare in a portrait; "right" is the subject's right.
RIGHT_CHEEK, LEFT_CHEEK = (50, 205, 101), (280, 425, 330)
BARE = (168, 6, 143, 372)  # bridge of the nose, beside the eyes: bare above any mask
UPPER_FACE = (6, 197, 118, 347)  # bridge of the nose, below the eyes
LOWER_FACE = (4, 164, 199, 214, 434)  # tip of the nose, upper lip, chin, lower cheeks
FOREHEAD = (151, 9, 108, 337)
EYES = {"right": (33, 133, 159, 145), "left": (263, 362, 386, 374)}
#: Radius of a patch over the distance of the pupils.
_RADIUS = 0.06


def pupil_distance_px(landmarks_px: Array) -> float:
    """Distance of the irises [px]; in an oblique photo shorter than it is."""
    return float(np.linalg.norm(landmarks_px[RIGHT_IRIS] - landmarks_px[LEFT_IRIS]))


def face_size_px(landmarks_px: Array) -> float:
    """Size of the face as the distance of the pupils it would have from the front [px].

    From the height between brow and chin, which turning the head does not shorten: in the mean
    face it is twice the distance of the pupils.
    """
    height = float(np.linalg.norm(landmarks_px[9] - landmarks_px[152]))
    return max(pupil_distance_px(landmarks_px), 0.5 * height)


def crop(rgb: NDArray[np.uint8], landmarks_px: Array, index: tuple[int, ...]) -> Array | None:
    """Pixels (k, 3) sRGB 0..255 in discs about landmarks; None where they lie outside."""
    radius = max(_RADIUS * face_size_px(landmarks_px), 1.5)
    h, w = rgb.shape[:2]
    parts = []
    for x, y in landmarks_px[list(index)]:
        if not (0.0 <= x < w and 0.0 <= y < h):
            continue
        x0, x1 = int(max(x - radius, 0)), int(min(x + radius + 1, w))
        y0, y1 = int(max(y - radius, 0)), int(min(y + radius + 1, h))
        part = rgb[y0:y1, x0:x1].reshape(-1, 3)
        if len(part):
            parts.append(part)
    return np.concatenate(parts).astype(float) if parts else None


def lab_median(pixels: Array) -> Array:
    """Median colour (3,) in CIE Lab of sRGB pixels (k, 3) 0..255."""
    return np.median(rgb2lab(pixels[None] / 255.0)[0], axis=0)


def luminance(rgb: NDArray) -> Array:
    """Rec. 709 luma (...,) of sRGB bytes (..., 3), 0..255."""
    return np.asarray(rgb, dtype=float) @ np.array([0.2126, 0.7152, 0.0722])
