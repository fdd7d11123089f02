"""A choice of threads on the mesh on which it is to be verified."""

from __future__ import annotations

from numpy.typing import NDArray

from threadlift.errors import SolverError
from threadlift.planning.rows import Rows
from threadlift.planning.verify import Verified, solve
from threadlift.threads.thread import SIDES
from threadlift.tissue import Tissue

# Steps by which tensions are lowered where the fine mesh breaks a limit, and where they aim.
_FINE_CORRECTIONS = 2
_FINE_AIM = 0.96
# Where the fine mesh has no equilibrium, this share of the tensions is tried, so many times.
_FINE_RELIEF = 0.8
_FINE_RELIEFS = 3


def on_fine(tissue: Tissue, rows: Rows, coarse: Tissue, verified: Verified) -> Verified:
    """The same threads on the fine mesh, a side pulled less where the coarse mesh was too kind."""
    start = tissue.carried(coarse, verified.displacement)
    found = _solvable(tissue, rows, verified, start)
    for _ in range(_FINE_CORRECTIONS):
        if found.within:
            break
        # Limits grow a little less than in proportion to tension: aim below, to need one step.
        scale = {
            side: min(1.0, _FINE_AIM / max(u for k, u in found.used.items() if side in k))
            for side in SIDES
        }
        if found.used["overshoot"] > 1.0:
            scale = {s: min(f, _FINE_AIM / found.used["overshoot"]) for s, f in scale.items()}
        less = [(c, scale[c.side] * t) for c, t in found.chosen]
        found = solve(tissue, rows, less, found.displacement)
    return found


def _solvable(tissue: Tissue, rows: Rows, verified: Verified, start: NDArray) -> Verified:
    """The choice on the fine mesh, at less tension where that has no equilibrium."""
    share = 1.0
    for _ in range(_FINE_RELIEFS):
        try:
            return solve(tissue, rows, [(c, share * t) for c, t in verified.chosen], share * start)
        except SolverError:
            share *= _FINE_RELIEF
    return solve(tissue, rows, [(c, share * t) for c, t in verified.chosen], share * start)
