"""Smooth shortest paths on a triangulated surface, and nearest places on it.

A path starts as a walk on the surface that always heads for the other end, or as the shortest chain
of edges where that walk is stopped by a border (at the mouth, say). It is resampled and
straightened: every point moves to the middle of its neighbours and back onto the surface, on
successively finer resamplings. The nearest place is searched by walking over adjacent triangles,
so a path never jumps to the opposite wall of a fold. Nothing depends on the numbering of vertices
except exact ties.
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
# So near an edge [mm] rounding could decide between its two triangles.
_NEAR_EDGE = 1e-6
# The walk to the other end advances by this much [mm]; it is stuck at a border when it makes less
# than that share of it, and lost when it takes that many times the distance.
_HOP_MM = 2.0
_STUCK = 0.3
_DETOUR = 1.6
_ARRIVED_MM = 0.05
# Straightening draws a path around an opening until it leaps over: one step is this much longer
# than the mean.
_LEAP = 2.0


@njit(cache=True)
def _nearest_on_triangle(p, a, b, c):
    """Barycentric coordinates of the nearest point of abc, squared distance, and: is it safe?

    Safe: the foot is farther from every edge than twice the height above the plane, so that no
    neighbour is nearer, be it tilted by 60 degrees.
    """
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
        return 1.0 - bv - bw, bv, bw, best, False
    dx = apx - v * abx - w * acx
    dy = apy - v * aby - w * acy
    dz = apz - v * abz - w * acz
    u = 1.0 - v - w
    square = dx * dx + dy * dy + dz * dz
    need = 4.0 * square + _NEAR_EDGE * _NEAR_EDGE
    safe = (
        u * u * den > need * (d00 - 2.0 * d01 + d11)
        and v * v * den > need * d11
        and w * w * den > need * d00
    )
    return u, v, w, square, safe


@njit(cache=True)
def _walk(p, start, surface, triangles, ptr, fan, bary):
    """Nearest place to p reached from triangle start through better and better neighbours."""
    tri = start
    a, b, c, best, safe = _nearest_on_triangle(
        p, surface[triangles[tri, 0]], surface[triangles[tri, 1]], surface[triangles[tri, 2]]
    )
    bary[0], bary[1], bary[2] = a, b, c
    for _ in range(_WALK):
        if safe:
            break
        here = tri
        for k in range(3):
            v = triangles[here, k]
            for i in range(ptr[v], ptr[v + 1]):
                t = fan[i]
                if t == here:
                    continue
                a, b, c, d, inside = _nearest_on_triangle(
                    p,
                    surface[triangles[t, 0]],
                    surface[triangles[t, 1]],
                    surface[triangles[t, 2]],
                )
                if d < best - 1e-16:
                    best, tri, safe = d, t, inside
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
    for _ in range(sweeps):
        old = points.copy()
        for i in range(1, count - 1):
            for c in range(3):
                middle[c] = 0.25 * old[i - 1, c] + 0.5 * old[i, c] + 0.25 * old[i + 1, c]
            tri[i] = _walk(middle, tri[i], surface, triangles, ptr, fan, bary[i])
            _place(tri[i], bary[i], surface, triangles, points[i])


@njit(cache=True)
def _gap(p, q):
    return np.sqrt((p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 + (p[2] - q[2]) ** 2)


@njit(cache=True)
def _length(points):
    total = 0.0
    for i in range(1, len(points)):
        total += _gap(points[i], points[i - 1])
    return total


@njit(cache=True)
def _resampled(points, segments):
    """Points (segments + 1, 3) evenly spaced along a polyline."""
    out = np.empty((segments + 1, 3))
    spacing = _length(points) / segments
    before, here = 0.0, 0
    for k in range(segments + 1):
        step = _gap(points[here + 1], points[here])
        while here < len(points) - 2 and before + step < k * spacing:
            before += step
            here += 1
            step = _gap(points[here + 1], points[here])
        t = min((k * spacing - before) / step, 1.0) if step > 0.0 else 0.0
        for c in range(3):
            out[k, c] = (1.0 - t) * points[here, c] + t * points[here + 1, c]
    return out


@njit(cache=True)
def _along(points, tri, bary, surface, triangles, ptr, fan):
    """Surface places of points along a path, each searched from the place before it."""
    count = len(points)
    where = np.zeros(count, dtype=np.int64)
    weight = np.zeros((count, 3))
    where[0] = tri
    weight[0] = bary
    p = np.empty(3)
    for i in range(1, count):
        # Short hops: the walk only goes downhill and could stop at a fold in between.
        apart = _gap(points[i], points[i - 1])
        hops = max(int(np.ceil(apart / _HOP_MM)), 1)
        for k in range(1, hops + 1):
            for c in range(3):
                p[c] = points[i - 1, c] + (k / hops) * (points[i, c] - points[i - 1, c])
            tri = _walk(p, tri, surface, triangles, ptr, fan, weight[i])
        where[i] = tri
    return where, weight


@njit(cache=True)
def _heading(tri, p, target, surface, triangles, d):
    """Unit direction d (3,) in the triangle's plane from p towards the target, or zero."""
    a, b, c = surface[triangles[tri, 0]], surface[triangles[tri, 1]], surface[triangles[tri, 2]]
    ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
    for k in range(3):
        d[k] = target[k] - p[k]
    up = (d[0] * nx + d[1] * ny + d[2] * nz) / (nx * nx + ny * ny + nz * nz + 1e-300)
    d[0] -= up * nx
    d[1] -= up * ny
    d[2] -= up * nz
    size = np.sqrt(d[0] ** 2 + d[1] ** 2 + d[2] ** 2)
    for k in range(3):
        d[k] = d[k] / size if size > 0.0 else 0.0


