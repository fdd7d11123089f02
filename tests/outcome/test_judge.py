"""The judgement of a proposed plan: hard criteria decide, gaps become questions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from threadlift.consultation import Consultation
from threadlift.consultation.models import Contraindications
from threadlift.outcome.judge import Evidence, Judgement, grouped, judge
from threadlift.planning import SafetyReport, Violation
from threadlift.planning.proposed import Assumption, Proposed
from threadlift.planning.refusal import Refusal
from threadlift.planning.sentences import Sentence
from threadlift.threads import Thread


def thread(name: str = "L1", side: str = "left") -> Thread:
    x = 60.0 if side == "left" else -60.0
    path = np.array([[x, 0.0, 20.0], [x * 0.8, -30.0, 50.0]])
    return Thread(name, side, "pdo-2-0-molded", "anchored", path[0], path,  # pyright: ignore
                  np.array([3.0, 3.0]), ("fat", "fat"), 1.0)  # fmt: skip


SAFE = SafetyReport((), 4.0, "facial_artery (left)", 0.05)


def violation(name: str, rule: str, structure: str, margin: float) -> Violation:
    return Violation(name, rule, structure, (60.0, 0.0, 20.0), margin, "mm")


def complete() -> Consultation:
    return Consultation.model_validate(
        {
            "patient": {"age_years": 58, "sex": "female", "bmi_kg_m2": 23.0},
            "sagging": {"jowl": {"grade": 3, "direction": "down"}},
            "contraindications": dict.fromkeys(Contraindications.model_fields, False),
        }
    )


def evidence(**changes: object) -> Evidence:
    base = Evidence(
        Proposed((thread(), thread("R1", "right"))), complete(), None, SAFE, None, "", None, None
    )
    return replace(base, **changes)  # pyright: ignore[reportArgumentType]


def verdicts(judged: Judgement) -> dict[str, str]:
    return {c.name: c.verdict for c in judged.criteria}


def kinds(judged: Judgement) -> list[str]:
    return [q.kind for q in judged.questions]


def test_a_broken_safety_rule_makes_a_plan_unacceptable() -> None:
    unsafe = replace(SAFE, violations=(violation("L1", "in-dermis", "", -0.3),))
    judged = judge(evidence(safety=unsafe))
    assert judged.overall == "unacceptable"
    assert judged.failed == ("safety",)
    assert "violation" in kinds(judged)


def test_what_was_not_simulated_is_not_called_good() -> None:
    judged = judge(evidence())
    assert judged.overall == "unclear"
    assert verdicts(judged)["indentation"] == "unknown"


def test_no_equilibrium_is_a_failure_with_its_reason() -> None:
    judged = judge(evidence(reason="The cogs do not hold."))
    assert judged.overall == "unacceptable"
    assert judged.failed == ("equilibrium",)
    facts = {c.name: c.facts for c in judged.criteria}
    assert facts["equilibrium"]["reason"] == "The cogs do not hold."


@pytest.mark.parametrize(
    ("kind", "verdict", "overall"),
    [
        ("contraindicated", "fail", "unacceptable"),
        ("incomplete-consultation", "unknown", "unclear"),
    ],
)
def test_the_record_stands_before_every_plan(kind: str, verdict: str, overall: str) -> None:
    said = Sentence("", {}, "Reason."), Sentence("", {}, "Remedy.")
    why = Refusal(kind, said[:1], said[1:])  # pyright: ignore[reportArgumentType]
    judged = judge(evidence(refusal=why))
    assert verdicts(judged)["consultation"] == verdict
    assert judged.overall == overall


def test_every_gap_becomes_a_question() -> None:
    assumed = (
        Assumption("line 1", "tension", "1.5 N", "0.5 N", "2.5 N"),
        Assumption("line 2", "tension", "1.5 N", "0.5 N", "2.5 N"),
        Assumption("line 1", "layer", "deep fat", "mid fat", "SMAS"),
    )
    smoker = complete().model_copy(update={"history": complete().history.model_copy(
        update={"smoker": True})})  # fmt: skip
    judged = judge(evidence(proposed=Proposed((thread(),), assumed), consultation=smoker))
    asked = [q.values for q in judged.questions if q.kind == "unstated"]
    assert [a["field"] for a in asked] == ["tension", "layer"]
    assert [q.values["name"] for q in judged.questions if q.kind == "contraindication"] == [
        "smoker"
    ]
    assert {q.values["item"] for q in judged.questions if q.kind == "missing"} >= {
        "measurements.elasticity"
    }
    assert verdicts(judged)["consultation"] == "attention"


def test_violations_of_one_kind_are_told_once_with_the_worst() -> None:
    found = [
        violation("L1", "hazard-clearance", "facial_artery (left)", -1.0),
        violation("R1", "hazard-clearance", "facial_artery (right)", -3.0),
        violation("L1", "hazard-probability", "facial_artery (left)", -0.2),
        violation("L1", "in-dermis", "", -0.1),
    ]
    groups = grouped(found)
    assert [(g[0], g[1], g[2]) for g in groups] == [
        ("hazard-clearance", "facial_artery", ("L1", "R1")),
        ("in-dermis", "", ("L1",)),
    ]
    assert groups[0][3].margin == -3.0
    assert grouped(found[::-1])[0][3] == groups[0][3]
