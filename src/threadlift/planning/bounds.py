"""The grid problem of one side, and its cliques.

See :mod:`threadlift.planning.search` for the derivation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SideProblem:
    """One side's grid: m items, Z zones with a goal, K limit rows.

    attain (m,Z) shares of each goal; limits (m,K) shares of each limit (the sum must stay <= 1);
    candidate (m,) index of the thread; tension_n (m,); cost (m,); conflict (C,C) bool over
    candidates; weights (Z,) summing to 1; theta weight of the worst zone; overshoot largest
    attained share; tension_cap_n of the side.
    """

    attain: NDArray
    limits: NDArray
    candidate: NDArray
    tension_n: NDArray
    cost: NDArray
    conflict: NDArray
    weights: NDArray
    theta: float
    overshoot: float
    tension_cap_n: float

    def subset(self, mask: NDArray) -> SideProblem:
        """The problem over the items where mask (m,) is true (candidate indices unchanged)."""
        return SideProblem(
            self.attain[mask],
            self.limits[mask],
            self.candidate[mask],
            self.tension_n[mask],
            self.cost[mask],
            self.conflict,
            self.weights,
            self.theta,
            self.overshoot,
            self.tension_cap_n,
        )

    def caps(self) -> NDArray:
        """Every row (m,K+Z+1) whose sum may not exceed one: limits, overshoot, total tension."""
        return np.column_stack(
            [self.limits, self.attain / self.overshoot, self.tension_n / self.tension_cap_n]
        )


def clique_cover(conflict: NDArray, order: NDArray | None = None) -> NDArray:
    """Clique (C,) of every candidate: greedy groups whose members all conflict with each other.

    order: candidates (repetitions allowed), the most important first; the others follow.
    """
    everyone = np.arange(len(conflict))
    wanted = everyone if order is None else np.concatenate([order, everyone])
    _, first = np.unique(wanted, return_index=True)
    clique = np.full(len(conflict), -1, dtype=np.int64)
    common: list[NDArray] = []
    for c in wanted[np.sort(first)]:
        for g, open_ in enumerate(common):
            if open_[c]:
                common[g] = open_ & conflict[c]
                clique[c] = g
                break
        else:
            clique[c] = len(common)
            common.append(conflict[c].copy())
    return clique
