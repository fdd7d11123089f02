"""Which threads, at which tension: branch and bound with Lagrangian bounds over a finite grid.

An *item* is a candidate thread at a tension level. With r the sum of the chosen items' attainment
rows (shares of each zone's goal), the value of a choice is

    f(r) = 1 - (1 - theta) sum_z w_z (1 - r_z)+ - theta max_z (1 - r_z)+ - cost of the items,

concave and piecewise linear in r. For any multiplier pi >= 0 with
sum_z (pi_z - (1 - theta) w_z)+ <= theta, f(r) <= 1 - sum pi + pi . r by linear-programming duality;
and every limit sum_j e_j <= 1 may be added with a multiplier mu >= 0. With
v_j = pi . a_j - cost_j - mu . e_j no choice of at most N items is worth more than

    1 - sum pi + sum mu + sum of the N largest v_j+, one per clique,

where cliques are groups of candidates that all conflict with each other. The bound is weak while
one item may be a mixture of threads all over the face, whose side effects are nowhere near a limit.
:mod:`threadlift.planning.branch` therefore branches on *where* the items are taken from. What was
given up there bounds the optimum *on the grid*. Limits, conflicts and the total tension are checked
exactly. Work is counted, never time: the result is the same anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from threadlift.evidence import value
from threadlift.planning.bounds import SideProblem, clique_cover
from threadlift.planning.branch import branch
from threadlift.planning.groups import Grid, Rule, attained_value

#: Items looked at before a search ends with what it can prove: some 20 s of one core.
WORK_LIMIT = 300_000_000
# Choices so much below the best that they are kept for the balance of both sides.
_NEAR = 0.05


@dataclass(frozen=True)
class Choice:
    """A feasible set of items (positions in the problem, ascending) and its value."""

    items: tuple[int, ...]
    value: float


@dataclass(frozen=True)
class SearchResult:
    """Best choice, proven upper bound on the grid, nodes visited, and a pool of good choices.

    complete: the tolerance was reached; work: items looked at.
    """

    best: Choice
    bound: float
    nodes: int
    complete: bool
    pool: tuple[Choice, ...] = ()
    work: int = 0

    @property
    def gap(self) -> float:
        """Absolute gap, in shares of the full goal."""
        return max(0.0, self.bound - self.best.value)


@njit(cache=True)
def _within_limits(rows, overshoot, total):
    worst = -1e30
    for z in range(len(rows)):
        worst = max(worst, rows[z] - overshoot)
    for k in range(len(total)):
        worst = max(worst, total[k] - 1.0)
    return worst <= 1e-9


@njit(cache=True, nogil=True)
def _greedy_swap(
    attain, limits, cost, tension, candidate, conflict, weights, theta, overshoot, cap, n_max
):
    """Add the best item, then exchange one at a time, until nothing improves."""
    m, zones = attain.shape
    rows = limits.shape[1]
    chosen = np.full(n_max, -1, np.int64)
    best = 0.0
    improved = True
    while improved:
        improved = False
        move_slot, move_item = -1, -1
        for slot in range(n_max):
            r = np.zeros(zones)
            lim = np.zeros(rows)
            spent, pull = 0.0, 0.0
            for d in range(n_max):
                if d != slot and chosen[d] >= 0:
                    r += attain[chosen[d]]
                    lim += limits[chosen[d]]
                    spent += cost[chosen[d]]
                    pull += tension[chosen[d]]
            for i in range(m):
                if pull + tension[i] > cap + 1e-9:
                    continue
                ok = True
                for d in range(n_max):
                    if d != slot and chosen[d] >= 0:
                        other = candidate[chosen[d]]
                        if other == candidate[i] or conflict[other, candidate[i]]:
                            ok = False
                            break
                if not ok:
                    continue
                total = r + attain[i]
                value = attained_value(total, weights, theta) - spent - cost[i]
                if value > best + 1e-12 and _within_limits(total, overshoot, lim + limits[i]):
                    best = value
                    move_slot, move_item = slot, i
        if move_slot >= 0:
            chosen[move_slot] = move_item
            improved = True
    return best, chosen


def search(
    problem: SideProblem,
    n_max: int,
    *,
    tolerance: float | None = None,
    relative: float = 0.0,
    work_limit: int = WORK_LIMIT,
    start: Choice | None = None,
) -> SearchResult:
    """Best choice of at most n_max items on the grid, with a proven bound.

    A branch is given up when it cannot beat the best by ``tolerance`` (share of the full goal, by
    default `planning.search.least_gap`) or by the share ``relative`` of the best, whichever is
    more; zero for both proves the optimum. The empty choice (value 0) is always allowed; ``start``
    is a feasible choice to improve on.
    """
    if n_max < 1 or len(problem.attain) == 0 or len(problem.weights) == 0:
        return SearchResult(Choice((), 0.0), 0.0, 0, True, (Choice((), 0.0),))
    allowed = float(value("planning.search.least_gap") if tolerance is None else tolerance)
    common = (problem.weights, problem.theta, problem.overshoot, problem.tension_cap_n, n_max)
    known, greedy = _greedy_swap(
        problem.attain,
        problem.limits,
        problem.cost,
        problem.tension_n,
        problem.candidate,
        problem.conflict,
        *common,
    )
    if start is not None:
        known = max(known, start.value)
    found = branch(kernel_grid(problem), n_max, known, Rule(allowed, relative, _NEAR), work_limit)
    sets = {tuple(sorted(int(i) for i in greedy if i >= 0)), ()}
    for worth, members in zip(found.pool.values, found.pool.sets, strict=True):
        if worth > -1e29:
            sets.add(tuple(sorted(int(i) for i in members if i >= 0)))
    if start is not None:
        sets.add(start.items)
    pool = sorted(
        (Choice(items, choice_value(problem, items)) for items in sets),
        key=lambda c: (-c.value, c.items),
    )
    best = pool[0]
    bound = max(found.bound, best.value)
    return SearchResult(best, bound, found.nodes, found.complete, tuple(pool), found.work)


def kernel_grid(problem: SideProblem) -> Grid:
    """The problem as the kernels read it; cliques gather around what brings most."""
    caps = np.ascontiguousarray(problem.caps())
    gain = (problem.attain * problem.weights).sum(axis=1) - problem.cost
    order = np.argsort(-gain, kind="stable")
    return Grid(
        np.ascontiguousarray(problem.attain),
        caps,
        np.ascontiguousarray(caps.T),
        np.ascontiguousarray(problem.cost),
        problem.candidate.astype(np.int64),
        problem.conflict,
        clique_cover(problem.conflict, problem.candidate[order])[problem.candidate],
        problem.weights,
        float(problem.theta),
    )


def choice_value(problem: SideProblem, items: tuple[int, ...]) -> float:
    """Value of a set of items (costs included; limits not checked)."""
    part = list(items)
    r = problem.attain[part].sum(axis=0) if part else np.zeros(len(problem.weights))
    return float(attained_value(r, problem.weights, problem.theta) - problem.cost[part].sum())


def feasible(problem: SideProblem, items: tuple[int, ...]) -> bool:
    """True when a set of items keeps every limit, conflict and the tension cap."""
    part = list(items)
    if not part:
        return True
    who = problem.candidate[part]
    if len(set(who.tolist())) < len(who) or problem.conflict[np.ix_(who, who)].any():
        return False
    return bool(
        problem.tension_n[part].sum() <= problem.tension_cap_n + 1e-9
        and _within_limits(
            problem.attain[part].sum(axis=0), problem.overshoot, problem.limits[part].sum(axis=0)
        )
    )
