"""The language of places: what is said is understood, and what is said again is the same place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from threadlift.anatomy.place_terms import origin_words, parse_place, say_place
from threadlift.anatomy.places import DIRECTIONS, Places, Step, Terms
from threadlift.face import Face

ORIGINS = sorted(set(origin_words().values()))
steps = st.builds(
    Step,
    st.sampled_from([*DIRECTIONS, *ORIGINS]),
    st.integers(1, 600).map(lambda tenths: tenths / 10.0),
)
terms = st.builds(Terms, st.sampled_from(ORIGINS), st.lists(steps, max_size=3).map(tuple))


@given(terms)
def test_a_place_said_and_read_is_the_same_place(place: Terms) -> None:
    assert parse_place(say_place(place)) == place


@pytest.mark.parametrize("phrase", sorted(origin_words()))
def test_every_name_of_a_place_is_understood(phrase: str) -> None:
    for said in (phrase, f"the {phrase}", phrase.upper()):
        assert parse_place(said) == Terms(origin_words()[phrase])


def test_every_origin_of_a_face_has_a_name() -> None:
    assert set(Places(Face.synthetic(seed=5)).origins) == set(ORIGINS)


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("1 cm lateral of the mouth corner", Terms("cheilion", (Step("lateral", 10.0),))),
        ("10mm lateral to the mouth corner", Terms("cheilion", (Step("lateral", 10.0),))),
        ("2.5 mm in front of the tragus", Terms("tragus", (Step("forward", 2.5),))),
        ("1 cm behind the temporal hairline", Terms("temporal_hairline", (Step("back", 10.0),))),
        (
            "5 mm lateral and 1 cm above the jowl",
            Terms("jowl_point", (Step("lateral", 5.0), Step("up", 10.0))),
        ),
        (
            "20 mm towards the mandibular angle from the mouth corner",
            Terms("cheilion", (Step("mandibular_angle", 20.0),)),
        ),
        ("jowl zone", Terms("jowl zone")),
    ],
)
def test_places_as_clinicians_write_them(phrase: str, expected: Terms) -> None:
    assert parse_place(phrase) == expected
