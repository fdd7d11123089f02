"""The search against enumeration and against an independent mixed-integer solver."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from conftest import made_up_problem
from scipy.optimize import LinearConstraint, milp

from threadlift.planning.bounds import SideProblem
from threadlift.planning.search import choice_value, feasible, search


def problem(seed: int, candidates: int = 9, levels: int = 2, zones: int = 4, rows: int = 6):
    rng = np.random.default_rng(seed)
    shape = rng.gamma(1.0, 0.25, (candidates, zones)) * (rng.random((candidates, zones)) < 0.7)
    side = rng.normal(0.2, 0.25, (candidates, rows))
    return made_up_problem(rng, shape, side, np.linspace(0.6, 1.0, levels), 0.2, 5.0)


def by_enumeration(p: SideProblem, n_max: int) -> float:
    best = 0.0
    for size in range(1, n_max + 1):
        for items in combinations(range(len(p.attain)), size):
            if feasible(p, items):
                best = max(best, choice_value(p, items))
    return best


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n_max", [1, 2, 3])
def test_the_search_finds_the_optimum_of_enumeration(seed: int, n_max: int) -> None:
    p = problem(seed)
    result = search(p, n_max, tolerance=0.0)
    truth = by_enumeration(p, n_max)
    assert result.complete
    assert result.best.value == pytest.approx(truth, abs=1e-12)
    assert result.bound >= truth - 1e-12
    assert feasible(p, result.best.items)


@pytest.mark.parametrize("seed", range(20, 26))
def test_four_threads_with_limits_that_offset_each_other(seed: int) -> None:
    p = problem(seed, candidates=8, levels=2, rows=9)
    result = search(p, 4, tolerance=0.0)
    assert result.best.value == pytest.approx(by_enumeration(p, 4), abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_the_bound_holds_when_branches_are_given_up(seed: int) -> None:
    p = problem(seed, candidates=10)
    truth = by_enumeration(p, 3)
    for tolerance, limit in ((0.05, 10**7), (0.0, 300)):
        result = search(p, 3, tolerance=tolerance, work_limit=limit)
        assert result.bound >= truth - 1e-12
        assert result.best.value <= truth + 1e-12
        assert result.gap == pytest.approx(result.bound - result.best.value)


def milp_optimum(p: SideProblem, n_max: int) -> float:
    """The same problem as a mixed-integer programme in HiGHS."""
    m, zones = p.attain.shape
    cost = np.concatenate([p.cost, (1 - p.theta) * p.weights, [p.theta]])
    zero = np.zeros
    rows, low, high = [], [], []

    def add(row: np.ndarray, lo: float, hi: float) -> None:
        rows.append(row)
        low.append(lo)
        high.append(hi)

    for z in range(zones):
        shortfall = np.concatenate([p.attain[:, z], np.eye(zones)[z], [0.0]])
        add(shortfall, 1.0, np.inf)
        add(np.concatenate([zero(m), -np.eye(zones)[z], [1.0]]), 0.0, np.inf)
        add(np.concatenate([p.attain[:, z], zero(zones + 1)]), -np.inf, p.overshoot)
    for k in range(p.limits.shape[1]):
        add(np.concatenate([p.limits[:, k], zero(zones + 1)]), -np.inf, 1.0)
    add(np.concatenate([np.ones(m), zero(zones + 1)]), 0, n_max)
    add(np.concatenate([p.tension_n, zero(zones + 1)]), 0, p.tension_cap_n)
    for a in range(len(p.conflict)):
        add(np.concatenate([(p.candidate == a).astype(float), zero(zones + 1)]), 0, 1)
        for b in np.flatnonzero(p.conflict[a]):
            if b > a:
                pair = (p.candidate == a) | (p.candidate == b)
                add(np.concatenate([pair.astype(float), zero(zones + 1)]), 0, 1)
    solution = milp(
        cost,
        constraints=LinearConstraint(np.array(rows), low, high),
        integrality=np.concatenate([np.ones(m), zero(zones + 1)]),
        bounds=(np.zeros(m + zones + 1), np.concatenate([np.ones(m), np.full(zones + 1, np.inf)])),
        options={"mip_rel_gap": 0.0},
    )
    assert solution.status == 0
    return 1.0 - solution.fun


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_highs_agrees(seed: int) -> None:
    p = problem(seed, candidates=20, levels=3)
    ours = search(p, 3, tolerance=0.0)
    assert ours.complete
    assert ours.best.value == pytest.approx(milp_optimum(p, 3), abs=1e-6)


def test_more_threads_are_never_worth_less_and_the_pool_is_feasible() -> None:
    p = problem(3, candidates=25, levels=3)
    values = []
    for n in (1, 2, 3, 4):
        result = search(p, n)
        values.append(result.bound)
        assert all(feasible(p, c.items) for c in result.pool)
        assert result.pool[0] == result.best
    assert all(b >= a - 0.01 for a, b in pairwise(values))


def test_same_input_same_answer() -> None:
    p = problem(5, candidates=25, levels=3)
    assert search(p, 3) == search(p, 3)


def test_nothing_to_choose_from_is_the_empty_choice() -> None:
    p = problem(1)
    empty = p.subset(np.zeros(len(p.attain), dtype=bool))
    result = search(empty, 3)
    assert result.best.items == ()
    assert result.best.value == 0.0
