"""`WorkingFactor`: the preconditioner of nonlinear solves, made anew on one pattern.

In single precision: conjugate gradients check their own residual, so five digits are plenty, and
the factor takes half the time, memory and traffic of a double one. The ordering is kept as long as
the pattern stays: for every state of one plan, and for every tissue on one mesh without threads.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.tissue.bonded import BondCable
from threadlift.tissue.cables import Cable
from threadlift.tissue.linear_solver import Backend, Factor, factorise


class WorkingFactor:
    """Holds one factor at a time; a new one replaces it.

    Attributes
    ----------
    backend: the linear solver.
    cables: those whose strings are in the factor.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend: Backend = backend
        self.cables: tuple[Cable | BondCable, ...] = ()
        self._factor: Factor | None = None

    def __getstate__(self) -> dict[str, object]:
        # A factor cannot travel between processes; it is made again where it is needed.
        return {"backend": self.backend, "cables": (), "_factor": None}

    @property
    def made(self) -> bool:
        """Whether there is a factor."""
        return self._factor is not None

    def make(
        self, matrix: sp.csr_matrix, cables: Sequence[Cable | BondCable] = ()
    ) -> WorkingFactor:
        """Factorise. Raises NotPositiveDefiniteError; there is no factor then."""
        factor, self._factor = self._factor, None
        if factor is not None and factor.fits(matrix):
            factor.update(matrix)
        else:
            factor = factorise(matrix, backend=self.backend, single=True)
        self._factor, self.cables = factor, tuple(cables)
        return self

    def precondition(self, rhs: NDArray) -> NDArray:
        """One unchecked solve (n,)."""
        assert self._factor is not None, "make() comes first"
        return np.asarray(self._factor.precondition(rhs))
