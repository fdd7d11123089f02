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

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.optimize import linprog

_NODE_LIMIT = 20_000_000
# Partial choices for which a multiplier is computed; more sharpen the bound little (trials: ~40).
_MULTIPLIERS = 16
_POOL = 64


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
    pool: tuple[Choice, ...] = field(default=())

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


@njit(cache=True)
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


@njit(cache=True)
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
def _suffix_sums(gain, clique, cliques, n_max):
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


def _multipliers(
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
    while len(parts) < _MULTIPLIERS and n_max > 1:
        size = min(int(rng.integers(1, n_max)), len(top))
        parts.append([int(i) for i in rng.choice(top, size=size, replace=False)])
    found += [relaxed.multiplier(part, n_max - len(part), rows) for part in parts]
    pi = np.array([f[0] for f in found])
    mu = np.array([f[1] for f in found])
    constant = 1.0 - pi.sum(axis=1) + mu.sum(axis=1)
    return constant, pi @ problem.attain.T - problem.cost - mu @ relaxed.caps.T


def search(
    problem: SideProblem,
    n_max: int,
    *,
    tolerance: float = 0.005,
    node_limit: int = _NODE_LIMIT,
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
    constant, gain = _multipliers(problem, n_max, greedy, seed)
    # Items in the order of the root multiplier make the suffix maxima fall quickly.
    order = np.argsort(-gain[0], kind="stable")
    gain = np.ascontiguousarray(gain[:, order])
    clique = clique_cover(problem.conflict)[problem.candidate[order]]
    suffix = _suffix_sums(gain, clique, int(clique.max()) + 1, n_max)
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
