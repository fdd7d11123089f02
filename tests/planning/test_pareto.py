"""The trade-off of goal, threads and side effects: what is kept, and what a face gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from conftest import Case, thinned
from hypothesis import given
from hypothesis import strategies as st

from threadlift.planning.linear import LinearModel
from threadlift.planning.pareto import NOTHING, Point, front, trade_off
from threadlift.planning.rows import Rows
from threadlift.planning.safety import SafetyCase
from threadlift.planning.verify import Verified, solve
from threadlift.threads.thread import SIDES


def point(left: int, right: int, goal: float, used: float, recommended: bool = False) -> Point:
    pull = {"left": 1.0 * left, "right": 1.0 * right}
    return Point({"left": left, "right": right}, pull, goal, used, 0.1, recommended)


points = st.lists(
    st.builds(
        point,
        st.integers(0, 4),
        st.integers(0, 4),
        st.integers(0, 10).map(lambda n: n / 10),
        st.integers(0, 10).map(lambda n: n / 10),
    ),
    max_size=24,
)


def test_more_threads_or_more_side_effects_have_to_bring_more() -> None:
    kept = front(
        [point(1, 1, 0.4, 0.5), point(2, 2, 0.4, 0.5), point(1, 1, 0.3, 0.6), point(2, 2, 0.5, 0.5)]
    )
    assert kept == (point(1, 1, 0.4, 0.5), point(2, 2, 0.5, 0.5))


def test_the_plan_stays_even_where_it_is_beaten() -> None:
    """A plan that scenarios made gentler may attain less than another point."""
    plan = point(2, 2, 0.35, 0.7, recommended=True)
    assert front([point(2, 2, 0.4, 0.5), plan]) == (point(2, 2, 0.4, 0.5), plan)
    assert front([replace(plan, recommended=False), plan]) == (plan,)


def test_points_are_brought_to_what_the_finest_mesh_shows_of_the_plan() -> None:
    assert point(1, 1, 0.4, 0.5).brought(1.1, 0.9) == point(1, 1, 0.44, 0.45)
    assert point(1, 1, 0.98, 0.5).brought(1.1, 1.0).goal_attained == 1.0
    assert NOTHING.brought(1.1, 0.9) == NOTHING


@given(points)
def test_nothing_that_is_kept_is_beaten_and_all_else_is(every: list[Point]) -> None:
    kept = front(every)
    assert not any(a.beats(b) for a in kept for b in kept)
    numbers = {(p.count, p.limits_used, p.goal_attained) for p in kept}
    for p in every:
        assert (p.count, p.limits_used, p.goal_attained) in numbers or any(k.beats(p) for k in kept)


@given(points, st.randoms())
def test_the_order_of_points_does_not_matter(every: list[Point], random) -> None:
    mixed = list(every)
    random.shuffle(mixed)
    numbers = [
        [(p.count, p.limits_used, p.goal_attained) for p in front(x)] for x in (every, mixed)
    ]
    assert numbers[0] == numbers[1]


@pytest.fixture(scope="module")
def model(case: Case, rows: Rows) -> LinearModel:
    return LinearModel.of(case.tissue, rows, thinned(case.candidates, 24).candidates)


@pytest.fixture(scope="module")
def safety(case: Case) -> SafetyCase:
    assert case.tissue.face is not None and case.tissue.stack is not None  # noqa: PT018
    return SafetyCase.of(case.tissue.face, case.tissue.stack, case.tissue.consultation)


@pytest.fixture(scope="module")
def nothing(case: Case, rows: Rows) -> Verified:
    return solve(case.tissue, rows, ())


@pytest.fixture(scope="module")
def found(
    case: Case, model: LinearModel, rows: Rows, safety: SafetyCase, nothing: Verified
) -> tuple[Point, ...]:
    return trade_off(case.tissue, model, rows, safety, nothing, 2, (0.0, 0.0))


def test_the_front_of_a_face_begins_with_nothing_and_keeps_its_limits(
    found: tuple[Point, ...],
) -> None:
    assert found[0] == replace(NOTHING, recommended=True)
    assert len(found) >= 3
    assert all(0.0 < p.limits_used <= 1.0 for p in found[1:])
    assert all(max(p.threads.values()) <= 2 for p in found)
    assert [p.count for p in found] == sorted(p.count for p in found)


def test_more_room_for_side_effects_brings_more(found: tuple[Point, ...]) -> None:
    for count in {p.count for p in found[1:]}:
        mine = [p for p in found if p.count == count]
        assert np.all(np.diff([p.limits_used for p in mine]) > 0.0)
        assert np.all(np.diff([p.goal_attained for p in mine]) > 0.0)


def test_threads_that_the_kernel_objects_to_are_no_point(
    case: Case, model: LinearModel, rows: Rows, safety: SafetyCase
) -> None:
    """The same thread twice is too close to itself."""
    candidate = model.candidates[0]
    twice = solve(case.tissue, rows, [(candidate, 0.25), (candidate, 0.25)])
    assert {t.side for t in twice.threads} < set(SIDES)
    assert Point.of(twice, rows, safety) is None
    assert Point.of(solve(case.tissue, rows, [(candidate, 0.25)]), rows, safety) is not None
