"""Points in a layered mesh: from millimetres to (surface triangle, barycentric, zeta) and back.

Candidate columns come from a k-d tree over column mid-points; in each candidate the wedge map is
inverted by Newton's method and the first place inside wins. A point outside the mesh gets the
nearest place of the best candidate, clamped.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import KDTree

# Newton on the wedge map converges in 3-5 steps for convex wedges; more means a poor wedge.
_NEWTON_STEPS = 12
_INSIDE = 1e-9
_CANDIDATES = 24


@njit(cache=True)
def _invert(outer, inner, x):
    """Barycentric coordinates (b, c) and depth t in 0..1 of x in one wedge; last value: misfit."""
    u, v, t = 1.0 / 3.0, 1.0 / 3.0, 0.5
    j = np.empty((3, 3))
    r = np.empty(3)
    for _ in range(_NEWTON_STEPS):
        for c in range(3):
            o = outer[0, c] + u * (outer[1, c] - outer[0, c]) + v * (outer[2, c] - outer[0, c])
            i = inner[0, c] + u * (inner[1, c] - inner[0, c]) + v * (inner[2, c] - inner[0, c])
            r[c] = x[c] - (o + t * (i - o))
            j[c, 0] = (1 - t) * (outer[1, c] - outer[0, c]) + t * (inner[1, c] - inner[0, c])
            j[c, 1] = (1 - t) * (outer[2, c] - outer[0, c]) + t * (inner[2, c] - inner[0, c])
            j[c, 2] = i - o
        det = (
            j[0, 0] * (j[1, 1] * j[2, 2] - j[1, 2] * j[2, 1])
            - j[0, 1] * (j[1, 0] * j[2, 2] - j[1, 2] * j[2, 0])
            + j[0, 2] * (j[1, 0] * j[2, 1] - j[1, 1] * j[2, 0])
        )
        if abs(det) < 1e-14:
            return u, v, t, 1e30
        du = (
            r[0] * (j[1, 1] * j[2, 2] - j[1, 2] * j[2, 1])
            - j[0, 1] * (r[1] * j[2, 2] - j[1, 2] * r[2])
            + j[0, 2] * (r[1] * j[2, 1] - j[1, 1] * r[2])
        ) / det
        dv = (
            j[0, 0] * (r[1] * j[2, 2] - j[1, 2] * r[2])
            - r[0] * (j[1, 0] * j[2, 2] - j[1, 2] * j[2, 0])
            + j[0, 2] * (j[1, 0] * r[2] - r[1] * j[2, 0])
        ) / det
        dt = (
            j[0, 0] * (j[1, 1] * r[2] - r[1] * j[2, 1])
            - j[0, 1] * (j[1, 0] * r[2] - r[1] * j[2, 0])
            + r[0] * (j[1, 0] * j[2, 1] - j[1, 1] * j[2, 0])
        ) / det
        # A far target can throw Newton into another branch; steps stay within two wedges.
        step = max(abs(du), abs(dv), abs(dt))
        if step > 2.0:
            du, dv, dt = du * 2.0 / step, dv * 2.0 / step, dt * 2.0 / step
        u, v, t = u + du, v + dv, t + dt
        if step < 1e-14:
            break
    return u, v, t, np.sqrt(r[0] ** 2 + r[1] ** 2 + r[2] ** 2)


@njit(cache=True)
def _clamp(u, v, t):
    """Nearest admissible coordinates and how far outside (in coordinate units) they were."""
    a = 1.0 - u - v
    ca, cb, cc = max(a, 0.0), max(u, 0.0), max(v, 0.0)
    total = ca + cb + cc
    ca, cb, cc = ca / total, cb / total, cc / total
    ct = min(max(t, 0.0), 1.0)
    return ca, cb, cc, ct


@njit(cache=True)
def _search(grid, triangles, candidates, queries, tri_out, bary_out, zeta_out):
    nl = grid.shape[1]
    for k in range(len(queries)):
        x = queries[k]
        best = 1e30
        for c in range(candidates.shape[1]):
            tri = candidates[k, c]
            ia, ib, ic = triangles[tri, 0], triangles[tri, 1], triangles[tri, 2]
            done = False
            for level in range(nl - 1):
                outer = np.empty((3, 3))
                inner = np.empty((3, 3))
                for q in range(3):
                    outer[0, q], inner[0, q] = grid[ia, level, q], grid[ia, level + 1, q]
                    outer[1, q], inner[1, q] = grid[ib, level, q], grid[ib, level + 1, q]
                    outer[2, q], inner[2, q] = grid[ic, level, q], grid[ic, level + 1, q]
                u, v, t, misfit = _invert(outer, inner, x)
                if misfit > 1e-6 and not misfit < 1e29:
                    continue
                ca, cb, cc, ct = _clamp(u, v, t)
                distance = 0.0
                for q in range(3):
                    o = ca * outer[0, q] + cb * outer[1, q] + cc * outer[2, q]
                    i = ca * inner[0, q] + cb * inner[1, q] + cc * inner[2, q]
                    distance += (x[q] - (o + ct * (i - o))) ** 2
                if distance < best:
                    best = distance
                    tri_out[k] = tri
                    bary_out[k, 0], bary_out[k, 1], bary_out[k, 2] = ca, cb, cc
                    zeta_out[k] = level + ct
                if distance < _INSIDE * _INSIDE:
                    done = True
                    break
            if done:
                break


class WedgeLocator:
    """Spatial index over the wedges of a layered mesh (V columns of nl nodes)."""

    def __init__(self, points: NDArray, triangles: NDArray, nl: int) -> None:
        self._grid = np.ascontiguousarray(points.reshape(-1, nl, 3))
        self._triangles = np.ascontiguousarray(triangles, dtype=np.int64)
        middle = self._grid[self._triangles].mean(axis=1)
        self._owner = np.repeat(np.arange(len(triangles)), nl)
        self._tree = KDTree(middle.reshape(-1, 3))

    def columns(self, queries: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Triangle (k,), barycentric (k,3) and zeta (k,) in [0, nl - 1] of points (k,3) [mm]."""
        queries = np.ascontiguousarray(np.atleast_2d(queries), dtype=float)
        count = min(_CANDIDATES, len(self._owner))
        _, near = self._tree.query(queries, k=count)
        candidates = self._owner[near.reshape(len(queries), -1)]
        tri = np.zeros(len(queries), dtype=np.int64)
        bary = np.full((len(queries), 3), 1.0 / 3.0)
        zeta = np.zeros(len(queries))
        _search(self._grid, self._triangles, candidates, queries, tri, bary, zeta)
        return tri, bary, zeta
