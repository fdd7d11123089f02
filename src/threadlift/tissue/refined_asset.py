"""The binding of a refined mesh to the template: weights composed, displayed vertices looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from threadlift.tissue.mesh_asset import MeshAsset

if TYPE_CHECKING:
    from threadlift.tissue.refine import Refinement


def shape(matrix: sparse.csr_array) -> tuple[int, int]:
    """Rows and columns of a sparse matrix."""
    return cast("tuple[int, int]", matrix.shape)


def refined_asset(
    refinement: Refinement, asset: MeshAsset, mirror: NDArray | None, rims: dict[str, NDArray]
) -> MeshAsset:
    """The refined mesh's asset from the old one, given the new mirror (V',) and rims."""
    corners, bary = _composed(refinement.columns, asset)
    return MeshAsset(
        level=asset.level,
        corners=corners,
        bary=bary,
        triangles=refinement.triangles,
        mirror=mirror,
        rims=rims,
        display=_display(refinement, asset),
        code_corner=asset.code_corner[_heaviest(refinement.columns, asset.mirror)],
        threads=refinement.columns @ asset.threads.astype(float) > 1.0 - 1e-9,
    )


def _composed(columns: sparse.csr_array, asset: MeshAsset) -> tuple[NDArray, NDArray]:
    """Template vertices (V',k) and weights (V',k) of the new columns, padded with weight 0."""
    width = asset.corners.shape[1]
    shape = (asset.columns, int(asset.corners.max()) + 1)
    rows = np.repeat(np.arange(asset.columns), width)
    bind = sparse.csr_array((asset.bary.ravel(), (rows, asset.corners.ravel())), shape=shape)
    product = sparse.csr_array(columns @ bind)
    product.eliminate_zeros()
    count = np.diff(product.indptr)
    row = np.repeat(np.arange(len(count)), count)
    slot = np.arange(product.nnz) - product.indptr[row]
    corners = np.zeros((len(count), count.max()), dtype=np.int64)
    bary = np.zeros(corners.shape)
    corners[row, slot], bary[row, slot] = product.indices, product.data
    return corners, bary


def _heaviest(columns: sparse.csr_array, mirror: NDArray | None) -> NDArray:
    """Old column (V',) with the largest weight in each new one; mirror images decide alike."""
    new, old = shape(columns)
    numbers = np.arange(old)
    rank = numbers if mirror is None else np.minimum(numbers, mirror)
    row = np.repeat(np.arange(new), np.diff(columns.indptr))
    order = np.lexsort((rank[columns.indices], -np.round(columns.data, 9), row))
    return columns.indices[order[columns.indptr[:-1]]]


def _display(refinement: Refinement, asset: MeshAsset) -> sparse.csr_array:
    """Displacement of template vertices from the new columns.

    Vertices that lie in one old triangle look up their new one and so see what the finer mesh
    resolves; those beyond the rim, which follow many columns, keep following the old ones.
    """
    display = asset.display
    count = np.diff(display.indptr)
    row = np.repeat(np.arange(len(count)), count)
    incident = sparse.csr_array(
        (
            np.ones(3 * len(asset.triangles)),
            (asset.triangles.ravel(), np.repeat(np.arange(len(asset.triangles)), 3)),
        ),
        shape=(asset.columns, len(asset.triangles)),
    )
    present = sparse.csr_array(
        (np.ones(display.nnz), display.indices, display.indptr), shape=display.shape
    )
    few = np.flatnonzero((count >= 1) & (count <= 3))
    shared = sparse.csr_array(present[few] @ incident)
    owner = np.repeat(np.arange(len(few)), np.diff(shared.indptr))
    full = shared.data > count[few][owner] - 0.5
    which, at = np.unique(owner[full], return_index=True)
    rows, tri = few[which], shared.indices[full][at]
    dense = np.zeros((len(display.indptr) - 1, 3))
    slot = np.full(len(count), -1)
    slot[rows] = np.arange(len(rows))
    entry = slot[row] >= 0
    local = asset.triangles[tri[slot[row[entry]]]] == display.indices[entry, None]
    np.add.at(dense, row[entry], local * display.data[entry, None])
    total = dense[rows].sum(axis=1)
    found, weights = refinement.places(tri, dense[rows] / total[:, None])
    inside = sparse.csr_array(
        (
            (weights * total[:, None]).ravel(),
            (np.repeat(rows, 3), refinement.triangles[found].ravel()),
        ),
        shape=(len(count), len(refinement.columns.indptr) - 1),
    )
    rest = ~entry
    beyond = sparse.csr_array(
        (display.data[rest], (row[rest], display.indices[rest])), shape=inside.shape
    )
    return sparse.csr_array(inside + beyond)
