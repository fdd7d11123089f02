"""Closest points on a triangle mesh: k-d tree over surface samples, exact triangle projection."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import KDTree

Array = NDArray[np.float64]

#: Samples asked of the tree per query; the projection is exact on the triangles they belong to.
_CANDIDATES = 8
_MORE_CANDIDATES = 64


@njit(cache=True)
def _closest_on_triangle(p, a, b, c):
    """Barycentric weights of the point of triangle abc nearest to p (Ericson 2005, 5.1.5)."""
    ab, ac, ap = b - a, c - a, p - a
    d1, d2 = ab @ ap, ac @ ap
    if d1 <= 0.0 and d2 <= 0.0:
        return 1.0, 0.0, 0.0
    bp = p - b
    d3, d4 = ab @ bp, ac @ bp
    if d3 >= 0.0 and d4 <= d3:
        return 0.0, 1.0, 0.0
    vc = d1 * d4 - d3 * d2
    if vc <= 0.0 and d1 >= 0.0 and d3 <= 0.0:
        s = d1 / (d1 - d3)
        return 1.0 - s, s, 0.0
    cp = p - c
    d5, d6 = ab @ cp, ac @ cp
    if d6 >= 0.0 and d5 <= d6:
        return 0.0, 0.0, 1.0
    vb = d5 * d2 - d1 * d6
    if vb <= 0.0 and d2 >= 0.0 and d6 <= 0.0:
        s = d2 / (d2 - d6)
        return 1.0 - s, 0.0, s
    va = d3 * d6 - d5 * d4
    if va <= 0.0 and (d4 - d3) >= 0.0 and (d5 - d6) >= 0.0:
        s = (d4 - d3) / ((d4 - d3) + (d5 - d6))
        return 0.0, 1.0 - s, s
    total = va + vb + vc
    v, w = vb / total, vc / total
    return 1.0 - v - w, v, w


@njit(cache=True)
def _search(points, normals, candidates, vertices, triangles, facing, min_cosine):
    n = points.shape[0]
    best = np.full(n, np.inf)
    tri = np.full(n, -1, dtype=np.int64)
    bary = np.zeros((n, 3))
    for i in range(n):
        p = points[i]
        for k in range(candidates.shape[1]):
            t = candidates[i, k]
            if t < 0 or t == tri[i]:
                continue
            if min_cosine > -1.0 and facing[t] @ normals[i] < min_cosine:
                continue
            a, b = vertices[triangles[t, 0]], vertices[triangles[t, 1]]
            c = vertices[triangles[t, 2]]
            u, v, w = _closest_on_triangle(p, a, b, c)
            q = u * a + v * b + w * c
            d = np.sqrt((q - p) @ (q - p))
            if d < best[i]:
                best[i] = d
                tri[i] = t
                bary[i, 0], bary[i, 1], bary[i, 2] = u, v, w
    return best, tri, bary


@dataclass(frozen=True)
class Closest:
    """Nearest surface points: `point` (k, 3), `triangle` (k,) (-1 = none), `bary`, `distance`."""

    point: Array
    triangle: NDArray[np.int64]
    bary: Array
    distance: Array

    @property
    def found(self) -> NDArray[np.bool_]:
        """(k,) whether any surface was near enough and faced the right way."""
        return self.triangle >= 0


class SurfaceIndex:
    """Closest-point queries on one mesh.

    vertices (n, 3) [mm], triangles (m, 3); `spacing_mm` is the largest distance between samples
    that stand for a big triangle in the tree (small ones are stood for by their centroid), and
    `facing` (m, 3) optional unit normals for the gate (default the facets' own).
    """

    def __init__(
        self,
        vertices: Array,
        triangles: NDArray,
        spacing_mm: float = 2.5,
        facing: Array | None = None,
    ) -> None:
        self.vertices = np.ascontiguousarray(vertices, dtype=float)
        self.triangles = np.ascontiguousarray(triangles, dtype=np.int64)
        v, t = self.vertices, self.triangles
        if facing is None:
            facing = np.cross(v[t[:, 1]] - v[t[:, 0]], v[t[:, 2]] - v[t[:, 0]])
            facing = facing / np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-30)
        self.facing = np.ascontiguousarray(facing)
        samples, self._owner = surface_samples(v, t, spacing_mm)
        self._tree = KDTree(samples, balanced_tree=False, compact_nodes=False)

    def closest(
        self,
        points: Array,
        normals: Array | None = None,
        min_cosine: float = -1.0,
        reach_mm: float = np.inf,
    ) -> Closest:
        """Nearest surface point of each of `points` (k, 3) within `reach_mm`.

        With `normals` (k, 3) only triangles whose normal makes a cosine of at least `min_cosine`
        with the point's own count.
        """
        p = np.ascontiguousarray(points, dtype=float)
        gated = normals is not None
        n = np.ascontiguousarray(normals, dtype=float) if normals is not None else np.zeros_like(p)
        cosine = min_cosine if gated else -2.0
        distance, tri, bary = self._among(p, n, _CANDIDATES, cosine, reach_mm)
        if gated:
            # All near samples may lie on a sheet that faces the wrong way: look further.
            again = np.nonzero(tri < 0)[0]
            if len(again):
                distance[again], tri[again], bary[again] = self._among(
                    p[again], n[again], _MORE_CANDIDATES, cosine, reach_mm
                )
        corner = self.triangles[np.maximum(tri, 0)]
        point = np.einsum("kc,kcd->kd", bary, self.vertices[corner])
        return Closest(point, tri, bary, distance)

    def _among(
        self, p: Array, n: Array, count: int, cosine: float, reach_mm: float
    ) -> tuple[Array, NDArray[np.int64], Array]:
        """Distances, triangles and weights of the best among the `count` nearest samples."""
        k = min(count, len(self._owner))
        _, index = self._tree.query(p, k=k, distance_upper_bound=reach_mm)
        owner = np.append(self._owner, -1)
        return _search(
            p,
            n,
            owner[np.asarray(index).reshape(len(p), k)],
            self.vertices,
            self.triangles,
            self.facing,
            cosine,
        )


def surface_samples(
    vertices: Array, triangles: NDArray, spacing_mm: float
) -> tuple[Array, NDArray[np.int64]]:
    """Points (s, 3) spread over all triangles no further apart than about `spacing_mm`.

    Returns the points and the triangle (s,) each lies in.
    """
    v, t = vertices, triangles
    corner = v[t]
    longest = np.linalg.norm(corner - np.roll(corner, 1, axis=1), axis=2).max(axis=1)
    parts = np.clip(np.ceil(longest / spacing_mm), 1, 40).astype(int)
    points, owner = [], []
    for n in np.unique(parts):
        chosen = np.nonzero(parts == n)[0]
        # Centroids of the n² congruent triangles that n-fold subdivision makes.
        up = [(i + 1 / 3, j + 1 / 3) for i in range(n) for j in range(n - i)]
        down = [(i + 2 / 3, j + 2 / 3) for i in range(n - 1) for j in range(n - 1 - i)]
        uv = np.array(up + down) / n
        weights = np.column_stack([1.0 - uv.sum(axis=1), uv])
        points.append(np.einsum("sc,tcd->tsd", weights, corner[chosen]).reshape(-1, 3))
        owner.append(np.repeat(chosen, len(weights)))
    return np.concatenate(points), np.concatenate(owner)
