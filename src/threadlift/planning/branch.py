"""Branch and bound over the items of a side, with multipliers that are re-optimised at every node.

A node has chosen some items and may still take `left` more from a list. For multipliers pi of the
goals and mu >= 0 of the limits (see :mod:`threadlift.planning.search`) nothing below it is worth
more than

    1 - sum pi + sum mu + sum over chosen v_j + sum of the `left` largest v_j+ of the list,

at most one per clique. A few subgradient steps from the parent's multipliers, aimed at the value
that would prune the node (Polyak), lower the bound far below that of fixed multipliers: a chosen
item has used up some limits, which then deserve a price. Items of the list whose best completion
does not reach that value leave the list for the whole subtree (reduced-cost fixing); so do items
that would break a limit whatever is added. What is left is sorted by v and enumerated, best first:
the first child that cannot reach the value ends the node.

Work is counted in items looked at, never in time.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

# Shares of Polyak's step: the whole step at first, less when a step did not help.
_SHRINK = 0.7
_TINY = 1e-12


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _project(pi, shares, theta):
    """Move pi into the dual's feasible set: pi >= 0, sum of what exceeds the shares <= theta."""
    over = 0.0
    for z in range(len(pi)):
        pi[z] = max(pi[z], 0.0)
        over += max(pi[z] - shares[z], 0.0)
    if over > theta:
        for z in range(len(pi)):
            if pi[z] > shares[z]:
                pi[z] = shares[z] + (pi[z] - shares[z]) * theta / over


@njit(cache=True, nogil=True)
def _gains(attain, caps, cost, pi, mu, items, count, v):
    """v_j of the first `count` items under the multipliers."""
    zones = len(pi)
    priced = np.flatnonzero(mu > 0.0)
    for n in range(count):
        j = items[n]
        g = -cost[j]
        for z in range(zones):
            g += pi[z] * attain[j, z]
        for q in range(len(priced)):
            g -= mu[priced[q]] * caps[j, priced[q]]
        v[n] = g


@njit(cache=True, nogil=True)
def _best_cliques(v, items, group, count, left, best, where):
    """The `left` largest positive v, one per clique: values (left,) and positions (-1: none)."""
    best[:left] = 0.0
    where[:left] = -1
    filled = 0
    for n in range(count):
        g = v[n]
        if g <= best[left - 1]:
            continue
        slot = -1
        for s in range(filled):
            if group[items[where[s]]] == group[items[n]]:
                slot = s
                break
        if slot >= 0:
            if g <= best[slot]:
                continue
        elif filled < left:
            slot = filled
            filled += 1
        else:
            slot = left - 1
        best[slot] = g
        where[slot] = n
        while slot > 0 and best[slot] > best[slot - 1]:
            best[slot], best[slot - 1] = best[slot - 1], best[slot]
            where[slot], where[slot - 1] = where[slot - 1], where[slot]
            slot -= 1
    total = 0.0
    for s in range(filled):
        total += best[s]
    return total


@njit(cache=True, nogil=True)
def _relax(
    attain, caps, cost, group, shares, theta, r, used, spent, items, count, left,
    pi, mu, v, target, steps,
):  # fmt: skip
    """Lower the node's bound by subgradient steps; pi, mu and v end at the best. Returns it."""
    zones, rows = len(pi), len(mu)
    best = np.empty(left)
    where = np.empty(left, np.int64)
    try_pi, try_mu = pi.copy(), mu.copy()
    try_v = np.empty(count)
    found = 1e30
    scale = 1.0
    for step in range(steps + 1):
        _gains(attain, caps, cost, try_pi, try_mu, items, count, try_v)
        bound = 1.0 - spent + _best_cliques(try_v, items, group, count, left, best, where)
        for z in range(zones):
            bound += try_pi[z] * (r[z] - 1.0)
        for k in range(rows):
            if try_mu[k] > 0.0:
                bound += try_mu[k] * (1.0 - used[k])
        if bound < found - _TINY:
            found = bound
            pi[:] = try_pi
            mu[:] = try_mu
            v[:count] = try_v
        else:
            scale *= _SHRINK
        if found <= target or step == steps:
            break
        # Subgradient at the tried point: what the relaxed choice attains and uses.
        down_pi = r - 1.0
        down_mu = 1.0 - used
        for s in range(left):
            if where[s] >= 0:
                j = items[where[s]]
                for z in range(zones):
                    down_pi[z] += attain[j, z]
                for k in range(rows):
                    down_mu[k] -= caps[j, k]
        norm = 0.0
        for z in range(zones):
            if not (try_pi[z] <= 0.0 and down_pi[z] > 0.0):
                norm += down_pi[z] ** 2
        for k in range(rows):
            if try_mu[k] <= 0.0 and down_mu[k] > 0.0:
                down_mu[k] = 0.0
            norm += down_mu[k] ** 2
        if norm < _TINY:
            break
        size = scale * (bound - target + 1e-3) / norm
        for z in range(zones):
            try_pi[z] -= size * down_pi[z]
        for k in range(rows):
            try_mu[k] = max(try_mu[k] - size * down_mu[k], 0.0)
        _project(try_pi, shares, theta)
    return found


