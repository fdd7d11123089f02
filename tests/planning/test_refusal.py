"""Refusals: every kind, its reason, and what would change it; from a record to plan.json."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import Case, record
from hypothesis import given
from hypothesis import strategies as st

from threadlift.consultation import Consultation
from threadlift.interop.file_models import checked
from threadlift.planning import Plan, plan, refusal
from threadlift.planning.envelope import outside_envelope
from threadlift.tissue import Tissue

MODULE = sys.modules["threadlift.planning.plan"]


def with_record(case: Case, consultation: Consultation) -> Tissue:
    tissue = case.tissue.varied()
    tissue.consultation = consultation
    return tissue


def refused(made: Plan, kind: str, recommendation: str) -> tuple[str, ...]:
    """No threads, the kind, a reason and a way out for it, in the file as in the object."""
    assert made.refusal is not None
    assert (made.refusal.kind, made.recommendation) == (kind, recommendation)
    assert made.recommended == ()
    assert made.reasons == made.refusal.reasons
    assert made.refusal.because
    assert made.refusal.would_change
    data = checked("plan", made.to_json())
    assert data["refusal"]["kind"] == kind
    assert Plan.from_json(data).to_json() == data
    return made.refusal.would_change


def test_contraindications_name_their_remedies(case: Case) -> None:
    answers = record().contraindications.model_dump() | {"pregnancy": True, "lactation": True}
    made = plan(with_record(case, record(contraindications=answers)), case.assessment)
    change = refused(made, "contraindicated", "no-thread-lift")
    assert len(change) == len(made.reasons) == 2
    assert any("after pregnancy" in c for c in change)


def test_too_little_consultation_lists_what_to_ask(case: Case) -> None:
    made = plan(with_record(case, record(patient={}, sagging={})), case.assessment)
    change = refused(made, "incomplete-consultation", "more-information")
    for item in ("patient.age_years", "patient.sex", "sagging"):
        assert any(item in c for c in change)


@pytest.mark.parametrize("patient", [{"age_years": 97}, {"bmi_kg_m2": 44.0}, {"bmi_kg_m2": 14.5}])
def test_a_person_outside_the_model_gets_no_plan(case: Case, patient: dict) -> None:
    data = {"age_years": 58, "sex": "female"} | patient
    made = plan(with_record(case, record(patient=data)), case.assessment)
    change = refused(made, "outside-envelope", "no-thread-lift")
    assert f"patient.{next(iter(patient))}" in made.reasons[0].english
    assert "Nothing in this model" in change[0]


@pytest.mark.parametrize(
    "measurements",
    [
        {"skin_thickness_mm": {"jowl": 4.5}},
        {"fat_thickness_mm": {"malar": 24.0}},
        {"smas_depth_mm": {"buccal": 29.0}},
        {"elasticity": {"r0_mm": 1.9}},
    ],
)
def test_a_measurement_that_no_face_has_is_asked_for_again(case: Case, measurements: dict) -> None:
    made = plan(with_record(case, record(measurements=measurements)), case.assessment)
    change = refused(made, "implausible-measurement", "more-information")
    assert all("again" in c for c in change)
    assert f"measurements.{next(iter(measurements))}" in made.reasons[0].english


@given(st.floats(-1.5, 1.5))
def test_measurements_near_the_map_are_inside(case: Case, z: float) -> None:
    """Within two standard deviations of people nothing is outside, whichever the layer."""
    blind = case.tissue.stack
    assert blind is not None
    weight = case.tissue.face.zones["jowl_left"]  # pyright: ignore[reportOptionalMemberAccess]
    core = weight**2 / (weight**2).sum()
    fat = float(core @ blind.fat_mm) * float(np.exp(z * (core @ blind.fat_cv)))
    consultation = record(measurements={"fat_thickness_mm": {"jowl_left": fat}})
    assert outside_envelope(case.tissue.face, consultation) == []  # pyright: ignore


def test_nothing_to_lift(case: Case) -> None:
    nothing = replace(case.assessment, main_issue="neither")
    refused(plan(case.tissue, nothing), "nothing-to-lift", "no-thread-lift")


def test_no_safe_thread_says_which_rules_refused(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = replace(
        case.candidates, candidates=(), generated=40, refused={"in-dermis": 30, "kink": 10}
    )
    monkeypatch.setattr(MODULE, "candidates", lambda *a: none)
    made = plan(case.tissue, case.assessment)
    change = refused(made, "not-reachable-safely", "no-thread-lift")
    assert "in-dermis (30), kink (10)" in made.reasons[0].english
    assert any("ultrasound" in c for c in change)


@pytest.mark.parametrize(
    "why",
    [
        refusal.no_safe_thread({}, 0),
        refusal.not_worth_placing(),
        refusal.breaks_limits(),
        refusal.breaks_rule("near-eyelid", ""),
        refusal.too_little(0.3),
    ],
)
def test_what_cannot_be_reached_safely_ends_in_no_thread_lift(why: refusal.Refusal) -> None:
    assert why.recommendation == "no-thread-lift"
    assert why.because[0].endswith(".")
    assert len(why.would_change) == 2
