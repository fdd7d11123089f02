"""How the mesh levels lie in each other: every triangle is four of the next level."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import sparse
from scipy.spatial import KDTree

from threadlift.face.template import template
from threadlift.tissue.mesh_asset import Level, mesh_asset

#: The level whose triangles a level's own come from.
PARENT: dict[Level, Level] = {"default": "coarse", "reference": "default"}


@cache
def prolongation(level: Level) -> sparse.csr_array:
    """(V, V') weights of the parent's vertices in those of a level.

    One vertex where a parent's vertex is kept, the two ends of its edge for a midpoint.
    """
    fine, parent = mesh_asset(level), mesh_asset(PARENT[level])
    shape = template().vertices
    # Kept vertices have the same place on the template, to rounding.
    kept = np.asarray(KDTree(fine.sample(shape)).query(parent.sample(shape))[1])
    t = parent.triangles.astype(np.int64)
    edges = np.unique(
        np.sort(np.concatenate([t[:, [0, 1]], t[:, [1, 2]], t[:, [2, 0]]]), 1), axis=0
    )
    ptr, ring = fine.rings
    near = sparse.csr_array((np.ones(len(ring)), ring, ptr), shape=(fine.columns, fine.columns))
    # A midpoint is the one neighbour that both ends of its edge have in common.
    common = sparse.csr_array(near[kept[edges[:, 0]]].multiply(near[kept[edges[:, 1]]]))
    middle = common.indices
    rows = np.concatenate([kept, middle, middle])
    columns = np.concatenate([np.arange(parent.columns), edges[:, 0], edges[:, 1]])
    weights = np.concatenate([np.ones(parent.columns), np.full(2 * len(edges), 0.5)])
    return sparse.csr_array((weights, (rows, columns)), shape=(fine.columns, parent.columns))