@njit(cache=True)
def _straight(tri, bary, ends, surface, triangles, ptr, fan):
    """A walk on the surface that always heads for the other end, and whether it arrives."""
    most = int(_DETOUR * _gap(ends[0], ends[1]) / _HOP_MM) + 3
    points = np.empty((most, 3))
    points[0] = ends[0]
    at = tri[0]
    weight = bary[0].copy()
    d = np.empty(3)
    p = np.empty(3)
    for i in range(1, most):
        left = _gap(points[i - 1], ends[1])
        if left <= _HOP_MM:
            at = _walk(ends[1], at, surface, triangles, ptr, fan, weight)
            _place(at, weight, surface, triangles, points[i])
            return points[: i + 1], _gap(points[i], ends[1]) < _ARRIVED_MM
        _heading(at, points[i - 1], ends[1], surface, triangles, d)
        for k in range(3):
            p[k] = points[i - 1, k] + _HOP_MM * d[k]
        at = _walk(p, at, surface, triangles, ptr, fan, weight)
        _place(at, weight, surface, triangles, points[i])
        if _gap(points[i], points[i - 1]) < _STUCK * _HOP_MM:
            return points[: i + 1], False
    return points, False


@njit(cache=True)
def _smooth(chain, tri, bary, ends, step, surface, triangles, ptr, fan):
    """Triangles and barycentrics of the chain (k,3) straightened, in steps of at most ``step``.

    The last value tells whether no step is much longer than the others.
    """
    final = max(int(np.ceil(_length(chain) / step - 1e-9)), 1)
    segments = min(_COARSEST, final)
    while True:
        points = _resampled(chain, segments)
        points[0], points[-1] = ends[0], ends[1]
        where, weight = _along(points, tri[0], bary[0], surface, triangles, ptr, fan)
        where[-1], weight[-1] = tri[1], bary[1]
        for i in range(len(points)):
            _place(where[i], weight[i], surface, triangles, points[i])
        sweeps = _SWEEPS if segments <= 2 * _COARSEST else _FINE_SWEEPS
        _straighten(points, where, weight, surface, triangles, ptr, fan, sweeps)
        final = max(int(np.ceil(_length(points) / step - 1e-9)), 1)
        if segments >= final:
            widest = 0.0
            for i in range(segments):
                widest = max(widest, _gap(points[i], points[i + 1]))
            return where, weight, widest <= _LEAP * _length(points) / segments
        chain, segments = points, min(2 * segments, final)


