"""Refinement off the grid: where threads end, how deep they lie and how strongly they are pulled.

The search chooses from a finite grid in a linear model. From there this climbs in the nonlinear one
by sequential linear programming: adjoint sensitivities say what every goal and limit does when the
end of a thread is moved along the skin, the thread is sunk or pulled more; a linear programme finds
the best small change; it is kept if the safety kernel has nothing against the moved threads and the
nonlinear model confirms the gain. Entries stay: the search took the safest ones, and threads share
them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from threadlift.planning.refine_step import SHAPES, Ground, Objections, Step
from threadlift.planning.verify import Verified, value_of

# Rounds with new sensitivities, and steps tried in one of them.
_ROUNDS = 4
_TRIES = 10
# How much shorter the next step is where one gained nothing.
_WORSE = 0.5
# A round that gains less than this [share of the full goal] is the last.
_WORTH = 0.005


@dataclass(frozen=True)
class Refinement:
    """A refined plan; before, after: the search's objective in the nonlinear model; moved_mm: the
    largest way of a thread's end along the skin; rounds that gained.
    """

    verified: Verified
    before: float
    after: float
    moved_mm: float
    rounds: int

    @classmethod
    def none(cls, plan: Verified, worth: float) -> Refinement:
        """The plan as it is."""
        return cls(plan, worth, worth, 0.0, 0)

    def to_json(self) -> dict[str, float | int]:
        """The `refinement` of a verification."""
        return {
            "gain": round(self.after - self.before, 4) + 0.0,
            "moved_mm": round(self.moved_mm, 1) + 0.0,
            "rounds": self.rounds,
        }


def refined(ground: Ground, start: Verified) -> Refinement:
    """A plan that keeps its limits, refined on the mesh of the search.

    Returns the plan as it is where nothing is gained, or where the kernel objects to it already.
    Deterministic.
    """
    before = value_of(ground.grids, start)
    gone = np.zeros((len(start.chosen), len(SHAPES)))
    best, after, reach, rounds = start, before, 1.0, 0
    clear = not ground.case.check(start.threads).violations
    while start.chosen and clear and rounds < _ROUNDS:
        step = Step.of(ground, best, gone)
        if step is None:
            break
        found, limits = None, Objections.none(len(start.chosen))
        for _ in range(_TRIES):
            tried = step.tried(reach, limits)
            if tried is None:
                break
            chosen, by, objections = tried
            if objections:
                limits = limits.after(by, objections)
                continue
            found = step.confirmed(chosen)
            if found is not None:
                gone = gone + by
                break
            reach *= _WORSE
        if found is None:
            break
        gain = value_of(ground.grids, found) - after
        best, after, rounds = found, after + gain, rounds + 1
        if gain < _WORTH:
            break
    way = float(np.linalg.norm(gone[:, :2], axis=1).max(initial=0.0))
    return Refinement(best, before, after, way, rounds)
