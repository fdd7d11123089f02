"""Nodes of the search against the enumeration of everything that they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pytest
from conftest import made_up_problem
from numpy.typing import NDArray

from threadlift.planning.bounds import SideProblem
from threadlift.planning.branch import Groups
from threadlift.planning.groups import Pool, Rule, drop_conflicting, drop_over_limit
from threadlift.planning.leaf import enumerated, halves
from threadlift.planning.relaxation import tighten
from threadlift.planning.search import choice_value, feasible, kernel_grid, search

EXACT = Rule(0.0, 0.0, 0.05)


def problem(seed: int, candidates: int = 10, levels: int = 2) -> SideProblem:
    """Tight limits that offset each other, many conflicts: few pairs can be placed together."""
    rng = np.random.default_rng(seed)
    zones, rows = 4, 12
    shape = rng.gamma(1.0, 0.22, (candidates, zones)) - 0.05
    side = rng.normal(0.12, 0.3, (candidates, rows))
    return made_up_problem(rng, shape, side, np.linspace(0.5, 1.0, levels), 0.15, 6.0)


def some_groups(p: SideProblem, seed: int) -> Groups:
    """Three groups of the items: one, two and one to be taken."""
    part = np.random.default_rng(seed + 100).integers(0, 3, len(p.attain))
    return Groups.of([(np.flatnonzero(part == g), 1 + (g == 1)) for g in range(3)])


def choices(groups: Groups) -> list[tuple[int, ...]]:
    """Every choice that the groups stand for, feasible or not."""
    ends = zip(groups.start[:-1], groups.start[1:], groups.count, strict=True)
    each = [list(combinations(groups.items[a:b].tolist(), int(n))) for a, b, n in ends]
    return [tuple(sorted(sum(parts, ()))) for parts in product(*each)]


def worth(p: SideProblem, groups: Groups) -> dict[tuple[int, ...], float]:
    return {c: choice_value(p, c) for c in choices(groups) if feasible(p, c)}


def empty_pool() -> Pool:
    return Pool(np.full(64, -1e30), np.full((64, 4), -1, dtype=np.int64))


@dataclass(frozen=True)
class Relaxed:
    """What `tighten` says of a node."""

    bound: float
    items: NDArray
    start: NDArray
    v: NDArray
    mean: NDArray
    base: float
    best: float
    work: int


def relaxed(p: SideProblem, groups: Groups, best: float, rule: Rule) -> Relaxed:
    pi, mu = p.weights.copy(), np.zeros(p.caps().shape[1])
    found = tighten(
        kernel_grid(p), groups.items, groups.start, groups.count, pi, mu, 60, rule, best,
        empty_pool(),
    )  # fmt: skip
    return Relaxed(*found)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(12))
def test_what_breaks_limits_or_conflicts_is_in_no_feasible_choice(seed: int) -> None:
    p = problem(seed)
    groups = some_groups(p, seed)
    alive = np.ones(len(groups.items), dtype=bool)
    some = drop_over_limit(kernel_grid(p), groups.items, groups.start, groups.count, alive)
    drop_conflicting(kernel_grid(p), groups.items, groups.start, groups.count, alive)
    used = {i for c in worth(p, groups) for i in c}
    assert used <= set(groups.items[alive].tolist())
    if not some:
        assert not used


def four_items(use: list[float], conflict: tuple[tuple[int, int], ...] = ()) -> SideProblem:
    """Four candidates with one limit; the pairs given conflict."""
    apart = np.zeros((4, 4), dtype=bool)
    for a, b in conflict:
        apart[a, b] = apart[b, a] = True
    return SideProblem(
        np.full((4, 1), 0.2), np.array(use)[:, None], np.arange(4), np.ones(4), np.full(4, 0.02),
        apart, np.ones(1), 0.3, 1.15, 8.0,
    )  # fmt: skip


TWO_PAIRS = Groups.of([(np.array([0, 1]), 1), (np.array([2, 3]), 1)])


def test_an_item_leaves_that_breaks_a_limit_beside_the_least_of_the_other_group() -> None:
    grid = kernel_grid(four_items([0.9, 0.4, 0.2, 0.55]))
    alive = np.ones(4, dtype=bool)
    assert drop_over_limit(grid, TWO_PAIRS.items, TWO_PAIRS.start, TWO_PAIRS.count, alive)
    assert alive.tolist() == [False, True, True, True]
    hopeless = kernel_grid(four_items([0.9, 0.8, 0.3, 0.4]))
    assert not drop_over_limit(hopeless, TWO_PAIRS.items, TWO_PAIRS.start, TWO_PAIRS.count, alive)


def test_an_item_leaves_that_conflicts_with_a_whole_group_that_must_give_one() -> None:
    grid = kernel_grid(four_items([0.1] * 4, conflict=((0, 2), (1, 2), (1, 3))))
    alive = np.ones(4, dtype=bool)
    drop_conflicting(grid, TWO_PAIRS.items, TWO_PAIRS.start, TWO_PAIRS.count, alive)
    # 2 has no partner left but 0 and 1, both of which it conflicts with.
    assert alive.tolist() == [True, False, False, True]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("share", [0.0, 0.7, 0.95])
def test_the_bound_holds_and_what_it_rules_out_cannot_beat_the_known_value(
    seed: int, share: float
) -> None:
    p = problem(seed)
    groups = some_groups(p, seed)
    values = worth(p, groups)
    truth = max(values.values(), default=-1.0)
    known = share * max(truth, 0.0)
    rule = Rule(0.01, 0.02, 0.05)
    node = relaxed(p, groups, known, rule)
    target = node.best + max(rule.tolerance, rule.relative * node.best)
    assert max(node.bound, target) >= truth - 1e-12
    left = set(node.items.tolist())
    assert all(set(c) <= left for c, value in values.items() if value > target + 1e-12)
    assert node.best <= max(truth, known) + 1e-12


@pytest.mark.parametrize("seed", range(6))
def test_the_relaxation_is_better_than_nothing(seed: int) -> None:
    p = problem(seed)
    groups = some_groups(p, seed)
    alone = sum(max(0.0, choice_value(p, (i,))) for i in groups.items)
    bound = relaxed(p, groups, 0.0, EXACT).bound
    assert bound < 1.0
    assert bound < alone


@pytest.mark.parametrize("seed", range(12))
def test_enumeration_at_a_node_finds_its_best_choice(seed: int) -> None:
    p = problem(seed)
    groups = some_groups(p, seed)
    values = worth(p, groups)
    grid = kernel_grid(p)
    node = relaxed(p, groups, 0.0, EXACT)
    pool, best = empty_pool(), node.best
    if len(node.items) > 0:
        done, best, _ = enumerated(
            grid, node.items, node.start, groups.count, node.v, node.base, EXACT, best, pool, 10**6
        )
        assert done
    assert best == pytest.approx(max(values.values(), default=0.0), abs=1e-12)
    for value, members in zip(pool.values, pool.sets, strict=True):
        if value > 0.0:
            assert values[tuple(sorted(members.tolist()))] == pytest.approx(value, abs=1e-12)


def test_enumeration_gives_up_at_its_limit() -> None:
    p = problem(0)
    groups = some_groups(p, 0)
    node = relaxed(p, groups, 0.0, EXACT)
    done, _, work = enumerated(
        kernel_grid(p), node.items, node.start, groups.count, node.v, node.base, EXACT, 0.0,
        empty_pool(), 3,
    )  # fmt: skip
    assert not done
    assert work == 4


@pytest.mark.parametrize("seed", range(6))
def test_the_parts_of_a_split_hold_every_choice_once(seed: int) -> None:
    p = problem(seed, candidates=8)
    groups = some_groups(p, seed)
    grid = kernel_grid(p)
    mean = np.random.default_rng(seed).random(len(groups.items))
    mu: NDArray = np.random.default_rng(seed).random(grid.caps.shape[1]) * 0.1
    which, low = halves(grid, groups.items, groups.start, groups.count, p.weights, mu, mean)
    assert low.any()
    assert not low.all()
    parts = [c for part in groups.split(which, low) for c in choices(part)]
    assert sorted(parts) == sorted(choices(groups))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("limit", [0, 30_000, 60_000, 120_000])
def test_the_largest_bound_still_open_bounds_everything(seed: int, limit: int) -> None:
    p = problem(seed, candidates=12)
    every = [c for n in range(1, 5) for c in combinations(range(len(p.attain)), n)]
    truth = max((choice_value(p, c) for c in every if feasible(p, c)), default=0.0)
    result = search(p, 4, tolerance=0.0, work_limit=limit)
    assert result.bound >= truth - 1e-12
    assert result.best.value <= truth + 1e-12
    if result.complete:
        assert result.best.value == pytest.approx(truth, abs=1e-12)


def test_more_work_never_gives_a_weaker_bound() -> None:
    p = problem(3, candidates=60, levels=4)
    found = [search(p, 4, tolerance=0.0, work_limit=10**n) for n in (0, 6, 7)]
    assert found[0].nodes == 0
    assert not found[0].complete
    gaps = [f.gap for f in found]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] < gaps[0]


@pytest.mark.parametrize("seed", range(3))
def test_a_relative_gap_is_one_of_the_value_found(seed: int) -> None:
    p = problem(seed, candidates=40, levels=3)
    loose = search(p, 4, tolerance=0.002, relative=0.05)
    assert loose.complete
    assert loose.gap <= max(0.002, 0.05 * loose.best.value) + 1e-12
    assert loose.work <= search(p, 4, tolerance=0.002).work
