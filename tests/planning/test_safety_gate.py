"""Nothing that breaks a safety rule leaves as a plan, however it got into one."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sheet import MARKS, SKIN, Structure, X, thread

from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.planning import Alternative, Optimality, Plan
from threadlift.planning.hazards import HazardField
from threadlift.planning.safety import SafetyCase, SafetyReport, UnsafePlanError, Violation, gate
from threadlift.planning.sentences import Sentence

FAR = Structure(name="nerve", curve_mm=np.array([[X, 35.0, 20.0], [X, 35.0, 60.0]]))
CASE = SafetyCase(SKIN, MARKS, HazardField.of([FAR]))
GOOD = thread()
BAD = thread(depth=7.0)


def plan(*threads, case: SafetyCase | None = CASE, alternatives=()) -> Plan:
    return Plan(
        recommendation="threads",
        reasons=(Sentence("", {}, "a reason"),),
        recommended=tuple(threads),
        alternatives=tuple(
            Alternative(n, Sentence("", {}, n), Sentence("", {}, ""), tuple(t), {})
            for n, t in alternatives
        ),
        optimality=Optimality(0.0, 0.0, 0.0, {}),
        safety=SafetyReport((), None, "", 0.0) if case is None else case.check([GOOD]),
        verification={},
        version="0",
        seed=0,
        inputs_sha256="",
        case=case,
    )


def test_a_safe_plan_leaves_and_comes_back() -> None:
    data = plan(GOOD, alternatives=[("fewer", [GOOD]), ("none", [])]).to_json()
    again = Plan.from_json(data)
    assert again.to_json() == data
    rows = data["safety"]["structures"]
    assert [r["structure"] for r in rows] == ["nerve"]
    assert rows[0]["min_clearance_mm"] > 10.0
    assert again.safety.structures[0].thread == GOOD.id


def test_an_older_file_without_the_table_is_read() -> None:
    data = CASE.check([GOOD]).to_json()
    del data["structures"], data["nearest_structure"]
    assert SafetyReport.from_json(data).structures == ()
    nothing = SafetyReport((), None, "", 0.0)
    assert SafetyReport.from_json(nothing.to_json()) == nothing


def test_a_recommendation_that_breaks_a_rule_is_refused() -> None:
    with pytest.raises(UnsafePlanError, match="layer-not-allowed") as caught:
        plan(BAD).to_json()
    assert caught.value.violations[0].thread == BAD.id


def test_so_is_every_alternative() -> None:
    with pytest.raises(UnsafePlanError, match="'deeper' breaks the safety rule"):
        plan(GOOD, alternatives=[("shallow", [GOOD]), ("deeper", [BAD])]).to_json()


def test_rules_of_the_whole_plan_count_too() -> None:
    near = replace(GOOD, id="L2", path_mm=GOOD.path_mm + np.array([0.0, 1.0, 0.0]))
    with pytest.raises(UnsafePlanError, match="thread-spacing"):
        plan(GOOD, near).to_json()


def test_threads_that_were_exchanged_after_planning_are_judged_anew() -> None:
    good = plan(GOOD)
    good.to_json()
    with pytest.raises(UnsafePlanError):
        replace(good, recommended=(BAD,)).to_json()


def test_a_plan_cannot_hide_behind_a_clean_report_or_ignore_a_bad_one() -> None:
    with pytest.raises(UnsafePlanError):
        replace(plan(BAD), safety=SafetyReport((), None, "", 0.0)).to_json()
    found = Violation("L1", "in-dermis", "", (0.0, 0.0, 0.0), -1.0, "mm")
    with pytest.raises(UnsafePlanError, match="its own safety report"):
        replace(plan(GOOD), safety=SafetyReport((found,), None, "", 0.0)).to_json()


def test_without_a_face_only_what_was_read_leaves_unchanged() -> None:
    with pytest.raises(UnsafePlanError, match="never judged"):
        plan(GOOD, case=None).to_json()
    read = Plan.from_json(plan(GOOD).to_json())
    with pytest.raises(UnsafePlanError, match="was changed"):
        replace(read, recommended=(GOOD.with_tension(1.6),)).to_json()
    # Against a face it is judged as any other plan.
    assert read.judged(CASE).to_json() == read.to_json()
    along = np.array([[X, 20.0, 20.0], [X, 20.0, 60.0]])
    nerve = replace(FAR, curve_mm=along, depth_mm=np.full(2, 3.5))
    crossed = replace(CASE, hazards=HazardField.of([nerve]))
    with pytest.raises(UnsafePlanError) as caught:
        read.judged(crossed).to_json()
    assert "hazard-clearance" in {v.rule for v in caught.value.violations}


def test_a_tampered_file_is_refused_even_with_a_new_hash() -> None:
    """The hash protects against slips; against intention the face does."""
    data = plan(GOOD).to_json()
    data["threads"] = [BAD.to_json()]
    with pytest.raises(InputError, match="was changed after it was made"):
        Plan.from_json(data)
    forged = replace(plan(GOOD), recommended=(BAD,)).plan_sha256
    data["provenance"]["plan_sha256"] = forged
    with pytest.raises(UnsafePlanError):
        Plan.from_json(data).judged(CASE).to_json()


def test_proposed_threads_leave_only_with_a_judgement_that_tells_every_broken_rule() -> None:
    found = CASE.check([BAD])
    proposed = replace(plan(BAD), origin="proposed", recommendation="no-thread-lift", safety=found)
    with pytest.raises(UnsafePlanError, match="judgement"):
        proposed.to_json()
    judged = replace(proposed, judgement={"verdict": "fail"})
    data = judged.to_json()
    assert data["safety"]["violations"]
    assert Plan.from_json(data).to_json() == data
    with pytest.raises(UnsafePlanError, match="recommends"):
        replace(judged, recommendation="threads").to_json()
    silent = replace(judged, safety=SafetyReport((), None, "", 0.0))
    with pytest.raises(UnsafePlanError, match="does not tell"):
        silent.to_json()


def test_no_threads_need_no_gate() -> None:
    nothing = replace(plan(case=None), recommendation="no-thread-lift")
    assert nothing.to_json()["threads"] == []


def test_what_is_judged_is_what_is_stated() -> None:
    """A coordinate that only its digits beyond the file's keep legal is judged as it is written."""
    edge = thread(
        depth=6.2 + value("planning.safety.deep_tolerance") - 4e-5,
        start=40.0,
        end=80.0,
        technique="floating",
        tension_n=0.5,
    )
    stated = type(edge).from_json(edge.to_json())
    assert stated.path_mm[0, 0] != edge.path_mm[0, 0]
    assert CASE.check([stated]).violations == CASE.check([edge]).violations == ()
    CASE.clear({"The edge": [edge]})
    past = thread(
        depth=6.2 + value("planning.safety.deep_tolerance") + 6e-5,
        start=40.0,
        end=80.0,
        technique="floating",
        tension_n=0.5,
    )
    with pytest.raises(UnsafePlanError, match="layer-not-allowed"):
        CASE.clear({"Past it": [past]})


def test_a_case_is_made_from_a_face(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skin with zones, landmarks, and the structures that anatomy places on that face."""
    n = len(SKIN.vertices)
    stack = SimpleNamespace(skin_mm=SKIN.skin_mm, fat_mm=SKIN.fat_mm, smas_mm=SKIN.smas_mm)
    face = SimpleNamespace(
        vertices=SKIN.vertices, triangles=SKIN.triangles, skin=np.ones(n, dtype=bool),
        zones={"malar_left": np.ones(n)}, landmark=lambda name: MARKS.tragus["left"],
    )  # fmt: skip
    asked = []
    monkeypatch.setattr(gate, "markings", lambda *a: asked.append(a) or ("a mark",))
    monkeypatch.setattr(gate, "structures", lambda *a: asked.append(a) or [FAR])
    made = SafetyCase.of(face, stack, "a consultation")
    assert asked == [(face, "a consultation", stack), (face, stack, ("a mark",))]
    assert made.skin.zone_names == ("malar",)
    assert made.hazards.structures == (FAR,)
    deep = [v for v in made.check([BAD]).violations if v.rule == "layer-not-allowed"]
    assert deep[0].structure == "malar"
