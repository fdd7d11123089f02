"""Plans: when none is made, what one promises, and that it is reproducible and mirrored."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import Case, record, thinned
from scipy.spatial.transform import Rotation

from threadlift.assessment import assess
from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.face import Face
from threadlift.interop.file_models import checked
from threadlift.planning import Plan, check, plan
from threadlift.planning.candidates import candidates
from threadlift.tissue import Tissue

MODULE = sys.modules["threadlift.planning.plan"]
#: As few scenarios as can show that limits hold in nine of ten.
SCENARIOS = 10


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer candidates: the same way in a fraction of the time."""
    monkeypatch.setattr(MODULE, "candidates", lambda *a: thinned(candidates(*a), 12))


@pytest.fixture(scope="module")
def made(case: Case) -> Plan:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MODULE, "candidates", lambda *a: thinned(case.candidates, 12))
        return plan(case.tissue, case.assessment, max_threads=3, scenarios=SCENARIOS)


def test_every_recommended_thread_has_a_reason(made: Plan) -> None:
    why = made.to_json()["thread_reasons"]
    assert [t["thread"] for t in why["threads"]] == [t.id for t in made.recommended]
    for reason in why["threads"]:
        zone = reason["main_zone"]
        assert 0.0 < reason["contribution_mm"][zone] <= 1.3 * made.verification["lift_mm"][zone]


def test_a_plan_says_what_decides_on_this_face(made: Plan) -> None:
    found = made.to_json()["sensitivity"]
    assert {d["name"] for d in found["designs"]} == {"fan", "equal_tension", "scattered"}
    assert found["ranges"]["tension_n"][0] > 0.0


def test_impossible_requests_are_refused(case: Case) -> None:
    for count in (0, 7):
        with pytest.raises(InputError):
            plan(case.tissue, case.assessment, max_threads=count)
    for count in (4, 11):
        with pytest.raises(InputError, match="scenarios"):
            plan(case.tissue, case.assessment, scenarios=count)


def test_the_plan_keeps_what_it_promises(case: Case, made: Plan) -> None:
    assert made.recommendation == "threads"
    assert made.safety.violations == ()
    report = check(made.recommended, case.skin, case.marks, case.hazards.structures)
    assert report == made.safety
    for side in ("left", "right"):
        mine = [t for t in made.recommended if t.side == side]
        assert len(mine) <= 3
        assert sum(t.tension_n for t in mine) <= value("planning.safety.tension_side") + 1e-9
    assert (
        0.0
        <= made.optimality.gap
        == pytest.approx(made.optimality.bound - made.optimality.objective)
    )
    assert 0.0 < made.verification["goal_attained"] <= 1.0
    assert all(used <= 1.0 for used in made.verification["limits_used"].values())
    assert len(made.alternatives) >= 2
    assert made.alternatives[-1].name == "no-treatment"


def test_limits_hold_under_scenarios_as_often_as_is_asked_for(made: Plan) -> None:
    chance = made.verification["chance"]
    assert chance["scenarios"] == SCENARIOS
    assert chance["limits_hold"] >= chance["wanted"] == value("planning.limits.chance")
    attained = chance["goal_attained"]
    assert 0.0 < attained["low"] <= attained["mean"] <= attained["high"] <= 1.0
    assert any(f"of {SCENARIOS} tissues and hands" in s.english for s in made.reasons)


def test_what_is_stated_is_what_was_verified(case: Case, made: Plan) -> None:
    """Threads as read back from the file give the lift that the file states."""
    again = Plan.from_json(made.to_json())
    result = case.tissue.equilibrium(again.recommended, tolerance=1e-5)
    for zone, lift in made.verification["lift_mm"].items():
        goal = case.assessment.goal[zone]
        weight = case.tissue.mesh.zone_weights[zone] * case.tissue.mesh.nodal_area()
        moved = weight @ (result.surface @ np.asarray(goal.direction)) / weight.sum()
        assert moved == pytest.approx(lift, abs=0.02)


def test_json_round_trip_and_schema(made: Plan) -> None:
    data = made.to_json()
    checked("plan", data)
    assert Plan.from_json(data).to_json() == data
    other = replace(made, inputs_sha256="0" * 64)
    assert other.plan_sha256 == made.plan_sha256


def test_a_changed_plan_is_not_accepted(made: Plan) -> None:
    data = made.to_json()
    data["threads"] = [data["threads"][0] | {"tension_n": 2.99}, *data["threads"][1:]]
    with pytest.raises(InputError):
        Plan.from_json(data)
    with pytest.raises(InputError):
        Plan.from_json({"schema": "threadlift.plan/1"})


@pytest.mark.slow
def test_same_seed_same_hash(case: Case, made: Plan, quick: None) -> None:
    again = plan(case.tissue, case.assessment, max_threads=3, scenarios=SCENARIOS)
    assert again.plan_sha256 == made.plan_sha256


@pytest.mark.slow
def test_the_threads_do_not_depend_on_whether_they_are_explained(
    case: Case, made: Plan, quick: None
) -> None:
    bare = plan(case.tissue, case.assessment, max_threads=3, scenarios=SCENARIOS, explained=False)
    assert bare.recommended == made.recommended
    assert bare.verification == made.verification
    assert bare.thread_reasons is None
    assert bare.sensitivity is None
    assert made.sensitivity is not None


@pytest.mark.slow
def test_a_mirrored_face_gets_the_mirrored_plan(face: Face, made: Plan, quick: None) -> None:
    consultation = record()
    mirrored = face.mirrored()
    tissue = Tissue.of(mirrored, consultation, "coarse")
    assessment = assess(mirrored, tissue, consultation)
    other = plan(tissue, assessment, max_threads=3, scenarios=SCENARIOS, explained=False)
    here = {t.id: t for t in made.recommended}
    there = {t.mirrored().id.translate(str.maketrans("LR", "RL")): t for t in other.recommended}
    assert here.keys() == there.keys()
    for name, thread in here.items():
        twin = there[name].mirrored()
        np.testing.assert_allclose(twin.path_mm, thread.path_mm, atol=0.011)
        assert twin.tension_n == pytest.approx(thread.tension_n, abs=0.011)


@pytest.mark.slow
def test_a_turned_face_in_metres_gets_the_same_plan(
    face: Face, case: Case, made: Plan, quick: None
) -> None:
    turn = Rotation.from_euler("xyz", [20.0, -35.0, 140.0], degrees=True)
    in_metres = (turn.apply(face.vertices) + np.array([300.0, -120.0, 900.0])) / 1000.0
    moved = Face.in_frame(
        1000.0 * in_metres, sd_mm=face.sd_mm, kind=face.kind, capture=face.capture,
        expressions={k: turn.apply(v) for k, v in face.expressions.items()},
    )  # fmt: skip
    consultation = record()
    tissue = Tissue.of(moved, consultation, "coarse")
    assessment = assess(moved, tissue, consultation)
    other = plan(tissue, assessment, max_threads=3, scenarios=SCENARIOS, explained=False)
    assert [t.id for t in other.recommended] == [t.id for t in made.recommended]
    for a, b in zip(other.recommended, made.recommended, strict=True):
        np.testing.assert_allclose(a.path_mm, b.path_mm, atol=0.011)
        assert a.tension_n == pytest.approx(b.tension_n, abs=0.011)
