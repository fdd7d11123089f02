"""Texture of a scan: a picture and where every corner of every triangle lies in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float64]

#: Pictures of one scan together are kept at most this large [px].
_ATLAS_PX = 150_000_000
#: A vertex stands for the skin around it: the picture is averaged until one of its pixels is about
#: this share of an edge, so that a single dark pixel does not colour a whole vertex.
_PIXELS_PER_EDGE = 1.5


@dataclass(frozen=True)
class Texture:
    """uv (m, 3, 2): place of each triangle's corners in the image, (0, 0) the upper left and
    (1, 1) the lower right corner of it, NaN for triangles without texture; image (h, w, 3) uint8
    sRGB.
    """

    uv: NDArray[np.float32]
    image: NDArray[np.uint8]

    def pixels(self, triangle: NDArray[np.int64], bary: Array) -> Array:
        """Place (k, 2) [px], x to the right, y down, of points in triangles (k,), bary (k, 3)."""
        at = np.einsum("kc,kcd->kd", bary, self.uv[triangle].astype(np.float64))
        h, w = self.image.shape[:2]
        return at * np.array([w, h], dtype=np.float64)

    def at(self, triangle: NDArray[np.int64], bary: Array) -> Array:
        """Colours (k, 3) sRGB 0..255, bilinear; NaN where there is no texture."""
        return bilinear(self.image, self.pixels(triangle, bary))

    def rows(self, rows: NDArray[np.int64]) -> Texture:
        """The texture of some of the triangles."""
        return Texture(self.uv[rows], self.image)


def bilinear(image: NDArray[np.uint8], place: Array) -> Array:
    """Colours (k, c) of an image (h, w, c) at places (k, 2) [px]; pixel centres lie at halves."""
    h, w = image.shape[:2]
    known = np.asarray(np.isfinite(place).all(axis=1))
    p = np.where(known[:, None], place, 0.0) - 0.5
    x, y = np.clip(p[:, 0], 0.0, w - 1.0), np.clip(p[:, 1], 0.0, h - 1.0)
    i = np.minimum(x.astype(np.int64), max(w - 2, 0))
    j = np.minimum(y.astype(np.int64), max(h - 2, 0))
    a, b = (x - i)[:, None], (y - j)[:, None]
    right, below = np.minimum(i + 1, w - 1), np.minimum(j + 1, h - 1)
    out = (1.0 - b) * ((1.0 - a) * image[j, i] + a * image[j, right])
    out += b * ((1.0 - a) * image[below, i] + a * image[below, right])
    return np.where(known[:, None], out, np.nan)


def _wrapped(uv: NDArray[np.float32]) -> NDArray[np.float32]:
    """Coordinates in the first tile: whole triangles are shifted, as repeating textures mean it."""
    outside = (np.abs(uv - 0.5) > 0.501).any(axis=(1, 2))
    out = uv.copy()
    out[outside] -= np.floor(out[outside].mean(axis=1, keepdims=True))
    return np.clip(out, 0.0, 1.0)


def unite(
    pieces: Sequence[tuple[NDArray[np.float32] | None, NDArray[np.uint8] | None, int]],
) -> Texture | None:
    """One texture of several pieces (uv, image, number of triangles), pictures side by side."""
    pictures: dict[int, NDArray[np.uint8]] = {}
    for uv, image, _ in pieces:
        if uv is not None and image is not None:
            pictures[id(image)] = image
    if not pictures:
        return None
    total = sum(p.shape[0] * p.shape[1] for p in pictures.values())
    shrink = int(np.ceil(np.sqrt(total / _ATLAS_PX)))
    if shrink > 1:
        pictures = {
            k: np.asarray(Image.fromarray(p).reduce(shrink), np.uint8) for k, p in pictures.items()
        }
    width = sum(p.shape[1] for p in pictures.values())
    height = max(p.shape[0] for p in pictures.values())
    start = dict(
        zip(pictures, np.cumsum([0, *(p.shape[1] for p in pictures.values())]), strict=False)
    )
    if len(pictures) == 1:
        atlas = next(iter(pictures.values()))
    else:
        atlas = np.zeros((height, width, 3), dtype=np.uint8)
        for key, p in pictures.items():
            atlas[: p.shape[0], start[key] : start[key] + p.shape[1]] = p
    parts = []
    for uv, image, count in pieces:
        if uv is None or image is None:
            parts.append(np.full((count, 3, 2), np.nan, dtype=np.float32))
            continue
        h, w = pictures[id(image)].shape[:2]
        scaled = _wrapped(uv) * np.array([w / width, h / height], dtype=np.float32)
        parts.append(scaled + np.array([start[id(image)] / width, 0.0], dtype=np.float32))
    return Texture(np.concatenate(parts), atlas)


def vertex_colours(
    texture: Texture, triangles: NDArray[np.int64], n: int, fallback: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """Colours (n, 3) of the vertices, averaged over the skin around each.

    `fallback` (n, 3) or mid grey serves where there is no texture.
    """
    h, w = texture.image.shape[:2]
    known = np.isfinite(texture.uv).all(axis=(1, 2))
    out = np.full((n, 3), 160, np.uint8) if fallback is None else fallback.copy()
    if not known.any():
        return out
    uv = texture.uv[known]
    size = np.array([w, h], dtype=np.float64)
    sample = uv[:: max(len(uv) // 100_000, 1)].astype(np.float64) * size
    edge = float(np.median(np.linalg.norm(sample - np.roll(sample, 1, axis=1), axis=2)))
    factor = int(np.clip(edge / _PIXELS_PER_EDGE, 1, 64))
    image = np.asarray(Image.fromarray(texture.image).reduce(factor), dtype=np.uint8)
    place = uv.reshape(-1, 2).astype(np.float64) * (size / factor)
    tone = bilinear(image, place)
    corner = triangles[known].ravel()
    count = np.bincount(corner, minlength=n)
    mean = np.stack([np.bincount(corner, tone[:, c], n) for c in range(3)], axis=1)
    some = count > 0
    out[some] = np.round(mean[some] / count[some, None]).astype(np.uint8)
    return out
