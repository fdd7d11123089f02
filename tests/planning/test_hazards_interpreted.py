"""The compiled kernel of contacts does what its source says: interpreted, it finds the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sheet import MARKS, SKIN, Structure, X, thread

from threadlift.errors import InputError
from threadlift.planning import contact, hazards
from threadlift.planning.hazards import HazardField, HazardRules, resample
from threadlift.planning.safety import check

KERNELS = (
    "mass", "bin_mass", "bin_of", "cover", "covered", "widen", "boxed", "past_end",
    "under_outline", "sunk", "side_of", "courses", "meet",
)  # fmt: skip
SHORT = thread(start=10.0, end=40.0, y=20.0)
OUTLINE = np.array([[X, y, z] for y, z in ((5, 2), (35, 2), (35, 28), (5, 28), (5, 2))], float)


def nerve(*points: tuple[float, float, float], **changes) -> Structure:
    """A structure through (y, z, depth) points."""
    at = np.array(points)
    return Structure(
        curve_mm=np.column_stack([np.full(len(at), X), at[:, :2]]), depth_mm=at[:, 2], **changes
    )


SCENES = {
    "alongside": [nerve((23, 0, 3.6), (23, 50, 3.6))],
    "other side": [nerve((17, 50, 3.6), (17, 0, 3.6))],
    "across, under the SMAS": [nerve((0, 25, 6.0), (40, 25, 6.5))],
    "across, under the deep fascia": [nerve((0, 25, 7.0), (40, 25, 6.9))],
    "one structure above and below the fascia": [nerve((10, 25, 4.0), (30, 25, 6.4))],
    "its end beside the thread": [nerve((21, 25, 3.0), (40, 25, 3.0))],
    "its end away from the thread, under the SMAS": [nerve((26, 25, 5.5), (40, 25, 5.5))],
    "in front of the tip": [nerve((0, 45, 3.5), (40, 45, 3.5))],
    "a foramen": [nerve((24, 30, 4.0))],
    "far": [nerve((-70, 110, 4.0), (-60, 118, 4.0))],
    "within reach, out of level and far aside": [nerve((33, 0, 18.0), (33, 40, 18.0))],
    "a gland under it, and one on the other side": [
        Structure("parotid", "gland", "left", OUTLINE, np.full(5, 3.0), radius_mm=0.0),
        Structure(
            "parotid", "gland", "right", OUTLINE * [-1.0, 1.0, 1.0], np.full(5, 3.0), radius_mm=0.0
        ),
    ],
    "a gland beside and below it": [
        Structure(
            "parotid", "gland", "left", OUTLINE + np.array([0, 25, 0]), np.full(5, 6.0),
            radius_mm=0.0,
        )
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", SCENES)
def test_interpreted_and_compiled_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    field = HazardField.of(SCENES[name])
    compiled = check([SHORT], SKIN, MARKS, field)
    for kernel in KERNELS:
        source = getattr(contact, kernel).py_func
        monkeypatch.setattr(contact, kernel, source)
    monkeypatch.setattr(hazards, "meet", contact.meet)
    interpreted = check([SHORT], SKIN, MARKS, field)
    assert interpreted.to_json() == compiled.to_json()


def test_a_foot_is_under_an_outline_of_its_own_side_only() -> None:
    """In the side view both sides coincide; the sign of x tells them apart."""
    inside, outside = np.array([X, 20.0, 15.0]), np.array([X, 20.0, 30.0])
    other = inside * np.array([-1.0, 1.0, 1.0])
    for within in (contact.under_outline, contact.under_outline.py_func):
        assert [bool(within(f, OUTLINE, 0, 5)) for f in (inside, outside, other)] == [
            True, False, False,
        ]  # fmt: skip


def test_the_end_of_a_structure_counts_only_where_a_thread_passes_it() -> None:
    """Approaching an end from afar is not meeting it; passing beside it is, and less so farther."""
    p = [
        check([SHORT], SKIN, MARKS, [nerve((20 + gap, 25, 3.5), (70, 25, 3.5))]).p_hit
        for gap in (3.0, 5.0, 8.0, 14.0)
    ]
    assert p == sorted(p, reverse=True)
    assert 0.0 < p[2] < p[0]
    assert p[-1] < 1e-3


def test_resampling_keeps_ends_and_spacing() -> None:
    points, depth = resample(np.array([[0.0, 0, 0], [10.3, 0, 0]]), np.array([1.0, 2.0]))
    assert np.diff(points[:, 0]).max() <= 1.0 + 1e-12
    np.testing.assert_allclose(points[[0, -1], 0], [0.0, 10.3])
    np.testing.assert_allclose(depth, 1.0 + points[:, 0] / 10.3)
    alone, level = resample(np.array([[1.0, 2.0, 3.0]]), np.array([4.0]))
    np.testing.assert_allclose(alone, [[1.0, 2.0, 3.0]])
    assert level == [4.0]


def test_a_felt_pulse_narrows_the_spread_of_the_artery() -> None:
    wide = nerve((24, 0, 3.6), (24, 50, 3.6), sd_lateral_mm=4.5)
    felt = replace(wide, name="superficial_temporal_artery")
    margins = [
        HazardField.of([s]).meet(SKIN.place(SHORT.path_mm), np.array([0, 13])).margin_mm[0, 0]
        for s in (wide, felt)
    ]
    assert margins[1] > margins[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"curve_mm": np.array([[X, np.nan, 0.0], [X, 0.0, 1.0]])},
        {"curve_mm": np.zeros((0, 3)), "depth_mm": np.zeros(0)},
        {"curve_mm": np.zeros(3)},
        {"depth_mm": np.array([1.0, np.inf])},
        {"depth_mm": np.array([1.0])},
        {"sd_lateral_mm": float("nan")},
        {"radius_mm": -1.0},
    ],
)
def test_a_structure_that_cannot_be_measured_is_an_error_not_a_free_pass(changes) -> None:
    with pytest.raises(InputError, match="nerve"):
        HazardField.of([replace(Structure(), **changes)])


def test_rules_come_from_the_register() -> None:
    assert HazardField.of([]).rules == HazardRules.from_register()
