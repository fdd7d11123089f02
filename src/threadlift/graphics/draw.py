"""Lines, dots and labels over a rendered picture, hidden where the face hides them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from threadlift.graphics.camera import Camera

Colour = tuple[int, int, int]
Occlusion = Literal["hide", "fade", "show"]
Picture = NDArray[np.uint8]

#: Strokes are drawn at this multiple of the picture's size and averaged down.
_OVERSAMPLE = 4
#: Opacity of what lies behind the surface, with occlusion = 'fade'.
_FADED = 0.28


def visible_points(
    depth: NDArray[np.float64], camera: Camera, points: ArrayLike, tolerance_mm: float = 3.0
) -> NDArray[np.bool_]:
    """(k,) whether points (k, 3) are not hidden by the surface in the depth buffer (h, w).

    A point up to `tolerance_mm` behind the surface counts as visible, so that paths on (or just
    below) the skin show where the skin shows; points outside the picture are not visible.
    """
    px, d = camera.project(points)
    h, w = depth.shape
    inside = np.asarray(np.isfinite(px).all(axis=1))
    ij = np.where(inside[:, None], np.floor(np.nan_to_num(px)), -1).astype(int)
    inside &= (ij[:, 0] >= 0) & (ij[:, 0] < w) & (ij[:, 1] >= 0) & (ij[:, 1] < h)
    seen = depth[np.clip(ij[:, 1], 0, h - 1), np.clip(ij[:, 0], 0, w - 1)]
    return inside & (d <= seen + tolerance_mm)


def _stroke(
    image: Picture, px: NDArray[np.float64], color: Colour, width: float, alpha: float
) -> None:
    """Blend one anti-aliased open polyline (k, 2) px into `image` in place."""
    h, w = image.shape[:2]
    low = np.maximum(np.floor(px.min(axis=0) - width - 2), 0).astype(int)
    high = np.minimum(np.ceil(px.max(axis=0) + width + 2), [w, h]).astype(int)
    if (high <= low).any():
        return
    extent = high - low
    mask = Image.new("L", (int(extent[0]) * _OVERSAMPLE, int(extent[1]) * _OVERSAMPLE), 0)
    pen = ImageDraw.Draw(mask)
    path = [(float(x), float(y)) for x, y in (px - low) * _OVERSAMPLE]
    thick = max(round(width * _OVERSAMPLE), 1)
    pen.line(path, fill=255, width=thick, joint="curve")
    r = thick / 2.0
    for x, y in (path[0], path[-1]):
        pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
    _blend(image, mask, low, extent, color, alpha)


def _blend(
    image: Picture, mask: Image.Image, low: NDArray, extent: NDArray, color: Colour, alpha: float
) -> None:
    """Average an oversampled mask down and lay `color` through it over part of `image`."""
    small = mask.resize((int(extent[0]), int(extent[1])), Image.Resampling.BOX)
    cover = (np.asarray(small, dtype=float) * (alpha / 255.0))[..., None]
    part = image[low[1] : low[1] + extent[1], low[0] : low[0] + extent[0]]
    part[...] = np.round(part * (1.0 - cover) + np.array(color, dtype=float) * cover)


def _densify(points: NDArray[np.float64], camera: Camera) -> NDArray[np.float64]:
    """The polyline with a point at least every ~2 px, so that occlusion changes where it should."""
    px, _ = camera.project(points)
    step = np.nan_to_num(np.linalg.norm(np.diff(px, axis=0), axis=1), nan=2.0)
    counts = np.clip(np.ceil(step / 2.0).astype(int), 1, 400)
    parts = [
        points[i] + (np.arange(n) / n)[:, None] * (points[i + 1] - points[i])
        for i, n in enumerate(counts)
    ]
    return np.concatenate([*parts, points[-1:]])


def draw_polyline(
    image: Picture,
    depth: NDArray[np.float64],
    camera: Camera,
    points: ArrayLike,
    color: Colour,
    width: float = 2.0,
    occlusion: Occlusion = "fade",
    *,
    tolerance_mm: float = 3.0,
    outline: Colour | None = None,
) -> Picture:
    """A copy of `image` (h, w, 3) with the space curve `points` (k, 3) drawn over it.

    `depth` (h, w) and `camera` belong to the picture (`Render.depth`, `Render.camera`). Where the
    surface hides the curve by more than `tolerance_mm` it is left out ('hide'), drawn faintly
    ('fade') or drawn all the same ('show'). `width` in px; `outline` adds a rim of that colour.
    """
    out = np.array(image, copy=True)
    curve = np.asarray(points, dtype=float)
    if len(curve) < 2:
        return out
    curve = _densify(curve, camera)
    px, _ = camera.project(curve)
    seen = visible_points(depth, camera, curve, tolerance_mm)
    if occlusion == "show":
        seen = np.ones_like(seen)
    usable = np.asarray(np.isfinite(px).all(axis=1))
    edge_seen = seen[:-1] & seen[1:]
    state = np.where(usable[:-1] & usable[1:], edge_seen.astype(int), -1)
    cuts = np.nonzero(np.diff(state))[0] + 1
    runs = list(zip(np.r_[0, cuts], np.r_[cuts, len(state)], strict=True))
    for wanted, alpha in ((0, _FADED), (1, 1.0)):
        if wanted == 0 and occlusion == "hide":
            continue
        for layer, extra in ((outline, 2.0), (color, 0.0)):
            if layer is None:
                continue
            for start, stop in runs:
                if state[start] == wanted:
                    _stroke(out, px[start : stop + 1], layer, width + extra, alpha)
    return out


def draw_dots(
    image: Picture,
    depth: NDArray[np.float64],
    camera: Camera,
    points: ArrayLike,
    color: Colour,
    radius: float = 3.0,
    occlusion: Occlusion = "hide",
    *,
    tolerance_mm: float = 3.0,
    outline: Colour | None = (255, 255, 255),
) -> Picture:
    """A copy of `image` with discs of `radius` px at `points` (k, 3); see `draw_polyline`."""
    out = np.array(image, copy=True)
    where = np.atleast_2d(np.asarray(points, dtype=float))
    px, _ = camera.project(where)
    seen = visible_points(depth, camera, where, tolerance_mm)
    h, w = out.shape[:2]
    for p, shown in zip(px, seen, strict=True):
        if not np.isfinite(p).all() or (not shown and occlusion == "hide"):
            continue
        alpha = 1.0 if shown or occlusion == "show" else _FADED
        for layer, r in ((outline, radius + 1.0), (color, radius)):
            if layer is None:
                continue
            low = np.maximum(np.floor(p - r - 2), 0).astype(int)
            extent = np.minimum(np.ceil(p + r + 2), [w, h]).astype(int) - low
            if (extent <= 0).any():
                continue
            mask = Image.new("L", (int(extent[0]) * _OVERSAMPLE, int(extent[1]) * _OVERSAMPLE), 0)
            x, y = (p - low) * _OVERSAMPLE
            s = r * _OVERSAMPLE
            ImageDraw.Draw(mask).ellipse((x - s, y - s, x + s, y + s), fill=255)
            _blend(out, mask, low, extent, layer, alpha)
    return out


def draw_text(
    image: Picture,
    px: tuple[float, float],
    text: str,
    color: Colour = (40, 44, 52),
    size: float = 14.0,
    anchor: str = "la",
) -> Picture:
    """A copy of `image` with `text` at `px`; `anchor` as in Pillow ('la' = left, ascender)."""
    canvas = Image.fromarray(np.ascontiguousarray(image))
    ImageDraw.Draw(canvas).text(
        px, text, fill=color, font=ImageFont.load_default(size), anchor=anchor
    )
    return np.array(canvas)
