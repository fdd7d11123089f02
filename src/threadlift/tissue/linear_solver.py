"""Sparse symmetric positive definite solves behind one small interface.

`factorise` gives a `Factor` whose `solve` checks its own residual; the work is done by MKL PARDISO
where the wheel is installed, by CHOLMOD where somebody has installed scikit-sparse, and by SciPy's
SuperLU everywhere else (docs/decisions/0003). Unknowns that the matrix couples to no other (those
of held nodes) are solved by their diagonal and left out of the factor.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from threadlift.errors import SolverError
from threadlift.tissue import cholmod, pardiso

Backend = Literal["auto", "pardiso", "cholmod", "splu"]

#: Largest accepted |b - A x| / |b| of a direct solve; a healthy factor gives 1e-12.
RESIDUAL_LIMIT = 1e-8
# Backward error of a solution that is as good as its matrix is known.
_BACKWARD = 4.0 * float(np.finfo(float).eps)
# Rounds of iterative refinement: one mends an unlucky double-precision solve, a single-precision
# factor gains two to four digits with each.
_REFINEMENTS = 5


class _RawFactor(Protocol):
    @property
    def backend(self) -> str: ...
    @property
    def nnz(self) -> int: ...
    def update(self, data: NDArray) -> None: ...
    def solve(self, rhs: NDArray) -> NDArray: ...


class _SuperLU:
    """SciPy's LU in symmetric mode with the interface of `PardisoFactor` (full matrix)."""

    backend = "splu"

    def __init__(self, matrix: sp.csr_matrix) -> None:
        self._matrix = matrix.tocsc()
        self._factorise()

    def _factorise(self) -> None:
        try:
            # Symmetric mode without pivoting: right for positive definite matrices, half the fill.
            self._lu = splu(
                self._matrix,
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True},
            )
        except RuntimeError as error:
            raise SolverError(
                f"The stiffness matrix is singular ({error}).",
                "Check the supports: a part of the mesh may be free to float.",
            ) from error

    @property
    def nnz(self) -> int:
        return int(self._lu.nnz)

    def update(self, data: NDArray) -> None:
        # The matrix is symmetric, so its CSR data are its CSC data.
        self._matrix.data[:] = data
        self._factorise()

    def solve(self, rhs: NDArray) -> NDArray:
        return self._lu.solve(np.asarray(rhs, dtype=np.float64))


