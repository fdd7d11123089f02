"""Refusals in the language of the report: every sentence that there is, in every language."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from conftest import record

from threadlift.assessment import Assessment, assess
from threadlift.capturing import write_glb
from threadlift.consultation import Consultation, completeness
from threadlift.consultation.models import Contraindications
from threadlift.evidence import table
from threadlift.face import Face
from threadlift.interop import read_face_glb
from threadlift.planning import plan, refusal
from threadlift.planning.envelope import Outside
from threadlift.planning.refusal import Kind, Refusal
from threadlift.planning.sentences import REFUSALS
from threadlift.reporting import refusals
from threadlift.reporting.html import render_report
from threadlift.reporting.run_data import RunData
from threadlift.reporting.texts import LANGUAGES, texts
from threadlift.tissue import Tissue

Ground = tuple[Tissue, Assessment]

OTHERS = [language for language in LANGUAGES if language != "en"]


def before(consultation: Consultation, assessment: Assessment) -> Refusal:
    found = refusal.before_planning(None, consultation, assessment)
    assert found is not None
    return found


def every_refusal(assessment: Assessment) -> Iterator[Refusal]:
    """One of each kind and cause; together they say every sentence."""
    answers = record().contraindications.model_dump()
    for name in Contraindications.model_fields:
        yield before(record(contraindications=answers | {name: True}), assessment)
    yield before(Consultation(), assessment)
    for measured in (True, False):
        kind: Kind = "implausible-measurement" if measured else "outside-envelope"
        outside = Outside("patient.age_years", 97.0, 18.0, 90.0, "years", measured)
        yield Refusal(kind, (outside.sentence,), (outside.remedy,))
    for graded in (True, False):
        sag = {z: replace(s, graded=graded) for z, s in assessment.sag.items()}
        yield before(record(), replace(assessment, main_issue="neither", sag=sag))
    yield refusal.no_safe_thread({}, 0)
    yield refusal.no_safe_thread({"in-dermis": 30}, 40)
    yield refusal.not_worth_placing()
    yield refusal.breaks_limits()
    yield refusal.breaks_rule("thread-spacing", "")
    yield refusal.breaks_rule("thread-spacing", "L2")
    yield refusal.too_little(0.3)


@pytest.fixture(scope="module")
def ground(face: Face) -> Ground:
    """The tissue and the assessment of a record that grades no zone."""
    consultation = record(sagging={})
    tissue = Tissue.of(face, consultation, "coarse")
    return tissue, assess(face, tissue, consultation)


@pytest.fixture(scope="module")
def all_refusals(ground: Ground) -> list[Refusal]:
    return list(every_refusal(ground[1]))


def test_every_kind_and_every_sentence_occurs(all_refusals: list[Refusal]) -> None:
    assert {r.kind for r in all_refusals} == set(get_args(Kind))
    said = {s.key for r in all_refusals for s in (*r.reasons, *r.ways_out)}
    findings = {
        f"finding.{name}.{part}"
        for name, row in table("consultation")["finding"].items()
        if row["severity"] == "absolute"
        for part in ("reason", "remedy")
    }
    record_parts = {"patient-age_years", "patient-sex", "sagging", "contraindications"}
    assert said == {*REFUSALS, *findings, *(f"missing.{part}" for part in record_parts)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_is_said_in_every_language(
    all_refusals: list[Refusal], language: str
) -> None:
    for refused in all_refusals:
        data = json.loads(json.dumps(refused.to_json()))
        assert Refusal.from_json(data).to_json() == data
        for lines, english in (
            (refusals.reasons(data, texts(language)), data["because"]),
            (refusals.ways_out(data, texts(language)), data["would_change"]),
        ):
            assert len(lines) == len(english) > 0
            assert all(lines)
            if language == "en":
                assert lines == english
            else:
                assert not set(lines) & set(english)


@pytest.mark.parametrize("language", OTHERS)
def test_translations_say_the_same_numbers_and_names(
    all_refusals: list[Refusal], language: str
) -> None:
    t = texts(language)
    for refused in all_refusals:
        data = refused.to_json()
        lines = [*refusals.reasons(data, t), *refusals.ways_out(data, t)]
        for line, s in zip(lines, (*refused.reasons, *refused.ways_out), strict=True):
            given = [str(x) for name, x in s.values.items() if x and name != "unit"]
            assert all(x.removesuffix(".0") in line for x in given), (s.key, line)


@pytest.mark.parametrize("language", OTHERS)
def test_gaps_of_the_record_are_said_in_every_language(language: str) -> None:
    t = texts(language)
    vague = {"jowl": {"grade": 2.0, "direction": "down"}, "malar": 1}
    records = Consultation(), record(sagging=vague), record(sagging={})
    for gap in {g.item: g for r in records for g in completeness(r)}.values():
        assert gap.why not in refusals.gap(gap.item, gap.why, t)
        assert gap.why in refusals.gap(gap.item, gap.why, texts("en"))
    assert "about 2 mm" not in refusals.gap("3D scan", "err by about 2 mm", t)
    assert refusals.gap("of tomorrow", "Why.", t) == "of tomorrow: Why."


def test_a_refusal_of_an_earlier_version_is_told_as_it_stands() -> None:
    old = {"kind": "nothing-to-lift", "because": ["A."], "would_change": ["B."]}
    assert Refusal.from_json(old).to_json() == old
    assert refusals.reasons(old, texts("ko")) == ["A."]
    assert refusals.ways_out(old, texts("ko")) == ["B."]


@pytest.fixture(scope="module")
def refused_run(face: Face, ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> RunData:
    """The files of a run that ends in a refusal."""
    tissue, assessment = ground
    path = tmp_path_factory.mktemp("refused") / "face.glb"
    write_glb(face, path, np.zeros_like(face.vertices))
    made = plan(tissue, assessment).to_json()
    assert made["refusal"]["kind"] == "incomplete-consultation"
    found = assessment.to_json() | {"capture": face.capture.to_json(), "posture": None}
    return RunData(read_face_glb(path), found, made, None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_report_of_a_refusal_speaks_one_language(
    all_refusals: list[Refusal], refused_run: RunData, language: str
) -> None:
    english = [s.english for r in all_refusals for s in (*r.reasons, *r.ways_out)]
    for kind in get_args(Kind):
        refused = next(r for r in all_refusals if r.kind == kind)
        data = refused_run.plan | {"refusal": refused.to_json(), "reasons": list(refused.because)}
        page = html.unescape(render_report(replace(refused_run, plan=data), language))
        if language == "en":
            assert all(s in page for s in (*refused.because, *refused.would_change))
        else:
            assert not [s for s in english if s in page]
        part = data["refusal"]
        for line in (
            *refusals.reasons(part, texts(language)),
            *refusals.ways_out(part, texts(language)),
        ):
            assert line in page
