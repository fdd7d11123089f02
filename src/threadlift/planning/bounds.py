"""The grid problem of one side, and upper bounds on it that are cheap at every node of a search.

See :mod:`threadlift.planning.search` for the derivation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import linprog

# Partial choices for which a multiplier is computed, per item to choose: three times as many
# prune hardly more.
MULTIPLIERS = 4


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


def clique_cover(conflict: NDArray) -> NDArray:
    """Clique (C,) of every candidate: greedy groups whose members all conflict with each other."""
    clique = np.full(len(conflict), -1, dtype=np.int64)
    groups: list[list[int]] = []
    for c in range(len(conflict)):
        for g, members in enumerate(groups):
            if conflict[c, members].all():
                members.append(c)
                clique[c] = g
                break
        else:
            clique[c] = len(groups)
            groups.append([c])
    return clique


@njit(cache=True)
def suffix_sums(gain, clique, cliques, n_max):
    """Largest sums (P,m,N) of k = 1..N gains from position i on, at most one per clique."""
    p_count, m = gain.shape
    out = np.zeros((p_count, m, n_max))
    for p in range(p_count):
        best = np.zeros(cliques)
        top = np.zeros(n_max)
        for i in range(m - 1, -1, -1):
            if gain[p, i] > best[clique[i]]:
                best[clique[i]] = gain[p, i]
                top[:] = 0.0
                for g in range(cliques):
                    value = best[g]
                    for k in range(n_max):
                        if value > top[k]:
                            value, top[k] = top[k], value
            total = 0.0
            for k in range(n_max):
                total += top[k]
                out[p, i, k] = total
    return out


@dataclass(frozen=True)
class _Relaxed:
    """What a bound may use: attainment rows, and every row whose sum may not exceed one."""

    attain: NDArray
    caps: NDArray
    cost: NDArray
    shares: NDArray
    theta: float

    @classmethod
    def of(cls, problem: SideProblem) -> _Relaxed:
        clique = clique_cover(problem.conflict)[problem.candidate]
        used = np.flatnonzero(np.bincount(clique) > 1)
        caps = np.column_stack(
            [
                problem.limits,
                problem.attain / problem.overshoot,
                problem.tension_n / problem.tension_cap_n,
                (clique[:, None] == used).astype(float),
            ]
        )
        shares = (1.0 - problem.theta) * problem.weights
        return cls(problem.attain, caps, problem.cost, shares, problem.theta)

    def multiplier(self, part: list[int], left: int, rows: NDArray) -> tuple[NDArray, NDArray]:
        """Multipliers pi (Z,) and mu (K,) that bound best a node that has chosen `part`.

        min over pi, s, mu, t >= 0 of 1 + pi.(r - 1) + mu.(1 - caps used) + left * t with
        t >= pi.a_j - c_j - mu.e_j, s_z >= pi_z - (1 - theta) w_z, sum s <= theta, and mu
        confined to `rows`: a linear programme, the dual of the node's relaxation.
        """
        m, zones = self.attain.shape
        k = len(rows)
        r = self.attain[part].sum(axis=0)
        used = self.caps[part][:, rows].sum(axis=0)
        zero = np.zeros
        items = np.hstack([self.attain, zero((m, zones)), -self.caps[:, rows], -np.ones((m, 1))])
        share = np.hstack([np.eye(zones), -np.eye(zones), zero((zones, k + 1))])
        budget = np.concatenate([zero(zones), np.ones(zones), zero(k + 1)])[None]
        solution = linprog(
            np.concatenate([r - 1.0, zero(zones), 1.0 - used, [float(left)]]),
            A_ub=np.vstack([items, share, budget]),
            b_ub=np.concatenate([self.cost, self.shares, [self.theta]]),
            # A node that no completion can mend has an unbounded dual; any bound will do there.
            bounds=(0.0, 1e3),
            method="highs-ds",
        )
        mu = np.zeros(self.caps.shape[1])
        if solution.status != 0:
            return np.zeros(zones), mu
        mu[rows] = np.maximum(solution.x[2 * zones : 2 * zones + k], 0.0)
        return self._admissible(np.maximum(solution.x[:zones], 0.0)), mu

    def _admissible(self, pi: NDArray) -> NDArray:
        """Scale back into the dual's feasible set: the bound must hold whatever the rounding."""
        over = np.maximum(pi - self.shares, 0.0)
        if over.sum() > self.theta:
            return np.minimum(pi, self.shares) + over * (self.theta / over.sum())
        return pi


def multipliers(
    problem: SideProblem, n_max: int, greedy: NDArray, seed: int
) -> tuple[NDArray, NDArray]:
    """Bounds as constants (P,) and gains (P,m): root, greedy and random partial choices."""
    relaxed = _Relaxed.of(problem)
    rng = np.random.default_rng(seed)
    chosen = [int(i) for i in greedy if i >= 0]
    root = relaxed.multiplier([], n_max, np.arange(relaxed.caps.shape[1]))
    found = [root]
    # Only rows that bind at the root get a multiplier elsewhere: small programmes, same effect.
    rows = np.flatnonzero(root[1] > 0.0)
    gain = problem.attain @ root[0] - problem.cost - relaxed.caps @ root[1]
    top = np.argsort(-gain, kind="stable")[: max(8, len(gain) // 4)]
    parts = [chosen[:size] for size in range(1, min(len(chosen), n_max - 1) + 1)]
    while len(parts) < MULTIPLIERS * n_max and n_max > 1:
        size = min(int(rng.integers(1, n_max)), len(top))
        parts.append([int(i) for i in rng.choice(top, size=size, replace=False)])
    found += [relaxed.multiplier(part, n_max - len(part), rows) for part in parts]
    pi = np.array([f[0] for f in found])
    mu = np.array([f[1] for f in found])
    constant = 1.0 - pi.sum(axis=1) + mu.sum(axis=1)
    return constant, pi @ problem.attain.T - problem.cost - mu @ relaxed.caps.T
