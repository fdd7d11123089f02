"""Mend what scanners do to meshes: duplicates, specks, triangles wound the wrong way."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from threadlift.frames import Similarity
from threadlift.graphics.camera import portrait_camera
from threadlift.graphics.raster import vertex_normals, visibility

Array = NDArray[np.float64]
Triangles = NDArray[np.int64]
Rows = NDArray[np.int64]

#: Connected pieces with less than this share of the triangles of the largest are scanner dust.
_SPECK_SHARE = 0.004


def _same_rows(rows: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Group number (n,) of each row (n, k): equal rows share one.

    Rows are sorted by a hash and compared in full with their neighbour, which is several times
    faster than sorting them by their columns.
    """
    odd = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)
    mixed = np.zeros(len(rows), dtype=np.uint64)
    for c in range(rows.shape[1]):
        mixed = (mixed ^ rows[:, c]) * odd[c % 3]
        mixed ^= mixed >> np.uint64(29)
    order = np.argsort(mixed, kind="stable")
    ordered = rows[order]
    new = np.r_[True, (ordered[1:] != ordered[:-1]).any(axis=1)]
    group = np.empty(len(rows), dtype=np.int64)
    group[order] = np.cumsum(new) - 1
    return group


def merge_duplicates(vertices: Array, triangles: Triangles) -> tuple[Triangles, Rows]:
    """Join vertices at exactly the same place (texture seams, STL) and drop repeated triangles.

    Exact equality, not a tolerance: it holds alike in every unit and every pose. Returns the
    triangles (numbered as before, the lowest number standing for its group) and the rows kept.
    """
    # Adding zero makes one of the two zeros that floats have.
    group = _same_rows(np.ascontiguousarray(vertices + 0.0).view(np.uint64))
    lead = np.full(int(group.max()) + 1, len(vertices), dtype=np.int64)
    np.minimum.at(lead, group, np.arange(len(vertices)))
    t = lead[group][triangles]
    rows = np.nonzero((t[:, 0] != t[:, 1]) & (t[:, 1] != t[:, 2]) & (t[:, 2] != t[:, 0]))[0]
    if not len(rows):
        return t[rows], rows
    twin = _same_rows(np.sort(t[rows], axis=1).astype(np.uint64))
    first = np.full(int(twin.max()) + 1, len(t), dtype=np.int64)
    np.minimum.at(first, twin, rows)
    kept = np.sort(first)
    return t[kept], kept


def compact(vertices: Array, triangles: Triangles) -> tuple[Rows, Triangles, Rows]:
    """Drop triangles without area and vertices without triangles.

    Returns the vertices kept, the triangles numbered anew, and the triangles kept.
    """
    v = vertices
    area = np.linalg.norm(
        np.cross(v[triangles[:, 1]] - v[triangles[:, 0]], v[triangles[:, 2]] - v[triangles[:, 0]]),
        axis=1,
    )
    rows = np.nonzero(area > 0.0)[0]
    used, inverse = np.unique(triangles[rows], return_inverse=True)
    return used, inverse.reshape(-1, 3), rows


def thinned(
    vertices: Array, triangles: Triangles, target: int
) -> tuple[Array, Triangles, NDArray[np.int64], Rows]:
    """Vertices clustered on a grid until about `target` triangles are left.

    Returns the means of the clusters, the triangles between different clusters, the cluster (n,)
    of every vertex, and the rows of the triangles kept.
    """
    v, t = vertices, triangles
    edge1, edge2 = v[t[:, 1]] - v[t[:, 0]], v[t[:, 2]] - v[t[:, 0]]
    area = 0.5 * float(np.linalg.norm(np.cross(edge1, edge2), axis=1).sum())
    del edge1, edge2
    low, high = v.min(axis=0), v.max(axis=0)
    # The floor keeps the cell number within 63 bits however far apart the pieces lie.
    cell = max(float(np.sqrt(2.0 * area / target)), float((high - low).max()) / 2e6)
    flat = np.zeros(len(v), dtype=np.int64)
    for c in range(3):
        key = np.floor((v[:, c] - low[c]) / cell).astype(np.int64)
        flat = flat * (int(key.max()) + 1) + key
    _, group, count = np.unique(flat, return_inverse=True, return_counts=True)
    mean = np.stack([np.bincount(group, v[:, c]) for c in range(3)], axis=1) / count[:, None]
    new = group[t]
    rows = np.nonzero(
        (new[:, 0] != new[:, 1]) & (new[:, 1] != new[:, 2]) & (new[:, 2] != new[:, 0])
    )[0]
    return mean, new[rows], group, rows


def intrinsic_frame(vertices: Array) -> Similarity:
    """Rigid transform (points (n, 3) of the file to axes of their own) that turns with the scan.

    Centroid and principal axes; signs by the third moments. The same scan in another pose arrives
    at the same coordinates but for rounding, unless two principal moments happen to be equal.
    """
    centre = vertices.mean(axis=0)
    p = vertices - centre
    _, axes = np.linalg.eigh(p.T @ p)
    skew = ((p @ axes) ** 3).sum(axis=0)
    axes = axes * np.where(skew < 0.0, -1.0, 1.0)
    if np.linalg.det(axes) < 0.0:  # turn the axis round whose sign is least certain
        axes[:, int(np.argmin(np.abs(skew)))] *= -1.0
    return Similarity(axes.T, -axes.T @ centre)


