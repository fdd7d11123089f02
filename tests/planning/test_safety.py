"""The safety kernel on a flat sheet of skin, where every distance is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sheet import MARKS, SKIN, Structure, X, thread

from threadlift.planning.hazards import HazardRules, resample
from threadlift.planning.safety import check, violations


def rules(found) -> set[str]:
    return {v.rule for v in found}


def test_a_thread_in_mid_fat_far_from_everything_is_allowed() -> None:
    assert violations([thread()], SKIN, MARKS, []) == []


@settings(max_examples=60, deadline=None)
@given(
    y=st.floats(-30, 30),
    depth=st.floats(2.0, 4.9),
    along=st.floats(20, 80),
    tilt=st.floats(-1.2, 1.2),
    offset=st.floats(-1.4, 1.4),
)
def test_a_structure_laid_into_the_path_is_always_found(y, depth, along, tilt, offset) -> None:
    """Whatever the thread and wherever along it: within the depth band nothing slips through."""
    direction = np.array([0.0, np.cos(tilt), np.sin(tilt)])
    middle = np.array([X, y, along])
    nerve = Structure(
        curve_mm=middle + np.array([[-15.0], [15.0]]) * direction,
        depth_mm=np.full(2, depth + offset),
    )
    found = violations([thread(y=y, depth=depth)], SKIN, MARKS, [nerve])
    assert "hazard-clearance" in rules(found)
    assert all(v.margin < 0.0 for v in found)


@settings(max_examples=40, deadline=None)
@given(gap=st.floats(0.0, 25.0))
def test_margin_is_distance_less_radius_and_combined_spread(gap) -> None:
    """A parallel structure at the thread's depth: the exact margin of the definition."""
    nerve = Structure(
        curve_mm=np.array([[X, 20.0 + gap, -10.0], [X, 20.0 + gap, 100.0]]),
        depth_mm=np.full(2, 3.5),
    )
    r = HazardRules.from_register()
    tube = 0.8 + r.instrument_radius + np.hypot(2.0, r.operator_lateral_sd)
    found = [
        v for v in violations([thread()], SKIN, MARKS, [nerve], r) if v.rule == "hazard-clearance"
    ]
    assert bool(found) == (gap < tube - 1e-9)
    if found:
        assert found[0].margin == pytest.approx(gap - tube, abs=1e-6)


def test_the_depth_band_separates_levels() -> None:
    band = HazardRules.from_register().depth_band
    for depth, expected in ((3.5 + band + 0.05, False), (3.5 + band - 0.05, True)):
        nerve = Structure(depth_mm=np.full(2, depth))
        found = violations([thread()], SKIN, MARKS, [nerve])
        assert ("hazard-clearance" in rules(found)) is expected


def test_contact_becomes_less_likely_with_distance_in_depth_and_sideways() -> None:
    def p(depth: float, gap: float) -> float:
        nerve = Structure(
            curve_mm=np.array([[X, 20.0 + gap, -10.0], [X, 20.0 + gap, 100.0]]),
            depth_mm=np.full(2, depth),
        )
        return check([thread()], SKIN, MARKS, [nerve]).p_hit

    by_depth = [p(3.5 + d, 0.0) for d in (0.0, 1.0, 2.0, 4.0)]
    by_side = [p(3.5, g) for g in (0.0, 3.0, 6.0, 12.0)]
    assert sorted(by_depth, reverse=True) == by_depth
    assert sorted(by_side, reverse=True) == by_side
    assert by_depth[0] > 0.4
    assert by_depth[-1] < 0.01
    assert by_side[-1] < 1e-3


def test_a_gland_fills_its_outline_below_the_capsule_and_nothing_above() -> None:
    outline = np.array([[X, y, z] for y, z in ((5, 2), (35, 2), (35, 28), (5, 28), (5, 2))], float)
    gland = Structure(
        name="parotid", kind="gland", curve_mm=outline, depth_mm=np.full(5, 6.2), radius_mm=0.0
    )
    for depth, inside in ((9.0, True), (6.5, True), (3.5, False)):
        path = np.array([[X - depth, 20.0, z] for z in np.arange(12.0, 19.0, 2.5)])
        t = thread(
            start=12.0, path_mm=path, depth_mm=np.full(len(path), depth), layer=("deep",) * 3
        )
        assert ("hazard-clearance" in rules(violations([t], SKIN, MARKS, [gland]))) is inside


def test_the_entry_tract_is_part_of_the_way() -> None:
    """A structure between the skin and the buried start of the thread is met by the puncture."""
    shallow = Structure(
        curve_mm=np.array([[X, 10.0, 0.0], [X, 30.0, 0.0]]), depth_mm=np.full(2, 1.0)
    )
    deep_start = np.array([[X - 5.0, 20.0, z] for z in np.arange(0.0, 61.0, 2.5)])
    tested = thread(
        path_mm=deep_start, depth_mm=np.full(len(deep_start), 5.0), layer=("fat",) * len(deep_start)
    )
    assert "hazard-clearance" in rules(violations([tested], SKIN, MARKS, [shallow]))


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"depth": 1.3}, "in-dermis"),
        ({"depth": 7.0}, "layer-not-allowed"),
        ({"tension_n": 3.6}, "thread-tension"),
        ({"product": "no-such-thread"}, "unknown-product"),
        ({"entry_mm": np.array([X - 8.0, 20.0, 0.0])}, "entry-on-skin"),
        ({"start": 50.0, "end": 105.0}, "anchor-in-mobile-zone"),
    ],
)
def test_each_rule_catches_its_case(changes, rule) -> None:
    assert rule in rules(violations([thread(**changes)], SKIN, MARKS, []))


def test_deep_is_allowed_only_over_the_fixed_smas() -> None:
    lateral = thread(depth=7.0, start=-18.0, end=28.0)
    assert violations([lateral], SKIN, MARKS, []) == []


def test_a_false_statement_of_depth_is_found_and_does_not_help() -> None:
    lie = thread(depth=3.5, depth_mm=np.full(37, 7.5))
    nerve = Structure(depth_mm=np.full(2, 3.5))
    assert {"stated-depth", "hazard-clearance"} <= rules(violations([lie], SKIN, MARKS, [nerve]))


def test_side_limits_count_the_threads_of_a_side() -> None:
    four = [thread(y=y, tension_n=2.5, id=f"L{i}") for i, y in enumerate((-30, -10, 10, 30))]
    assert "side-tension" in rules(violations(four, SKIN, MARKS, []))
    seven = [thread(y=10.0 * i, tension_n=0.5, id=f"L{i}") for i in range(-3, 4)]
    assert "side-count" in rules(violations(seven, SKIN, MARKS, []))


def test_mouth_corner_and_lids_are_kept_clear() -> None:
    path = np.linspace([X - 3.5, 0.0, 10.0], [30.0, -45.0, 106.0], 40)
    into = thread(path_mm=path, depth_mm=np.full(40, 3.5), layer=("fat",) * 40)
    assert "near-mouth-corner" in rules(violations([into], SKIN, MARKS, []))


def test_resampling_keeps_ends_and_spacing() -> None:
    points, depth = resample(np.array([[0.0, 0, 0], [10.3, 0, 0]]), np.array([1.0, 2.0]))
    assert np.diff(points[:, 0]).max() <= 1.0 + 1e-12
    np.testing.assert_allclose(points[[0, -1], 0], [0.0, 10.3])
    np.testing.assert_allclose(depth, 1.0 + points[:, 0] / 10.3)
