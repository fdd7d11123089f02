"""Columns of tissue under the skin of one face: directions, thicknesses, validity.

Each direction is kept in the visibility cone of its fan, and its length below what local thickness
(the medial ball of the surface) allows. What remains is shortened, down to a floor, until the
scaled Jacobians are sound and no column stands in another; where the floor is too much, the fold
is opened (``repair``). All this is decided once, on the coarse level: what shortens a column
depends on the mesh, and the depth of a face's tissue must not. Finer levels take directions and the
share of the wanted depth from there, and their skin from the face.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from threadlift.face.template import template
from threadlift.tissue.cones import smoothed_directions, triangle_normals
from threadlift.tissue.levels import PARENT, prolongation
from threadlift.tissue.mesh import SUBLAYERS, LayeredMesh, wedges_of
from threadlift.tissue.mesh_asset import Level, MeshAsset, mesh_asset
from threadlift.tissue.overlap import SKIN, Boundary
from threadlift.tissue.quality import scaled_jacobians
from threadlift.tissue.repair import grown, pushed, raised, sound_skin

if TYPE_CHECKING:
    from threadlift.face import Face

NL = len(SUBLAYERS) + 1
# Directions are averaged over this length [mm], and so is the skin whose medial balls limit the
# columns: bumps of a noisy capture focus no columns, and take no depth away from them.
_SMOOTHING_MM = 15.0
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
_REPAIRS = 16
# Columns that stand in others are shortened to this share of their length; at the floor, their
# skin is pushed apart, so many times, and then opened.
_CLEAR = 0.75
_PUSHES = 7
# Between repairs overlap is looked for in so many rings around where it was found.
_LOOK_RINGS = 8
# Times that finer skin gives way by half before it gives way altogether.
_HALVINGS = 3


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
def _ball_radius(surface, d, reach):
    """Radius (V,) of the largest ball that touches each vertex from inside and holds no other.

    surface, d (V,3) and reach (V,) sorted by height (y), so that only what is within reach is
    looked at.
    """
    count = len(surface)
    out = np.empty(count)
    for v in range(count):
        x, y, z = surface[v, 0], surface[v, 1], surface[v, 2]
        dx, dy, dz = d[v, 0], d[v, 1], d[v, 2]
        far = 2.0 * reach[v]
        best = 1e6
        for step in (-1, 1):
            w = v + step
            while 0 <= w < count:
                uy = surface[w, 1] - y
                if uy > far or uy < -far:
                    break
                ux, uz = surface[w, 0] - x, surface[w, 2] - z
                along = ux * dx + uy * dy + uz * dz
                if along > 0.0:
                    square = ux * ux + uy * uy + uz * uz
                    # No ball is larger than the reach, and ever smaller ones are looked for.
                    if square < 2.0 * along * best and along > 1e-9 * square + 1e-12:
                        best = square / (2.0 * along)
                        far = min(far, 2.0 * best)
                w += step
        out[v] = best
    return out


@njit(cache=True)
def _averaged(surface, border, ring_ptr, ring, passes):
    """The surface (V,3) averaged with its neighbours; borders stay where they are."""
    x = surface.copy()
    new = surface.copy()
    for _ in range(passes):
        for v in range(len(x)):
            if border[v]:
                continue
            for c in range(3):
                total = x[v, c]
                for i in range(ring_ptr[v], ring_ptr[v + 1]):
                    total += x[ring[i], c]
                new[v, c] = total / (1 + ring_ptr[v + 1] - ring_ptr[v])
        x[:] = new
    return x


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
    wanted = stack.sum(axis=1)
    floor = np.minimum(_FLOOR_MM, wanted)
    wedges = wedges_of(asset.triangles, NL)
    boundary = Boundary.of(asset.triangles, NL)
    share = np.zeros(asset.columns)
    longest = wanted.copy()
    seen = np.zeros(asset.columns, dtype=bool)
    apart = np.zeros_like(surface)
    tries = 0
    while True:
        x, widest, clearance, share = sound_skin(surface + apart, reference, share, asset, tries)
        points, length, jacobian = _fitted(x, widest, clearance, stack, longest, wedges, asset)
        bad = np.zeros(asset.columns, dtype=bool)
        bad[wedges[jacobian < _ACCEPTABLE][:, :3] // NL] = True
        near = grown(seen | bad, asset, _LOOK_RINGS) if seen.any() else None
        pairs = boundary.crossings(points, near)
        if near is not None and len(pairs) == 0 and not bad.any():
            pairs = boundary.crossings(points)
        tries += 1
        if tries == _REPAIRS or (len(pairs) == 0 and not bad.any()):
            return points, length / wanted
        one, two = boundary.columns[pairs[:, 0]], boundary.columns[pairs[:, 1]]
        crossing = np.zeros(asset.columns, dtype=bool)
        crossing[one] = crossing[two] = True
        seen |= crossing
        longest[crossing] = np.maximum(_CLEAR * length[crossing], floor[crossing])
        # Shorter columns cannot help where skin meets skin or nothing is left to shorten.
        skin = (boundary.kind[pairs] == SKIN).all(axis=1)
        short = (length[one] < 1.01 * floor[one]).any(axis=1)
        short |= (length[two] < 1.01 * floor[two]).any(axis=1)
        stuck = skin | short
        if tries <= _PUSHES:
            apart = apart + pushed(one[stuck], two[stuck], reference, asset, tries)
        else:
            bad[one[stuck]] = bad[two[stuck]] = True
        share = raised(share, bad, asset, tries)


def _fitted(
    x: NDArray,
    widest: NDArray,
    clearance: NDArray,
    stack: NDArray,
    longest: NDArray,
    wedges: NDArray,
    asset: MeshAsset,
) -> tuple[NDArray, NDArray, NDArray]:
    """Points, lengths and scaled Jacobians of columns shortened until they are sound."""
    ptr, fan = asset.fans
    ring_ptr, ring = asset.rings
    normals = triangle_normals(x, asset.triangles)
    passes = _smoothing_passes(x, asset)
    d = smoothed_directions(widest, clearance, normals, ptr, fan, ring_ptr, ring, passes)
    wanted = stack.sum(axis=1)
    border = np.any(list(asset.rims.values()), axis=0)
    calm = _averaged(x, border, ring_ptr, ring, passes)
    order = np.argsort(calm[:, 1], kind="stable")
    ball = np.empty(len(x))
    ball[order] = _ball_radius(calm[order], d[order], wanted[order] / _BALL_SHARE)
    floor = np.minimum(_FLOOR_MM, wanted)
    length = np.maximum(np.minimum(longest, _BALL_SHARE * ball), floor)
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
            return points, length, jacobian
        length[touched] = np.maximum(length[touched] * _SHRINK, floor[touched])
        _limit_slope(length, x, ring_ptr, ring, _SLOPE)


def inherited(
    surface: NDArray, stack: NDArray, points: NDArray, room: NDArray, level: Level
) -> tuple[NDArray, NDArray]:
    """Node positions and shares of the stack's depth, like `extrude`, from the parent level's.

    points (V' * 7, 3) [mm] and room (V',) of the parent. Where the parent's skin was opened, and
    where finer skin on these columns is not sound, the wedges of the parent are divided as they
    are; where even these stand in each other (at a lid corner the parent's triangles share a
    vertex, which hides it), walls are pushed apart.
    """
    asset, up = mesh_asset(level), prolongation(level)
    reference = asset.sample(template().vertices)
    grid = points.reshape(-1, NL, 3)
    arrow = grid[:, -1] - grid[:, 0]
    d = up @ (arrow / np.linalg.norm(arrow, axis=1)[:, None])
    d /= np.linalg.norm(d, axis=1)[:, None]
    skin, base = up @ grid[:, 0], up @ grid[:, -1]
    stack = np.maximum(stack, 0.05)
    wanted = stack.sum(axis=1)
    full = surface + ((up @ room) * wanted)[:, None] * d
    wedges, boundary = wedges_of(asset.triangles, NL), Boundary.of(asset.triangles, NL)
    kept = np.diff(up.indptr) == 1
    moved = kept & (np.linalg.norm(skin - surface, axis=1) > 1e-9)
    own = 1.0 - grown(moved, asset, 1).astype(float)
    tries = 0
    while True:
        x = skin + own[:, None] * (surface - skin)
        column = base + own[:, None] * (full - base) - x
        length = np.linalg.norm(column, axis=1)
        sublayers = _sublayers(stack, length / wanted)
        points = _points(x, column / length[:, None], sublayers)
        bad = np.zeros(asset.columns, dtype=bool)
        bad[wedges[scaled_jacobians(points, wedges) < _ACCEPTABLE][:, :3] // NL] = True
        pairs = boundary.crossings(points)
        bad[boundary.columns[pairs].ravel()] = True
        tries += 1
        one, two = boundary.columns[pairs[:, 0]], boundary.columns[pairs[:, 1]]
        stuck = (own[one] == 0.0).all(axis=1) & (own[two] == 0.0).all(axis=1)
        if not ((bad & (own > 0.0)).any() or stuck.any()) or tries == _REPAIRS:
            return points, length / wanted
        if stuck.any():
            apart = pushed(one[stuck], two[stuck], reference, asset, tries)
            skin, base = skin + apart, base + apart
        around = grown(bad, asset, tries)
        own[around] = 0.5 * own[around] if tries < _HALVINGS else 0.0


def layered_mesh(face: Face, stack: Thicknesses, level: Level = "default") -> LayeredMesh:
    """Layered mesh of a face: the shared triangulation with this face's shape and thicknesses.

    ``stack`` holds layer thicknesses (n,) [mm] on the template vertices. The skin nodes lie on
    the face except where a fold is too tight for any column (``shift_mm`` says how far off).
    """
    asset = mesh_asset(level)
    thickness = np.stack([stack.skin_mm, stack.fat_mm, stack.smas_mm, stack.deep_mm], axis=1)
    skin, layers = asset.sample(face.vertices), asset.sample(thickness)
    if level in PARENT:
        parent = layered_mesh(face, stack, PARENT[level])
        assert parent.room is not None
        points, room = inherited(skin, layers, parent.points, parent.room, level)
    else:
        points, room = extrude(skin, layers, asset.sample(template().vertices), asset)
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
