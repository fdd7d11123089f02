"""The end of the search at a node: enumeration of its choices, or a split of one of its groups."""

from __future__ import annotations

import numpy as np
from numba import njit

from threadlift.planning.groups import SLACK, attained_value, keep_choice, to_beat

# Items without weight in the average choice still count a little where a group is split.
_FAINT = 1e-6


@njit(cache=True, nogil=True)
def enumerated(grid, items, start, count, v, base, rule, best, pool, limit):
    """Look at every choice of the node that the bound does not rule out: (done, best, work).

    Not done when more than `limit` items would have to be looked at.
    """
    groups, size = len(count), count.sum()
    # Small groups first; within a group the largest v first.
    wide = np.argsort(start[1:] - start[:-1], kind="mergesort")
    order = np.empty(len(items), np.int64)
    for g in range(groups):
        part = np.argsort(-v[start[g] : start[g + 1]], kind="mergesort")
        order[start[g] : start[g + 1]] = start[g] + part
    group = np.empty(size, np.int64)
    again = np.zeros(size, np.bool_)
    at = 0
    for g in wide:
        for q in range(count[g]):
            group[at] = g
            again[at] = q > 0
            at += 1
    rest = np.zeros(size + 1)
    for s in range(size - 1, -1, -1):
        rest[s] = rest[s + 1] + v[order[start[group[s]]]]
    zones, rows = grid.attain.shape[1], grid.caps.shape[1]
    r = np.zeros((size + 1, zones))
    used = np.zeros((size + 1, rows))
    spent = np.zeros(size + 1)
    reach = np.zeros(size + 1)
    reach[0] = base
    position = np.zeros(size, np.int64)
    chosen = np.empty(size, np.int64)
    position[0] = start[group[0]]
    depth = 0
    work = 0
    while depth >= 0:
        if position[depth] >= start[group[depth] + 1]:
            depth -= 1
            continue
        n = order[position[depth]]
        position[depth] += 1
        work += 1
        if work > limit:
            return False, best, work
        reach[depth + 1] = reach[depth] + v[n]
        if reach[depth + 1] + rest[depth + 1] <= to_beat(rule, best):
            # All that follow in the group have a smaller v.
            depth -= 1
            continue
        j = items[n]
        clash = False
        for e in range(depth):
            other = grid.candidate[chosen[e]]
            if other == grid.candidate[j] or grid.conflict[other, grid.candidate[j]]:
                clash = True
                break
        if clash:
            continue
        chosen[depth] = j
        for z in range(zones):
            r[depth + 1, z] = r[depth, z] + grid.attain[j, z]
        spent[depth + 1] = spent[depth] + grid.cost[j]
        if depth < size - 1:
            for k in range(rows):
                used[depth + 1, k] = used[depth, k] + grid.caps[j, k]
            depth += 1
            position[depth] = position[depth - 1] if again[depth] else start[group[depth]]
            continue
        worth = float(attained_value(r[size], grid.weights, grid.theta) - spent[size])
        if worth > best - rule.near:
            sound = True
            for k in range(rows):
                if used[depth, k] + grid.caps[j, k] > 1.0 + SLACK:
                    sound = False
                    break
            if sound:
                keep_choice(pool, worth, chosen)
                best = max(best, worth)
    return True, best, work


@njit(cache=True, nogil=True)
def halves(grid, items, start, count, pi, mu, mean):
    """Group to split and which of its items (n,) go to the first part.

    The group whose items in the average choice differ most in what they bring or use, measured in
    value; it is split where they differ most, at their mean.
    """
    zones = len(pi)
    priced = np.flatnonzero(mu > 0.0)
    widest, which, feature, middle = -1.0, -1, 0, 0.0
    for g in range(len(count)):
        if start[g + 1] - start[g] < 2:
            continue
        apart, far, most, centre = 0.0, 0, -1.0, 0.0
        for d in range(zones + len(priced)):
            weight, first, second = 0.0, 0.0, 0.0
            for n in range(start[g], start[g + 1]):
                f = _feature(grid, items[n], pi, mu, priced, d)
                w = mean[n] + _FAINT
                weight += w
                first += w * f
                second += w * f * f
            spread = max(second / weight - (first / weight) ** 2, 0.0)
            apart += spread
            if spread > most:
                most, far, centre = spread, d, first / weight
        if apart * count[g] > widest:
            widest, which, feature, middle = apart * count[g], g, far, centre
    own = items[start[which] : start[which + 1]]
    f = np.empty(len(own))
    for n in range(len(own)):
        f[n] = _feature(grid, own[n], pi, mu, priced, feature)
    low = f <= middle
    if low.all() or not low.any():
        low[:] = False
        low[np.argsort(f, kind="mergesort")[: len(own) // 2]] = True
    return which, low


@njit(cache=True, nogil=True)
def _feature(grid, j, pi, mu, priced, d):
    zones = len(pi)
    if d < zones:
        return pi[d] * grid.attain[j, d]
    k = priced[d - zones]
    return mu[k] * grid.caps[j, k]
