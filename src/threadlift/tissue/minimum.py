"""The nonlinear solve of one tissue under given cables and loads, with its preconditioner."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from threadlift.tissue import newton
from threadlift.tissue.assembly import Solid
from threadlift.tissue.bonded import BondCable
from threadlift.tissue.cables import Cable, CableSet
from threadlift.tissue.corridor import Corridor, corridor_nodes
from threadlift.tissue.loaded import Loaded
from threadlift.tissue.pardiso import NotPositiveDefiniteError
from threadlift.tissue.string_blocks import StringBlocks
from threadlift.tissue.working_factor import WorkingFactor

# A new factor costs as much as about twenty inner iterations: a step that took more than this pays
# for one, since the steps after it would take as many.
_REFRESH_AFTER = 10
_RECYCLED_AFTER = 25
_MAX_REFRESHES = 4
# Inner iterations after which the corridor's own factor is made anew: it costs three of them.
_STALE_AFTER = 3
# Share of the nodes up to which a kept factor is mended around the threads that moved; beyond it,
# a new factor is cheaper.
_LARGEST_CORRIDOR = 0.15


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
    u = np.zeros_like(solid.points) if start is None else solid.admissible(start)
    if load == 0.0:
        u = np.zeros_like(solid.points)
        return newton.Minimum(u, 0.0, 0, 0, problem.evaluate(u).min_jacobian, (0.0,))
    left, patience = _MAX_REFRESHES, _REFRESH_AFTER
    solver: newton.Preconditioner | None = captured if start is None else None
    opening = working.opening_for(solid.pattern) if start is not None and not recycle else None
    rough = opening is not None

    @cache
    def strings() -> StringBlocks:
        return working.strings(solid.pattern, cables)

    def factor_at(at: NDArray, safe: bool) -> WorkingFactor:
        state = cables.state(at)
        try:
            return working.make(strings().matrix(problem.tangent(at, safe), state), cables.cables)
        except NotPositiveDefiniteError:
            # Compressed skin: the captured stiffness with the present strings still is.
            captured = solid.tangent(np.zeros_like(at), safe=True)
            return working.make(strings().matrix(captured, state), cables.cables)

    corridor: Corridor | None = None
    if recycle and working.made:
        nodes = corridor_nodes(solid.pattern, _moved(working.cables, cables.cables))
        if len(nodes) <= _LARGEST_CORRIDOR * solid.nodes:
            # A new factor begins with the ordering: this one is worth keeping longer than one of
            # this problem's own.
            patience = _RECYCLED_AFTER
            solver = working
            if len(nodes):
                solver = corridor = Corridor(working, nodes, working.backend)
                corridor.update(problem.tangent(u, safe=True), cables, cables.state(u))

    def refresh(at: NDArray, inner: int, safe: bool) -> newton.Preconditioner | None:
        nonlocal left, patience, corridor, opening
        if opening is not None:
            opening = None
            return factor_at(at, safe)
        if corridor is not None and inner <= patience:
            if inner > _STALE_AFTER:
                corridor.update(problem.tangent(at, safe), cables, cables.state(at))
            return None
        if left == 0 or inner <= patience:
            return None
        left, patience, corridor = left - 1, _REFRESH_AFTER, None
        return factor_at(at, safe)

    return newton.minimise(
        problem,
        u,
        opening or solver or factor_at(u, safe=True),
        load=load,
        tolerance=tolerance,
        rounding=solid.rounding_n,
        energy_rounding=solid.energy_rounding,
        max_iterations=max_iterations,
        refresh=refresh,
        rough=rough,
    )


def _moved(
    before: Sequence[Cable | BondCable], now: Sequence[Cable | BondCable]
) -> list[Cable | BondCable]:
    """The cables that are in one of two plans only, or pulled differently."""

    def key(cable: Cable | BondCable) -> tuple[bytes, float, float | None]:
        return cable.reference.tobytes(), cable.tension_n, cable.shortening_mm

    old, new = {key(c) for c in before}, {key(c) for c in now}
    return [c for c in before if key(c) not in new] + [c for c in now if key(c) not in old]
