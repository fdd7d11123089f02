"""Map from mesh displacement to displacement of the displayed (template) vertices; build-time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import dijkstra

from remesh import Surface

REACH_MM = 15.0
# Averaging rounds that soften the seams between the areas of neighbouring rim vertices.
_SOFTEN = 8
_PRUNE = 2e-3


def vertex_normals(points: NDArray, triangles: NDArray) -> NDArray:
    """Area-weighted unit normals (n,3); zero where no triangle meets."""
    corner = points[triangles]
    face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    out = np.zeros_like(points)
    np.add.at(out, triangles, face[:, None])
    return out / np.maximum(np.linalg.norm(out, axis=1), 1e-30)[:, None]


def display_map(template, level: dict[str, NDArray], inside: NDArray) -> sparse.csr_array:
    """(n, V) map: rows of template vertices ``inside`` the domain sum to 1, others fade to 0."""
    corners, triangles = level["corners"], np.asarray(level["triangles"], dtype=np.int64)
    points = np.einsum("vk,vkc->vc", level["bary"], template.vertices[corners])
    n, count = len(template.vertices), len(points)
    surface = Surface(points, triangles, np.ones(count))
    normals = vertex_normals(template.vertices, template.triangles)
    rows = np.flatnonzero(inside)
    at, bary, _ = surface.project(template.vertices[rows], normals[rows])
    base = sparse.csr_array(
        (bary.ravel(), (np.repeat(rows, 3), triangles[at].ravel())), shape=(n, count)
    )

    tri = np.asarray(template.triangles, dtype=np.int64)
    pairs = np.concatenate([tri[:, [0, 1]], tri[:, [1, 2]], tri[:, [2, 0]]])
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    length = np.linalg.norm(template.vertices[pairs[:, 0]] - template.vertices[pairs[:, 1]], axis=1)
    graph = sparse.csr_array((length, (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    graph = (graph + graph.T).tocsr()
    # The way out must not cut through the domain: edges between inside vertices do not count.
    open_way = ~inside[pairs].all(axis=1)
    apart = sparse.csr_array(
        (length[open_way], (pairs[open_way, 0], pairs[open_way, 1])), shape=(n, n)
    )
    touching = inside[pairs].sum(axis=1) == 1
    seeds = np.unique(pairs[touching][inside[pairs[touching]]])
    distance, _, source = dijkstra(
        apart,
        directed=False,
        indices=seeds,
        limit=REACH_MM,
        min_only=True,
        return_predecessors=True,
    )
    outside = ~inside & np.isfinite(distance)
    ids = np.flatnonzero(outside)
    pick = sparse.csr_array((np.ones(len(ids)), (ids, source[ids])), shape=(n, n))
    keep = sparse.diags_array(inside.astype(float))
    rows_map = (base + pick @ base).tocsr()
    near = inside | outside
    adjacency = (graph > 0).astype(float)
    mask = sparse.diags_array(near.astype(float))
    adjacency = mask @ adjacency @ mask
    degree = np.maximum(np.asarray(adjacency.sum(axis=1)).ravel(), 1.0)
    average = sparse.diags_array(outside / degree) @ adjacency
    for _ in range(_SOFTEN):
        rows_map = (
            keep @ base
            + 0.5 * (average @ rows_map)
            + 0.5 * (sparse.diags_array(outside.astype(float)) @ rows_map)
        ).tocsr()
        rows_map = normalised(pruned(rows_map))
    t = np.clip(np.where(outside, distance, 0.0) / REACH_MM, 0.0, 1.0)
    fade = np.where(near, (1.0 - t) ** 2 * (1.0 + 2.0 * t), 0.0)
    rows_map = (sparse.diags_array(fade) @ rows_map).tocsr()
    other = rows_map[template.mirror][:, level["mirror"]]
    return (0.5 * (rows_map + other)).tocsr()


def pruned(rows: sparse.csr_array) -> sparse.csr_array:
    """Without entries that do not matter."""
    rows = rows.copy()
    rows.data[rows.data < _PRUNE] = 0.0
    rows.eliminate_zeros()
    return rows


def normalised(rows: sparse.csr_array) -> sparse.csr_array:
    """Rows that sum to 1 (or 0)."""
    total = np.asarray(rows.sum(axis=1)).ravel()
    return (sparse.diags_array(1.0 / np.where(total > 0, total, 1.0)) @ rows).tocsr()
