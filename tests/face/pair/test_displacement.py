"""What leaves: nothing unobserved as a number, everything observed with its interval."""

import json

import numpy as np
import pytest

from threadlift.errors import InputError
from threadlift.face.pair import Displacement
from threadlift.face.pair.displacement import zone_change
from threadlift.face.pair.gate import days_criterion
from threadlift.face.template import template
from threadlift.quantities import Z90


@pytest.fixture(scope="module")
def moved():
    t = template()
    n = len(t.vertices)
    tracked = t.vertices[:, 0] > 0.0
    return Displacement(
        t.vertices,
        np.tile([0.0, -2.0, 0.5], (n, 1)),
        np.full(n, 0.3),
        np.where(tracked, 0.4, 3.0),
        tracked,
        np.ones(n, dtype=bool),
        {
            "jowl_left": {"up": zone_change(-2.0, 0.4, 3.0, 1.0)},
            "jowl_right": {"up": zone_change(-0.1, 2.8, 3.0, 1.0)},
            "chin": {"up": zone_change(-0.1, 0.3, 3.0, 1.0)},
        },
        {"marks": 3.0},
        ("a note",),
        "one.ply",
        "two.ply",
    )


def test_the_unobserved_is_never_zero(moved):
    assert np.isnan(moved.tangential_mm[~moved.tracked]).all()
    assert np.isnan(moved.vector_mm[~moved.tracked]).all()
    assert np.isfinite(moved.vector_mm[moved.tracked]).all()
    assert np.isfinite(moved.normal_mm).all()
    along = (
        moved.tangential_mm[moved.tracked]
        + (moved.normal_mm[:, None] * moved.normals)[moved.tracked]
    )
    np.testing.assert_allclose(along, moved.mean_mm[moved.tracked], atol=1e-12)


def test_a_component_is_as_uncertain_as_its_direction(moved):
    vertex = int(np.argmax(moved.normals[:, 2] * ~moved.tracked))
    out = moved.component(vertex, moved.normals[vertex])
    assert out.high - out.value == pytest.approx(Z90 * 0.3, rel=1e-6)
    across = np.cross(moved.normals[vertex], [0.0, 0.3, 1.0])
    wide = moved.component(vertex, across)
    assert wide.high - wide.value == pytest.approx(Z90 * 3.0, rel=1e-6)
    with pytest.raises(InputError):
        moved.component(vertex, np.zeros(3))


def test_json_gives_no_value_where_nothing_was_observed(moved):
    data = json.loads(json.dumps(moved.to_json()))
    assert data["zones"]["jowl_left"]["up"]["verdict"] == "changed"
    right = data["zones"]["jowl_right"]["up"]
    assert "value" not in right
    assert right["verdict"] == "not observed"
    assert right["low"] < -2.0 < right["high"]
    assert data["zones"]["chin"]["up"]["verdict"] == "below the smallest detectable change"
    assert 0.3 < data["tracked_fraction"] < 0.7


def test_saved_and_loaded_is_the_same(moved, tmp_path):
    moved.save(tmp_path / "pair.npz")
    again = Displacement.load(tmp_path / "pair.npz")
    assert again.to_json() == moved.to_json()
    np.testing.assert_array_equal(again.mean_mm, moved.mean_mm)
    np.testing.assert_array_equal(again.tracked, moved.tracked)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "x.npz"
    np.savez(path, a=np.zeros(3))
    with pytest.raises(InputError, match="not a saved displacement"):
        Displacement.load(path)
    with pytest.raises(InputError, match="not a saved displacement"):
        Displacement.load(tmp_path / "none.npz")


def test_wrong_shapes_and_nan_are_refused(moved):
    from dataclasses import replace

    with pytest.raises(InputError, match="sd_normal_mm"):
        replace(moved, sd_normal_mm=np.zeros(3))
    with pytest.raises(InputError, match="mean_mm"):
        replace(moved, mean_mm=np.full_like(moved.mean_mm, np.nan))


@pytest.mark.parametrize(
    ("days", "passed"), [(0, False), (13, False), (14, True), (180, True), (3000, False)]
)
def test_days_between_captures(days, passed):
    criterion = days_criterion(days)
    assert criterion.verdict == ("good" if passed else "unusable")
    assert (criterion.to_json()["remedy"] == "") == passed


@pytest.mark.parametrize("days", [-1.0, float("nan")])
def test_days_that_are_none(days):
    with pytest.raises(InputError, match="days"):
        days_criterion(days)
