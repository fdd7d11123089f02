"""`RestOperator`: the factorised stiffness of the captured state."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.errors import SolverError
from threadlift.tissue.linear_solver import Backend, Factor, factorise

# Relative residual that a basis in single precision may have; displacements are then good to about
# half of it (60,000 unknowns: residual 3e-4, displacement 1e-4).
_BASIS_RESIDUAL = 2e-3
_BLOCK = 128
# Right-hand sides of checked solves at a time: what a solve needs beside its answer stays small.
_CHECKED_BLOCK = 32


@dataclass(frozen=True)
class RestOperator:
    """The factorised stiffness of the captured state, for every linear question.

    matrix: stiffness of the captured state (ndof, ndof) [N/mm], unit rows at held nodes; held
    (ndof,): mask of the dofs that cannot move, whatever is applied there; backend: linear solver.
    Its factor is made when it is first needed, in double precision for checked solves, in single
    for a basis or as a preconditioner. One is kept at a time, since together with the answers of
    many solves both would be the peak of a plan's memory; either comes out the same when it is made
    again.
    """

    matrix: sp.csr_matrix
    held: NDArray
    backend: Backend = "auto"
    _kept: dict[bool, Factor] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def factor(self) -> Factor:
        """The factor in double precision."""
        return self._factor(single=False)

    @property
    def _single(self) -> Factor:
        return self._factor(single=True)

    def _factor(self, *, single: bool) -> Factor:
        if single not in self._kept:
            self._kept.clear()
            self._kept[single] = factorise(self.matrix, backend=self.backend, single=single)
        return self._kept[single]

    def solve(self, rhs: NDArray) -> NDArray:
        """K^-1 rhs [mm] for loads (ndof,) or (ndof,k) [N]; the residual is checked."""
        load = np.asarray(rhs, float)
        if self.held.any() and load.shape[:1] == self.held.shape:
            load = np.where(self.held if load.ndim == 1 else self.held[:, None], 0.0, load)
        return self.factor.solve(load)

    def responses(self, rows: NDArray | sp.csr_matrix) -> NDArray:
        """K^-1 rows^T (ndof, m): for row functionals (m, ndof) the adjoint fields.

        The response of row i to any nodal load f is then ``responses[:, i] @ f``.
        """
        sparse = isinstance(rows, sp.csr_matrix)
        count = len(rows.indptr) - 1 if sparse else len(rows)
        out = np.empty((self.factor.n, count), order="F")
        for start in range(0, count, _CHECKED_BLOCK):
            part = rows[start : start + _CHECKED_BLOCK]
            dense = part.toarray() if isinstance(part, sp.csr_matrix) else np.asarray(part, float)
            out[:, start : start + _CHECKED_BLOCK] = self.solve(dense.T)
        return out

    def basis(self, loads: sp.csc_matrix, at: NDArray) -> NDArray:
        """Displacements (k, len(at)) float32 of the dofs ``at`` under each of k loads (ndof, k).

        For searches over thousands of threads, whose linear model errs by per cents: solved in
        single precision, good to about 1e-4. Every block's residual is checked (through one
        combination of its columns); raises SolverError above `_BASIS_RESIDUAL`.
        """
        columns = sp.csc_matrix(loads, copy=True)
        columns.sum_duplicates()
        count, coupled = len(columns.indptr) - 1, self._single.coupled
        # Places of the dofs among those of the factor; what is asked of others stays zero.
        place = np.full(len(self.held), -1)
        place[coupled] = np.arange(len(coupled))
        moving = np.flatnonzero(place[at] >= 0)
        source = place[at[moving]]
        out = np.zeros((count, len(at)), dtype=np.float32)
        # One buffer, of which only the few loaded dofs are written and wiped.
        buffer = np.zeros((len(coupled), min(_BLOCK, count)), dtype=np.float32, order="F")
        for start in range(0, count, _BLOCK):
            stop = min(start + _BLOCK, count)
            part = slice(columns.indptr[start], columns.indptr[stop])
            column = np.repeat(np.arange(stop - start), np.diff(columns.indptr[start : stop + 1]))
            dof = place[columns.indices[part]]
            free = dof >= 0
            dof, column, data = dof[free], column[free], columns.data[part][free]
            buffer[dof, column] = data
            x = self._single.rough(buffer[:, : stop - start])
            self._check(coupled, dof, column, data, x)
            out[start:stop, moving] = x.T[:, source]
            buffer[dof, column] = 0.0
        return out

    def _check(
        self, coupled: NDArray, dof: NDArray, column: NDArray, data: NDArray, x: NDArray
    ) -> None:
        """Compare K x with loads ``data`` at (dof, column), through one combination of columns."""
        mix = np.cos(1.0 + np.arange(x.shape[1]))
        mixed = np.zeros(len(self.held))
        mixed[coupled] = x @ mix.astype(np.float32)
        rhs = np.bincount(dof, data * mix[column], minlength=len(coupled))
        gap = float(np.linalg.norm(rhs - (self.matrix @ mixed)[coupled]))
        if gap > _BASIS_RESIDUAL * float(np.linalg.norm(rhs)):
            raise SolverError(
                "The tissue is too badly scaled for responses in single precision.",
                "Use RestOperator.solve, or check layer thicknesses and moduli.",
            )

    def precondition(self, rhs: NDArray) -> NDArray:
        """One unchecked solve, for iterations that check their own residual."""
        return self._single.precondition(rhs)
