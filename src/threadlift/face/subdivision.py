"""One step of Loop subdivision as a fixed sparse matrix (Loop 1987, Warren's vertex weights)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix

IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Subdivision:
    """Fine mesh of a coarse one: coarse vertices first, then one vertex per edge.

    matrix: (n, n_coarse) csr; every row sums to one, so it commutes with affine maps.
    triangles: (4 m, 3). edges: (n - n_coarse, 2) coarse ends of each new vertex, sorted.
    """

    matrix: csr_matrix
    triangles: IntArray
    edges: IntArray


def _edges(triangles: IntArray) -> tuple[IntArray, IntArray]:
    """Unique undirected edges (e, 2) and, per triangle side (ab, bc, ca), the edge's number."""
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges, inverse = np.unique(np.sort(sides, axis=1), axis=0, return_inverse=True)
    return edges, inverse.reshape(3, -1).T


def loop(triangles: IntArray, n_vertices: int) -> Subdivision:
    """Subdivide once.

    triangles: (m, 3) vertex numbers of a manifold mesh, boundary allowed. Boundary vertices and
    edges follow the cubic-spline rule, so the border does not shrink towards the inside.
    """
    edges, side_edge = _edges(triangles)
    n_edges = len(edges)
    opposite = np.concatenate([triangles[:, 2], triangles[:, 0], triangles[:, 1]])
    count = np.bincount(side_edge.T.ravel(), minlength=n_edges)
    border = count == 1

    rows: list[IntArray] = []
    cols: list[IntArray] = []
    weights: list[NDArray[np.float64]] = []

    def put(r: IntArray, c: IntArray, w: NDArray[np.float64]) -> None:
        rows.append(r)
        cols.append(c)
        weights.append(w)

    number = np.arange(n_edges) + n_vertices
    end_weight = np.where(border, 0.5, 0.375)
    for k in (0, 1):
        put(number, edges[:, k], end_weight)
    wing = side_edge.T.ravel()
    inner = ~border[wing]
    put(number[wing[inner]], opposite[inner], np.full(int(inner.sum()), 0.125))

    valence = np.bincount(edges.ravel(), minlength=n_vertices)
    on_border = np.zeros(n_vertices, dtype=bool)
    on_border[edges[border].ravel()] = True
    beta = np.where(valence > 3, 3.0 / (8.0 * np.maximum(valence, 1)), 3.0 / 16.0)
    own = np.where(on_border, 0.75, 1.0 - valence * beta)
    own[valence == 0] = 1.0
    vertices = np.arange(n_vertices)
    put(vertices, vertices, own)
    for a, b in ((0, 1), (1, 0)):
        here = edges[:, a]
        free = ~on_border[here]
        put(here[free], edges[free, b], beta[here[free]])
        rim = on_border[here] & border
        put(here[rim], edges[rim, b], np.full(int(rim.sum()), 0.125))

    matrix = csr_matrix(
        coo_matrix(
            (np.concatenate(weights), (np.concatenate(rows), np.concatenate(cols))),
            shape=(n_vertices + n_edges, n_vertices),
        )
    )
    matrix.sort_indices()
    a, b, c = triangles.T
    ab, bc, ca = (side_edge + n_vertices).T
    fine = np.concatenate(
        [np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    )
    return Subdivision(matrix, fine, edges)


def mirror_of_fine(subdivision: Subdivision, mirror: IntArray) -> IntArray:
    """Left-right permutation of the fine vertices from that of the coarse ones.

    Raises ValueError when the coarse triangulation is not mirrored onto itself.
    """
    edges = subdivision.edges
    image = np.sort(mirror[edges], axis=1)
    base = len(mirror)
    key = edges[:, 0] * base + edges[:, 1]
    wanted = image[:, 0] * base + image[:, 1]
    at = np.searchsorted(key, wanted)
    if np.any(key[np.minimum(at, len(key) - 1)] != wanted):
        raise ValueError("the triangulation is not mirrored onto itself")
    return np.concatenate([mirror, at + base])


def keep_size(matrix: csr_matrix, rows: IntArray, cols: IntArray, factor: float) -> csr_matrix:
    """Blow a closed component up about its own centroid after smoothing (x ↦ c + f (x − c)).

    Subdivision shrinks the small eyeball spheres away from the lids; `factor` undoes that and
    stays linear and affine invariant because the centroid is that of the coarse vertices `cols`.
    """
    part = matrix[rows].toarray()
    part *= factor
    part[:, cols] += (1.0 - factor) / len(cols)
    full = matrix.tolil()
    full[rows] = part
    out = csr_matrix(full)
    out.sort_indices()
    return out
