"""The skin of a scan as a picture: texture, or the colours of a fine mesh, seen by a camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.face.scan.read import Scan
from threadlift.face.scan.texture import Texture
from threadlift.face.template import Array, IntArray
from threadlift.frames import Similarity
from threadlift.graphics.camera import Camera
from threadlift.graphics.raster import visibility

#: Colours at the vertices show the skin itself only where the vertices are this near [mm].
FINE_MESH_MM = 0.8


@dataclass(frozen=True)
class Skin:
    """Coloured surface: vertices (n, 3) [mm], triangles (m, 3), and a texture (of the triangles)
    or colours (n, 3).
    """

    vertices: Array
    triangles: IntArray
    texture: Texture | None
    colors: NDArray[np.uint8] | None


def skin_of(scan: Scan, move: Similarity) -> Skin | None:
    """A scan's skin in another frame; None where it brings nothing finer than its mesh."""
    if scan.texture is not None and np.isfinite(scan.texture.uv).any():
        return Skin(move.apply(scan.vertices), scan.triangles, scan.texture, None)
    if scan.colors is None:
        return None
    v, t = scan.vertices, scan.triangles
    edge = float(np.median(np.linalg.norm(v[t[:, 0]] - v[t[:, 1]], axis=1)))
    if edge > FINE_MESH_MM:
        return None
    return Skin(move.apply(v), t, None, scan.colors)


def picture_of(skin: Skin, camera: Camera) -> tuple[Array, Array]:
    """What a camera sees of a skin, unlit: sRGB (h, w, 3) in 0..255 and depth (h, w) [mm].

    NaN (and infinite depth) where there is no skin or no colour of it.
    """
    depth, ids, bary = visibility(skin.vertices, skin.triangles, camera)
    seen = ids >= 0
    rows, weights = ids[seen].astype(np.int64), bary[seen]
    if skin.texture is not None:
        tone = skin.texture.at(rows, weights)
    else:
        assert skin.colors is not None
        tone = np.einsum("kc,kcd->kd", weights, skin.colors[skin.triangles[rows]].astype(float))
    out = np.full((*ids.shape, 3), np.nan)
    out[seen] = tone
    return out, np.where(np.isfinite(out[..., 0]), depth, np.inf)
