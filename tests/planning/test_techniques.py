"""Published techniques: complete rows, placed where their words say, the same on both sides."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from conftest import record

from threadlift import evidence
from threadlift.anatomy.places import named_places
from threadlift.evidence import table
from threadlift.face import Face
from threadlift.planning.safety import Marks
from threadlift.planning.skin import Skin
from threadlift.planning.techniques import StandardPlan, standard_plans, techniques
from threadlift.threads import product, products, tension_profile
from threadlift.threads.thread import TECHNIQUES, TWO_LIMBED
from threadlift.tissue import Tissue

PLANES = {row["name"] for row in table("planning")["candidates"]["depths"]}


def plans_of(face: Face) -> dict[str, StandardPlan]:
    tissue = Tissue.of(face, record(), "coarse")
    assert tissue.stack is not None
    skin = Skin.of_face(face, tissue.stack)
    return {p.name: p for p in standard_plans(face, tissue.mesh, skin, Marks.of(face))}


@pytest.fixture(scope="module")
def plans(face: Face) -> dict[str, StandardPlan]:
    return plans_of(face)


@pytest.mark.parametrize("name", sorted(techniques()))
def test_every_row_is_complete_and_its_sources_exist(name: str) -> None:
    row = techniques()[name]
    assert row["technique"] in TECHNIQUES
    assert row["product"] in products()
    assert row["plane"] in PLANES
    assert row["title"] != row["words"]
    assert set(evidence.register.source_keys(dict(row))) <= set(evidence.all_sources())
    assert evidence.register.source_keys(dict(row))
    ends = 2 if row["technique"] in TWO_LIMBED else 1
    assert all(len(part["to"]) == ends for part in row["threads"])


def test_named_places_state_where_they_are_from() -> None:
    for row in named_places().values():
        assert row["status"] in ("found", "recalled", "derived", "default")
        assert set(evidence.register.source_keys(dict(row))) <= set(evidence.all_sources())


def test_every_technique_is_placed_on_both_sides(plans: dict[str, StandardPlan]) -> None:
    assert list(plans) == list(techniques())
    assert {t.technique for p in plans.values() for t in p.threads} == set(TECHNIQUES)
    for name, plan in plans.items():
        for side in ("left", "right"):
            mine = [t for t in plan.threads if t.side == side]
            assert len(mine) == len(techniques()[name]["threads"])
        for t in plan.threads:
            kind = product(t.product)
            assert t.length_mm <= kind.length_mm
            assert 0.0 < t.tension_n <= 1.5
            assert tension_profile(t, kind).excess_n == pytest.approx(0.0, abs=1e-9)


def test_the_fan_ends_where_its_words_say(plans: dict[str, StandardPlan], face: Face) -> None:
    corner = face.landmark("cheilion_L")
    fan = [t for t in plans["temple_fan"].threads if t.side == "left"]
    apart = [float(np.linalg.norm(t.path_mm[-1] - corner)) for t in fan]
    # Ten millimetres along the skin, seen from a point that lies some millimetres under it.
    assert 8.5 < apart[0] < 14.0
    assert all(5.0 < b - a < 10.5 for a, b in itertools.pairwise(apart))
    assert max(np.linalg.norm(t.entry_mm - fan[0].entry_mm) for t in fan) < 1e-9
    assert all(t.layer[-1] == "fat" for t in fan)


def test_loops_hang_on_one_anchor_and_floating_threads_enter_at_their_middle(
    plans: dict[str, StandardPlan],
) -> None:
    (left,) = [t for t in plans["temporal_loop"].threads if t.side == "left"]
    assert len(left.limbs) == 2
    assert left.layer[left.turn] in ("smas", "deep")
    assert np.linalg.norm(left.entry_mm - left.path_mm[left.turn]) < 15.0
    for t in plans["cones_floating"].threads:
        assert t.anchor is None
        assert abs(t.arc_mm[t.turn] - t.length_mm / 2.0) < 5.0
        assert np.linalg.norm(t.entry_mm - t.path_mm[t.turn]) < 12.0


def test_a_mirrored_face_has_mirrored_techniques(
    face: Face, plans: dict[str, StandardPlan]
) -> None:
    other = plans_of(face.mirrored())
    for name, plan in plans.items():
        for side, opposite in (("left", "right"), ("right", "left")):
            here = [t for t in plan.threads if t.side == side]
            there = [t for t in other[name].threads if t.side == opposite]
            for a, b in zip(here, there, strict=True):
                np.testing.assert_allclose(a.path_mm * [-1, 1, 1], b.path_mm, atol=0.011)
                assert a.tension_n == pytest.approx(b.tension_n, abs=0.011)
