"""A small software rasteriser: triangle meshes to pictures, depth and triangle buffers.

Z-buffer with perspective-correct interpolation and deferred Blinn–Phong shading. It exists so
that pictures and landmark detection need neither a graphics card nor a display, and give the same
bits everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from threadlift.graphics.camera import Camera
from threadlift.graphics.light import STUDIO, Light, shade, to_linear, to_srgb

Array = NDArray[np.float64]

#: Colour of a surface that brings none: a light neutral skin tone (sRGB).
NEUTRAL_SKIN = (214, 178, 158)
#: Default background: two sRGB colours, top and bottom, blended down the picture.
BACKDROP = ((244, 245, 247), (214, 218, 224))
#: Triangles nearer to a perspective camera than this share of the median depth are not drawn
#: (they would have to be clipped; no picture of a face needs them).
NEAR_FRACTION = 1e-3

Background = tuple[int, int, int] | tuple[tuple[int, int, int], tuple[int, int, int]]


@dataclass(frozen=True)
class Render:
    """A picture with its geometry.

    Attributes
    ----------
    rgb: (h, w, 3) uint8 sRGB.
    depth: (h, w) distance along the optical axis [world unit], inf where nothing is seen.
    tri_id: (h, w) int32 triangle seen, -1 where none.
    bary: (h, w, 3) barycentric weights in that triangle (0 where none).
    camera: the camera of these buffers.
    """

    rgb: NDArray[np.uint8]
    depth: Array
    tri_id: NDArray[np.int32]
    bary: Array
    camera: Camera

    @property
    def mask(self) -> NDArray[np.bool_]:
        """(h, w) where a surface is seen."""
        return self.tri_id >= 0


@njit(cache=True)
def _scan_convert(px, key, triangles, width, height, perspective):
    """Fill nearest-triangle buffers; `key` grows towards the viewer and is linear on screen."""
    best = np.full((height, width), -np.inf)
    ids = np.full((height, width), -1, dtype=np.int32)
    bary = np.zeros((height, width, 3))
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ka, kb, kc = key[a], key[b], key[c]
        if not (np.isfinite(ka) and np.isfinite(kb) and np.isfinite(kc)):
            continue
        xa, ya, xb, yb, xc, yc = px[a, 0], px[a, 1], px[b, 0], px[b, 1], px[c, 0], px[c, 1]
        area = (xb - xa) * (yc - ya) - (xc - xa) * (yb - ya)
        if area == 0.0:
            continue
        i0 = max(int(np.ceil(min(xa, xb, xc) - 0.5)), 0)
        i1 = min(int(np.floor(max(xa, xb, xc) - 0.5)), width - 1)
        j0 = max(int(np.ceil(min(ya, yb, yc) - 0.5)), 0)
        j1 = min(int(np.floor(max(ya, yb, yc) - 0.5)), height - 1)
        for j in range(j0, j1 + 1):
            y = j + 0.5
            for i in range(i0, i1 + 1):
                x = i + 0.5
                wb = ((x - xa) * (yc - ya) - (xc - xa) * (y - ya)) / area
                wc = ((xb - xa) * (y - ya) - (x - xa) * (yb - ya)) / area
                wa = 1.0 - wb - wc
                # A hair of slack closes the cracks that rounding opens between neighbours.
                if wa < -1e-9 or wb < -1e-9 or wc < -1e-9:
                    continue
                k = wa * ka + wb * kb + wc * kc
                if k > best[j, i]:
                    best[j, i] = k
                    ids[j, i] = t
                    if perspective:
                        bary[j, i, 0] = wa * ka / k
                        bary[j, i, 1] = wb * kb / k
                        bary[j, i, 2] = wc * kc / k
                    else:
                        bary[j, i, 0] = wa
                        bary[j, i, 1] = wb
                        bary[j, i, 2] = wc
    return best, ids, bary


def vertex_normals(vertices: Array, triangles: NDArray) -> Array:
    """Unit normals (n, 3): area-weighted mean of the incident triangles, 0 where there is none."""
    v, t = np.asarray(vertices, dtype=float), np.asarray(triangles)
    face = np.cross(v[t[:, 1]] - v[t[:, 0]], v[t[:, 2]] - v[t[:, 0]])
    corners = t.ravel()
    weight = np.repeat(face, 3, axis=0)
    out = np.stack([np.bincount(corners, weight[:, c], len(v)) for c in range(3)], axis=1)
    length = np.linalg.norm(out, axis=1, keepdims=True)
    return np.divide(out, length, out=np.zeros_like(out), where=length > 0.0)


def visibility(
    vertices: ArrayLike, triangles: ArrayLike, camera: Camera
) -> tuple[Array, NDArray[np.int32], Array]:
    """Depth (h, w), triangle ids (h, w) and barycentric weights (h, w, 3), without shading.

    `vertices` (n, 3) in world units, `triangles` (m, 3); nothing is culled.
    """
    px, depth = camera.project(np.asarray(vertices, dtype=float))
    if camera.perspective:
        near = NEAR_FRACTION * float(np.median(np.abs(depth))) if len(depth) else 0.0
        key = np.where(depth > near, 1.0 / np.where(depth > near, depth, 1.0), np.nan)
    else:
        key = -depth
    width, height = camera.size
    best, ids, bary = _scan_convert(
        np.ascontiguousarray(px),
        key,
        np.ascontiguousarray(triangles, dtype=np.int64),
        width,
        height,
        camera.perspective,
    )
    seen = ids >= 0
    shown = np.where(seen, best, 1.0)
    buffer = np.where(seen, 1.0 / shown if camera.perspective else -shown, np.inf)
    return buffer, ids, bary


def _backdrop(background: Background, width: int, height: int) -> Array:
    """Linear background picture (h, w, 3)."""
    colours = np.asarray(background, dtype=float)
    if colours.ndim == 1:
        colours = np.stack([colours, colours])
    top, bottom = to_linear(colours)
    blend = ((np.arange(height) + 0.5) / height)[:, None, None]
    return np.broadcast_to(top * (1.0 - blend) + bottom * blend, (height, width, 3)).copy()


def render(
    vertices: ArrayLike,
    triangles: ArrayLike,
    colors: ArrayLike | None,
    camera: Camera,
    *,
    size: tuple[int, int] | None = None,
    background: Background = BACKDROP,
    normals: ArrayLike | None = None,
    light: Light = STUDIO,
    ambient: float = 0.26,
    supersample: int = 1,
) -> Render:
    """Picture of a triangle mesh.

    Parameters
    ----------
    vertices: (n, 3) in the camera's world unit; triangles: (m, 3) indices.
    colors: (n, 3) or (3,) sRGB bytes; None = a neutral skin tone. A scalar field is coloured
        beforehand with `graphics.colormap.map_colors`.
    size: (w, h) [px]; default the camera's.
    background: one sRGB colour or (top, bottom).
    normals: (n, 3) shading normals; default smooth vertex normals. Triangles seen from behind are
        shaded with the normal turned round, so open and badly wound meshes still show.
    ambient: linear strength of the light from everywhere.
    supersample: 2 renders at twice the size and averages (smooth edges); the depth, triangle and
        barycentric buffers then hold the nearest of each four samples.
    """
    final = camera if size is None else camera.resized(size)
    width, height = final.size
    factor = int(supersample)
    fine = final.resized((width * factor, height * factor))
    v, t = np.asarray(vertices, dtype=float), np.asarray(triangles, dtype=np.int64)
    depth, ids, bary = visibility(v, t, fine)
    shown = np.nonzero(ids.ravel() >= 0)[0]
    corners = t[ids.ravel()[shown]]
    weights = bary.reshape(-1, 3)[shown]

    n_all = vertex_normals(v, t) if normals is None else np.asarray(normals, dtype=float)
    local = n_all @ fine.rotation.T
    n = np.einsum("kc,kcd->kd", weights, local[corners])
    flat = np.cross(v[corners[:, 1]] - v[corners[:, 0]], v[corners[:, 2]] - v[corners[:, 0]])
    if fine.perspective:
        sight = np.einsum("kc,kcd->kd", weights, v[corners]) - fine.position
        behind = np.einsum("kd,kd->k", flat, sight) > 0.0
    else:
        behind = flat @ fine.rotation[2] > 0.0
    n[behind] *= -1.0
    n[:, 2] = np.minimum(n[:, 2], 0.0)  # smooth normals may lean past the silhouette
    length = np.linalg.norm(n, axis=1, keepdims=True)
    n = np.where(length > 1e-12, n / np.maximum(length, 1e-12), np.array([0.0, 0.0, -1.0]))

    tone = np.asarray(NEUTRAL_SKIN if colors is None else colors)
    if tone.ndim == 1:
        albedo = np.broadcast_to(to_linear(tone), (len(shown), 3))
    else:
        albedo = np.einsum("kc,kcd->kd", weights, to_linear(tone)[corners])
    picture = _backdrop(background, *fine.size).reshape(-1, 3)
    picture[shown] = shade(albedo, n, light, ambient)
    rgb = picture.reshape(*ids.shape, 3)
    if factor > 1:
        rgb = np.minimum(rgb, 1.0).reshape(height, factor, width, factor, 3).mean(axis=(1, 3))
        depth, ids, bary = _nearest_samples(depth, ids, bary, factor)
    return Render(to_srgb(rgb), depth, ids, bary, final)


def _nearest_samples(
    depth: Array, ids: NDArray, bary: Array, factor: int
) -> tuple[Array, NDArray, Array]:
    """From each factor × factor block of samples the one nearest to the viewer."""
    h, w = depth.shape[0] // factor, depth.shape[1] // factor
    blocks = depth.reshape(h, factor, w, factor).transpose(0, 2, 1, 3).reshape(h, w, -1)
    pick = np.argmin(blocks, axis=2)
    rows = np.arange(h)[:, None] * factor + pick // factor
    cols = np.arange(w)[None, :] * factor + pick % factor
    return depth[rows, cols], ids[rows, cols], bary[rows, cols]
