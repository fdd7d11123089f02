"""The bound of a node: multipliers that follow it, and what they rule out.

For multipliers pi of the goals and mu >= 0 of the limits (see :mod:`threadlift.planning.search`)
no choice of a node is worth more than

    1 - sum pi + sum mu + sum over its groups of the `count` largest v_j, at most one per clique.

Subgradient steps of Polyak's length, aimed at the value that prunes the node, lower it from the
multipliers of the parent. The choices met on the way, averaged, approach the solution of the linear
relaxation: they say which group still mixes unlike items. An item in whose place the bound does not
reach the value to beat leaves the node (reduced-cost fixing).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from threadlift.planning.groups import (
    SLACK,
    attained_value,
    drop_conflicting,
    drop_over_limit,
    keep_choice,
    kept,
    to_beat,
)

# Polyak's step shrinks by this when it did not help.
_SHRINK = 0.8
# Weight of the newest choice in the average, at least.
_NEWEST = 0.1
_TINY = 1e-12
# A node is gone over again while at least this share of its items leaves.
_AGAIN = 0.2
_ROUNDS = 6
_FEWEST_STEPS = 10


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
def _gains(grid, items, pi, mu, v):
    """v_j of the items under the multipliers."""
    for n in range(len(items)):
        j = items[n]
        g = -grid.cost[j]
        for z in range(len(pi)):
            g += pi[z] * grid.attain[j, z]
        v[n] = g
    for k in range(len(mu)):
        if mu[k] > 0.0:
            row = grid.by_row[k]
            for n in range(len(items)):
                v[n] -= mu[k] * row[items[n]]


@njit(cache=True, nogil=True)
def _best(grid, items, start, count, v, top, where):
    """The `count` largest v of each group, one per clique: values and positions; their sum.

    Groups lie one behind the other; minus infinity where a group has too few cliques.
    """
    at = 0
    total = 0.0
    for g in range(len(count)):
        left = count[g]
        filled = 0
        for n in range(start[g], start[g + 1]):
            x = v[n]
            if filled == left and x <= top[at + left - 1]:
                continue
            slot = -1
            if left > 1:
                for s in range(filled):
                    if grid.clique[items[where[at + s]]] == grid.clique[items[n]]:
                        slot = s
                        break
            if slot >= 0:
                if x <= top[at + slot]:
                    continue
            elif filled < left:
                slot = filled
                filled += 1
            else:
                slot = left - 1
            slot += at
            top[slot] = x
            where[slot] = n
            while slot > at and top[slot] > top[slot - 1]:
                top[slot], top[slot - 1] = top[slot - 1], top[slot]
                where[slot], where[slot - 1] = where[slot - 1], where[slot]
                slot -= 1
        if filled < left:
            return -1e30
        for s in range(left):
            total += top[at + s]
        at += left
    return total


@njit(cache=True, nogil=True)
def _compatible(grid, chosen):
    """True when no two of the items conflict or are one candidate."""
    for a in range(len(chosen)):
        for b in range(a):
            i, j = grid.candidate[chosen[a]], grid.candidate[chosen[b]]
            if i == j or grid.conflict[i, j]:
                return False
    return True


@njit(cache=True, nogil=True)
def _relax(grid, items, start, count, pi, mu, v, mean, target, steps, rule, best, pool):
    """Lower the node's bound; pi, mu, v end at the best, mean at the average choice.

    Returns (bound, best, steps made). Feasible choices met on the way enter the pool.
    """
    zones, rows = len(pi), len(mu)
    size = count.sum()
    shares = (1.0 - grid.theta) * grid.weights
    top = np.empty(size)
    where = np.empty(size, np.int64)
    try_pi, try_mu, try_v = pi.copy(), mu.copy(), np.empty(len(items))
    found = 1e30
    scale = 1.0
    mean[:] = 0.0
    for step in range(steps + 1):
        _gains(grid, items, try_pi, try_mu, try_v)
        bound = 1.0 + _best(grid, items, start, count, try_v, top, where)
        if bound < -1e29:
            return -1e30, best, step + 1
        bound += try_mu.sum() - try_pi.sum()
        if bound < found - _TINY:
            found = bound
            pi[:] = try_pi
            mu[:] = try_mu
            v[:] = try_v
        else:
            scale *= _SHRINK
        chosen = items[where]
        r = np.zeros(zones)
        room = np.ones(rows)
        spent = 0.0
        for j in chosen:
            r += grid.attain[j]
            room -= grid.caps[j]
            spent += grid.cost[j]
        worth = attained_value(r, grid.weights, grid.theta) - spent
        if worth > best - rule.near and room.min() >= -SLACK and _compatible(grid, chosen):
            keep_choice(pool, worth, chosen)
            best = max(best, worth)
        newest = max(_NEWEST, 1.0 / (step + 1))
        mean *= 1.0 - newest
        for n in where:
            mean[n] += newest
        if found <= target or step == steps:
            return found, best, step + 1
        norm = 0.0
        for z in range(zones):
            r[z] -= 1.0
            if not (try_pi[z] <= 0.0 and r[z] > 0.0):
                norm += r[z] ** 2
        for k in range(rows):
            if try_mu[k] <= 0.0 and room[k] > 0.0:
                room[k] = 0.0
            norm += room[k] ** 2
        if norm < _TINY:
            return found, best, step + 1
        length = scale * (bound - target + 1e-3) / norm
        for z in range(zones):
            try_pi[z] -= length * r[z]
        for k in range(rows):
            try_mu[k] = max(try_mu[k] - length * room[k], 0.0)
        _project(try_pi, shares, grid.theta)
    return found, best, steps + 1


@njit(cache=True, nogil=True)
def tighten(grid, items, start, count, pi, mu, steps, rule, best, pool):
    """Bound a node and rid it of items; pi and mu (changed in place) end at its multipliers.

    Returns (bound, items, start, v, mean, base, best, work): no items where nothing in the node
    can beat best by the tolerance. The bound is base + the sum of the largest v.
    """
    none = np.zeros(0)
    work = 0
    turn = 0
    while True:
        turn += 1
        alive = np.ones(len(items), np.bool_)
        work += len(items)
        if not drop_over_limit(grid, items, start, count, alive):
            return -1e30, items[:0], start, none, none, 0.0, best, work
        drop_conflicting(grid, items, start, count, alive)
        items, start = kept(items, start, alive)
        if len(items) == 0:
            return -1e30, items, start, none, none, 0.0, best, work
        v, mean = np.empty(len(items)), np.empty(len(items))
        target = to_beat(rule, best)
        bound, best, made = _relax(
            grid, items, start, count, pi, mu, v, mean, target, steps, rule, best, pool
        )
        work += made * len(items)
        target = to_beat(rule, best)
        if bound <= target:
            return bound, items[:0], start, none, none, 0.0, best, work
        top = np.empty(count.sum())
        where = np.empty(count.sum(), np.int64)
        base = bound - _best(grid, items, start, count, v, top, where)
        alive = np.ones(len(items), np.bool_)
        at = 0
        for g in range(len(count)):
            at += count[g]
            for n in range(start[g], start[g + 1]):
                # With the item, at most the count - 1 largest others of its group.
                alive[n] = bound - top[at - 1] + v[n] > target
        before = len(items)
        items, start = kept(items, start, alive)
        if len(items) == 0:
            return bound, items, start, none, none, 0.0, best, work
        if len(items) > (1.0 - _AGAIN) * before or turn == _ROUNDS:
            return bound, items, start, v[alive], mean[alive], base, best, work
        steps = max(steps // 2, _FEWEST_STEPS)
