"""A kept preconditioner mended along the threads that have come, gone or moved since.

A string under tension is stiff where the factor of another plan knows none, and the other way
round; elsewhere the two stiffnesses are nearly the same. So the nodes around these threads (the
corridor) are solved exactly, with a small factor of their own, before and after the kept factor
acts: symmetric multiplicative Schwarz, M^-1 = P + (1 - P A) M0^-1 (1 - A P) with P the inverse of
A on the corridor. It is positive definite whenever A is so on the corridor (Toselli & Widlund,
Domain decomposition methods, ch. 2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.tissue.assembly import Blocks, BlockSparsity
from threadlift.tissue.bonded import BondCable
from threadlift.tissue.cables import Cable, CableSet, CableState
from threadlift.tissue.linear_solver import Backend, Factor, factorise
from threadlift.tissue.newton import Preconditioner
from threadlift.tissue.pardiso import NotPositiveDefiniteError

# Rings of neighbours around the nodes that carry a thread. One takes a quarter more inner
# iterations, three make the corridor's factor dearer than they spare.
_RINGS = 2


def corridor_nodes(pattern: BlockSparsity, cables: Sequence[Cable | BondCable]) -> NDArray:
    """Node numbers, rising, around the paths of cables."""
    nodes = len(pattern.indptr) - 1
    inside = np.zeros(nodes, dtype=bool)
    for cable in cables:
        inside[cable.embedding.indices // 3] = True
    for _ in range(_RINGS):
        inside[pattern.indices[_entries(pattern, np.flatnonzero(inside))]] = True
    return np.flatnonzero(inside)


class Corridor:
    """``kept`` with an exact solve on the corridor nodes (c,) around it.

    Before ``update``, or where that meets a stiffness that is not positive definite on the
    corridor, ``kept`` acts alone.
    """

    def __init__(self, kept: Preconditioner, nodes: NDArray, backend: Backend) -> None:
        self._kept, self._nodes = kept, nodes
        self._backend: Backend = backend
        self._dof = (3 * nodes[:, None] + np.arange(3)).ravel()
        self._factor: Factor | None = None

    def update(self, body: Blocks, cables: CableSet, state: CableState) -> None:
        """Take the stiffness of the tissue and, in their present state, of the cables' strings."""
        sparsity = body.pattern
        chosen = _entries(sparsity, self._nodes)
        count = np.diff(sparsity.indptr)[self._nodes]
        indptr = np.concatenate([[0], np.cumsum(count)])
        blocks = (body.data[chosen], sparsity.indices[chosen], indptr)
        shape = (len(self._dof), 3 * (len(sparsity.indptr) - 1))
        rows = sp.csr_matrix(sp.bsr_matrix(blocks, shape=shape).tocsr())
        rows = sp.csr_matrix(rows + cables.string_stiffness(state)[self._dof])
        inner = sp.csr_matrix(rows[:, self._dof])
        factor, self._factor = self._factor, None
        try:
            if factor is not None and factor.fits(inner):
                factor.update(inner)
            else:
                factor = factorise(inner, backend=self._backend, single=True)
        except NotPositiveDefiniteError:
            return
        self._factor = factor
        self._rows, self._columns = rows, sp.csr_matrix(rows.T)

    def precondition(self, rhs: NDArray) -> NDArray:
        """One application to rhs (n,)."""
        if self._factor is None:
            return self._kept.precondition(rhs)
        before = self._factor.precondition(rhs[self._dof])
        out = self._kept.precondition(rhs - self._columns @ before)
        out[self._dof] += before
        out[self._dof] += self._factor.precondition(rhs[self._dof] - self._rows @ out)
        return out


def _entries(pattern: BlockSparsity, rows: NDArray) -> NDArray:
    """Block numbers of whole rows of a pattern."""
    count = np.diff(pattern.indptr)[rows].astype(np.int64)
    before = np.concatenate([[0], np.cumsum(count)[:-1]]) if len(rows) else np.zeros(0, np.int64)
    return np.repeat(pattern.indptr[rows] - before, count) + np.arange(count.sum())
