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
        columns = sp.csc_matrix(loads, copy=True)
        columns.sum_duplicates()
        count, n = len(columns.indptr) - 1, self.factor.n
        out = np.zeros((count, len(at)), dtype=np.float32)
        # One buffer, of which only the few loaded dofs are written and wiped.
        buffer = np.zeros((n, min(_BLOCK, count)), dtype=np.float32, order="F")
        for start in range(0, count, _BLOCK):
            stop = min(start + _BLOCK, count)
            part = slice(columns.indptr[start], columns.indptr[stop])
            dof = columns.indices[part]
            column = np.repeat(np.arange(stop - start), np.diff(columns.indptr[start : stop + 1]))
            buffer[dof, column] = columns.data[part]
            x = self._single.rough(buffer[:, : stop - start])
            mix = np.cos(1.0 + np.arange(stop - start))
            rhs = np.bincount(dof, columns.data[part] * mix[column], minlength=n)
            gap = float(np.linalg.norm(rhs - self.matrix @ (x @ mix.astype(np.float32))))
            if gap > _BASIS_RESIDUAL * float(np.linalg.norm(rhs)):
                raise SolverError(
                    "The tissue is too badly scaled for responses in single precision.",
                    "Use RestOperator.solve, or check layer thicknesses and moduli.",
                )
            out[start:stop] = x.T[:, at]
            buffer[dof, column] = 0.0
        return out

    def precondition(self, rhs: NDArray) -> NDArray:
        """One unchecked solve, for iterations that check their own residual."""
        return self.factor.precondition(rhs)
