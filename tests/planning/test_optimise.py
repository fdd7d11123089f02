"""Both sides together and the tension polish, on small made-up grids."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import made_up_side

from threadlift.planning.optimise import SideGrid, combine, polish, search_side
from threadlift.planning.search import attained_value, feasible


def grid(side: str, seed: int, levels: tuple[float, ...] = (0.5, 1.0, 2.0)) -> SideGrid:
    """Six candidates, three zones with goals of 1.5 to 3 mm."""
    rng = np.random.default_rng(seed)
    attain = rng.gamma(1.0, 0.15, (6, 3))
    limits = rng.uniform(-0.1, 0.35, (6, 4))
    return made_up_side(side, attain, limits, np.array(levels), np.array([3.0, 1.5, 2.0]))


@pytest.mark.parametrize("seed", range(5))
def test_polish_does_not_lose_what_the_grid_reached_and_keeps_the_limits(seed: int) -> None:
    g = grid("left", seed)
    best = search_side(g, 3).best
    found = polish(g, best.items)
    assert found is not None
    p = g.problem
    reached = attained_value(found.response[g.zones], p.weights, p.theta)
    cost = sum(0.02 + 0.002 * t for _, t in found.chosen)
    # Without a correction the polish may use the linear model's known excess, the grid may not.
    assert reached - cost >= best.value - 1e-9
    assert found.response[g.limits].max() <= 1.3 + 1e-9
    assert sum(t for _, t in found.chosen) <= p.tension_cap_n + 1e-9


def test_a_correction_tightens_the_limits_by_what_the_linear_model_missed() -> None:
    g = grid("left", 1)
    best = search_side(g, 3).best
    before = polish(g, best.items)
    assert before is not None
    correction = np.zeros(g.response.shape[1])
    correction[g.limits] = 0.2
    after = polish(g, best.items, correction)
    assert after is not None
    assert (after.response[g.limits] + 0.2).max() <= 1.0
    assert sum(t for _, t in after.chosen) <= sum(t for _, t in before.chosen) + 1e-9


def test_a_set_that_cannot_keep_the_limits_is_refused() -> None:
    g = grid("left", 1)
    best = search_side(g, 3).best
    hopeless = np.full(g.response.shape[1], 5.0)
    assert polish(g, best.items, hopeless) is None


def test_equal_sides_are_treated_alike() -> None:
    grids = {"left": grid("left", 2), "right": grid("right", 2)}
    results = {side: search_side(g, 3) for side, g in grids.items()}
    choice, uneven = combine(grids, results)  # type: ignore[arg-type]
    assert choice["left"].items == choice["right"].items
    assert uneven == pytest.approx(0.0)


def test_unequal_sides_stay_in_balance() -> None:
    """What is left of the goal may not differ by more than the limit where that can be had."""
    weak, strong = grid("left", 3), grid("right", 4)
    grids = {"left": weak, "right": strong}
    results = {side: search_side(g, 3) for side, g in grids.items()}
    _, uneven = combine(grids, results)  # type: ignore[arg-type]
    assert uneven <= 1.5


def test_one_side_alone_is_planned_alone() -> None:
    grids = {"left": grid("left", 2), "right": None}
    results = {side: search_side(g, 2) for side, g in grids.items()}
    choice, _ = combine(grids, results)  # type: ignore[arg-type]
    assert choice["left"] == results["left"].best
    assert choice["right"].items == ()


@pytest.mark.parametrize("seed", range(4))
def test_a_search_that_ends_early_still_tries_fewer_threads(seed: int) -> None:
    g = grid("left", seed)
    proven = search_side(g, 3)
    early = search_side(g, 3, work_limit=0)
    assert early.bound >= proven.best.value - 1e-12
    assert early.best.value >= search_side(g, 2, work_limit=0).best.value - 1e-12
    assert early.best.value <= early.bound
    assert all(feasible(g.problem, c.items) for c in early.pool)
