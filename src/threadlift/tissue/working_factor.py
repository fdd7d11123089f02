"""`WorkingFactor`: the preconditioner of nonlinear solves, made anew on one pattern.

In single precision: conjugate gradients check their own residual, so five digits are plenty, and
the factor takes half the time, memory and traffic of a double one. The ordering is kept as long as
the pattern stays: for every state of one plan, for every tissue on one mesh without threads, and
for all members of an ensemble whose threads stay in one strip.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.tissue.assembly import BlockSparsity
from threadlift.tissue.bonded import BondCable
from threadlift.tissue.cables import Cable, CableSet
from threadlift.tissue.linear_solver import Backend, Factor, factorise
from threadlift.tissue.pardiso import THREADS
from threadlift.tissue.string_blocks import StringBlocks, Strip


class WorkingFactor:
    """Holds one factor at a time; a new one replaces it.

    Attributes
    ----------
    backend: the linear solver.
    strip: where threads may come to lie, if they move a little from solve to solve.
    opening: the factor of a similar tissue on that strip, good for a rough first step.
    cables: those whose strings are in the factor.
    """

    def __init__(
        self,
        backend: Backend,
        strip: Strip | None = None,
        opening: WorkingFactor | None = None,
        most_threads: int = THREADS,
    ) -> None:
        self.backend: Backend = backend
        self.strip, self.opening = strip, opening
        self._most_threads = most_threads
        self.cables: tuple[Cable | BondCable, ...] = ()
        self._factor: Factor | None = None

    def __getstate__(self) -> dict[str, object]:
        # A factor cannot travel between processes; it is made again where it is needed.
        return {
            **self.__dict__, "strip": None, "opening": None, "cables": (), "_factor": None
        }  # fmt: skip

    @property
    def made(self) -> bool:
        """Whether there is a factor."""
        return self._factor is not None

    def strings(self, pattern: BlockSparsity, cables: CableSet) -> StringBlocks:
        """Pattern of a tissue with the strings of its cables: that of the strip if they fit it."""
        fit = None
        if self.strip is not None and self.strip.pattern is pattern:
            fit = self.strip.strings(cables)
        return fit or StringBlocks.of(pattern, cables)

    def opening_for(self, pattern: BlockSparsity) -> WorkingFactor | None:
        """The factor of a similar tissue with this pattern, if there is one."""
        fits = self.strip is not None and self.strip.pattern is pattern
        return self.opening if fits else None

    def make(
        self, matrix: sp.csr_matrix, cables: Sequence[Cable | BondCable] = ()
    ) -> WorkingFactor:
        """Factorise. Raises NotPositiveDefiniteError; there is no factor then."""
        factor, self._factor = self._factor, None
        if factor is not None and factor.fits(matrix):
            factor.update(matrix)
        else:
            factor = factorise(
                matrix, backend=self.backend, single=True, most_threads=self._most_threads
            )
        self._factor, self.cables = factor, tuple(cables)
        return self

    def precondition(self, rhs: NDArray) -> NDArray:
        """One unchecked solve (n,)."""
        assert self._factor is not None, "make() comes first"
        return np.asarray(self._factor.precondition(rhs))
