"""Smooth shortest paths on a triangulated surface, and nearest places on it.

A path starts as the shortest chain of edges, is resampled and straightened: every point moves to
the middle of its neighbours and back onto the surface, on successively finer resamplings. The
nearest place is searched by walking over adjacent triangles, so a path never jumps to the
opposite wall of a fold. Nothing depends on the numbering of vertices except exact ties.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from threadlift.errors import InputError

# Straightening is a diffusion along the path: this many sweeps damp its longest wave on the
# coarsest resampling of _COARSEST segments; finer ones only need to smooth the new points.
_SWEEPS = 80
_FINE_SWEEPS = 25
_COARSEST = 6
_WALK = 40


@njit(cache=True)
def _nearest_on_triangle(p, a, b, c):
    """Barycentric coordinates of the nearest point of abc and the squared distance."""
    abx, aby, abz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    acx, acy, acz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    apx, apy, apz = p[0] - a[0], p[1] - a[1], p[2] - a[2]
    d00 = abx * abx + aby * aby + abz * abz
    d01 = abx * acx + aby * acy + abz * acz
    d11 = acx * acx + acy * acy + acz * acz
    d20 = apx * abx + apy * aby + apz * abz
    d21 = apx * acx + apy * acy + apz * acz
    den = d00 * d11 - d01 * d01
    v = (d11 * d20 - d01 * d21) / den
    w = (d00 * d21 - d01 * d20) / den
    if v < 0.0 or w < 0.0 or v + w > 1.0:
        best = 1e300
        bv, bw = 0.0, 0.0
        for side in range(3):
            if side == 0:
                s = min(max(d20 / d00, 0.0), 1.0)
                tv, tw = s, 0.0
            elif side == 1:
                s = min(max(d21 / d11, 0.0), 1.0)
                tv, tw = 0.0, s
            else:
                bc2 = d00 - 2.0 * d01 + d11
                s = min(max((d21 - d01 - d20 + d00) / bc2, 0.0), 1.0)
                tv, tw = 1.0 - s, s
            dx = apx - tv * abx - tw * acx
            dy = apy - tv * aby - tw * acy
            dz = apz - tv * abz - tw * acz
            d = dx * dx + dy * dy + dz * dz
            if d < best:
                best, bv, bw = d, tv, tw
        return 1.0 - bv - bw, bv, bw, best
    dx = apx - v * abx - w * acx
    dy = apy - v * aby - w * acy
    dz = apz - v * abz - w * acz
    return 1.0 - v - w, v, w, dx * dx + dy * dy + dz * dz


@njit(cache=True)
def _walk(p, start, surface, triangles, ptr, fan, bary):
    """Nearest place to p reached from triangle start through better and better neighbours."""
    tri = start
    a, b, c, best = _nearest_on_triangle(
        p, surface[triangles[tri, 0]], surface[triangles[tri, 1]], surface[triangles[tri, 2]]
    )
    bary[0], bary[1], bary[2] = a, b, c
    for _ in range(_WALK):
        here = tri
        for k in range(3):
            v = triangles[here, k]
            for i in range(ptr[v], ptr[v + 1]):
                t = fan[i]
                if t == here:
                    continue
                a, b, c, d = _nearest_on_triangle(
                    p,
                    surface[triangles[t, 0]],
                    surface[triangles[t, 1]],
                    surface[triangles[t, 2]],
                )
                if d < best - 1e-16:
                    best, tri = d, t
                    bary[0], bary[1], bary[2] = a, b, c
        if tri == here:
            break
    return tri


@njit(cache=True)
def _place(tri, bary, surface, triangles, out):
    for c in range(3):
        out[c] = (
            bary[0] * surface[triangles[tri, 0], c]
            + bary[1] * surface[triangles[tri, 1], c]
            + bary[2] * surface[triangles[tri, 2], c]
        )


@njit(cache=True)
def _straighten(points, tri, bary, surface, triangles, ptr, fan, sweeps):
    """Move every inner point to the mean of itself and its neighbours, back on the surface.

    All at once from the old places: so the result does not depend on the direction.
    """
    count = len(points)
    middle = np.empty(3)
    old = np.empty_like(points)
    for _ in range(sweeps):
        old[:] = points
        for i in range(1, count - 1):
            for c in range(3):
                middle[c] = 0.25 * old[i - 1, c] + 0.5 * old[i, c] + 0.25 * old[i + 1, c]
            tri[i] = _walk(middle, tri[i], surface, triangles, ptr, fan, bary[i])
            _place(tri[i], bary[i], surface, triangles, points[i])


def _resampled(points: NDArray, segments: int) -> NDArray:
    s = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at = np.linspace(0.0, s[-1], segments + 1)
    return np.stack([np.interp(at, s, points[:, c]) for c in range(3)], axis=1)


class SurfacePaths:
    """Paths and nearest places on one triangulated surface (V,3) with triangles (T,3)."""

    def __init__(self, surface: NDArray, triangles: NDArray) -> None:
        self.surface = np.ascontiguousarray(surface, dtype=float)
        self.triangles = np.ascontiguousarray(triangles, dtype=np.int64)
        order = np.argsort(self.triangles.ravel(), kind="stable")
        count = np.bincount(self.triangles.ravel(), minlength=len(surface))
        self._ptr = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        self._fan = order // 3
        self._tree = KDTree(self.surface[self.triangles].mean(axis=1))
        pairs = np.sort(self.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        pairs = np.unique(pairs, axis=0)
        length = np.linalg.norm(self.surface[pairs[:, 0]] - self.surface[pairs[:, 1]], axis=1)
        self._graph = sparse.csr_array(
            (length, (pairs[:, 0], pairs[:, 1])), shape=(len(surface), len(surface))
        )

    def points(self, tri: NDArray, bary: NDArray) -> NDArray:
        """Places (k,3) [mm] of triangles (k,) and barycentrics (k,3)."""
        return np.einsum("kn,knc->kc", bary, self.surface[self.triangles[tri]])

    def nearest(self, points: NDArray) -> tuple[NDArray, NDArray]:
        """Triangle (k,) and barycentric (k,3) of the surface places nearest to points (k,3)."""
        points = np.ascontiguousarray(np.atleast_2d(points), dtype=float)
        _, near = self._tree.query(points, k=min(4, len(self.triangles)))
        near = near.reshape(len(points), -1)
        tri = np.zeros(len(points), dtype=np.int64)
        bary = np.zeros((len(points), 3))
        for i, p in enumerate(points):
            best = np.inf
            for start in near[i]:
                local = np.zeros(3)
                t = _walk(p, start, self.surface, self.triangles, self._ptr, self._fan, local)
                gap = float(np.sum((local @ self.surface[self.triangles[t]] - p) ** 2))
                if gap < best:
                    best, tri[i], bary[i] = gap, t, local
        return tri, bary

    def path(self, start: NDArray, end: NDArray, step_mm: float = 2.5) -> tuple[NDArray, NDArray]:
        """Smooth shortest path from start (3,) to end (3,), points about step_mm apart.

        Returns triangles (k,) and barycentrics (k,3); the first and last are the surface places
        nearest to start and end. InputError when the step is not positive or no path exists.
        """
        if not step_mm > 0:
            raise InputError(f"A path cannot advance by {step_mm} mm.", "Give step_mm > 0.")
        tri, bary = self.nearest(np.stack([start, end]))
        ends = self.points(tri, bary)
        chain = self._chain(tri, ends)
        length = float(np.linalg.norm(np.diff(chain, axis=0), axis=1).sum())
        final = max(int(np.ceil(length / step_mm - 1e-9)), 1)
        segments = min(_COARSEST, final)
        while True:
            points = _resampled(chain, segments)
            points[[0, -1]] = ends
            where, weight = self._along(points, tri[0], bary[0])
            where[-1], weight[-1] = tri[1], bary[1]
            points = self.points(where, weight)
            sweeps = _SWEEPS if segments <= 2 * _COARSEST else _FINE_SWEEPS
            _straighten(
                points, where, weight, self.surface, self.triangles, self._ptr, self._fan, sweeps
            )
            length = float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum())
            final = max(int(np.ceil(length / step_mm - 1e-9)), 1)
            if segments >= final:
                return where, weight
            chain, segments = points, min(2 * segments, final)

    def _along(self, points: NDArray, tri: int, bary: NDArray) -> tuple[NDArray, NDArray]:
        """Surface places of points along a path, each searched from the place before it."""
        where = np.zeros(len(points), dtype=np.int64)
        weight = np.zeros((len(points), 3))
        where[0], weight[0] = tri, bary
        for i in range(1, len(points)):
            # Short hops: the walk only goes downhill and could stop at a fold in between.
            for t in np.linspace(0.2, 1.0, 5):
                p = (1 - t) * points[i - 1] + t * points[i]
                tri = _walk(p, tri, self.surface, self.triangles, self._ptr, self._fan, weight[i])
            where[i] = tri
        return where, weight

    def _chain(self, tri: NDArray, ends: NDArray) -> NDArray:
        """Shortest chain of edges between two surface places, (k,3)."""
        first, last = self.triangles[tri[0]], self.triangles[tri[1]]
        lead = np.linalg.norm(self.surface[first] - ends[0], axis=1)
        distance, before = dijkstra(
            self._graph, directed=False, indices=first, return_predecessors=True
        )
        tail = np.linalg.norm(self.surface[last] - ends[1], axis=1)
        total = lead[:, None] + distance[:, last] + tail[None, :]
        i, j = np.unravel_index(np.argmin(total), total.shape)
        if not np.isfinite(total[i, j]):
            raise InputError(
                "The two points lie on separate pieces of the surface.",
                "Choose start and end on the skin of the same face.",
            )
        chain = [int(last[j])]
        while chain[-1] != first[i]:
            chain.append(int(before[i, chain[-1]]))
        return np.vstack([ends[:1], self.surface[chain[::-1]], ends[1:]])
