"""The tissue about one equilibrium: how it answers small loads there, threads and all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import SolverError
from threadlift.tissue.linear_solver import Factor, factorise
from threadlift.tissue.loaded import Loaded
from threadlift.tissue.newton import steihaug
from threadlift.tissue.pardiso import NotPositiveDefiniteError
from threadlift.tissue.string_blocks import StringBlocks

if TYPE_CHECKING:
    from threadlift.tissue.tissue import Tissue

#: Relative residual of the solves: far below the accuracy that anybody asks of a slope.
TOLERANCE = 1e-10
_MAX_ITERATIONS = 500


class Linearised:
    """H = dr/du of an equilibrium with unbalanced force r, and solves with it.

    tissue: the tissue that was solved; problem: what was solved; u (N,3) [mm]: its solution.
    """

    def __init__(self, tissue: Tissue, problem: Loaded, u: NDArray) -> None:
        self._problem, self._u = problem, u
        state = problem.cables.state(u)
        strings = StringBlocks.of(problem.solid.pattern, problem.cables)

        def factor(safe: bool) -> Factor:
            matrix = strings.matrix(problem.tangent(u, safe=safe), state)
            return factorise(matrix, backend=tissue.backend, single=True)

        try:
            self._factor = factor(safe=False)
        except NotPositiveDefiniteError:
            self._factor = factor(safe=True)
        self._times = problem.hessian(u, safe=False)

    def solve(self, loads: NDArray, tolerance: float = TOLERANCE) -> NDArray:
        """H^-1 f (m,N,3) of loads (m,N,3). Held nodes take what acts on them.

        Raises SolverError where the equilibrium is not stable enough for a linear solve.
        """
        held = self._problem.solid.held[:, None]
        out = np.zeros_like(loads)
        for i, load in enumerate(loads):
            free = np.where(held, 0.0, load)
            if not free.any():
                continue
            step = steihaug(
                -free,
                self._times,
                self._factor,
                tolerance=tolerance,
                radius=np.inf,
                limit=_MAX_ITERATIONS,
            )
            if step.reason != "converged":
                raise SolverError(
                    f"The linear solve about an equilibrium has no answer ({step.reason}).",
                    "The equilibrium is close to buckling: lower the tensions.",
                )
            out[i] = step.p
        return out
