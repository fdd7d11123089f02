"""Which threads, at which tension: branch and bound with Lagrangian bounds over a finite grid.

An *item* is a candidate thread at a tension level. With r the sum of the chosen items' attainment
rows (shares of each zone's goal), the value of a choice is

    f(r) = 1 - (1 - theta) sum_z w_z (1 - r_z)+ - theta max_z (1 - r_z)+ - cost of the items,

concave and piecewise linear in r. For any multiplier pi >= 0 with
sum_z (pi_z - (1 - theta) w_z)+ <= theta, f(r) <= 1 - sum pi + pi . r by linear-programming duality;
and every limit sum_j e_j <= 1 may be added with a multiplier mu >= 0. So a node that has chosen d
of at most N items and may still take items from position i on is worth at most

    1 - sum pi + sum mu + sum_chosen v_j + sum of the N - d largest v_j+, j >= i, one per clique,

where cliques are groups of candidates that all conflict with each other and
v_j = pi . a_j - cost_j - mu . e_j. A handful of multipliers, each optimal for some partial choice,
prunes the enumeration; what was pruned bounds the optimum *on the grid*. Limits, conflicts and the
total tension are checked exactly. Everything counts nodes, never time: the result is the same
anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from threadlift.planning.bounds import SideProblem, clique_cover, multipliers, suffix_sums

NODE_LIMIT = 20_000_000
_POOL = 64


@dataclass(frozen=True)
class Choice:
    """A feasible set of items (positions in the problem, ascending) and its value."""

    items: tuple[int, ...]
    value: float


@dataclass(frozen=True)
class SearchResult:
    """Best choice, proven upper bound on the grid, nodes visited, and a pool of good choices."""

    best: Choice
    bound: float
    nodes: int
    complete: bool
    pool: tuple[Choice, ...] = ()

    @property
    def gap(self) -> float:
        """Absolute gap, in shares of the full goal."""
        return max(0.0, self.bound - self.best.value)


@njit(cache=True)
def attained_value(r: NDArray, weights: NDArray, theta: float) -> float:
    """f(r) without costs: 1 at full attainment, 0 for r = 0."""
    mean = 0.0
    worst = 0.0
    for z in range(len(r)):
        short = 1.0 - r[z]
        if short > 0.0:
            mean += weights[z] * short
            worst = max(worst, short)
    return 1.0 - (1.0 - theta) * mean - theta * worst


@njit(cache=True)
def _within_limits(rows, overshoot, total):
    worst = -1e30
    for z in range(len(rows)):
        worst = max(worst, rows[z] - overshoot)
    for k in range(len(total)):
        worst = max(worst, total[k] - 1.0)
    return worst <= 1e-9


@njit(cache=True)
def _pool_insert(values, sets, value, chosen, depth):
    worst = 0
    for p in range(len(values)):
        if values[p] < values[worst]:
            worst = p
    if value > values[worst]:
        values[worst] = value
        sets[worst, :] = -1
        for d in range(depth):
            sets[worst, d] = chosen[d]


@njit(cache=True, nogil=True)
def _branch(
    attain, limits, cost, tension, candidate, conflict, weights, theta, overshoot, cap,
    n_max, constant, gain, suffix, start, tolerance, node_limit, pool_size,
):  # fmt: skip
    m, zones = attain.shape
    rows = limits.shape[1]
    multipliers = len(constant)
    best = start
    best_set = np.full(n_max, -1, np.int64)
    pool_value = np.full(pool_size, -1e30)
    pool_set = np.full((pool_size, n_max), -1, np.int64)
    r = np.zeros((n_max + 1, zones))
    lim = np.zeros((n_max + 1, rows))
    acc = np.zeros((n_max + 1, multipliers))
    acc[0] = constant
    spent = np.zeros(n_max + 1)
    pull = np.zeros(n_max + 1)
    nxt = np.zeros(n_max + 1, np.int64)
    chosen = np.zeros(n_max, np.int64)
    hot = 0
    pruned = -1e30
    nodes = 0
    depth = 0
    complete = True
    while depth >= 0:
        i = nxt[depth]
        if i >= m or depth == n_max:
            depth -= 1
            continue
        # Bound on everything still open at this node; the multiplier that pruned last goes first.
        left = n_max - depth
        bound = acc[depth, hot] + suffix[hot, i, left - 1]
        if bound > best + tolerance:
            for p in range(multipliers):
                b = acc[depth, p] + suffix[p, i, left - 1]
                if b < bound:
                    bound = b
                    hot = p
                    if bound <= best + tolerance:
                        break
        if bound <= best + tolerance:
            pruned = max(pruned, bound)
            depth -= 1
            continue
        nodes += 1
        if nodes > node_limit:
            complete = False
            break
        nxt[depth] = i + 1
        ok = pull[depth] + tension[i] <= cap + 1e-9
        for d in range(depth):
            other = candidate[chosen[d]]
            if other == candidate[i] or conflict[other, candidate[i]]:
                ok = False
                break
        if not ok:
            continue
        chosen[depth] = i
        child = depth + 1
        for z in range(zones):
            r[child, z] = r[depth, z] + attain[i, z]
        for p in range(multipliers):
            acc[child, p] = acc[depth, p] + gain[p, i]
        for k in range(rows):
            lim[child, k] = lim[depth, k] + limits[i, k]
        spent[child] = spent[depth] + cost[i]
        pull[child] = pull[depth] + tension[i]
        value = attained_value(r[child], weights, theta) - spent[child]
        if value > best - 0.05 and _within_limits(r[child], overshoot, lim[child]):
            _pool_insert(pool_value, pool_set, value, chosen, child)
            if value > best:
                best = value
                best_set[:] = -1
                for d in range(child):
                    best_set[d] = chosen[d]
        nxt[child] = i + 1
        depth = child
    if not complete:
        # Whatever is still open is bounded by the nodes on the stack.
        for d in range(depth + 1):
            if nxt[d] < m and d < n_max:
                bound = 1e30
                for p in range(multipliers):
                    bound = min(bound, acc[d, p] + suffix[p, nxt[d], n_max - d - 1])
                pruned = max(pruned, bound)
    return best, best_set, max(best, pruned), nodes, complete, pool_value, pool_set


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
    tolerance: float = 0.005,
    node_limit: int = NODE_LIMIT,
    seed: int = 0,
    start: Choice | None = None,
) -> SearchResult:
    """Best choice of at most n_max items on the grid, with a proven bound.

    ``tolerance`` is the absolute gap (share of the full goal) at which a branch is given up;
    zero proves the optimum. The empty choice (value 0) is always allowed; ``start`` is a feasible
    choice to improve on (for instance the best with fewer items).
    """
    if n_max < 1 or len(problem.attain) == 0 or len(problem.weights) == 0:
        return SearchResult(Choice((), 0.0), 0.0, 0, True, (Choice((), 0.0),))
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
    constant, gain = multipliers(problem, n_max, greedy, seed)
    # Items in the order of the root multiplier make the suffix maxima fall quickly.
    order = np.argsort(-gain[0], kind="stable")
    gain = np.ascontiguousarray(gain[:, order])
    clique = clique_cover(problem.conflict)[problem.candidate[order]]
    suffix = suffix_sums(gain, clique, int(clique.max()) + 1, n_max)
    _, best_set, bound, nodes, complete, values, sets = _branch(
        np.ascontiguousarray(problem.attain[order]),
        np.ascontiguousarray(problem.limits[order]),
        problem.cost[order],
        problem.tension_n[order],
        problem.candidate[order],
        problem.conflict,
        *common,
        constant,
        gain,
        suffix,
        known,
        tolerance,
        node_limit,
        _POOL,
    )
    found = {tuple(sorted(int(i) for i in greedy if i >= 0))}
    found.add(tuple(sorted(int(order[i]) for i in best_set if i >= 0)))
    for value, members in zip(values, sets, strict=True):
        if value > -1e29:
            found.add(tuple(sorted(int(order[i]) for i in members if i >= 0)))
    found.add(())
    if start is not None:
        found.add(start.items)
    pool = sorted(
        (Choice(items, choice_value(problem, items)) for items in found),
        key=lambda c: (-c.value, c.items),
    )
    best = pool[0]
    bound = max(float(bound), best.value)
    return SearchResult(best, bound, int(nodes), bool(complete), tuple(pool))


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
