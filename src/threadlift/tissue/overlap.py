"""Does the body run through itself? Triangles of its boundary that cross although far apart.

Every wedge may be sound and still the columns of the upper lip may stand in those of the lower one.
Such places are crossings of boundary triangles: skin, base, and the walls under the rims. With
positive Jacobians inside, a boundary that does not cross itself means that no two places of the
body coincide. Triangles with a column in common are neighbours and are not compared: their folding
shows in the Jacobians.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

if TYPE_CHECKING:
    from threadlift.tissue.mesh import LayeredMesh

KINDS = ("wall", "skin", "base")
SKIN = KINDS.index("skin")


@njit(cache=True)
def _volume(a, b, c, d):
    """Six times the signed volume of a tetrahedron."""
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    wx, wy, wz = d[0] - a[0], d[1] - a[1], d[2] - a[2]
    return ux * (vy * wz - vz * wy) + uy * (vz * wx - vx * wz) + uz * (vx * wy - vy * wx)


@njit(cache=True)
def _pierces(p, q, a, b, c):
    """Does the segment pq pass through the inside of the triangle abc?"""
    if _volume(p, a, b, c) * _volume(q, a, b, c) >= 0.0:
        return False
    first, second, third = _volume(p, q, a, b), _volume(p, q, b, c), _volume(p, q, c, a)
    return (first > 0.0 and second > 0.0 and third > 0.0) or (
        first < 0.0 and second < 0.0 and third < 0.0
    )


@njit(cache=True)
def _cross(s, t):
    """Two triangles (3,3) in general position cross when an edge of one pierces the other."""
    for k in range(3):
        n = (k + 1) % 3
        if _pierces(s[k], s[n], t[0], t[1], t[2]) or _pierces(t[k], t[n], s[0], s[1], s[2]):
            return True
    return False


@njit(cache=True)
def _sweep(corners, columns, low, high):
    """Pairs of crossing triangles, sorted by ``low[:, 0]``: extents that overlap are compared."""
    found = [(0, 0) for _ in range(0)]
    for s in range(len(corners)):
        top, y0, y1, z0, z1 = high[s, 0], low[s, 1], high[s, 1], low[s, 2], high[s, 2]
        for t in range(s + 1, len(corners)):
            if low[t, 0] > top:
                break
            if low[t, 1] > y1 or high[t, 1] < y0 or low[t, 2] > z1 or high[t, 2] < z0:
                continue
            near = False
            for k in range(3):
                for m in range(3):
                    near = near or columns[s, k] == columns[t, m]
            if not near and _cross(corners[s], corners[t]):
                found.append((s, t))
    return found


def crossings(corners: NDArray, columns: NDArray) -> NDArray:
    """Pairs (k,2), sorted, of crossing triangles with corners (M,3,3) [mm].

    columns (M,3): what each corner belongs to; triangles with one in common are not compared.
    Triangles that only touch, or lie in one plane, do not count.
    """
    corners = np.ascontiguousarray(corners, dtype=float)
    if len(corners) == 0:
        return np.zeros((0, 2), dtype=np.int64)
    low, high = corners.min(axis=1), corners.max(axis=1)
    # Along the longest axis of the whole the fewest extents overlap.
    axes = np.argsort(-np.ptp(corners.reshape(-1, 3), axis=0), kind="stable")
    order = np.argsort(low[:, axes[0]], kind="stable")
    columns = np.asarray(columns, dtype=np.int64)[order]
    low, high = (np.ascontiguousarray(x[order][:, axes]) for x in (low, high))
    found = _sweep(corners[order], columns, low, high)
    pairs = np.sort(order[np.array(found, dtype=np.int64).reshape(-1, 2)], axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


@dataclass(frozen=True)
class Boundary:
    """Boundary of a body of columns: triangles of nodes (M,3), their columns, and what they are.

    ``kind`` (M,): 0 wall under a rim, 1 skin, 2 base (``KINDS``).
    """

    nodes: NDArray
    columns: NDArray
    kind: NDArray

    @classmethod
    def of(cls, triangles: NDArray, nl: int) -> Boundary:
        """Boundary over surface triangles (T,3) with nl nodes per column."""
        triangles = np.asarray(triangles, dtype=np.int64)
        directed = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
        code = directed.min(axis=1) * (triangles.max() + 1) + directed.max(axis=1)
        _, first, uses = np.unique(code, return_index=True, return_counts=True)
        a, b = directed[np.sort(first[uses == 1])].T * nl
        top = nl - 1
        upper = np.stack([a, b, b + top], axis=1)
        lower = np.stack([a, b + top, a + top], axis=1)
        nodes = np.concatenate([upper, lower, triangles * nl, triangles * nl + top])
        kind = np.repeat([0, 1, 2], [2 * len(a), len(triangles), len(triangles)])
        return cls(nodes, nodes // nl, kind)

    def crossings(self, points: NDArray, among: NDArray | None = None) -> NDArray:
        """Pairs (k,2) of boundary triangles that cross, node positions (N,3) [mm].

        among: mask (V,) of the columns to look at (all when None).
        """
        if among is None:
            return crossings(points[self.nodes], self.columns)
        some = np.flatnonzero(among[self.columns].any(axis=1))
        return some[crossings(points[self.nodes[some]], self.columns[some])]


def sheet_overlaps(mesh: LayeredMesh, level: int) -> NDArray:
    """Pairs (k,2) of surface triangles whose images at layer-node ``level`` cross."""
    triangles = np.asarray(mesh.surface_triangles, dtype=np.int64)
    return crossings(mesh.points[level :: mesh.nl][triangles], triangles)


def body_overlaps(mesh: LayeredMesh) -> dict[str, NDArray]:
    """Crossings of the boundary by what crosses: pairs (k,2) of columns, one of each triangle.

    Keys such as 'skin-skin', 'skin-base', 'wall-wall' (KINDS in order); only those that occur.
    """
    boundary = Boundary.of(mesh.surface_triangles, mesh.nl)
    pairs = boundary.crossings(mesh.points)
    pairs = np.take_along_axis(pairs, np.argsort(boundary.kind[pairs], axis=1, kind="stable"), 1)
    kinds = boundary.kind[pairs]
    out = {}
    for one, two in np.unique(kinds, axis=0):
        rows = (kinds == (one, two)).all(axis=1)
        out[f"{KINDS[one]}-{KINDS[two]}"] = boundary.columns[pairs[rows], 0]
    return out