@njit(cache=True, nogil=True)
def _within(used, extra, caps):
    worst = -1e30
    for k in range(len(used)):
        worst = max(worst, used[k] + caps[extra, k])
        if worst > 1.0 + 1e-9:
            break
    return worst <= 1.0 + 1e-9


@njit(cache=True, nogil=True)
def branch(
    attain, caps, cost, candidate, conflict, group, weights, theta, n_max,
    root_pi, root_mu, start, tolerance, work_limit, steps, pool_size, near,
):  # fmt: skip
    """Depth-first search below the root; see the module.

    caps (m,K): shares of every limit, overshoot and total tension included; start: value of a
    known choice; near: choices worth start - near or more enter the pool. Returns (best set, bound,
    work, nodes, complete, pool values, pool sets).
    """
    m, zones = attain.shape
    rows = caps.shape[1]
    shares = (1.0 - theta) * weights
    best = start
    best_set = np.full(n_max, -1, np.int64)
    pool_value = np.full(pool_size, -1e30)
    pool_set = np.full((pool_size, n_max), -1, np.int64)
    r = np.zeros((n_max + 1, zones))
    used = np.zeros((n_max + 1, rows))
    spent = np.zeros(n_max + 1)
    pi = np.zeros((n_max + 1, zones))
    mu = np.zeros((n_max + 1, rows))
    items = np.zeros((n_max + 1, m), np.int64)
    v = np.zeros((n_max + 1, m))
    count = np.zeros(n_max + 1, np.int64)
    nxt = np.zeros(n_max + 1, np.int64)
    base = np.zeros(n_max + 1)
    chosen = np.zeros(n_max, np.int64)
    top = np.empty(n_max)
    where = np.empty(n_max, np.int64)
    taken_group = np.empty(n_max, np.int64)
    lowest = np.empty(rows)
    total = np.empty(zones)
    pi[0] = root_pi
    mu[0] = root_mu
    items[0] = np.arange(m)
    count[0] = m
    depth = 0
    fresh = True
    work = 0
    nodes = 0
    complete = True
    open_bound = -1e30
    while depth >= 0:
        left = n_max - depth
        target = best + tolerance
        if work > work_limit:
            complete = False
            # Everything not yet looked at lies below the stack.
            for d in range(depth + 1):
                if d == depth and fresh:
                    # The node's own bound was its parent's estimate.
                    open_bound = max(open_bound, base[d])
                elif nxt[d] < count[d]:
                    bound = base[d] + _after(v[d], items[d], group, count[d], nxt[d], n_max - d)
                    open_bound = max(open_bound, bound)
            break
        if fresh:
            fresh = False
            nodes += 1
            bound = _relax(
                attain, caps, cost, group, shares, theta, r[depth], used[depth], spent[depth],
                items[depth], count[depth], left, pi[depth], mu[depth], v[depth], target,
                steps[min(depth, len(steps) - 1)],
            )  # fmt: skip
            work += count[depth] * 4
            if bound <= target:
                depth -= 1
                continue
            n = count[depth]
            constant = bound - _best_cliques(v[depth], items[depth], group, n, left, top, where)
            for s in range(left):
                taken_group[s] = group[items[depth, where[s]]] if where[s] >= 0 else -1
            # Reduced-cost fixing: with item j, at most the left - 1 best of other cliques.
            kept = 0
            for a in range(n):
                j = items[depth, a]
                others, taken = 0.0, 0
                for s in range(left):
                    if taken < left - 1 and taken_group[s] >= 0 and taken_group[s] != group[j]:
                        others += top[s]
                        taken += 1
                if constant + v[depth, a] + others > target:
                    v[depth, kept] = v[depth, a]
                    items[depth, kept] = j
                    kept += 1
            # Items that break a limit whatever offsets them.
            for k in range(rows):
                low = 0.0
                for a in range(kept):
                    low = min(low, caps[items[depth, a], k])
                lowest[k] = (left - 1) * low
            final = 0
            for a in range(kept):
                j = items[depth, a]
                ok = True
                for k in range(rows):
                    if used[depth, k] + caps[j, k] + lowest[k] > 1.0 + 1e-9:
                        ok = False
                        break
                if ok:
                    items[depth, final] = j
                    v[depth, final] = v[depth, a]
                    final += 1
            order = np.argsort(-v[depth, :final], kind="mergesort")
            items[depth, :final] = items[depth, :final][order]
            v[depth, :final] = v[depth, :final][order]
            count[depth] = final
            nxt[depth] = 0
            base[depth] = constant
        i = nxt[depth]
        if i >= count[depth]:
            depth -= 1
            continue
        bound = base[depth] + _after(v[depth], items[depth], group, count[depth], i, left)
        if bound <= target:
            depth -= 1
            continue
        nxt[depth] = i + 1
        j = items[depth, i]
        child = depth + 1
        chosen[depth] = j
        for z in range(zones):
            r[child, z] = r[depth, z] + attain[j, z]
        for k in range(rows):
            used[child, k] = used[depth, k] + caps[j, k]
        spent[child] = spent[depth] + cost[j]
        value = attained_value(r[child], weights, theta) - spent[child]
        work += 1
        if value > best - near:
            ok = True
            for k in range(rows):
                if used[child, k] > 1.0 + 1e-9:
                    ok = False
                    break
            if ok:
                _insert(pool_value, pool_set, value, chosen, child)
                if value > best:
                    best = value
                    best_set[:] = -1
                    best_set[:child] = chosen[:child]
        if left == 1:
            continue
        target = best + tolerance
        if left == 2:
            # The last item: enumerated in place.
            for b in range(i + 1, count[depth]):
                if base[depth] + v[depth, i] + v[depth, b] <= target:
                    break
                work += 1
                last = items[depth, b]
                if candidate[last] == candidate[j] or conflict[candidate[last], candidate[j]]:
                    continue
                for z in range(zones):
                    total[z] = r[child, z] + attain[last, z]
                value = attained_value(total, weights, theta) - spent[child] - cost[last]
                if value > best - near and _within(used[child], last, caps):
                    chosen[child] = last
                    _insert(pool_value, pool_set, value, chosen, child + 1)
                    if value > best:
                        best = value
                        best_set[:] = -1
                        best_set[: child + 1] = chosen[: child + 1]
                        target = best + tolerance
            continue
        kept = 0
        for b in range(i + 1, count[depth]):
            last = items[depth, b]
            if candidate[last] != candidate[j] and not conflict[candidate[last], candidate[j]]:
                items[child, kept] = last
                kept += 1
        if kept == 0:
            continue
        count[child] = kept
        pi[child] = pi[depth]
        mu[child] = mu[depth]
        base[child] = bound
        depth = child
        fresh = True
    # What was given up could not reach the known value and the tolerance.
    bound = max(best + tolerance, open_bound)
    return best_set, bound, work, nodes, complete, pool_value, pool_set


@njit(cache=True, nogil=True)
def _after(v, items, group, count, i, left):
    """v_i and the `left - 1` largest positive v behind it, one per clique; v is descending."""
    total = v[i]
    marks = np.empty(left, np.int64)
    marks[0] = group[items[i]]
    taken = 1
    for b in range(i + 1, count):
        if taken == left or v[b] <= 0.0:
            break
        g = group[items[b]]
        fresh = True
        for s in range(taken):
            if marks[s] == g:
                fresh = False
                break
        if fresh:
            marks[taken] = g
            taken += 1
            total += v[b]
    return total


@njit(cache=True, nogil=True)
def _insert(values, sets, value, chosen, depth):
    worst = 0
    for p in range(len(values)):
        if values[p] < values[worst]:
            worst = p
    if value > values[worst]:
        values[worst] = value
        sets[worst, :] = -1
        for d in range(depth):
            sets[worst, d] = chosen[d]
