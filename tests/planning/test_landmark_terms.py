"""The language of proposed plans: what is said is understood, what is not understood is named."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadlift.anatomy.layers import layer_stack
from threadlift.anatomy.places import Places
from threadlift.errors import InputError
from threadlift.evidence import table
from threadlift.face import Face
from threadlift.planning.landmark_terms import (
    layer_words,
    layer_zeta,
    parse_sentence,
)
from threadlift.planning.proposed import Proposed, place_on
from threadlift.planning.request import parse_request
from threadlift.planning.skin import Skin
from threadlift.threads import SIDES
from threadlift.tissue.columns import layered_mesh
from threadlift.tissue.mesh import LayeredMesh

SENTENCE = (
    "from 1 cm behind the temporal hairline to 1 cm lateral of the mouth corner, sub-SMAS, "
    "4 threads per side"
)


# ---------------------------------------------------------------- words


def test_a_whole_sentence() -> None:
    assert parse_sentence(SENTENCE) == {
        "from": "10 mm behind the temporal hairline",
        "to": "10 mm lateral of the mouth corner",
        "layer": "sub-SMAS",
        "threads_per_side": 4,
    }
    assert parse_sentence(
        "From the preauricular entry to the jowl fanned to the mandibular angle, 1.5 N each, "
        "pdo-2-0-molded, floating, two threads on the left, 4 mm deep"
    ) == {
        "from": "the preauricular entry",
        "to": "the jowl",
        "fan_to": "the mandibular angle",
        "tension_n": 1.5,
        "product": "pdo-2-0-molded",
        "technique": "floating",
        "threads_per_side": 2,
        "side": "left",
        "depth_mm": 4.0,
    }


@given(st.permutations(["sub-smas", "4 threads per side", "1.5 N", "anchored", "plla-3-0-cone"]))
def test_the_order_of_details_does_not_matter(details: list[str]) -> None:
    course = "from the tragus to the jowl"
    expected = parse_sentence(
        f"{course}, sub-SMAS, 4 threads per side, 1.5 N, anchored, plla-3-0-cone"
    )
    assert parse_sentence(", ".join([course, *details])) == expected


@pytest.mark.parametrize(
    ("sentence", "word", "understood"),
    [
        ("from the elbow to the jowl", "elbow", "mouth corner"),
        ("from 1 inch behind the tragus to the jowl", "inch", "mm, cm"),
        ("from 1 cm sideways of the tragus to the jowl", "sideways", "lateral"),
        ("from the tragus to the jowl, gently", "gently", "sub-smas"),
        ("from the tragus to the jowl, 150 grams", "grams", "N"),
        ("from the tragus to the jowl please", "please", "comma"),
        ("from the tragus", "the end", "to"),
        ("to the jowl from the tragus", "to", "from"),
        ("from the tragus to the jowl, 4 threads", "the end", "per"),
        ("from the tragus to the jowl, 1.5 N, 2 N", "tension", "twice"),
        ("from the tragus to the jowl, 2.5 threads per side", "2.5", "whole"),
        ("", "without words", "Name"),
    ],
)
def test_what_is_not_understood_is_named(sentence: str, word: str, understood: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_sentence(sentence)
    assert word in refused.value.problem
    assert understood in f"{refused.value.problem} {refused.value.remedy}"


def test_layers_lie_in_their_order() -> None:
    names = [row["name"] for row in table("check")["layer"]]
    zetas = [layer_zeta(name) for name in names]
    assert zetas == sorted(zetas)
    assert all(layer_zeta(word) == layer_zeta(name) for word, name in layer_words().items())
    with pytest.raises(InputError, match="periosteum"):
        layer_zeta("periosteum")


# ---------------------------------------------------------------- on a face

FACE = Face.synthetic(seed=5, age_years=55, jowl_mm=3.0, asymmetry=0.4)


class Ground:
    """A face with its mesh and skin."""

    def __init__(self, face: Face) -> None:
        stack = layer_stack(face)
        self.mesh: LayeredMesh = layered_mesh(face, stack, "coarse")
        self.skin = Skin.of_face(face, stack)
        self.places = Places(face)

    def place(self, *lines: str) -> Proposed:
        text = "threads:\n" + "\n".join(f"  - {line}" for line in lines)
        return place_on(parse_request(text), self.mesh, self.skin, self.places)


@pytest.fixture(scope="module")
def ground() -> Ground:
    return Ground(FACE)


def test_every_layer_is_where_its_name_says(ground: Ground) -> None:
    expected = {
        "dermis": "skin", "superficial fat": "fat", "mid fat": "fat", "deep fat": "fat",
        "SMAS": "smas", "sub-SMAS": "deep",
    }  # fmt: skip
    for name, layer in expected.items():
        made = ground.place(f"from the preauricular entry to the jowl zone, {name}")
        assert len(made.threads) == 2
        for thread in made.threads:
            # At a bend the nearest skin is not the column's own; nearly every point is in layer.
            share = np.mean([x == layer for x in thread.layer])
            assert share > 0.85, (name, thread.layer)


@settings(max_examples=15, deadline=None)
@given(depth=st.floats(1.0, 6.0))
def test_a_stated_depth_is_the_depth_in_this_face(ground: Ground, depth: float) -> None:
    made = ground.place(f"from the preauricular entry to the jowl zone, {depth:.2f} mm deep")
    for thread in made.threads:
        np.testing.assert_allclose(thread.depth_mm, round(depth, 2), atol=0.08)


def test_a_mirrored_face_gets_the_mirrored_threads(ground: Ground) -> None:
    other = Ground(FACE.mirrored())
    line = (
        "from the temporal hairline to 1 cm lateral of the mouth corner, deep fat, "
        "3 threads per side"
    )
    here = {t.id: t for t in ground.place(line).threads}
    there = {
        t.id.translate(str.maketrans("LR", "RL")): t.mirrored() for t in other.place(line).threads
    }
    assert here.keys() == there.keys()
    for name, thread in here.items():
        np.testing.assert_allclose(there[name].path_mm, thread.path_mm, atol=0.03)
        np.testing.assert_allclose(there[name].depth_mm, thread.depth_mm, atol=0.03)


def test_a_fan_shares_its_entry_and_spreads_its_ends(ground: Ground) -> None:
    made = ground.place(
        "from the preauricular entry to 15 mm lateral of the mouth corner fanned to the jowl "
        "zone, 4 threads per side, mid fat, 1 N"
    )
    for side in SIDES:
        mine = [t for t in made.threads if t.side == side]
        assert len(mine) == 4
        ends = np.array([t.path_mm[-1] for t in mine])
        gaps = np.linalg.norm(np.diff(ends, axis=0), axis=1)
        assert gaps.min() > 0.5 * gaps.max() > 0.0
        entries = np.array([t.entry_mm for t in mine])
        assert np.ptp(entries, axis=0).max() < 0.1
    stated = {a.field for a in made.assumptions}
    assert stated == {"product", "technique", "side"}


def test_nothing_is_assumed_in_silence(ground: Ground) -> None:
    bare = ground.place("from the preauricular entry to the jowl zone")
    fields = {a.field: a for a in bare.assumptions}
    assert set(fields) == {"product", "technique", "tension", "threads_per_side", "layer", "side"}
    assert (fields["tension"].assumed, fields["tension"].low, fields["tension"].high) == (
        "1.5 N", "0.5 N", "2.5 N",
    )  # fmt: skip
    whole = ground.place(
        "{from: the preauricular entry, to: jowl zone, layer: mid fat, side: left, "
        "threads_per_side: 1, product: pdo-2-0-molded, technique: anchored, tension_n: 1}"
    )
    assert whole.assumptions == ()
    assert [t.side for t in whole.threads] == ["left"]


def test_threads_in_millimetres_keep_their_points(ground: Ground) -> None:
    first = ground.place("from the preauricular entry to the jowl zone, mid fat, 1 N").threads[0]
    line = (
        f"{{side: left, entry_mm: {first.entry_mm.tolist()}, path_mm: {first.path_mm.tolist()}, "
        "tension_n: 1.0, product: pdo-2-0-molded, technique: anchored}"
    )
    again = ground.place(line)
    assert again.threads == (first,)
    assert again.assumptions == ()
    outside = (first.path_mm + np.array([30.0, 0.0, 0.0])).tolist()
    with pytest.raises(InputError, match="outside the skin"):
        ground.place(f"{{side: left, entry_mm: {outside[0]}, path_mm: {outside}}}")


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("from the preauricular entry to the jowl, 40 mm deep", "bone"),
        ("from the jowl to the jowl", "shorter"),
        ("from the top of the ear to the chin", "leaves the skin"),
    ],
)
def test_courses_that_a_face_does_not_have(ground: Ground, line: str, word: str) -> None:
    with pytest.raises(InputError, match=word):
        ground.place(line)
