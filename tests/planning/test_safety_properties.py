"""Invariances and monotonicities of the safety kernel, over random threads and structures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from sheet import MARKS, SKIN, Structure, X, thread

from threadlift.evidence import value
from threadlift.planning.hazards import HazardField, HazardRules
from threadlift.planning.safety import Marks, SafetyReport, check
from threadlift.planning.skin import Skin
from threadlift.threads import Thread

# The same cases every time: a release does not hang on the luck of the draw.
FAST = settings(max_examples=25, deadline=None, derandomize=True)
PLAN_RULES = {"plan-probability", "side-tension", "side-count", "same-name", "thread-spacing"}
numbers = st.floats(-1.0, 1.0)


def wavy(a: float, b: float, y: float, depth: float, name: str = "L1") -> Thread:
    """A thread that runs forward and wanders in height and depth."""
    s = np.linspace(0.0, 1.0, 29)
    heights = y + 12.0 * a * np.sin(3.0 * s)
    depths = depth + 0.8 * b * np.sin(5.0 * s)
    path = np.column_stack([X - depths, heights, 5.0 + 65.0 * s])
    entry = np.array([X, heights[0], 5.0])
    return thread(id=name, path_mm=path, depth_mm=depths, layer=("fat",) * 29, entry_mm=entry)


def nerve(y: float, z: float, tilt: float, depth: float, bend: float) -> Structure:
    """A bowed structure about (y, z)."""
    t = np.linspace(-30.0, 30.0, 25)
    along = np.array([np.cos(1.5 * tilt), np.sin(1.5 * tilt)])
    bow = 5.0 * bend * (t / 30.0) ** 2
    at = np.array([y, z]) + t[:, None] * along + bow[:, None] * [-along[1], along[0]]
    return Structure(curve_mm=np.column_stack([np.full(len(t), X), at]), depth_mm=depth + 0.02 * t)


threads = st.builds(wavy, numbers, numbers, st.floats(-20.0, 40.0), st.floats(2.4, 4.4))
nerves = st.builds(
    nerve, st.floats(-20.0, 40.0), st.floats(20.0, 60.0), numbers, st.floats(2.0, 8.0), numbers
)


def moved(turn: Rotation, shift: np.ndarray):
    """Sheet, thread and structure carried along by a rigid motion."""

    def skin() -> Skin:
        return replace(SKIN, vertices=turn.apply(SKIN.vertices) + shift)

    def of(t: Thread) -> Thread:
        path, entry = (turn.apply(np.array(p)) + shift for p in (t.path_mm, t.entry_mm))
        return replace(t, path_mm=path, entry_mm=entry)

    def structure(s: Structure) -> Structure:
        return replace(s, curve_mm=turn.apply(s.curve_mm) + shift)

    return skin, of, structure


@FAST
@given(threads, nerves, st.tuples(numbers, numbers, numbers), st.integers(0, 9))
def test_clearances_and_probabilities_do_not_depend_on_the_frame(t, s, angles, seed) -> None:
    turn = Rotation.from_euler("xyz", 2.0 * np.array(angles))
    shift = np.random.default_rng(seed).normal(0.0, 50.0, 3)
    skin, of, structure = moved(turn, shift)
    here = check([t], SKIN, MARKS, [s]).structures
    there = check([of(t)], skin(), MARKS, [structure(s)]).structures
    assert len(here) == len(there)
    for a, b in zip(here, there, strict=True):
        np.testing.assert_allclose(a.min_clearance_mm, b.min_clearance_mm, atol=1e-6)
        # Ties of samples and bins are broken by rounding: by no more than a bin.
        np.testing.assert_allclose(a.p_contact, b.p_contact, rtol=0.02, atol=2e-3)


@FAST
@given(threads, nerves)
def test_a_mirrored_face_gets_the_mirrored_report(t, s) -> None:
    flip = np.array([-1.0, 1.0, 1.0])
    skin = replace(SKIN, vertices=SKIN.vertices * flip, triangles=SKIN.triangles[:, ::-1])
    marks = Marks(
        {"left": MARKS.tragus["right"] * flip, "right": MARKS.tragus["left"] * flip},
        {"left": MARKS.arch["right"] * flip, "right": MARKS.arch["left"] * flip},
        MARKS.commissures * flip,
        MARKS.canthi * flip,
    )
    other = replace(s, curve_mm=s.curve_mm * flip, side="right")
    here, there = check([t], SKIN, MARKS, [s]), check([t.mirrored()], skin, marks, [other])
    assert [v.rule for v in here.violations] == [v.rule for v in there.violations]
    for a, b in zip(here.violations, there.violations, strict=True):
        np.testing.assert_allclose(a.place_mm, np.array(b.place_mm) * flip, atol=1e-6)
        np.testing.assert_allclose(a.margin, b.margin, atol=1e-6)
    np.testing.assert_allclose(here.p_hit, there.p_hit, atol=1e-6)


@FAST
@given(threads, nerves)
def test_clearance_is_the_distance_of_the_finely_sampled_lines(t, s) -> None:
    """Brute force: every point of the way against every point of the structure, 0.1 mm apart."""

    def fine(points: np.ndarray) -> np.ndarray:
        at = np.arange(0.0, len(points) - 1.0, 0.02)
        i = at.astype(int)
        return points[i] + (at - i)[:, None] * (points[i + 1] - points[i])

    way = np.vstack([[*t.entry_mm, 0.0], np.column_stack([t.path_mm, t.depth_mm])])
    # On the sheet the foot of a point is where its x is the sheet's.
    way[:, 0] = X
    one = fine(way)
    two = fine(np.column_stack([s.curve_mm, s.depth_mm]))
    radius = s.radius_mm + HazardRules.from_register().instrument_radius
    exact = np.linalg.norm(one[:, None] - two[None], axis=2).min() - radius
    found = check([t], SKIN, MARKS, [s]).structures
    if exact < 19.0:
        # Samples lie at most 1 mm apart on either: never nearer than the truth, hardly farther.
        assert exact - 0.05 <= found[0].min_clearance_mm <= exact + 0.75
    if not found:
        assert exact > 19.0


@FAST
@given(threads, nerves, st.sampled_from(["operator_lateral_sd", "operator_depth_sd"]))
def test_a_less_sure_hand_never_widens_a_margin(t, s, name) -> None:
    sure = HazardRules.from_register()
    unsure = replace(sure, **{name: 2.0 * getattr(sure, name)})
    one, two = (_hazards(check([t], SKIN, MARKS, [s], r)) for r in (sure, unsure))
    assert two.get("hazard-clearance", 0.0) <= one.get("hazard-clearance", 0.0) + 1e-9


def _hazards(report: SafetyReport) -> dict[str, float]:
    return {v.rule: v.margin for v in report.violations if v.rule.startswith("hazard")}


@FAST
@given(threads, nerves)
def test_probabilities_are_probabilities_and_levels_apart_are_safe(t, s) -> None:
    report = check([t], SKIN, MARKS, [s])
    assert all(0.0 <= c.p_contact <= 1.0 for c in report.structures)
    deep = replace(s, depth_mm=s.depth_mm + 12.0)
    assert check([t], SKIN, MARKS, [deep]).p_hit <= 1e-6


@FAST
@given(st.floats(0.0, 6.0), st.floats(40.0, 60.0))
def test_deeper_than_allowed_is_always_found(excess, start) -> None:
    """Anywhere in the mobile cheek, however little below the tolerance."""
    bottom = 6.2 + value("planning.safety.deep_tolerance")
    deep = thread(depth=bottom + 0.01 + excess, start=start, end=start + 25.0)
    assert "layer-not-allowed" in {v.rule for v in check([deep], SKIN, MARKS, []).violations}
    above = thread(depth=bottom - 0.01, start=start, end=start + 25.0)
    assert "layer-not-allowed" not in {v.rule for v in check([above], SKIN, MARKS, []).violations}


@FAST
@given(st.lists(threads, min_size=2, max_size=5), st.lists(nerves, max_size=2), st.data())
def test_fewer_threads_never_break_more_rules(many, structures, data) -> None:
    named = [replace(t, id=f"L{i}") for i, t in enumerate(many)]
    keep = data.draw(st.sets(st.integers(0, len(named) - 1), min_size=1))
    field = HazardField.of(structures)
    all_of, some = (
        {(v.thread, v.rule, v.structure) for v in check(t, SKIN, MARKS, field).violations}
        for t in (named, [named[i] for i in sorted(keep)])
    )
    assert some <= all_of
    gone = {x for x in all_of - some if x[1] not in PLAN_RULES}
    assert all(int(x[0][1:]) not in keep for x in gone)
