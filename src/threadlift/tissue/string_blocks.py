"""The stiffness of a tissue with the strings of its threads, for factorisation.

A path segment couples nodes of the two wedges at its ends, which no wedge has in common: the
pattern of the tissue is widened by them. Leaving these few couplings out, or squeezing them into
the pattern of the tissue, made the conjugate gradients ten times slower; the axial coupling along
whole threads may be left out, at the price of three to five more iterations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.tissue.assembly import Blocks, BlockSparsity
from threadlift.tissue.cables import CableSet, CableState


@dataclass(frozen=True)
class StringBlocks:
    """Tissue pattern widened by threads.

    sparsity: of the sum; body (nb,) where the tissue's blocks lie in it; pairs (s,m,m) the block
    of every pair of nodes of each path segment; parting (s,m) the weights by which these nodes
    part the segment's ends (padded with zeros).
    """

    sparsity: BlockSparsity
    body: NDArray
    pairs: NDArray
    parting: NDArray

    @staticmethod
    def of(pattern: BlockSparsity, cables: CableSet) -> StringBlocks:
        """For the segments of all cables in the order of their set."""
        nodes = len(pattern.indptr) - 1
        rows = [_parting(c.embedding) for c in cables.cables]
        parting = sp.csr_matrix(sp.vstack(rows) if rows else sp.csr_matrix((0, nodes)))
        count = np.diff(parting.indptr)
        inside = np.arange(count.max(initial=1))[None, :] < count[:, None]
        weights, members = np.zeros(inside.shape), np.zeros(inside.shape, dtype=np.int64)
        weights[inside], members[inside] = parting.data, parting.indices
        members = np.where(inside, members, members[:, :1])
        touched = sp.csr_matrix(
            (np.ones(parting.nnz), parting.indices, parting.indptr), shape=parting.shape
        )
        own = sp.csr_matrix(
            (np.ones(len(pattern.indices)), pattern.indices, pattern.indptr), shape=(nodes, nodes)
        )
        both = sp.csr_matrix(own + touched.T @ touched)
        both.sort_indices()
        wide = BlockSparsity(both.indptr, both.indices)
        all_rows = np.repeat(np.arange(nodes, dtype=np.int64), np.diff(pattern.indptr))
        row, column = np.broadcast_arrays(members[:, :, None], members[:, None, :])
        return StringBlocks(
            wide, wide.find(all_rows, pattern.indices), wide.find(row, column), weights
        )

    def matrix(self, body: Blocks, state: CableState) -> sp.csr_matrix:
        """Tissue stiffness plus string stiffness in a state of the cables [N/mm]."""
        data = np.zeros((len(self.sparsity.indices), 3, 3))
        data[self.body] = body.data
        string = state.tension[:, None, None] * state.bend
        pair = self.parting[:, :, None] * self.parting[:, None, :]
        np.add.at(data, self.pairs, pair[..., None, None] * string[:, None, None])
        return self.sparsity.csr(data)


def _parting(embedding: sp.csr_matrix) -> sp.csr_matrix:
    """Weights (k-1, N) of the nodes in the difference of neighbouring path nodes."""
    # All three components are interpolated alike.
    points = sp.csr_matrix(embedding[::3][:, ::3])
    return sp.csr_matrix(points[1:] - points[:-1])
