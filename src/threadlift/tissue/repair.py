"""Skin on which columns can stand: folds that a face closes are opened a little.

Walls that stand in each other (closed lids, lip corners) are pushed apart in the direction in which
they lie apart on the template. Where a fold is so tight that no column finds room at all, a patch
of the finite-element skin takes a share of the template's shape, fitted into what surrounds it:
the graph Laplacian inside is blended between that of the face and that of the template; outside is
the face itself. Pushes, shares and patches grow only as far as it takes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from threadlift.tissue.cones import triangle_normals, widest_directions
from threadlift.tissue.mesh_asset import MeshAsset
from threadlift.tissue.quality import triangle_angles

# Below this clearance (sine of the angle to the nearest incident triangle) the skin is opened.
_MIN_CLEARANCE = 0.20
# So it is where a face squeezes triangles flat: their wedges would be flat, too.
_MIN_ANGLE_DEG = 10.0
# Shares grow by this much around what is poor ...
_STEP = 0.2
# ... within so many rings, which double every few attempts: in the end the patch is the whole face
# and takes the template's shape, on which columns stand.
_DOUBLES_EVERY = 2.5
_PASSES = 4
# First push [mm]; it grows by that much each attempt, and tapers over so many rings.
_PUSH_MM = 0.2
_TAPER = 6


def grown(mask: NDArray, asset: MeshAsset, rings: int = 1) -> NDArray:
    """The mask (V,) and so many rings of neighbours."""
    ring_ptr, ring = asset.rings
    degree = np.diff(ring_ptr)
    out = mask.copy()
    for _ in range(rings):
        out[ring[np.repeat(out, degree)]] = True
    return out


def raised(share: NDArray, poor: NDArray, asset: MeshAsset, attempt: int) -> NDArray:
    """Shares (V,) one step up around the vertices ``poor`` (V,), at attempt 0, 1, 2 ...

    The outer rim stays the face's own: it says where the rest goes.
    """
    rings = round(2.0 ** (attempt / _DOUBLES_EVERY))
    around = grown(poor, asset, rings) & ~asset.rims["outer"]
    return np.minimum(share + _STEP * around, 1.0)


def pushed(
    one: NDArray, two: NDArray, reference: NDArray, asset: MeshAsset, attempt: int
) -> NDArray:
    """Displacement (V,3) [mm] that takes columns ``one`` (k,3) away from their partners ``two``.

    reference (V,3): where they lie apart.
    """
    way = reference[one].mean(axis=1) - reference[two].mean(axis=1)
    way /= np.linalg.norm(way, axis=1)[:, None] + 1e-12
    total = np.zeros_like(reference)
    np.add.at(total, one, way[:, None])
    np.add.at(total, two, -way[:, None])
    size = np.linalg.norm(total, axis=1)
    hit = size > 1e-9
    push = np.zeros_like(total)
    push[hit] = _PUSH_MM * (1 + attempt) * total[hit] / size[hit, None]
    ring_ptr, ring = asset.rings
    degree = np.diff(ring_ptr)[:, None]
    near = grown(hit, asset, _TAPER)
    x = push
    for _ in range(_TAPER):
        mean = np.add.reduceat(x[ring], ring_ptr[:-1], axis=0) / degree
        x = np.where(hit[:, None], push, np.where(near[:, None], mean, 0.0))
    return x


def opened(surface: NDArray, reference: NDArray, share: NDArray, asset: MeshAsset) -> NDArray:
    """Skin (V,3) that takes the share (V,) of the reference's shape, the rest of the surface's."""
    patch = share > 0.0
    if not patch.any():
        return surface
    inside = np.flatnonzero(patch)
    rows = asset.laplacian[inside]
    own = rows @ surface
    wanted = own + share[inside, None] * (rows @ reference - own)
    wanted -= rows[:, ~patch] @ surface[~patch]
    x = surface.copy()
    x[inside] = splu(rows[:, inside].tocsc()).solve(np.ascontiguousarray(wanted))
    return x


def sound_skin(
    surface: NDArray, reference: NDArray, share: NDArray, asset: MeshAsset, attempt: int
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Skin whose every fan can be seen from inside: places, widest directions, clearances, shares.

    surface, reference (V,3) [mm]; share (V,) to start from; attempt: how often this was tried.
    """
    ptr, fan = asset.fans
    passes = 0
    while True:
        x = opened(surface, reference, share, asset)
        widest, clearance = widest_directions(triangle_normals(x, asset.triangles), ptr, fan)
        poor = clearance < _MIN_CLEARANCE
        flat = triangle_angles(x, asset.triangles) < _MIN_ANGLE_DEG
        poor[asset.triangles[flat]] = True
        if passes == _PASSES or not poor.any():
            return x, widest, clearance, share
        share = raised(share, poor, asset, attempt + passes)
        passes += 1
