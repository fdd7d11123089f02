"""`RestOperator`: the factorised stiffness of the captured state."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.errors import SolverError
from threadlift.tissue.linear_solver import Backend, Factor, factorise

# Relative residual that a basis in single precision may have; displacements are then good to about
# half of it (60,000 unknowns: residual 3e-4, displacement 1e-4).
_BASIS_RESIDUAL = 2e-3
_BLOCK = 128


@dataclass(frozen=True)
class RestOperator:
    """The factorised stiffness of the captured state: one factor serves every linear question."""

    factor: Factor

    @property
    def matrix(self) -> sp.csr_matrix:
        """Stiffness of the captured state (ndof, ndof) [N/mm]."""
        return self.factor.matrix

    def solve(self, rhs: NDArray) -> NDArray:
        """K^-1 rhs [mm] for loads (ndof,) or (ndof,k) [N]; the residual is checked."""
        return self.factor.solve(rhs)

    def responses(self, rows: NDArray | sp.csr_matrix) -> NDArray:
        """K^-1 rows^T (ndof, m): for row functionals (m, ndof) the adjoint fields.

        The response of row i to any nodal load f is then ``responses[:, i] @ f``.
        """
        dense = rows.toarray() if isinstance(rows, sp.csr_matrix) else np.asarray(rows, float)
        return self.factor.solve(np.ascontiguousarray(dense.T))

    @cached_property
    def _single(self) -> Factor:
        return factorise(self.matrix, backend=cast("Backend", self.factor.backend), single=True)

    def basis(self, loads: sp.csc_matrix, at: NDArray) -> NDArray:
        """Displacements (k, len(at)) float32 of the dofs ``at`` under each of k loads (ndof, k).

        For searches over thousands of threads, whose linear model errs by per cents: solved in
        single precision, good to about 1e-4. Every block's residual is checked (through one
        combination of its columns); raises SolverError above `_BASIS_RESIDUAL`.
        """
        columns = sp.csc_matrix(loads)
        count = len(columns.indptr) - 1
        out = np.zeros((count, len(at)), dtype=np.float32)
        for start in range(0, count, _BLOCK):
            block = sp.csc_matrix(columns[:, start : start + _BLOCK]).toarray(order="F")
            x = self._single.precondition(block)
            mix = np.cos(1.0 + np.arange(block.shape[1]))
            rhs = block @ mix
            gap = float(np.linalg.norm(rhs - self.matrix @ (x @ mix)))
            if gap > _BASIS_RESIDUAL * float(np.linalg.norm(rhs)):
                raise SolverError(
                    "The tissue is too badly scaled for responses in single precision.",
                    "Use RestOperator.solve, or check layer thicknesses and moduli.",
                )
            out[start : start + block.shape[1]] = x[at].T
        return out

    def precondition(self, rhs: NDArray) -> NDArray:
        """One unchecked solve, for iterations that check their own residual."""
        return self.factor.precondition(rhs)
