"""pypardiso driven for a symmetric matrix: the best direct solver a SciPy-based peer can have.

As shipped, pypardiso treats every matrix as unsymmetric and compares it with the last one at every
solve. Here its phases are called one by one, as Cholesky (matrix type 2) without refinement; where
the tangent is indefinite, as LDL^T (type -2).
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import numpy as np
import pypardiso
import scipy.sparse as sp
from pypardiso.pardiso_wrapper import PyPardisoError
from pypardiso.pardiso_wrapper import PyPardisoSolver as Solver

VERSION = f"pypardiso {getattr(pypardiso, '__version__', '0.4.7')}"


class Factor:
    """Factor of a symmetric CSR matrix of which the upper triangle is used.

    ``indefinite``: LDL^T from the start; ``switched``: an indefinite matrix has forced that.
    """

    def __init__(self, matrix: sp.csr_matrix, indefinite: bool = False) -> None:
        self._indefinite, self.switched = indefinite, False
        self._begin(matrix)

    def _begin(self, matrix: sp.csr_matrix) -> None:
        self._solver = Solver(mtype=-2 if self._indefinite else 2)
        self._solver.set_iparm(1, 1)  # no defaults
        self._solver.set_iparm(2, 2)  # nested dissection
        self._solver.set_iparm(18, -1)  # count the entries of the factor
        self._solver.set_iparm(19, -1)  # count its operations
        if self._indefinite:
            self._solver.set_iparm(10, 8)
            self._solver.set_iparm(21, 1)
        self._upper = _upper(matrix)
        self._phase(11)
        self.update(matrix)

    def _phase(self, phase: int, b: np.ndarray | None = None) -> np.ndarray:
        self._solver.set_phase(phase)
        return self._solver._call_pardiso(
            self._upper, np.zeros((len(self._upper.indptr) - 1, 1)) if b is None else b
        )

    def update(self, matrix: sp.csr_matrix) -> None:
        """Factorise other values on the same pattern."""
        fresh = _upper(matrix)
        if not np.array_equal(fresh.indices, self._upper.indices):
            raise ValueError("the pattern of the matrix changed")
        self._upper = fresh
        try:
            self._phase(22)
        except PyPardisoError:
            if self._indefinite:
                raise
            self.release()
            self._indefinite = self.switched = True
            self._begin(matrix)

    def release(self) -> None:
        """Give the memory of the factor back."""
        self._solver.free_memory(everything=True)

    @property
    def kind(self) -> str:
        """'Cholesky' or 'LDL^T'."""
        return "LDL^T" if self._indefinite else "Cholesky"

    @property
    def nnz(self) -> int:
        """Entries of the factor."""
        return int(self._solver.get_iparm(18))

    @property
    def gflop(self) -> float:
        """Operations of the numerical factorisation [1e9]."""
        return float(self._solver.get_iparm(19)) / 1e3

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        """One (n,) or several (n,k) right-hand sides; give a block in Fortran order."""
        return self._phase(33, np.asfortranarray(rhs))


def _upper(matrix: sp.csr_matrix) -> sp.csr_matrix:
    out = sp.csr_matrix(sp.triu(matrix, format="csr"))
    out.sort_indices()
    return out
