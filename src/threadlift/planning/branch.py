"""Best-first search over nodes: groups of items, so many to be taken out of each.

The roots take exactly 1, 2, ... n items out of everything. The node with the largest bound is
looked into next: if it is small enough its choices are enumerated, else one of its groups is split
in two and the items to be taken are shared out in every way. Items of a small group are much alike
in what they bring and which limits they use, so that mixing them, which is what makes a relaxation
weak, gains ever less. Because bounds leave in descending order, the largest one still open bounds
everything at any time. Now and then the search dives: it follows the best part of what it has just
split down to choices that can be enumerated, so that good ones are known long before the proof.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.planning.groups import Grid, Pool, Rule, to_beat
from threadlift.planning.leaf import enumerated, halves
from threadlift.planning.relaxation import tighten

# Subgradient steps at a root and below it.
_ROOT_STEPS = 200
_STEPS = 15
# A node of no more choices is enumerated, unless that means to look at more items than this.
_LEAF = 1e6
_LEAF_WORK = 20_000
_POOL = 64
# Nodes looked into from one dive to the next.
_DIVE = 16


@dataclass(frozen=True)
class Found:
    """Upper bound on every choice, and the pool of good choices that were met.

    work: items looked at; nodes: looked into; complete: the rule gave up all that was left.
    """

    bound: float
    work: int
    nodes: int
    complete: bool
    pool: Pool


@dataclass(frozen=True)
class Groups:
    """Items (N,) of a node, group by group; see :mod:`threadlift.planning.groups`."""

    items: NDArray
    start: NDArray
    count: NDArray

    @classmethod
    def of(cls, parts: list[tuple[NDArray, int]]) -> Groups:
        """From the items of every group and how many to take of them."""
        sizes = [len(p) for p, _ in parts]
        return cls(
            np.concatenate([p for p, _ in parts]),
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            np.array([n for _, n in parts], dtype=np.int64),
        )

    def choices(self) -> float:
        """How many choices there are, at most."""
        return float(np.prod(np.diff(self.start).astype(float) ** self.count))

    def split(self, g: int, low: NDArray) -> Iterator[Groups]:
        """Group g in two parts, the items to be taken shared out in every way."""
        parts = [
            (self.items[a:b], int(n))
            for a, b, n in zip(self.start[:-1], self.start[1:], self.count, strict=True)
        ]
        own, n = parts.pop(g)
        for t in range(n + 1):
            yield Groups.of(
                [*parts, *((p, k) for p, k in ((own[low], t), (own[~low], n - t)) if k)]
            )


@dataclass(frozen=True)
class _Node:
    """Groups after their relaxation: bound, multipliers, gains v (N,), average choice (N,)."""

    bound: float
    groups: Groups
    pi: NDArray
    mu: NDArray
    v: NDArray
    mean: NDArray
    base: float


def branch(grid: Grid, n_max: int, best: float, rule: Rule, work_limit: int) -> Found:
    """Every choice of one to n_max items: what is worth more than ``best``, a known value.

    The relaxation of the roots is not subject to the limit of work.
    """
    pool = Pool(np.full(_POOL, -1e30), np.full((_POOL, n_max), -1, dtype=np.int64))
    nodes: list[tuple[float, int, _Node]] = []
    work = looked = entered = 0

    def enter(groups: Groups, pi: NDArray, mu: NDArray, steps: int, above: float) -> _Node | None:
        nonlocal best, work
        pi, mu = pi.copy(), mu.copy()
        bound, items, start, v, mean, base, best, spent = tighten(
            grid, groups.items, groups.start, groups.count, pi, mu, steps, rule, best, pool
        )
        work += spent
        if len(items) == 0:
            return None
        left = Groups(items, start, groups.count)
        return _Node(min(bound, above), left, pi, mu, v, mean, base)

    def push(node: _Node | None) -> None:
        nonlocal entered
        if node is not None:
            entered += 1
            heapq.heappush(nodes, (-node.bound, entered, node))

    # Any multipliers will do to start from: these price attainment as if all zones fell short.
    pi, mu = grid.weights.copy(), np.zeros(grid.caps.shape[1])
    for n in range(n_max, 0, -1):
        push(enter(Groups.of([(np.arange(len(grid.cost)), n)]), pi, mu, _ROOT_STEPS, np.inf))
    dive: _Node | None = None
    since = 0
    while work <= work_limit:
        node, deeper = dive, dive is not None and dive.bound > to_beat(rule, best)
        if node is None or not deeper:
            if not nodes or nodes[0][2].bound <= to_beat(rule, best):
                break
            node = heapq.heappop(nodes)[2]
        dive = None
        groups = node.groups
        looked += 1
        since += 1
        if groups.choices() <= _LEAF:
            done, best, spent = enumerated(
                grid, groups.items, groups.start, groups.count, node.v, node.base, rule, best,
                pool, _LEAF_WORK,
            )  # fmt: skip
            work += spent
            if done:
                continue
        which, low = halves(
            grid, groups.items, groups.start, groups.count, node.pi, node.mu, node.mean
        )
        parts = [
            enter(part, node.pi, node.mu, _STEPS, node.bound) for part in groups.split(which, low)
        ]
        if deeper or since >= _DIVE:
            since = 0
            dive = max((n for n in parts if n is not None), key=lambda n: n.bound, default=None)
        for part in parts:
            if part is not dive:
                push(part)
    push(dive)
    given_up = to_beat(rule, best)
    still_open = nodes[0][2].bound if nodes else -np.inf
    return Found(max(given_up, still_open), work, looked, still_open <= given_up, pool)
