"""The grid problem of one side, its cliques, and the multipliers of its relaxation.

See :mod:`threadlift.planning.search` for the derivation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog


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


def root_multipliers(problem: SideProblem, caps: NDArray, n_max: int) -> tuple[NDArray, NDArray]:
    """Multipliers pi (Z,) and mu (K,) that bound best a choice of at most n_max items.

    min over pi, s, mu, t >= 0 of 1 - sum pi + sum mu + n_max t with
    t >= pi.a_j - c_j - mu.e_j, s_z >= pi_z - (1 - theta) w_z, sum s <= theta: a linear programme,
    the dual of the relaxation without cliques.
    """
    m, zones = problem.attain.shape
    k = caps.shape[1]
    zero = np.zeros
    items = np.hstack([problem.attain, zero((m, zones)), -caps, -np.ones((m, 1))])
    share = np.hstack([np.eye(zones), -np.eye(zones), zero((zones, k + 1))])
    budget = np.concatenate([zero(zones), np.ones(zones), zero(k + 1)])[None]
    shares = (1.0 - problem.theta) * problem.weights
    solution = linprog(
        np.concatenate([-np.ones(zones), zero(zones), np.ones(k), [float(n_max)]]),
        A_ub=np.vstack([items, share, budget]),
        b_ub=np.concatenate([problem.cost, shares, [problem.theta]]),
        bounds=(0.0, None),
        method="highs-ds",
    )
    if solution.status != 0:
        # Any multipliers give a valid bound; the search adapts them.
        return zero(zones), zero(k)
    pi = np.maximum(solution.x[:zones], 0.0)
    over = np.maximum(pi - shares, 0.0)
    if over.sum() > problem.theta:
        # Back into the feasible set: the bound must hold whatever the rounding.
        pi = np.minimum(pi, shares) + over * (problem.theta / over.sum())
    return pi, np.maximum(solution.x[2 * zones : 2 * zones + k], 0.0)
