"""The course of a lift: relaxation at once, swelling apart, fading by product, and its ends."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from block_case import block_thread

from threadlift.evidence import value
from threadlift.members import nominal_member, solve_member
from threadlift.outcome.course import TIMES, Relaxed, bears, course, relaxed, swelling
from threadlift.outcome.fading import Fading
from threadlift.outcome.predict import _probe

THREADS = (block_thread("left"), block_thread("right"))
Z = np.linspace(-1.5, 1.5, 31)
LIFT = {"jowl_left": np.linspace(1.0, 3.0, 31), "jowl_right": np.full(31, 0.2)}


def course_of(product: str = "pdo-2-0-molded", day: Relaxed | None = None):
    threads = [replace(t, product=product) for t in THREADS]
    return course(LIFT, Z, threads, Fading(threads), day, list(LIFT))


def test_a_day_of_relaxation_is_that_of_the_solved_tissue(block, assessment) -> None:
    placed = solve_member(block, THREADS, nominal_member(block, 2), tolerance=1e-6)
    day = relaxed(block, THREADS, placed, _probe(block, assessment, THREADS))
    assert day is not None
    # Tied threads keep what was gathered and lose tension.
    assert 0.8 < day.share["jowl_left"] < 1.2
    for thread in THREADS:
        assert 0.1 * thread.tension_n < day.tension_n[thread.id] < thread.tension_n


def test_the_lift_begins_as_predicted_and_only_falls_after_the_first_day() -> None:
    found = course_of(day=Relaxed({"jowl_left": 0.9, "jowl_right": 1.0}, {}))
    row = found.lift_mm["jowl_left"]
    assert len(row) == len(TIMES)
    assert row[0].value == pytest.approx(np.median(LIFT["jowl_left"]))
    values = [e.value for e in row]
    assert values[1] < 0.91 * values[0]
    assert all(b < a for a, b in pairwise(values[1:]))
    assert all(e.low < e.value < e.high for e in row)


@pytest.mark.parametrize(("short", "long"), [("pdo-2-0-molded", "plcl-2-0-molded")])
def test_slower_polymers_keep_the_lift_and_their_strength_longer(short, long) -> None:
    one, other = course_of(short), course_of(long)
    assert one.lift_mm["jowl_left"][-3].value < other.lift_mm["jowl_left"][-3].value
    assert one.visible_months["jowl_left"].value < other.visible_months["jowl_left"].value
    assert one.bears_months["left-1"].value < other.bears_months["left-1"].value


def test_a_lift_that_cannot_be_seen_is_visible_for_no_time() -> None:
    assert value("planning.limits.useful_lift") > LIFT["jowl_right"][0]
    found = course_of().visible_months
    assert found["jowl_right"].value == 0.0
    assert found["jowl_left"].value > 1.0


def test_swelling_is_full_at_once_and_gone_within_two_weeks() -> None:
    full = swelling(0.0)
    assert (full.low, full.value, full.high) == (0.5, 0.75, 1.0)
    later = [swelling(t) for t in TIMES]
    assert all(b.value <= a.value for a, b in pairwise(later))
    assert swelling(1.0).high == 0.0


def test_more_pull_is_borne_for_less_time() -> None:
    thread = THREADS[0]
    times = [bears(thread, pull) for pull in (0.3, 0.6, 1.2, 1e3)]
    assert all(b.value < a.value for a, b in pairwise(times))
    assert times[-1].value == 0.0
    assert times[0].low < times[0].value < times[0].high


def test_without_an_equilibrium_of_the_first_day_it_says_so() -> None:
    found = course_of(day=None)
    assert not found.relaxed
    assert found.to_json()["relaxed"] is False
    assert found.to_json()["months"][0] == 0.0
