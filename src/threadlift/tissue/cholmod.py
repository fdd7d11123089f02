"""CHOLMOD through scikit-sparse, for machines without MKL on which somebody has installed it.

scikit-sparse has no wheel and its supernodal kernels are under the GPL, so it is never a dependency
of this package; it is used only where it is found.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.errors import SolverError
from threadlift.tissue.pardiso import NotPositiveDefiniteError


def available() -> bool:
    """Whether scikit-sparse can be imported here."""
    return find_spec("sksparse") is not None


class CholmodFactor:
    """Cholesky factor of a symmetric positive definite matrix (both triangles stored)."""

    backend = "cholmod"

    def __init__(self, matrix: sp.csr_matrix) -> None:
        if not available():
            raise SolverError("CHOLMOD is not installed.", "Install scikit-sparse, or use 'auto'.")
        self._module: Any = import_module("sksparse.cholmod")
        self._matrix = sp.csc_matrix(matrix)
        self._factor: Any = self._module.analyze(self._matrix, ordering_method="metis")
        self.update(self._matrix.data)

    @property
    def nnz(self) -> int:
        """Non-zeros of the factor."""
        return int(self._factor.L().nnz)

    def update(self, data: NDArray) -> None:
        """Factorise anew with other values on the same pattern; the ordering is kept."""
        # The matrix is symmetric, so its CSR data are its CSC data.
        self._matrix.data[:] = data
        try:
            self._factor.cholesky_inplace(self._matrix)
        except self._module.CholmodNotPositiveDefiniteError as error:
            raise NotPositiveDefiniteError(
                "The stiffness matrix is not positive definite.",
                "Check the supports: a part of the mesh may be free to float.",
            ) from error

    def solve(self, rhs: NDArray) -> NDArray:
        """Solution for (n,) or (n,k)."""
        return np.asarray(self._factor.solve_A(np.asarray(rhs, dtype=np.float64)))
