"""A proposed plan from words to plan.json, on a face: refused by the record, and judged in full."""

from __future__ import annotations

import sys

import pytest
from conftest import record, thinned

from threadlift.assessment import Assessment, assess
from threadlift.checking import check_plan
from threadlift.face import Face
from threadlift.interop.file_models import checked
from threadlift.pipeline import Run
from threadlift.planning import Plan
from threadlift.planning.candidates import candidates
from threadlift.planning.request import parse_request
from threadlift.reporting.check_texts import check_part
from threadlift.reporting.texts import LANGUAGES, texts
from threadlift.threads import Thread
from threadlift.tissue import Tissue

DANGEROUS = (
    "threads:\n  - from 1 cm behind the temporal hairline to 1 cm lateral of the mouth corner, "
    "sub-SMAS, 4 threads per side\n"
)
SENSIBLE = (
    "threads:\n  - from the preauricular entry to the jowl zone, mid fat, 1 N, 1 thread per side\n"
)


Ground = tuple[Tissue, Assessment]


@pytest.fixture(scope="module")
def ground(face: Face) -> Ground:
    tissue = Tissue.of(face, record(), "coarse")
    return tissue, assess(face, tissue, record())


def judged(ground: Ground, text: str, **changes: object) -> Run:
    tissue = ground[0].varied()
    tissue.consultation = record(**changes)
    return check_plan(tissue, ground[1], parse_request(text), members=8, scenarios=10)


def never_looks_recommended(made: Plan) -> dict:
    """The contract of plan.json for threads that are somebody else's."""
    data = checked("plan", made.to_json())
    assert data["origin"] == "proposed"
    assert data["threads"]
    assert data["judgement"]["criteria"]
    assert "not a recommendation" in data["reasons"][0]
    assert Plan.from_json(data).to_json() == data
    for language in LANGUAGES:
        part = check_part(data, texts(language))
        assert part is not None
        assert part["questions"]
        assert "{" not in str(part["questions"] + part["assumptions"])
    return data


@pytest.mark.parametrize(
    ("changes", "recommendation", "overall"),
    [
        (
            {"contraindications": record().contraindications.model_dump() | {"pregnancy": True}},
            "no-thread-lift",
            "unacceptable",
        ),
        ({"sagging": {}}, "more-information", "unclear"),
        ({"patient": {"age_years": 95, "sex": "female"}}, "no-thread-lift", "unacceptable"),
    ],
)
def test_what_the_record_forbids_is_not_simulated(
    ground: Ground, changes: dict, recommendation: str, overall: str
) -> None:
    run = judged(ground, SENSIBLE, **changes)
    data = never_looks_recommended(run.plan)
    assert run.outcome is None
    assert data["recommendation"] == recommendation
    assert data["judgement"]["overall"] == overall
    assert data["refusal"]["would_change"]


def test_a_dangerous_plan_is_told_what_it_breaks(ground: Ground) -> None:
    """Safety needs no simulation: the record stops it here, and the violations stand."""
    data = never_looks_recommended(judged(ground, DANGEROUS, sagging={}).plan)
    rules = {v["rule"] for v in data["safety"]["violations"]}
    assert "hazard-clearance" in rules
    assert data["judgement"]["overall"] == "unacceptable"
    assert data["recommendation"] != "threads"
    asked = {q["kind"] for q in data["judgement"]["questions"]}
    assert {"unstated", "violation", "missing"} <= asked


def test_the_threads_of_a_plan_json_are_judged_as_they_are(ground: Ground) -> None:
    first = judged(ground, SENSIBLE, sagging={}).plan
    threads = tuple(Thread.from_json(t) for t in first.to_json()["threads"])
    tissue = ground[0].varied()
    tissue.consultation = record(sagging={})
    again = check_plan(tissue, ground[1], threads, scenarios=10).plan
    assert again.recommended == threads
    assert again.judgement is not None
    assert again.judgement["assumptions"] == []
    assert again.safety == first.safety


@pytest.mark.slow
def test_a_sensible_plan_is_weighed_against_the_planner(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["threadlift.planning.plan"]
    monkeypatch.setattr(module, "candidates", lambda *a: thinned(candidates(*a), 12))
    run = judged(ground, SENSIBLE)
    data = never_looks_recommended(run.plan)
    assert run.outcome is not None
    assert data["safety"]["violations"] == []
    same = data["judgement"]["same_size"]
    assert same["most_per_side"] == 1
    assert 0.0 <= same["proposed"]["goal_attained"] <= 1.0
    assert max(same["per_side"].values()) <= 1
    assert data["alternatives"][-1]["name"] == "no-treatment"
    effect = next(c for c in data["judgement"]["criteria"] if c["name"] == "insufficient_effect")
    assert effect["estimate"]["low"] <= effect["estimate"]["value"] <= effect["estimate"]["high"]