def components(n: int, triangles: Triangles) -> NDArray[np.int64]:
    """Number (n,) of the connected piece of each of n vertices."""
    rows = np.concatenate([triangles[:, 0], triangles[:, 1]])
    cols = np.concatenate([triangles[:, 1], triangles[:, 2]])
    graph = coo_matrix((np.ones(len(rows), dtype=np.int8), (rows, cols)), shape=(n, n)).tocsr()
    return connected_components(graph, directed=False)[1].astype(np.int64)


def drop_specks(n: int, triangles: Triangles) -> Rows:
    """Rows of the triangles (m, 3) on n vertices that do not belong to small loose pieces."""
    if not len(triangles):
        return np.zeros(0, dtype=np.int64)
    piece = components(n, triangles)[triangles[:, 0]]
    size = np.bincount(piece)
    return np.nonzero(size[piece] >= _SPECK_SHARE * size.max())[0]


def boundary_vertices(
    vertices: Array, triangles: Triangles, smallest_mm: float = 0.0
) -> NDArray[np.bool_]:
    """(n,) vertices on the rim of the surface.

    Rims that fit into a box with a diagonal under `smallest_mm` are pinholes, not the end of what
    was scanned, and are left out.
    """
    n = len(vertices)
    e = np.sort(
        np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1
    )
    values, counts = np.unique(e[:, 0] * np.int64(n) + e[:, 1], return_counts=True)
    i, j = np.divmod(values[counts == 1], n)
    out = np.zeros(n, dtype=bool)
    out[i] = out[j] = True
    if smallest_mm > 0.0 and out.any():
        graph = coo_matrix((np.ones(len(i), dtype=np.int8), (i, j)), shape=(n, n)).tocsr()
        rim = connected_components(graph, directed=False)[1]
        low, high = np.full((rim.max() + 1, 3), np.inf), np.full((rim.max() + 1, 3), -np.inf)
        np.minimum.at(low, rim[out], vertices[out])
        np.maximum.at(high, rim[out], vertices[out])
        extent = np.linalg.norm(np.where(high >= low, high - low, 0.0), axis=1)
        out &= extent[rim] >= smallest_mm
    return out


def orient_outward(
    vertices: Array, triangles: Triangles, center: Array, extent_mm: float
) -> Triangles:
    """Triangles (m, 3) wound so that their normals look out of the head.

    `vertices` (n, 3) stand in (nearly) the patient frame. What a viewer in front or at the sides
    sees is the outside; a triangle seen turns to face its viewers, one never seen goes with the
    majority of its connected piece.
    """
    v, t = vertices, triangles
    normal = np.cross(v[t[:, 1]] - v[t[:, 0]], v[t[:, 2]] - v[t[:, 0]])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = normal / np.where(length > 0, length, 1.0)
    votes = np.zeros(len(t))
    for yaw, pitch in ((0, 0), (35, 0), (-35, 0), (70, 0), (-70, 0), (0, 30), (0, -35)):
        camera = portrait_camera(yaw, pitch, center, extent_mm, (320, 320))
        _, ids, _ = visibility(v, t, camera)
        seen = ids[ids >= 0]
        votes += np.bincount(seen, -(normal[seen] @ camera.rotation[2]), len(t))
    piece = components(len(v), t)[t[:, 0]]
    majority = np.bincount(piece, votes)[piece]
    decided = np.abs(votes) > 1e-9
    flip = np.where(decided, votes < 0.0, majority < 0.0)
    # A lone dissenter on a consistently wound piece is a sliver seen edge-on, not a wrong winding:
    # only where an appreciable part of a piece dissents are triangles judged one by one.
    area = length[:, 0]
    dissent = np.bincount(piece, area * (decided & ((votes < 0) != (majority < 0))))
    judged = np.bincount(piece, area * decided)
    consistent = (dissent < 0.03 * np.maximum(judged, 1e-12))[piece]
    flip = np.where(consistent, majority < 0.0, flip)
    out = t.copy()
    out[flip] = out[flip][:, ::-1]
    return out


def smooth_normals(vertices: Array, triangles: Triangles, rounds: int = 2) -> Array:
    """Vertex normals (n, 3) averaged over `rounds` of neighbours: noise tilts single facets."""
    n = vertex_normals(vertices, triangles)
    i, j = triangles[:, [0, 1, 2]].ravel(), triangles[:, [1, 2, 0]].ravel()
    rows, cols = np.concatenate([i, j]), np.concatenate([j, i])
    graph = coo_matrix((np.ones(len(rows)), (rows, cols)), shape=(len(n), len(n))).tocsr()
    for _ in range(rounds):
        n = graph @ n + 2.0 * n
        length = np.linalg.norm(n, axis=1, keepdims=True)
        n = n / np.where(length > 0.0, length, 1.0)
    return n
