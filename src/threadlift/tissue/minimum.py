"""The nonlinear solve of one tissue under given cables and loads, with its preconditioner."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.tissue import newton
from threadlift.tissue.assembly import Solid
from threadlift.tissue.cables import CableSet
from threadlift.tissue.loaded import Loaded
from threadlift.tissue.pardiso import NotPositiveDefiniteError
from threadlift.tissue.string_blocks import StringBlocks
from threadlift.tissue.working_factor import WorkingFactor

# A new factor costs as much as about twenty inner iterations: a step that took more than this pays
# for one, since the steps after it would take as many.
_REFRESH_AFTER = 10
_RECYCLED_AFTER = 25
_MAX_REFRESHES = 4


def minimum(
    solid: Solid,
    cables: CableSet,
    external: NDArray,
    working: WorkingFactor,
    *,
    start: NDArray | None = None,
    recycle: bool = False,
    captured: newton.Preconditioner | None = None,
    tolerance: float,
    max_iterations: int = newton.MAX_ITERATIONS,
) -> newton.Minimum:
    """Equilibrium displacement with the cogs' present holding forces.

    external (N,3) [N]; start (N,3) [mm] a nearby solution; recycle: begin with the factor that
    ``working`` still has from a solve nearby; captured: one of the captured state, to begin with
    where there is neither. Raises SolverError when nothing converges.
    """
    problem = Loaded(solid, cables, external)
    load = problem.load_size()
    u = np.zeros_like(solid.points) if start is None else start
    if load == 0.0:
        u = np.zeros_like(solid.points)
        return newton.Minimum(u, 0.0, 0, 0, problem.evaluate(u).min_jacobian, (0.0,))
    strings = StringBlocks.of(solid.pattern, cables)
    left, patience = _MAX_REFRESHES, _REFRESH_AFTER
    solver: newton.Preconditioner | None = captured if start is None else None
    if recycle and working.made:
        # Made for other threads, it is worth keeping longer than a factor of this problem's own:
        # a new one begins with the ordering.
        solver, patience = working, _RECYCLED_AFTER

    def factor_at(at: NDArray, safe: bool) -> WorkingFactor:
        state = cables.state(at)
        try:
            return working.make(strings.matrix(problem.tangent(at, safe), state))
        except NotPositiveDefiniteError:
            # Compressed skin: the captured stiffness with the present strings still is.
            captured = solid.tangent(np.zeros_like(at), safe=True)
            return working.make(strings.matrix(captured, state))

    def refresh(at: NDArray, inner: int, safe: bool) -> newton.Preconditioner | None:
        nonlocal left, patience
        if left == 0 or inner <= patience:
            return None
        left, patience = left - 1, _REFRESH_AFTER
        return factor_at(at, safe)

    return newton.minimise(
        problem,
        u,
        solver or factor_at(u, safe=True),
        load=load,
        tolerance=tolerance,
        rounding=solid.rounding_n,
        energy_rounding=solid.energy_rounding,
        max_iterations=max_iterations,
        refresh=refresh,
    )
