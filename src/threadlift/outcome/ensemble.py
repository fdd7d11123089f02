"""A large ensemble of which a part was solved: readings of all, and what spreads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from threadlift.members import Member
from threadlift.members.response import Response
from threadlift.outcome.extended import Linear, extended
from threadlift.outcome.measures import Probe, Reading
from threadlift.outcome.model import LOCAL
from threadlift.outcome.uncertainty import Answer, Uncertainty, uncertainty_of
from threadlift.outcome.verdicts import Samples
from threadlift.threads.thread import Thread
from threadlift.tissue import Tissue

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """readings: of every member that counts; linear: their linear answers; answer: how the asked
    quantities answer every coordinate; weights (q,): of the zones in the mean lift; solved: number
    of members that were.
    """

    readings: list[tuple[Member, Reading]]
    linear: Linear
    answer: Answer
    weights: Array
    solved: int

    @classmethod
    def of(
        cls,
        tissue: Tissue,
        probe: Probe,
        surface: Array,
        response: Response,
        drawn: Sequence[Member],
        good: Sequence[tuple[int, Reading]],
        tried: int,
    ) -> Ensemble:
        """drawn: all members; the first `tried` of them were tried, with readings `good` by number;
        surface (V,3) [mm]: of the plan as such.
        """
        linear = Linear.of(tissue, probe, surface, response, drawn)
        weights = _lift_weights(probe, linear.keys)
        readings, correction = extended(linear, good, tried, weights)
        answer = Answer.of(probe, surface, response, linear, correction, weights)
        index = [i for i, _ in readings]
        counted = replace(linear, values=linear.values[index], points=linear.points[index])
        return cls([(drawn[i], r) for i, r in readings], counted, answer, weights, len(good))

    def uncertainty(
        self, tissue: Tissue, threads: Sequence[Thread], samples: Samples
    ) -> Uncertainty:
        """samples: of all members, as they are reported."""
        zones = self.linear.keys[: len(self.linear.keys) - len(LOCAL)]
        known = [(k, z) for k, z in enumerate(zones) if z in samples.lift]
        lift = np.sum([self.weights[k] * samples.lift[z] for k, z in known], axis=0)
        asked = np.column_stack([lift, *(samples.risks[name] for name in LOCAL)])
        members = [m for m, _ in self.readings]
        return uncertainty_of(
            tissue, threads, members, asked, self.answer, self.linear, self.solved
        )


def _lift_weights(probe: Probe, keys: Sequence[str]) -> Array:
    """Weights (q,) of the mean lift: those of the goal, or all zones alike without one."""
    goal = {z: g.weight for z, g in probe.goal.items() if g.mm > 0.0 and z in keys}
    if not goal:
        goal = dict.fromkeys(keys[: len(keys) - len(LOCAL)], 1.0)
    total = sum(goal.values())
    return np.array([goal.get(key, 0.0) / total for key in keys])
