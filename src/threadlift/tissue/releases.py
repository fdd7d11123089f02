"""Equilibria one after the other, until no more cogs let go."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from threadlift.tissue.bonded import BondCable
from threadlift.tissue.cables import CableSet, CableState
from threadlift.tissue.newton import Minimum

# Times that cogs may let go one after the other; a thread that has not settled by then is drawn
# through altogether.
_MAX_RELEASES = 4
# Relative residual at which it is beyond doubt which cogs let go.
_SURE = 1e-3
# Where a solve is less exact than that, a cog within this share of the slip at which it lets go is
# looked at again (cogs move by a millimetre; a residual of 0.05 leaves errors of micrometres).
_DOUBT = 0.03


class Solve(Protocol):
    """The equilibrium with the cogs' present holding forces."""

    def __call__(  # noqa: D102
        self, cables: CableSet, /, *, start: NDArray | None, recycle: bool, tolerance: float
    ) -> Minimum: ...


def released(
    solve: Solve, held: CableSet, start: NDArray | None, *, recycle: bool, tolerance: float
) -> tuple[CableSet, Minimum]:
    """The cables as they hold in the end, and their equilibrium.

    start (N,3) [mm], recycle, tolerance: of the first solve; see `minimum.minimum`. Raises
    SolverError when one of the equilibria is not found.
    """
    found = solve(held, start=start, recycle=recycle, tolerance=tolerance)
    attempts = 0
    while True:
        state = held.state(found.u)
        if tolerance > _SURE and found.residual > _SURE and _doubtful(held, state):
            again = solve(held, start=found.u, recycle=True, tolerance=_SURE)
            found = _joined(found, again)
            state = held.state(found.u)
        weaker = held.let_go(state, through=attempts >= _MAX_RELEASES)
        if weaker is held:
            return held, found
        held, attempts = weaker, attempts + 1
        found = _joined(found, solve(held, start=found.u, recycle=True, tolerance=tolerance))


def _joined(before: Minimum, after: Minimum) -> Minimum:
    """The later of two minima with the work of both."""
    return replace(
        after,
        iterations=before.iterations + after.iterations,
        cg_iterations=before.cg_iterations + after.cg_iterations,
        history=before.history + after.history,
    )


def _doubtful(held: CableSet, state: CableState) -> bool:
    """Whether a little more or less slip would change which cogs let go."""
    early, late = (held.let_go(state, slip_share=1.0 + x).cables for x in (-_DOUBT, _DOUBT))
    return any(
        isinstance(a, BondCable)
        and isinstance(b, BondCable)
        and not np.array_equal(a.capacity_n, b.capacity_n)
        for a, b in zip(early, late, strict=True)
    )
