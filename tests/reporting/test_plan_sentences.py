"""What a plan says of itself and of its alternatives, in every language of the report."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from typing import Any

import pytest

from threadlift.consultation.marking_methods import markable, methods
from threadlift.evidence import table
from threadlift.planning.sentences import ALTERNATIVES, PLANS, Sentence, sentence
from threadlift.reporting.refusals import alternative, plan_reasons
from threadlift.reporting.texts import LANGUAGES, texts

OTHERS = [language for language in LANGUAGES if language != "en"]
ARTERY = "superficial_temporal_artery"
VALUES: dict[str, dict[str, Any]] = {
    "main-issue": {"issue": "jawline"},
    "attained": {"left": 3, "right": 4, "goal": 71, "lift_mm": 2.4, "zone": "jowl_left"},
    "chance": {"hold": 95, "scenarios": 64, "mean": 67},
    "refined": {"gain": 7, "moved_mm": 4.2},
    "further-thread": {"points": 2},
    "palpated": {"structure": ARTERY},
    "palpated-rest": {"structure": ARTERY},
    "palpated-other-side": {"structure": ARTERY, "side": "left", "other_side": "right"},
    "marked": {
        "structure": ARTERY,
        "side": "left",
        "methods": ["palpation", "doppler"],
        "points": 3,
        "off_mm": 2.5,
    },
    "check-marks": {"structure": ARTERY, "side": "left", "off_mm": 14.5},
    "fewer": {"n": 3},
    "gentle-note": {"most_n": 1.0},
    "same-size-note": {"n": 5},
}


def of(key: str) -> Sentence:
    return sentence(key, **VALUES.get(key, {}))


def weighed() -> list[Sentence]:
    """Relative findings, as a plan names them."""
    rules = table("consultation")["finding"].items()
    return [
        Sentence(f"finding.{name}.weigh", {}, f"Weigh: {row['reason']}")
        for name, row in rules
        if row["severity"] == "relative"
    ]


def said(sentences: list[Sentence], language: str) -> list[str]:
    data = {
        "reasons": [s.english for s in sentences],
        "reasons_keys": [s.to_json() for s in sentences],
    }
    return plan_reasons(data, texts(language))


@pytest.mark.parametrize("language", OTHERS)
def test_every_reason_is_said_with_its_numbers(language: str) -> None:
    every = [*(of(key) for key in PLANS), *weighed()]
    lines = said(every, language)
    assert said(every, "en") == [s.english for s in every]
    assert not set(lines) & {s.english for s in every}
    for line, s in zip(lines, every, strict=True):
        assert "{" not in line
        numbers = [str(v) for v in s.values.values() if isinstance(v, (int, float))]
        assert all(n in line for n in numbers), line


@pytest.mark.parametrize("language", OTHERS)
def test_zones_and_issues_are_said_in_the_language(language: str) -> None:
    t = texts(language)
    issue, attained = said([of("main-issue"), of("attained")], language)
    assert t("main_issue.jawline") in issue
    assert t.zone("jowl_left") in attained
    assert "(jowl left)" in of("attained").english


@pytest.mark.parametrize("language", OTHERS)
def test_structures_sides_and_methods_are_said_in_the_language(language: str) -> None:
    t = texts(language)
    (line,) = said([of("marked")], language)
    for word in (t.structure(ARTERY), t("sides.left"), t("found_by.palpation")):
        assert word in line
    assert t("found_by.doppler") in line
    assert "(found by: palpation, doppler; points: 3)" in of("marked").english


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_structure_and_method_of_the_register_has_a_name(language: str) -> None:
    assert texts(language).keys("structures") == set(markable())
    assert texts(language).keys("found_by") == set(methods())


@pytest.mark.parametrize("language", OTHERS)
def test_every_alternative_is_said_with_its_numbers(language: str) -> None:
    for key in ALTERNATIVES:
        s = of(key)
        item = {
            "title": s.english, "title_key": s.to_json(),
            "note": s.english, "note_key": s.to_json(),
        }  # fmt: skip
        assert alternative(item, texts("en")) == (s.english, s.english)
        title, note = alternative(item, texts(language))
        assert title == note != s.english
        assert all(str(v) in title for v in s.values.values())


def test_a_plan_of_an_earlier_version_is_told_as_it_stands() -> None:
    assert plan_reasons({"reasons": ["A."]}, texts("ko")) == ["A."]
    assert alternative({"title": "B", "note": "C."}, texts("ko")) == ("B", "C.")


@pytest.mark.parametrize("language", OTHERS)
def test_translations_fill_the_same_placeholders(language: str) -> None:
    path = files("threadlift.reporting") / "texts" / f"refusals_{language}.toml"
    own = tomllib.loads(path.read_text("utf-8"))
    for key, english in {**PLANS, **ALTERNATIVES}.items():
        assert set(re.findall(r"{(\w+)", own[key])) == set(re.findall(r"{(\w+)", english)), key
