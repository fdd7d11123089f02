"""Strain of the skin under a displacement of its nodes, and which skin lies over threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.spatial import KDTree

from threadlift.evidence import value

Array = NDArray[np.float64]


def principal_strains(
    surface: Array, triangles: NDArray[np.integer[Any]], u: Array
) -> tuple[Array, Array]:
    """Largest and smallest principal engineering strain (T,) of each triangle under u (V, 3)."""

    def edges(x: Array) -> Array:
        return np.stack([x[triangles[:, 1]] - x[triangles[:, 0]],
                         x[triangles[:, 2]] - x[triangles[:, 0]]], axis=2)  # fmt: skip

    rest, now = edges(surface), edges(surface + u)
    first = rest[:, :, 0] / np.linalg.norm(rest[:, :, 0], axis=1)[:, None]
    normal = np.cross(rest[:, :, 0], rest[:, :, 1])
    second = np.cross(normal / np.linalg.norm(normal, axis=1)[:, None], first)
    flat = np.stack([first, second], axis=1) @ rest
    f = now @ np.linalg.inv(flat)
    c = np.swapaxes(f, 1, 2) @ f
    stretch = np.sqrt(np.maximum(np.linalg.eigvalsh(c), 0.0))
    return stretch[:, 1] - 1.0, stretch[:, 0] - 1.0


def triangle_average(surface: Array, triangles: NDArray[np.integer[Any]]) -> sp.csr_matrix:
    """Area-weighted average (V, T) of triangle values at the vertices."""
    corner = surface[triangles]
    cross = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    area = np.repeat(0.5 * np.linalg.norm(cross, axis=1), 3)
    columns = np.repeat(np.arange(len(triangles)), 3)
    shape = (len(surface), len(triangles))
    matrix = sp.coo_matrix((area, (triangles.ravel(), columns)), shape=shape).tocsr()
    total = np.maximum(np.asarray(matrix.sum(axis=1)).ravel(), 1e-12)
    return sp.csr_matrix(sp.diags(1.0 / total) @ matrix)


def near_threads(
    surface: Array, paths: Sequence[Array], depths: Sequence[Array]
) -> NDArray[np.bool_]:
    """Skin vertices (V,) that lie over a thread: closer than its depth plus a margin."""
    near = np.zeros(len(surface), dtype=bool)
    margin = value("risks.read.near_thread_mm")
    for path, depth in zip(paths, depths, strict=True):
        distance, index = KDTree(path).query(surface)
        near |= distance < np.asarray(depth)[index] + margin
    return near
