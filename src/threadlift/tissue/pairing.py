"""Pairs of wedges that share one pressure.

With a pressure of its own every wedge puts twelve volume constraints on the eighteen unknowns of a
column, where three unknowns per constraint are right: nearly incompressible tissue was 5 to 8 % too
stiff on every mesh of a face. Wedges of one sublayer under two triangles with a common side form a
hexahedron; with one pressure per pair the ratio is right, as in the brick with constant pressure.
"""

from __future__ import annotations

import heapq
from functools import cache
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray

from threadlift.face.template import template
from threadlift.tissue.mesh import LayeredMesh
from threadlift.tissue.mesh_asset import Level, mesh_asset


def triangle_pairs(triangles: NDArray, surface: NDArray, mirror: NDArray | None = None) -> NDArray:
    """Partner (T,) of every triangle across one side, -1 for the few that are left over.

    Triangles (T,3) with vertices surface (V,3) [mm]; a vertex permutation ``mirror`` (V,) makes
    the pairs mirror images of each other. Triangles with the fewest free neighbours choose first,
    and of their neighbours the one with the fewest; equal choices fall to the longer common side,
    which makes the rounder quadrangle.
    """
    count = len(triangles)
    near, length = _neighbours(triangles, surface)
    twin = None if mirror is None else _twins(triangles, mirror)
    partner = np.full(count, -1)
    free = np.ones(count, dtype=bool)

    def others(t: int) -> list[int]:
        return [n for n in near[t] if free[n]]

    def take(a: int, b: int) -> None:
        partner[a], partner[b] = b, a
        free[a] = free[b] = False

    heap = [(len(n), t) for t, n in enumerate(near)]
    heapq.heapify(heap)
    while heap:
        degree, t = heapq.heappop(heap)
        if not free[t]:
            continue
        around = others(t)
        if len(around) != degree:
            heapq.heappush(heap, (len(around), t))
            continue
        if not around:
            free[t] = False
            continue
        best = min(around, key=lambda n: (len(others(n)), -length[t, n], n))
        take(t, best)
        touched = [*near[t], *near[best]]
        if twin is not None and free[twin[t]] and free[twin[best]]:
            take(int(twin[t]), int(twin[best]))
            touched += [*near[twin[t]], *near[twin[best]]]
        for n in touched:
            if free[n]:
                heapq.heappush(heap, (len(others(n)), n))
    return partner


def partners(mesh: LayeredMesh) -> NDArray:
    """Partner (E,) of every wedge of a mesh, -1 for none.

    Faces at one level have the same pairs, found on the template, so that their results compare
    element by element.
    """
    if mesh.level in get_args(Level) and mesh.columns == mesh_asset(mesh.level).columns:
        pair = _level_pairs(cast("Level", mesh.level))
    else:
        pair = triangle_pairs(mesh.surface_triangles, mesh.surface, mesh.mirror)
    count = mesh.nl - 1
    return np.where(pair[:, None] < 0, -1, pair[:, None] * count + np.arange(count)).ravel()


@cache
def _level_pairs(level: Level) -> NDArray:
    asset = mesh_asset(level)
    surface = asset.sample(template().vertices)
    return triangle_pairs(asset.triangles, surface, asset.mirror)


def _neighbours(
    triangles: NDArray, surface: NDArray
) -> tuple[list[list[int]], dict[tuple[int, int], float]]:
    """Triangles across the sides of every triangle, and the lengths of the common sides."""
    t = np.asarray(triangles, dtype=np.int64)
    ends = np.sort(np.stack([t, np.roll(t, -1, axis=1)], axis=2).reshape(-1, 2), axis=1)
    owner = np.repeat(np.arange(len(t)), 3)
    order = np.lexsort((owner, ends[:, 1], ends[:, 0]))
    same = (ends[order[1:]] == ends[order[:-1]]).all(axis=1)
    first, second = owner[order[:-1][same]], owner[order[1:][same]]
    side = ends[order[:-1][same]]
    size = np.linalg.norm(surface[side[:, 0]] - surface[side[:, 1]], axis=1)
    near: list[list[int]] = [[] for _ in t]
    length: dict[tuple[int, int], float] = {}
    for a, b, mm in zip(first.tolist(), second.tolist(), size.tolist(), strict=True):
        near[a].append(b)
        near[b].append(a)
        length[a, b] = length[b, a] = mm
    return near, length


def _twins(triangles: NDArray, mirror: NDArray) -> NDArray:
    """Mirror image (T,) of every triangle."""
    rank = np.sort(triangles, axis=1)
    image = np.sort(mirror[triangles], axis=1)
    order, wanted = np.lexsort(rank.T[::-1]), np.lexsort(image.T[::-1])
    twin = np.zeros(len(triangles), dtype=np.int64)
    twin[wanted] = order
    return twin
