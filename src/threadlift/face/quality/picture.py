"""The picture itself: resolution on the face, sharpness, exposure, framing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.face.quality.finding import Finding
from threadlift.face.quality.limits import at_least, at_most
from threadlift.face.quality.patches import (
    EYES,
    LEFT_CHEEK,
    LOWER_FACE,
    RIGHT_CHEEK,
    UPPER_FACE,
    crop,
    face_size_px,
    luminance,
)

Array = NDArray[np.float64]

#: Sides of the picture on which the chin, the brow and the cheeks of the face may be cut off.
_OUTLINE = (10, 152, 234, 454, 172, 397, 132, 361)
_BLACK, _WHITE = 6.0, 250.0


def resolution(picture: str, landmarks_px: Array) -> Finding:
    """Pixels between the pupils (of the face as if seen from the front)."""
    needed = value("quality.resolution.good")
    size = face_size_px(landmarks_px)
    return at_least(
        "resolution",
        picture,
        size,
        "px",
        f"Take the photo from nearer or at a higher resolution: about {needed / size:.1f} times "
        "as many pixels across the face are needed.",
    )


def sharpness(picture: str, rgb: NDArray[np.uint8], landmarks_px: Array) -> Finding:
    """Width of the sharpest edges about the eyes [mm].

    Contrast of the eye over its steepest gradient: lashes, lids and irises are edges of no width
    in the flesh, so what is left is the blur of focus, motion, compression and pixels.
    """
    size = face_size_px(landmarks_px)
    mm_per_px = value("capture.ipd.adult") / size
    widths = [
        width
        for corners in EYES.values()
        if (width := _edge_width_px(rgb, landmarks_px[list(corners)], size)) is not None
    ]
    # Of a turned head one eye is hidden or grazed: the sharper one tells.
    blur = mm_per_px * min(widths) if widths else value("quality.sharpness.usable") * 2.0
    return at_most(
        "sharpness",
        picture,
        blur,
        "mm",
        "Focus on the eyes, hold still, add light, and wipe the lens.",
    )


def _edge_width_px(rgb: NDArray[np.uint8], eye: Array, size: float) -> float | None:
    margin = 0.12 * size
    low = np.floor(eye.min(axis=0) - margin).astype(int)
    high = np.ceil(eye.max(axis=0) + margin).astype(int)
    h, w = rgb.shape[:2]
    low, high = np.maximum(low, 0), np.minimum(high, [w, h])
    if (high - low < 4).any():
        return None
    grey = luminance(rgb[low[1] : high[1], low[0] : high[0]])
    contrast = float(np.subtract(*np.percentile(grey, [98, 2])))
    down, across = np.gradient(grey)
    # Not the single steepest pixel, which noise can make.
    steepest = float(np.percentile(np.hypot(down, across), 99.0))
    return contrast / steepest if steepest > 0.0 and contrast > 1.0 else None


def exposure(picture: str, rgb: NDArray[np.uint8], landmarks_px: Array) -> Finding:
    """Share of the skin that is pure black or white."""
    pixels = crop(rgb, landmarks_px, RIGHT_CHEEK + LEFT_CHEEK + UPPER_FACE + LOWER_FACE)
    if pixels is None:
        share, bright = 1.0, False
    else:
        grey = luminance(pixels)
        white, black = float((grey > _WHITE).mean()), float((grey < _BLACK).mean())
        share, bright = white + black, white >= black
    return at_most(
        "exposure",
        picture,
        100.0 * share,
        "%",
        "Darken the exposure; parts of the skin are white."
        if bright
        else "Add light; parts of the skin are black.",
    )


def light_symmetry(picture: str, rgb: NDArray[np.uint8], landmarks_px: Array) -> Finding | None:
    """Ratio of the light on both cheeks, in stops; None where one cheek cannot be seen."""
    right, left = (crop(rgb, landmarks_px, c) for c in (RIGHT_CHEEK, LEFT_CHEEK))
    if right is None or left is None:
        return None
    linear = [((np.median(luminance(p)) + 0.5) / 255.0) ** 2.2 for p in (right, left)]
    stops = float(np.log2(linear[0] / linear[1]))
    darker = "left" if stops > 0.0 else "right"
    return at_most(
        "light_symmetry",
        picture,
        abs(stops),
        "stops",
        f"Add light from the patient's {darker}, or turn the patient to face the light.",
        refuse=False,
    )


def framing(picture: str, rgb: NDArray[np.uint8], landmarks_px: Array) -> Finding:
    """How far the face reaches beyond the picture, in % of the distance of the pupils."""
    h, w = rgb.shape[:2]
    outline = landmarks_px[list(_OUTLINE)]
    beyond = np.maximum(np.maximum(-outline, outline - np.array([w, h])), 0.0).max()
    return at_most(
        "framing",
        picture,
        100.0 * float(beyond) / face_size_px(landmarks_px),
        "%",
        "Step back so that the whole face, chin and ears included, is in the picture.",
    )