class Factor:
    """Factorised symmetric positive definite matrix with checked solves.

    Attributes
    ----------
    matrix: the CSR matrix that was factorised (all entries).
    coupled: numbers of the unknowns in the factor; the others stand alone on the diagonal.
    """

    def __init__(
        self,
        matrix: sp.csr_matrix,
        backend: Backend = "auto",
        *,
        single: bool = False,
        most_threads: int = pardiso.THREADS,
    ) -> None:
        self.matrix = _checked(matrix)
        chosen = backend
        if backend == "auto":
            chosen = "pardiso" if pardiso.available() else "splu"
            if chosen == "splu" and cholmod.available():
                chosen = "cholmod"
        if chosen not in ("pardiso", "cholmod", "splu"):
            raise SolverError(f"Unknown solver '{backend}'.", "Use auto, pardiso, cholmod or splu.")
        rows = np.repeat(np.arange(self.n, dtype=np.int32), np.diff(self.matrix.indptr))
        inside = _coupled(self.matrix, rows)
        self.coupled, self._alone = np.flatnonzero(inside), np.flatnonzero(~inside)
        self._diagonal = self._checked_diagonal()
        # Entries of the matrix that go to the back end, and those that must stay zero.
        self._kept = inside[rows] & inside[self.matrix.indices]
        self._zero = np.flatnonzero(~self._kept & (self.matrix.indices != rows))
        if chosen == "pardiso":
            self._kept &= self.matrix.indices >= rows
        indptr, indices = self._inner_pattern()
        data = self.matrix.data[self._kept]
        self._raw: _RawFactor
        if chosen == "pardiso":
            self._raw = pardiso.PardisoFactor(
                indptr, indices, data, single=single, most_threads=most_threads
            )
        else:
            shape = (len(self.coupled),) * 2
            inner = sp.csr_matrix((data, indices, indptr), shape=shape)
            self._raw = cholmod.CholmodFactor(inner) if chosen == "cholmod" else _SuperLU(inner)
        # Fixed signs and sizes: one combined column shows an error in any column of a block.
        self._mix = np.cos(1.0 + np.arange(4096.0))

    @property
    def n(self) -> int:
        """Order of the matrix."""
        return len(self.matrix.indptr) - 1

    @property
    def backend(self) -> str:
        """'pardiso', 'cholmod' or 'splu'."""
        return self._raw.backend

    @property
    def nnz(self) -> int:
        """Non-zeros of the factor."""
        return self._raw.nnz

    def fits(self, matrix: sp.csr_matrix) -> bool:
        """Whether ``update`` takes this matrix: it has the pattern of the present one, and the
        same unknowns stand alone.
        """
        mine = self.matrix
        return (
            matrix.nnz == mine.nnz
            and np.array_equal(matrix.indptr, mine.indptr)
            and np.array_equal(matrix.indices, mine.indices)
            and not matrix.data[self._zero].any()
        )

    def update(self, matrix: sp.csr_matrix) -> None:
        """Factorise another matrix of the same pattern, keeping the ordering where possible."""
        new = _checked(matrix)
        if not self.fits(new):
            raise SolverError(
                "The pattern of the matrix changed.", "Build a new factor with factorise()."
            )
        self.matrix = new
        self._diagonal = self._checked_diagonal()
        self._raw.update(new.data[self._kept])

    def solve(self, rhs: NDArray) -> NDArray:
        """Solution for (n,) or (n,k). Raises SolverError when the residual is too large."""
        rhs = np.asarray(rhs, dtype=np.float64)
        if rhs.shape[0] != self.n or rhs.ndim > 2:
            raise SolverError(
                f"A right-hand side has shape {rhs.shape}, the matrix order {self.n}.",
                "Give three numbers per mesh node.",
            )
        if not np.isfinite(rhs).all():
            raise SolverError(
                "A load on the tissue is not a number.", "Check tensions and positions of threads."
            )
        x = self.precondition(rhs)
        for _ in range(_REFINEMENTS):
            if self._accurate(rhs, x):
                return x
            x += self.precondition(rhs - self.matrix @ x)
        if not self._accurate(rhs, x):
            raise SolverError(
                "The linear solve is inaccurate (residual above 1e-8).",
                "The stiffness matrix is badly scaled: check layer thicknesses and moduli.",
            )
        return x

    def precondition(self, rhs: NDArray) -> NDArray:
        """One unchecked solve (n,) or (n,k): for iterations that check their own residual."""
        if len(self._alone) == 0:
            return np.asarray(self._raw.solve(rhs), dtype=np.float64)
        x = np.empty(rhs.shape, order="F")
        x[self.coupled] = self._raw.solve(rhs[self.coupled])
        x[self._alone] = (rhs[self._alone].T / self._diagonal).T
        return x

    def rough(self, rhs: NDArray) -> NDArray:
        """One unchecked solve (c,k) between the coupled unknowns alone, in the factor's own
        precision, for callers that check it.
        """
        return self._raw.solve(rhs)

    def _checked_diagonal(self) -> NDArray:
        """Diagonal of the unknowns that stand alone."""
        diagonal = self.matrix.diagonal()[self._alone]
        if (diagonal <= 0.0).any():
            raise pardiso.NotPositiveDefiniteError(
                "The stiffness matrix is not positive definite.",
                "Check the supports: a part of the mesh may be free to float.",
            )
        return diagonal

    def _inner_pattern(self) -> tuple[NDArray, NDArray]:
        """Row starts and columns of the kept entries, coupled unknowns numbered in their order."""
        starts = np.concatenate([[0], np.cumsum(self._kept, dtype=np.int32)])
        indices = self.matrix.indices[self._kept]
        if len(self._alone) == 0:
            return starts[self.matrix.indptr], indices
        number = np.full(self.n, -1, dtype=np.int32)
        number[self.coupled] = np.arange(len(self.coupled), dtype=np.int32)
        ends = np.concatenate([[0], self.matrix.indptr[self.coupled + 1]])
        return starts[ends], number[indices]

    def _accurate(self, rhs: NDArray, x: NDArray) -> bool:
        if rhs.ndim == 2:
            mix = np.resize(self._mix, rhs.shape[1])
            rhs, x = rhs @ mix, x @ mix
        error = float(np.linalg.norm(rhs - self.matrix @ x))
        if error <= RESIDUAL_LIMIT * float(np.linalg.norm(rhs)):
            return True
        # Very stiff systems: no solution can be better than the rounding of its own products.
        return error <= _BACKWARD * float(np.linalg.norm(abs(self.matrix) @ np.abs(x)))


def _coupled(matrix: sp.csr_matrix, rows: NDArray) -> NDArray:
    """Mask (n,) of the unknowns with non-zeros beside the diagonal; all of them where none has any.

    rows (nnz,): row of every entry.
    """
    out = np.zeros(len(matrix.indptr) - 1, dtype=bool)
    out[rows[(matrix.indices != rows) & (matrix.data != 0.0)]] = True
    return out if out.any() else ~out


def _checked(matrix: sp.csr_matrix) -> sp.csr_matrix:
    out = sp.csr_matrix(matrix)
    out.sort_indices()
    if out.get_shape() != (len(out.indptr) - 1,) * 2:
        raise SolverError("The stiffness matrix is not square.", "Report this as a defect.")
    if not np.isfinite(out.data).all():
        raise SolverError(
            "The stiffness matrix holds values that are not numbers.",
            "Check tissue parameters and layer thicknesses.",
        )
    return out


def factorise(
    matrix: sp.csr_matrix,
    *,
    backend: Backend = "auto",
    single: bool = False,
    most_threads: int = pardiso.THREADS,
) -> Factor:
    """Factorise a symmetric positive definite CSR matrix (both triangles stored).

    backend: 'auto' takes MKL PARDISO when it is installed, else CHOLMOD, else SciPy's SuperLU.
    single: keep the factor in single precision where the backend can (preconditioners; ``solve``
    refines its answer to the same accuracy). most_threads: 1 for the same bits as in a process that
    has one. Raises SolverError when the matrix is singular, not positive definite or not finite.
    """
    return Factor(matrix, backend, single=single, most_threads=most_threads)
