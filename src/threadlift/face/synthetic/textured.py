"""Scans of a synthetic person with a picture of the skin on them, in a chosen light."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from threadlift.face.closest import SurfaceIndex
from threadlift.face.face import Face, vertex_normals
from threadlift.face.scan.read import Scan, make_scan
from threadlift.face.scan.texture import Texture
from threadlift.face.synthetic.scan import synthetic_scan
from threadlift.face.synthetic.skin import SkinLook, skin_surface
from threadlift.face.template import Array, IntArray
from threadlift.graphics.light import to_srgb

#: Texels along one side of a scan triangle; with 1.5 mm between points about 0.3 mm each.
SIDE = 5
#: Edge of a triangle's square in the picture [texels]: two triangles and a seam between them.
CELL = SIDE + 3


@dataclass(frozen=True)
class RoomLight:
    """Light at a capture: direction to the lamp (patient frame), shares, gain, tint, sensor noise.

    `noise` is in 8-bit steps; `direct` 0 (soft light from everywhere) to 1 (one lamp).
    """

    toward: tuple[float, float, float] = (0.2, 0.5, 1.0)
    direct: float = 0.35
    gain: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    noise: float = 2.0


def textured_scan(
    face: Face,
    look: SkinLook,
    *,
    noise_mm: float = 0.4,
    seed: int = 0,
    spacing_mm: float = 1.5,
    posed: bool = True,
    light: RoomLight | None = None,
) -> Scan:
    """A `synthetic_scan` of `face` that carries the skin `look` as its texture.

    The skin is anchored to the template, so two scans of one person in two postures show the
    same pores in different places. Geometry (and its noise) as `synthetic_scan` with this seed.
    """
    lamp = light or RoomLight()
    clean, triangles = synthetic_scan(face, 0.0, seed, spacing_mm, posed=False)
    noisy, _ = synthetic_scan(face, noise_mm, seed, spacing_mm, posed=posed)
    image, uv = _baked(face, look, clean, triangles, lamp, seed)
    texture = Texture(uv.astype(np.float32), image)
    return make_scan(noisy, triangles, units="mm", source=f"scan {seed}", texture=texture)


def _baked(
    face: Face, look: SkinLook, points: Array, triangles: IntArray, lamp: RoomLight, seed: int
) -> tuple[np.ndarray, Array]:
    """Picture (h, w, 3) with one square per two triangles, and places (m, 3, 2) in it."""
    count = len(triangles)
    across = int(np.ceil(np.sqrt(count / 2)))
    down = int(np.ceil(count / 2 / across))
    cell = np.arange(count) // 2
    upper = np.arange(count) % 2 == 1
    origin = np.stack([cell % across, cell // across], axis=1) * CELL
    # The lower triangle fills one half of its square, the upper one the other, a texel apart.
    local = np.array([[0.5, 0.5], [SIDE + 0.5, 0.5], [0.5, SIDE + 0.5]])
    corner = np.where(upper[:, None, None], CELL - 0.5 - local + 0.5, local) + origin[:, None]
    size = np.array([across, down]) * CELL
    uv = corner / size

    i, j = np.meshgrid(np.arange(CELL), np.arange(CELL))
    rows, px, weights = [], [], []
    for half in (False, True):
        member = np.nonzero(upper == half)[0]
        centre = np.stack([i.ravel(), j.ravel()], axis=1) + 0.5
        plain = CELL - centre if half else centre
        b = (plain - 0.5) / SIDE
        bary = np.column_stack([1.0 - b.sum(axis=1), b])
        # Half a texel beyond the edge too, so that bilinear sampling finds skin there.
        inside = bary.min(axis=1) > -0.35
        chosen = centre[inside]
        rows.append(np.repeat(member, len(chosen)))
        px.append((origin[member][:, None] + chosen).reshape(-1, 2))
        weights.append(np.tile(bary[inside], (len(member), 1)))
    row, place, bary = np.concatenate(rows), np.concatenate(px), np.concatenate(weights)
    at = np.einsum("kc,kcd->kd", bary, points[triangles[row]])
    hit = SurfaceIndex(face.vertices, face.triangles).closest(at, reach_mm=6.0)
    corners = face.triangles[np.maximum(hit.triangle, 0)]
    surface = skin_surface(look, corners, hit.bary, 1.5 / SIDE)
    normals = np.einsum(
        "kc,kcd->kd", hit.bary, vertex_normals(face.vertices, face.triangles)[corners]
    )
    normals = normals - surface.bump
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    toward = np.array(lamp.toward) / np.linalg.norm(lamp.toward)
    lit = 1.0 - lamp.direct + lamp.direct * np.clip(normals @ toward, 0.0, 1.0)
    radiance = surface.albedo * lit[:, None] * lamp.gain * np.array(lamp.tint)
    seen = to_srgb(radiance).astype(float)
    seen += lamp.noise * np.random.default_rng([seed, 3]).standard_normal(seen.shape)
    image = np.full((size[1], size[0], 3), 128, dtype=np.uint8)
    column, line = np.floor(place).astype(int).T
    image[line, column] = np.clip(np.round(seen), 0, 255)
    return image, uv
