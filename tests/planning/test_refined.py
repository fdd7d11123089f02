"""Refinement off the grid: what a step may do, what it gains, and what it never breaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from conftest import Case, made_up_side, thinned

from threadlift.evidence import value
from threadlift.planning.candidates import replaced
from threadlift.planning.coupled import choose
from threadlift.planning.linear import LinearModel
from threadlift.planning.optimise import SideGrid, margin_of
from threadlift.planning.reading import uneven_mm
from threadlift.planning.refine_programme import Cut, Slopes, best_step
from threadlift.planning.refine_step import SHAPES, Ground, Objections
from threadlift.planning.refined import Refinement, refined
from threadlift.planning.rows import Rows
from threadlift.planning.safety import SafetyCase
from threadlift.planning.verify import Verified, settle, solve, value_of
from threadlift.threads.thread import SIDES, Side

# ---------------------------------------------------------------- the programme of one step

Grids = Mapping[Side, SideGrid | None]
LEFT: Sequence[Side] = ("left", "left")
ZONES = ("jowl_left", "malar_left", "jawline_left")


@pytest.fixture
def side(rng):
    attain, limits = rng.random((4, 3)), rng.random((4, 2))
    return made_up_side("left", attain, limits, np.array([0.5, 1.0]), np.full(3, 2.0))


@pytest.fixture
def left(rows: Rows) -> Rows:
    return replace(rows, zones=ZONES, goal_mm=np.full(3, 2.0), weights=np.ones(3))


def slopes(**changes) -> Slopes:
    """Two threads with two moves each: the first move of the first thread lifts every zone."""
    d_goal = np.zeros((3, 6))
    d_goal[:, 0] = 0.05
    d_limit = np.zeros((1, 6))
    start = Slopes(np.full(3, 0.5), np.full(1, 0.5), d_goal, d_limit, np.zeros(6), 1.0)
    return replace(start, **changes)


def step(rows: Rows, side, slopes: Slopes, cuts=()):
    box = np.array([2.0, 2.0, 2.0, 2.0, 0.3, 0.3])
    grids: Grids = {"left": side, "right": None}
    x = best_step(rows, grids, slopes, LEFT, np.ones(2), (-box, box), cuts)
    assert x is not None
    return x


def test_what_serves_the_goal_is_moved_and_what_serves_nothing_stays(left, side) -> None:
    x = step(left, side, slopes())
    np.testing.assert_allclose(x[:4], [2.0, 0.0, 0.0, 0.0], atol=1e-9)
    # Pull that brings nothing costs: it is taken back.
    np.testing.assert_allclose(x[4:], [-0.3, -0.3], atol=1e-9)


def test_a_step_ends_where_a_limit_begins(left, side) -> None:
    limit = np.array([[0.3, 0.0, 0.0, 0.0, 0.0, 0.0]])
    assert step(left, side, slopes(d_limit=limit))[0] == pytest.approx((0.9 - 0.5) / 0.3)
    touching = np.array([0.4, 0.0, 0.0, 0.0, 0.0, 0.0])
    assert step(left, side, slopes(touch=touching, room=0.2))[0] == pytest.approx(0.5)
    cut = Cut(np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0]), 0.7)
    assert step(left, side, slopes(), [cut])[0] == pytest.approx(0.7)


def test_no_zone_is_lifted_far_beyond_its_goal(left, side) -> None:
    """One zone is attained, the others fall short: overshoot stops the step before its bound."""
    most = 0.9 * value("planning.limits.overshoot")
    x = step(left, side, slopes(goal=np.array([1.0, 0.5, 0.5])))
    assert x[0] == pytest.approx((most - 1.0) / 0.05)


def test_where_nothing_is_gained_there_is_no_step(left, side) -> None:
    flat = slopes(d_goal=np.zeros((3, 6)))
    box = np.array([2.0, 2.0, 2.0, 2.0, 0.0, 0.0])
    grids: Grids = {"left": side, "right": None}
    assert best_step(left, grids, flat, LEFT, np.ones(2), (-box, box), ()) is None


def test_balance_is_kept_while_one_side_gains(rows: Rows, side) -> None:
    both = replace(
        rows, zones=("jowl_left", "jowl_right"), goal_mm=np.full(2, 4.0), weights=np.ones(2)
    )
    one = replace(side, zones=np.array([0]), zone_names=("jowl",), expected=np.ones(1))
    one = replace(one, problem=replace(one.problem, weights=np.ones(1)))
    grids: Grids = {"left": one, "right": replace(one, side="right", zones=np.array([1]))}
    d_goal = np.zeros((2, 4))
    d_goal[0, 0] = 0.5
    s = Slopes(np.full(2, 0.2), np.zeros(0), d_goal, np.zeros((0, 4)), np.zeros(4), 1.0)
    box = np.array([2.0, 2.0, 0.0, 0.0])
    x = best_step(both, grids, s, SIDES, np.ones(2), (-box, box), ())
    assert x is not None
    assert 4.0 * 0.5 * x[0] == pytest.approx(value("planning.limits.asymmetry"))


def test_objections_first_shorten_then_stop_and_a_whole_plan_goes_slower() -> None:
    by = np.array([[3.0, 0.0, 0.3], [1.0, 1.0, 0.0]])
    one, whole = np.array([True, False]), np.array([True, True])
    first = Objections.none(2).after(by, [one, whole])
    assert len(first.cuts) == 2
    for cut, moved in zip(first.cuts, (by * [[1.0], [0.0]], by), strict=True):
        gone = np.concatenate([moved.ravel(), np.zeros(2)])
        assert cut.direction @ (0.3 * gone) == pytest.approx(cut.most)
    np.testing.assert_array_equal(first.far, [1.0, 1.0])
    np.testing.assert_array_equal(first.after(by, [one]).far, [0.0, 1.0])
    np.testing.assert_array_equal(first.after(by, [whole]).far, [0.5, 0.5])


def test_margins_of_hands_lie_between_those_of_the_levels(side, rng) -> None:
    grid = replace(side, margin=rng.random(side.margin.shape))
    p = grid.problem
    for i in range(len(p.tension_n)):
        one = [(grid.candidates[p.candidate[i]], float(p.tension_n[i]))]
        np.testing.assert_allclose(margin_of(grid, one), grid.margin[i])
        assert not margin_of(grid, [(one[0][0], 0.0)]).any()
    middle = margin_of(grid, [(grid.candidates[0], 0.75)])
    np.testing.assert_allclose(middle, grid.margin[:2].mean(axis=0))
    np.testing.assert_allclose(
        margin_of(grid, [(grid.candidates[0], 0.75), (grid.candidates[1], 1.0)]),
        middle + grid.margin[3],
    )


# ---------------------------------------------------------------- on a face


@pytest.fixture(scope="module")
def ground(case: Case, rows: Rows) -> Ground:
    assert case.tissue.face is not None and case.tissue.stack is not None  # noqa: PT018
    model = LinearModel.of(case.tissue, rows, thinned(case.candidates, 24).candidates)
    return Ground(
        case.tissue,
        rows,
        model.grids(),
        SafetyCase.of(case.tissue.face, case.tissue.stack, case.tissue.consultation),
    )


@pytest.fixture(scope="module")
def start(ground: Ground) -> Verified:
    choice = choose(ground.grids, 2, 5_000_000).choice
    return settle(ground.tissue, ground.rows, ground.grids, {s: choice[s].items for s in SIDES})


@pytest.fixture(scope="module")
def found(ground: Ground, start: Verified) -> Refinement:
    return refined(ground, start)


def test_refinement_gains_and_says_how_much(ground, start, found: Refinement) -> None:
    assert found.before == value_of(ground.grids, start)
    assert found.after == pytest.approx(value_of(ground.grids, found.verified))
    assert found.after > found.before + 0.01
    assert found.rounds >= 1
    assert found.to_json()["gain"] == round(found.after - found.before, 4)


def test_a_refined_plan_keeps_every_limit_and_rule(ground, start, found: Refinement) -> None:
    plan = found.verified
    assert plan.within
    assert not ground.case.check(plan.threads).violations
    allowed = max(value("planning.limits.asymmetry"), uneven_mm(start.lift_mm, ground.rows))
    assert uneven_mm(plan.lift_mm, ground.rows) <= allowed + 1e-9
    again = solve(ground.tissue, ground.rows, plan.chosen)
    assert again.goal_attained == pytest.approx(plan.goal_attained, abs=2e-3)


def test_threads_stay_the_same_threads(start, found: Refinement) -> None:
    """Entry, side, product and technique are the search's; ends go no further than is stated."""
    farthest = 0.0
    for (old, _), (new, tension_n) in zip(start.chosen, found.verified.chosen, strict=True):
        a, b = old.thread, new.thread
        assert (a.side, a.product, a.technique) == (b.side, b.product, b.technique)
        assert old.levels_n[0] == new.levels_n[0]
        assert tension_n <= new.levels_n[-1] + 1e-9
        if a.technique == "anchored":
            np.testing.assert_allclose(a.entry_mm, b.entry_mm, atol=0.3)
        farthest = max(farthest, float(np.linalg.norm(a.path_mm[-1] - b.path_mm[-1])))
    along, across, depth = (way for _, way in SHAPES.values())
    assert farthest <= np.hypot(found.moved_mm, depth) + 1.0
    assert found.moved_mm <= np.hypot(along, across) + 1e-9


