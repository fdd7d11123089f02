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

# Share of the segments that may lie outside a strip: each of them costs inner iterations, and an
# ordering of their own costs as much as thirty of these.
_MOST_OUTSIDE = 0.1


@dataclass(frozen=True)
class StringBlocks:
    """Tissue pattern widened by threads.

    sparsity: of the sum; body (nb,) where the tissue's blocks lie in it; pairs (s,m,m) the block
    of every pair of nodes of each path segment; parting (s,m) the weights by which these nodes
    part the segment's ends (padded with zeros). lumped (s,m,m): pairs without a block of their own,
    which count as that of their first node with itself, with weights that make the whole stiffer.
    """

    sparsity: BlockSparsity
    body: NDArray
    pairs: NDArray
    parting: NDArray
    lumped: NDArray

    @staticmethod
    def of(pattern: BlockSparsity, cables: CableSet) -> StringBlocks:
        """For the segments of all cables in the order of their set."""
        parting = _partings(cables)
        touched = sp.csr_matrix(
            (np.ones(parting.nnz), parting.indices, parting.indptr), shape=parting.shape
        )
        wide = _union(pattern, sp.csr_matrix(touched.T @ touched))
        members, weights = _padded(parting)
        pairs = wide.find(*_each_pair(members))
        body = wide.find(pattern.rows, pattern.indices)
        return StringBlocks(wide, body, pairs, weights, np.zeros(pairs.shape, dtype=bool))

    def matrix(self, body: Blocks, state: CableState) -> sp.csr_matrix:
        """Tissue stiffness plus string stiffness in a state of the cables [N/mm]."""
        data = np.zeros((len(self.sparsity.indices), 3, 3))
        data[self.body] = body.data
        string = state.tension[:, None, None] * state.bend
        pair = self.parting[:, :, None] * self.parting[:, None, :]
        pair = np.where(self.lumped, np.abs(pair), pair)
        np.add.at(data, self.pairs, pair[..., None, None] * string[:, None, None])
        return self.sparsity.csr(data)


@dataclass(frozen=True)
class Strip:
    """Tissue pattern widened once for every thread that may come to lie in a strip of columns.

    An ensemble moves the threads a little: with one pattern for all its members they share one
    ordering, for a tenth more non-zeros in the factor.

    pattern: of the tissue alone; sparsity: widened; body (nb,) where the tissue's blocks lie in it.
    """

    pattern: BlockSparsity
    sparsity: BlockSparsity
    body: NDArray

    @staticmethod
    def of(pattern: BlockSparsity, held: NDArray, nl: int, columns: sp.csr_matrix) -> Strip:
        """Couples all nodes, of nl to a column, of the columns that one segment may touch.

        held (N,): nodes that cannot move; columns (s,V): not zero where a segment may touch one.
        """
        touched = sp.csr_matrix(columns, dtype=float)
        touched.data[:] = 1.0
        near = sp.coo_matrix(touched.T @ touched)
        level = np.arange(nl)
        rows = (nl * near.row[:, None, None] + level[:, None]).repeat(nl, axis=2)
        places = (nl * near.col[:, None, None] + level).repeat(nl, axis=1)
        free = ~(held[rows] | held[places])
        shape = (len(pattern.indptr) - 1,) * 2
        extra = sp.coo_matrix((np.ones(free.sum()), (rows[free], places[free])), shape=shape)
        wide = _union(pattern, sp.csr_matrix(extra))
        return Strip(pattern, wide, wide.find(pattern.rows, pattern.indices))

    def strings(self, cables: CableSet) -> StringBlocks | None:
        """Where the strings of cables lie in the strip; None where more than a few leave it."""
        members, weights = _padded(_partings(cables))
        rows, columns = _each_pair(members)
        pairs = self.sparsity.find(rows, columns)
        outside = pairs < 0
        if outside.any(axis=(1, 2)).sum() > _MOST_OUTSIDE * len(pairs):
            return None
        pairs[outside] = self.sparsity.find(rows[outside], rows[outside])
        return StringBlocks(self.sparsity, self.body, pairs, weights, outside)


def _union(pattern: BlockSparsity, extra: sp.csr_matrix) -> BlockSparsity:
    """The pattern with the entries of a matrix (N,N) besides."""
    shape = (len(pattern.indptr) - 1,) * 2
    ones = np.ones(len(pattern.indices))
    both = sp.csr_matrix(
        sp.csr_matrix((ones, pattern.indices, pattern.indptr), shape=shape) + extra
    )
    both.sort_indices()
    return BlockSparsity(both.indptr, both.indices)


def _padded(parting: sp.csr_matrix) -> tuple[NDArray, NDArray]:
    """Nodes (s,m) of every segment and their weights, filled up with its first one at zero."""
    count = np.diff(parting.indptr)
    inside = np.arange(count.max(initial=1))[None, :] < count[:, None]
    weights, members = np.zeros(inside.shape), np.zeros(inside.shape, dtype=np.int64)
    weights[inside], members[inside] = parting.data, parting.indices
    return np.where(inside, members, members[:, :1]), weights


def _each_pair(members: NDArray) -> tuple[NDArray, NDArray]:
    """Rows and columns (s,m,m) of all pairs of the nodes (s,m)."""
    row, column = np.broadcast_arrays(members[:, :, None], members[:, None, :])
    return row, column


def _partings(cables: CableSet) -> sp.csr_matrix:
    """Weights (s,N) of the nodes in the difference of the ends of every segment."""
    rows = [_parting(c.embedding) for c in cables.cables]
    return sp.csr_matrix(sp.vstack(rows) if rows else sp.csr_matrix((0, cables.nodes)))


def _parting(embedding: sp.csr_matrix) -> sp.csr_matrix:
    """Weights (k-1, N) of the nodes in the difference of neighbouring path nodes."""
    # All three components are interpolated alike.
    points = sp.csr_matrix(embedding[::3][:, ::3])
    return sp.csr_matrix(points[1:] - points[:-1])
