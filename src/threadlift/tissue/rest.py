"""`RestOperator`: the factorised stiffness of the captured state."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.tissue.linear_solver import Factor


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

    def precondition(self, rhs: NDArray) -> NDArray:
        """One unchecked solve, for iterations that check their own residual."""
        return self.factor.precondition(rhs)