def test_the_same_plan_is_refined_to_the_same_plan(ground, start, found: Refinement) -> None:
    again = refined(ground, start)
    assert again.to_json() == found.to_json()
    for a, b in zip(again.verified.threads, found.verified.threads, strict=True):
        assert a.to_json() == b.to_json()


def test_a_plan_that_breaks_a_rule_or_has_no_threads_is_left_alone(ground) -> None:
    nothing = solve(ground.tissue, ground.rows, ())
    assert refined(ground, nothing).verified is nothing
    grid = ground.grids["left"]
    assert grid is not None
    candidate = grid.candidates[0]
    # The same thread twice is too close to itself.
    twice = solve(ground.tissue, ground.rows, [(candidate, 0.25), (candidate, 0.25)])
    assert refined(ground, twice).verified is twice


def test_a_candidate_on_its_own_path_is_itself(ground, case: Case) -> None:
    candidate = thinned(case.candidates, 24).candidates[0]
    same = replaced(case.tissue.mesh, candidate, candidate.thread)
    assert same.levels_n[-1] >= candidate.levels_n[-1]
    nodes = case.tissue.mesh.points
    for c in (candidate, same):
        at = np.einsum("kn,knc->kc", c.weights, nodes.reshape(-1, 3)[c.nodes])
        np.testing.assert_allclose(at, c.thread.path_mm, atol=0.02)
