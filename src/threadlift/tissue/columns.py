"""Columns of tissue under the skin of one face: directions, thicknesses, validity.

A wedge is valid when its column directions see the inside of every incident triangle; so each
direction is kept in the visibility cone of its fan, and its length below what local thickness
(the medial ball of the surface) allows. What remains is shortened, down to a floor, until the
scaled Jacobians are sound.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from threadlift.face.template import template
from threadlift.tissue.mesh import SUBLAYERS, LayeredMesh, wedges_of
from threadlift.tissue.mesh_asset import Level, MeshAsset, mesh_asset
from threadlift.tissue.quality import scaled_jacobians, triangle_angles

if TYPE_CHECKING:
    from threadlift.face import Face

NL = len(SUBLAYERS) + 1
# Multiplicative weights find the widest direction of a fan to a degree within this many steps.
_CONE_STEPS = 60
_CONE_RATE = 4.0
# A smoothed direction may use up this share of the widest direction's clearance.
_CONE_SHARE = 0.55
# Directions are averaged over this length [mm], and so is the skin whose medial balls limit the
# columns: bumps of a noisy capture focus no columns, and take no depth away from them.
_SMOOTHING_MM = 15.0
# Below this clearance (sine of the angle to the nearest incident triangle) the surface is relaxed.
_MIN_CLEARANCE = 0.20
_RELAX_PASSES = 6
# So are triangles that a face squeezes flat: their wedges would be flat, too.
_MIN_ANGLE_DEG = 10.0
# Columns end before they meet those of the opposite wall, which end there too.
_BALL_SHARE = 0.8
# Length may change by this much per mm along the surface; steeper bases make flat inner triangles.
_SLOPE = 0.7
_FLOOR_MM = 1.5
# Columns that stick out this much below the mean of their neighbours are trimmed to it.
_TRIM_PASSES = 4
_TRIM_EXCESS = 1.12
_SOUND = 0.15
_SHRINK = 0.88
_SHRINK_PASSES = 25
# Columns that stay below this even at the floor length send their patch of skin back to repair.
_ACCEPTABLE = 0.10
_REPAIRS = 4


class Thicknesses(Protocol):
    """What is needed of a layer stack: arrays (n,) on template vertices [mm]."""

    @property
    def skin_mm(self) -> NDArray: ...  # noqa: D102
    @property
    def fat_mm(self) -> NDArray: ...  # noqa: D102
    @property
    def smas_mm(self) -> NDArray: ...  # noqa: D102
    @property
    def deep_mm(self) -> NDArray: ...  # noqa: D102


@njit(cache=True)
def _normals(surface, triangles):
    out = np.empty((len(triangles), 3))
    for t in range(len(triangles)):
        a, b, c = surface[triangles[t, 0]], surface[triangles[t, 1]], surface[triangles[t, 2]]
        ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        size = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-300
        out[t, 0], out[t, 1], out[t, 2] = nx / size, ny / size, nz / size
    return out


@njit(cache=True)
def _widest(normals, ptr, fan):
    """Direction (V,3) with the largest smallest -d.n over each fan, and that clearance (V,).

    Weights instead of picking the worst face: the answer does not depend on the order of faces.
    """
    count = len(ptr) - 1
    best = np.zeros((count, 3))
    clearance = np.full(count, -2.0)
    for v in range(count):
        k = ptr[v + 1] - ptr[v]
        w = np.ones(k)
        for _ in range(_CONE_STEPS):
            dx, dy, dz = 0.0, 0.0, 0.0
            for i in range(k):
                n = normals[fan[ptr[v] + i]]
                dx -= w[i] * n[0]
                dy -= w[i] * n[1]
                dz -= w[i] * n[2]
            size = np.sqrt(dx * dx + dy * dy + dz * dz) + 1e-300
            dx, dy, dz = dx / size, dy / size, dz / size
            low, total = 2.0, 0.0
            for i in range(k):
                n = normals[fan[ptr[v] + i]]
                see = -(dx * n[0] + dy * n[1] + dz * n[2])
                low = min(low, see)
                w[i] *= np.exp(-_CONE_RATE * see)
                total += w[i]
            for i in range(k):
                w[i] /= total
            if low > clearance[v]:
                clearance[v] = low
                best[v, 0], best[v, 1], best[v, 2] = dx, dy, dz
    return best, clearance


@njit(cache=True)
def _smooth_directions(widest, clearance, normals, ptr, fan, ring_ptr, ring, passes):
    """Average with the neighbours, then step back into the cone of the fan; (V,3) unit."""
    count = len(widest)
    d = widest.copy()
    new = np.empty_like(d)
    step = np.empty(3)
    for _ in range(passes):
        for v in range(count):
            need = _CONE_SHARE * clearance[v]
            x = d[v].copy()
            for i in range(ring_ptr[v], ring_ptr[v + 1]):
                for c in range(3):
                    x[c] += d[ring[i], c]
            inside = False
            for _ in range(20):
                size = np.sqrt(x[0] ** 2 + x[1] ** 2 + x[2] ** 2) + 1e-300
                for c in range(3):
                    x[c] /= size
                step[:] = 0.0
                short = 0
                for i in range(ptr[v], ptr[v + 1]):
                    n = normals[fan[i]]
                    lack = need + (x[0] * n[0] + x[1] * n[1] + x[2] * n[2])
                    if lack > 1e-9:
                        short += 1
                        for c in range(3):
                            step[c] -= 1.5 * lack * n[c]
                if short == 0:
                    inside = True
                    break
                for c in range(3):
                    x[c] += step[c] / short
            for c in range(3):
                new[v, c] = x[c] if inside else widest[v, c]
        d[:] = new
    return d


@njit(cache=True)
def _ball_radius(surface, d, reach):
    """Radius (V,) of the largest ball that touches each vertex from inside and holds no other."""
    count = len(surface)
    out = np.empty(count)
    for v in range(count):
        far = (2.0 * reach[v]) ** 2
        best = 1e6
        x, y, z = surface[v, 0], surface[v, 1], surface[v, 2]
        for w in range(count):
            ux, uy, uz = surface[w, 0] - x, surface[w, 1] - y, surface[w, 2] - z
            square = ux * ux + uy * uy + uz * uz
            if square < far:
                along = ux * d[v, 0] + uy * d[v, 1] + uz * d[v, 2]
                if along > 1e-9 * square + 1e-12:
                    best = min(best, square / (2.0 * along))
        out[v] = best
    return out


@njit(cache=True)
def _limit_slope(length, surface, ring_ptr, ring, slope):
    """Lower lengths (V,) until they change by at most slope per mm along every edge."""
    for _ in range(200):
        changed = False
        new = length.copy()
        for v in range(len(length)):
            for i in range(ring_ptr[v], ring_ptr[v + 1]):
                w = ring[i]
                gap = np.sqrt(
                    (surface[v, 0] - surface[w, 0]) ** 2
                    + (surface[v, 1] - surface[w, 1]) ** 2
                    + (surface[v, 2] - surface[w, 2]) ** 2
                )
                top = length[w] + slope * gap
                if new[v] > top + 1e-12:
                    new[v] = top
                    changed = True
        length[:] = new
        if not changed:
            break


def _smoothing_passes(surface: NDArray, asset: MeshAsset) -> int:
    """Averages over neighbours that make up the smoothing length (they spread like diffusion)."""
    ring_ptr, ring = asset.rings
    start = np.repeat(np.arange(asset.columns), np.diff(ring_ptr))
    edge = float(np.median(np.linalg.norm(surface[start] - surface[ring], axis=1)))
    return max(2, round((_SMOOTHING_MM / edge) ** 2))


def _averaged(surface: NDArray, asset: MeshAsset, passes: int) -> NDArray:
    """The surface (V,3) averaged with its neighbours; borders stay where they are."""
    ring_ptr, ring = asset.rings
    degree = np.diff(ring_ptr)[:, None]
    border = np.zeros(asset.columns, dtype=bool)
    for rim in asset.rims.values():
        border |= rim
    x = surface.copy()
    for _ in range(passes):
        mean = (x + np.add.reduceat(x[ring], ring_ptr[:-1], axis=0)) / (1 + degree)
        x = np.where(border[:, None], x, mean)
    return x


def _grown(mask: NDArray, asset: MeshAsset) -> NDArray:
    """The mask (V,) and its neighbours."""
    ring_ptr, ring = asset.rings
    out = mask.copy()
    out[ring[np.repeat(mask, np.diff(ring_ptr))]] = True
    return out


def _relaxed(
    surface: NDArray, reference: NDArray, repair: NDArray, asset: MeshAsset
) -> tuple[NDArray, NDArray, NDArray]:
    """Surface whose every fan can be seen from inside, widest directions, clearances.

    Where a face closes a fold (lid corners, nostrils, lip corners) the patch around it takes the
    shape of the template (reference, (V,3)), fitted into what surrounds it: graph Laplacian of the
    reference inside, the face itself outside. The patch grows until it is sound; vertices of
    the mask ``repair`` (V,) belong to it from the start.
    """
    ptr, fan = asset.fans
    x = surface.copy()
    patch = np.zeros(asset.columns, dtype=bool)
    passes = 0
    while True:
        widest, clearance = _widest(_normals(x, asset.triangles), ptr, fan)
        poor = clearance < _MIN_CLEARANCE
        flat = triangle_angles(x, asset.triangles) < _MIN_ANGLE_DEG
        poor[asset.triangles[flat]] = True
        poor |= repair & ~patch
        if passes == _RELAX_PASSES or not poor.any():
            return x, widest, clearance
        passes += 1
        patch = _grown(patch | _grown(poor, asset), asset)
        inside = np.flatnonzero(patch)
        rows = asset.laplacian[inside]
        wanted = rows @ reference - rows[:, ~patch] @ surface[~patch]
        x = surface.copy()
        x[inside] = splu(rows[:, inside].tocsc()).solve(np.ascontiguousarray(wanted))


def _sublayers(stack: NDArray, factor: NDArray) -> NDArray:
    """Sublayers (V,6) [mm] whose sum is factor (V,) times that of the stack (V,4).

    The deep layer gives way first, down to a third of itself (or to the mean of what is left);
    the layers that threads lie in keep their thickness as long as there is room.
    """
    total = stack.sum(axis=1) * factor
    upper = stack[:, :3].sum(axis=1)
    deep = np.maximum(total - upper, np.minimum(stack[:, 3], upper) * factor / 3.0)
    share = (total - deep) / upper
    skin, fat, smas = (stack[:, :3] * share[:, None]).T
    return np.stack([skin, fat / 2, fat / 2, smas, deep / 2, deep / 2], axis=1)


def _points(surface: NDArray, d: NDArray, sublayers: NDArray) -> NDArray:
    depth = np.concatenate([np.zeros((len(surface), 1)), np.cumsum(sublayers, axis=1)], axis=1)
    return (surface[:, None] + depth[..., None] * d[:, None]).reshape(-1, 3)


def extrude(
    surface: NDArray, stack: NDArray, reference: NDArray, asset: MeshAsset
) -> tuple[NDArray, NDArray]:
    """Node positions (V * 7, 3) [mm] and the share (V,) of the stack's depth that found room.

    surface (V,3) [mm] wanted skin; stack (V,4) thicknesses [mm] of skin, fat, SMAS, deep;
    reference (V,3) [mm] skin of the template, the model for repairs.
    """
    stack = np.maximum(stack, 0.05)
    wedges = wedges_of(asset.triangles, NL)
    repair = np.zeros(asset.columns, dtype=bool)
    tries = 0
    while True:
        x, widest, clearance = _relaxed(surface, reference, repair, asset)
        points, room, jacobian = _fitted(x, widest, clearance, stack, wedges, asset)
        bad = jacobian < _ACCEPTABLE
        tries += 1
        if tries == _REPAIRS or not bad.any():
            return points, room
        repair[wedges[bad][:, :3] // NL] = True


def _fitted(
    x: NDArray,
    widest: NDArray,
    clearance: NDArray,
    stack: NDArray,
    wedges: NDArray,
    asset: MeshAsset,
) -> tuple[NDArray, NDArray, NDArray]:
    """Points, room and scaled Jacobians of columns shortened until they are sound."""
    ptr, fan = asset.fans
    ring_ptr, ring = asset.rings
    normals = _normals(x, asset.triangles)
    passes = _smoothing_passes(x, asset)
    d = _smooth_directions(widest, clearance, normals, ptr, fan, ring_ptr, ring, passes)
    wanted = stack.sum(axis=1)
    calm = _averaged(x, asset, passes)
    length = np.minimum(wanted, _BALL_SHARE * _ball_radius(calm, d, wanted / _BALL_SHARE))
    floor = np.minimum(_FLOOR_MM, wanted)
    length = np.maximum(length, floor)
    _limit_slope(length, x, ring_ptr, ring, _SLOPE)
    degree = np.diff(ring_ptr)
    for _ in range(_TRIM_PASSES):
        around = np.add.reduceat(length[ring], ring_ptr[:-1]) / degree
        length = np.maximum(np.minimum(length, _TRIM_EXCESS * around), floor)
    passes = 0
    while True:
        points = _points(x, d, _sublayers(stack, length / wanted))
        jacobian = scaled_jacobians(points, wedges)
        touched = np.zeros(asset.columns, dtype=bool)
        touched[wedges[jacobian < _SOUND][:, :3] // NL] = True
        passes += 1
        if passes == _SHRINK_PASSES or not (length[touched] > floor[touched] * 1.0001).any():
            return points, length / wanted, jacobian
        length[touched] = np.maximum(length[touched] * _SHRINK, floor[touched])
        _limit_slope(length, x, ring_ptr, ring, _SLOPE)


def layered_mesh(face: Face, stack: Thicknesses, level: Level = "default") -> LayeredMesh:
    """Layered mesh of a face: the shared triangulation with this face's shape and thicknesses.

    ``stack`` holds layer thicknesses (n,) [mm] on the template vertices. The skin nodes lie on
    the face except where a fold is too tight for any column (``shift_mm`` says how far off).
    """
    asset = mesh_asset(level)
    thickness = np.stack([stack.skin_mm, stack.fat_mm, stack.smas_mm, stack.deep_mm], axis=1)
    skin = asset.sample(face.vertices)
    points, room = extrude(
        skin,
        asset.sample(thickness),
        asset.sample(template().vertices),
        asset,
    )
    return LayeredMesh(
        points=points,
        surface_triangles=asset.triangles,
        mirror=asset.mirror,
        rims=asset.rims,
        zone_weights={key: asset.sample(w) for key, w in sorted(face.zones.items())},
        level=level,
        asset=asset,
        room=room,
        shift_mm=np.linalg.norm(points[::NL] - skin, axis=1),
    )
