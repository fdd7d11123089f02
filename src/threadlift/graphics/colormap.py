"""Scalar fields as colours, with perceptual colour maps only."""

from __future__ import annotations

import io

import numpy as np
from matplotlib import colormaps
from numpy.typing import ArrayLike, NDArray
from PIL import Image

#: Map for magnitudes that start at zero, and for fields with a sign.
SEQUENTIAL = "viridis"
DIVERGING = "RdBu_r"


def map_colors(
    values: ArrayLike,
    low: float,
    high: float,
    *,
    name: str = SEQUENTIAL,
    base: ArrayLike | None = None,
    fade: float = 0.0,
    missing: tuple[int, int, int] = (190, 190, 190),
) -> NDArray[np.uint8]:
    """Colours (n, 3; sRGB bytes) of a scalar field (n,); `low`, `high` are the ends of map `name`.

    NaN values take the colour `missing`. With `base` (n, 3) sRGB bytes (for example a face's own
    colours) the map is blended in: not at all at `low`, fully from `low + fade·(high - low)` on.
    """
    x = np.asarray(values, dtype=float)
    span = high - low
    if not span > 0.0:
        raise ValueError("a colour map needs high > low")
    unit = np.clip((x - low) / span, 0.0, 1.0)
    known = np.isfinite(unit)
    rgb = np.asarray(colormaps[name](np.where(known, unit, 0.0)))[:, :3] * 255.0
    if base is not None:
        under = np.asarray(base, dtype=float)
        share = np.ones_like(unit) if fade <= 0.0 else np.clip(unit / fade, 0.0, 1.0)
        rgb = under + share[:, None] * (rgb - under)
        rgb[~known] = under[~known]
    else:
        rgb[~known] = missing
    return np.round(rgb).astype(np.uint8)


def legend(
    low: float, high: float, *, name: str = SEQUENTIAL, size: tuple[int, int] = (24, 256)
) -> NDArray[np.uint8]:
    """Vertical colour bar (h, w, 3), `high` at the top."""
    width, height = size
    column = map_colors(np.linspace(high, low, height), low, high, name=name)
    return np.repeat(column[:, None, :], width, axis=1)


def png_bytes(rgb: NDArray[np.uint8]) -> bytes:
    """A picture (h, w, 3) or (h, w, 4) uint8 as PNG without metadata (same in, same out)."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(buffer, format="PNG", optimize=False)
    return buffer.getvalue()
