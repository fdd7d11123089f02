"""Places in words: known origins, walks along the skin, mirror images, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadlift.anatomy.places import DIRECTIONS, Places, Step, Terms, named_places
from threadlift.errors import InputError
from threadlift.face import Face
from threadlift.face.synthetic.people import random_person
from threadlift.threads.thread import SIDES

FACE = Face.synthetic(seed=5, age_years=52, asymmetry=0.4)
PLACES = Places(FACE)
MIRRORED = Places(FACE.mirrored())


def on_the_skin(point: np.ndarray) -> float:
    return float(np.linalg.norm(FACE.vertices[FACE.skin] - point, axis=1).min())


def test_every_origin_is_a_place_on_the_skin_of_its_side() -> None:
    for name in PLACES.origins:
        for side in SIDES:
            spot = PLACES.at(Terms(name), side)
            assert on_the_skin(spot.point_mm) < 6.0  # within an edge of some vertex
            assert np.linalg.norm(spot.normal) == pytest.approx(1.0)
    assert PLACES.at(Terms("cheilion"), "left").point_mm[0] > 0
    assert PLACES.at(Terms("jowl zone"), "right").point_mm[0] < 0
    assert set(named_places()) <= set(PLACES.origins)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(("cheilion", "temporal_hairline", "jowl zone", "gonion", "midcheek")),
    st.sampled_from(("lateral", "medial", "up", "down")),
    st.floats(0.5, 15.0),
)
def test_a_mirrored_face_has_mirrored_places(origin: str, way: str, distance: float) -> None:
    terms = Terms(origin, (Step(way, distance),))
    for side, other in zip(SIDES, SIDES[::-1], strict=True):
        here, there = PLACES.at(terms, side), MIRRORED.at(terms, other)
        np.testing.assert_allclose(here.point_mm * [-1, 1, 1], there.point_mm, atol=1e-6)
        np.testing.assert_allclose(here.normal * [-1, 1, 1], there.normal, atol=1e-6)


def test_a_step_goes_its_way_and_its_length() -> None:
    for way in ("lateral", "up", "down"):
        start = PLACES.at(Terms("midcheek"), "left").point_mm
        end = PLACES.at(Terms("midcheek", (Step(way, 10.0),)), "left").point_mm
        assert (end - start) @ DIRECTIONS[way] > 5.0
        assert 8.5 < np.linalg.norm(end - start) <= 10.01
    lateral = PLACES.at(Terms("cheilion", (Step("lateral", 10.0),)), "right").point_mm
    assert lateral[0] < PLACES.at(Terms("cheilion"), "right").point_mm[0]


def test_a_walk_towards_a_place_arrives_there_and_stops() -> None:
    goal = PLACES.at(Terms("gonion"), "left").point_mm
    part = PLACES.at(Terms("cheilion", (Step("gonion", 20.0),)), "left").point_mm
    start = PLACES.at(Terms("cheilion"), "left").point_mm
    assert np.linalg.norm(goal - part) < np.linalg.norm(goal - start) - 15.0
    far = PLACES.at(Terms("cheilion", (Step("gonion", 500.0),)), "left").point_mm
    np.testing.assert_allclose(far, goal, atol=1e-6)


def test_a_walk_towards_a_place_goes_on_over_a_fold() -> None:
    """Beside this old mouth the straight way to the angle of the jaw points into the skin."""
    folded = random_person(201)[0]
    places, mirrored = Places(folded), Places(folded.mirrored())
    for side, other in zip(SIDES, SIDES[::-1], strict=True):
        start = places.at(Terms("cheilion"), side).point_mm
        goal = places.at(Terms("gonion"), side).point_mm
        left = float(np.linalg.norm(goal - start))
        for distance in (8.0, 16.0, 24.0, 32.0):
            terms = Terms("cheilion", (Step("gonion", distance),))
            point = places.at(terms, side).point_mm
            now = float(np.linalg.norm(goal - point))
            # The fold is on the way: longer along the skin than through the air, never back.
            assert left - 8.01 <= now < left
            left = now
            there = mirrored.at(terms, other).point_mm
            np.testing.assert_allclose(point * [-1, 1, 1], there, atol=1e-6)
        arrived = places.at(Terms("cheilion", (Step("gonion", 200.0),)), side).point_mm
        np.testing.assert_allclose(arrived, goal, atol=1e-6)


def test_what_is_not_on_a_face_is_refused_with_what_is() -> None:
    with pytest.raises(InputError, match="elbow"):
        PLACES.at(Terms("elbow"), "left")
    with pytest.raises(InputError, match="sideways"):
        PLACES.at(Terms("cheilion", (Step("sideways", 5.0),)), "left")
    with pytest.raises(InputError, match="leads off the skin"):
        PLACES.at(Terms("pronasale", (Step("forward", 10.0),)), "left")


def test_terms_come_from_rows() -> None:
    row = {"from": "cheilion", "steps": [["lateral", 10.0], ["up", 5]]}
    assert Terms.of(row) == Terms("cheilion", (Step("lateral", 10.0), Step("up", 5.0)))