@njit(cache=True)
def _nearest(points, near, surface, triangles, ptr, fan, tri, bary):
    """The best of the walks from the triangles near (k,m) each point (k,3)."""
    local = np.empty(3)
    place = np.empty(3)
    for i in range(len(points)):
        best = np.inf
        for start in near[i]:
            t = _walk(points[i], start, surface, triangles, ptr, fan, local)
            _place(t, local, surface, triangles, place)
            gap = _gap(place, points[i])
            if gap < best:
                best = gap
                tri[i] = t
                bary[i] = local


class SurfacePaths:
    """Paths and nearest places on one triangulated surface (V,3) with triangles (T,3)."""

    def __init__(self, surface: NDArray, triangles: NDArray) -> None:
        self.surface = np.ascontiguousarray(surface, dtype=float)
        self.triangles = np.ascontiguousarray(triangles, dtype=np.int64)
        order = np.argsort(self.triangles.ravel(), kind="stable")
        count = np.bincount(self.triangles.ravel(), minlength=len(surface))
        ptr = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        self._mesh = (self.surface, self.triangles, ptr, order // 3)
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
        tri = np.zeros(len(points), dtype=np.int64)
        bary = np.zeros((len(points), 3))
        _nearest(points, near.reshape(len(points), -1), *self._mesh, tri, bary)
        return tri, bary

    def path(self, start: NDArray, end: NDArray, step_mm: float = 2.5) -> tuple[NDArray, NDArray]:
        """Smooth shortest path from start (3,) to end (3,), points about step_mm apart.

        Returns triangles (k,) and barycentrics (k,3); the first and last are the surface places
        nearest to start and end. InputError when the step is not positive, or when no path exists
        or only one that leaps over an opening (mouth, eye).
        """
        return self.many(np.reshape(start, (1, 3)), np.reshape(end, (1, 3)), step_mm)[0]

    def many(
        self, starts: NDArray, ends: NDArray, step_mm: float = 2.5
    ) -> list[tuple[NDArray, NDArray]]:
        """Smooth shortest paths from each of starts (m,3) to its end in ends (m,3), as ``path``."""
        if not step_mm > 0:
            raise InputError(f"A path cannot advance by {step_mm} mm.", "Give step_mm > 0.")
        starts, ends = np.atleast_2d(starts), np.atleast_2d(ends)
        if len(starts) == 0:
            return []
        tri, bary = self.nearest(np.stack([starts, ends], axis=1).reshape(-1, 3))
        places = self.points(tri, bary).reshape(-1, 2, 3)
        tri, bary = tri.reshape(-1, 2), bary.reshape(-1, 2, 3)
        out = []
        for t, b, place in zip(tri, bary, places, strict=True):
            # One direction for both ways, chosen alike on either side: so paths are reversible.
            (x0, y0, z0), (x1, y1, z1) = place
            turn = -1 if (y0, z0, abs(x0)) < (y1, z1, abs(x1)) else 1
            t, b, place = t[::turn].copy(), b[::turn].copy(), place[::turn].copy()
            chain, arrives = _straight(t, b, place, *self._mesh)
            if not arrives:
                chain = self._chain(t, place)
            where, weight, even = _smooth(chain, t, b, place, step_mm, *self._mesh)
            if not even:
                raise InputError(
                    f"An opening lies between {place[0].round(1)} and {place[1].round(1)} mm.",
                    "Choose start and end on the same side of mouth, eye and nostril.",
                )
            out.append((where[::turn], weight[::turn]))
        return out

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
