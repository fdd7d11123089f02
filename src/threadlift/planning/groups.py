"""Nodes of the search: a choice of so many items out of each of several groups of items.

A node stands for every choice that takes exactly `count[g]` items from group g, for all g. Groups
lie one behind the other in `items`; group g is `items[start[g] : start[g + 1]]`, ascending. What
can be seen without any relaxation is thrown out here: items that break a limit whatever is taken
from the other groups, and items that conflict with everything in a group that must give one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

#: Limits are shares of one; sums of rounded shares may differ from it by this.
SLACK = 1e-9
# Values of one choice whose items were added up in another order.
_SAME = 1e-12


class Rule(NamedTuple):
    """When a node is given up, and which choices are kept.

    A node that cannot beat the best known value by max(tolerance, relative * best) is given up;
    choices worth more than best - near enter the pool.
    """

    tolerance: float
    relative: float
    near: float


class Pool(NamedTuple):
    """Good choices: values (P,), items (P,n), -1 where there is none."""

    values: NDArray
    sets: NDArray


class Grid(NamedTuple):
    """The items of a side as the kernels read them.

    attain (m,Z); caps (m,K) shares of every limit, overshoot and total tension included; by_row
    (K,m) the same, transposed; cost (m,); candidate (m,); conflict (C,C); clique (m,); weights
    (Z,); theta.
    """

    attain: NDArray
    caps: NDArray
    by_row: NDArray
    cost: NDArray
    candidate: NDArray
    conflict: NDArray
    clique: NDArray
    weights: NDArray
    theta: float


@njit(cache=True, nogil=True)
def to_beat(rule: Rule, best: float) -> float:
    """What a node must promise more than, to be looked into."""
    return best + max(rule.tolerance, rule.relative * best)


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
def keep_choice(pool, value, chosen):
    """Enter a choice in the pool in the place of its worst, unless it is in it."""
    worst = 0
    for p in range(len(pool.values)):
        if abs(pool.values[p] - value) < _SAME:
            same = 0
            for j in chosen:
                for i in pool.sets[p]:
                    same += i == j
            if same == len(chosen):
                return
        if pool.values[p] < pool.values[worst]:
            worst = p
    if value > pool.values[worst]:
        pool.values[worst] = value
        pool.sets[worst, :] = -1
        pool.sets[worst, : len(chosen)] = chosen


@njit(cache=True, nogil=True)
def kept(items, start, alive):
    """Items (N,) and starts (G+1,) of what is alive; empty where a group has lost all of its."""
    out = np.empty(len(items), np.int64)
    begin = np.zeros(len(start), np.int64)
    k = 0
    for g in range(len(start) - 1):
        for n in range(start[g], start[g + 1]):
            if alive[n]:
                out[k] = items[n]
                k += 1
        begin[g + 1] = k
        if k == begin[g]:
            return out[:0].copy(), np.zeros(len(start), np.int64)
    return out[:k].copy(), begin


@njit(cache=True, nogil=True)
def drop_over_limit(grid, items, start, count, alive):
    """Mark dead what breaks a limit beside the least use of it by the others; False: all does."""
    groups, rows = len(count), grid.caps.shape[1]
    low = np.full((groups, rows), 1e30)
    high = np.full((groups, rows), -1e30)
    for g in range(groups):
        lo, hi = low[g], high[g]
        for n in range(start[g], start[g + 1]):
            e = grid.caps[items[n]]
            for k in range(rows):
                lo[k] = min(lo[k], e[k])
                hi[k] = max(hi[k], e[k])
    least = np.zeros(rows)
    for g in range(groups):
        least += count[g] * low[g]
    if least.max() > 1.0 + SLACK:
        return False
    for g in range(groups):
        # Room that the least of all others leaves to one item of the group.
        room = 1.0 + SLACK - (least - low[g])
        tight = np.flatnonzero(high[g] > room)
        if len(tight) == 0:
            continue
        for n in range(start[g], start[g + 1]):
            e = grid.caps[items[n]]
            for k in tight:
                if e[k] > room[k]:
                    alive[n] = False
                    break
    return True


@njit(cache=True, nogil=True)
def drop_conflicting(grid, items, start, count, alive):
    """Mark dead what has no partner left in a group that must give one (or another one)."""
    groups, everyone = len(count), len(grid.conflict)
    if groups == 1 and count[0] == 1:
        return
    wanted = np.zeros(everyone, np.bool_)
    for n in range(start[groups]):
        if alive[n]:
            wanted[grid.candidate[items[n]]] = True
    for h in range(groups):
        there = np.zeros(everyone, np.bool_)
        for n in range(start[h], start[h + 1]):
            if alive[n]:
                there[grid.candidate[items[n]]] = True
        members = np.flatnonzero(there)
        partner = np.zeros(everyone, np.bool_)
        for c in range(everyone):
            if wanted[c]:
                for d in members:
                    if d != c and not grid.conflict[c, d]:
                        partner[c] = True
                        break
        for g in range(groups):
            if g != h or count[g] > 1:
                for n in range(start[g], start[g + 1]):
                    if alive[n] and not partner[grid.candidate[items[n]]]:
                        alive[n] = False
