"""Broken safety rules in sentences, in every language: what, where, and what mends it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from threadlift.planning import safety
from threadlift.reporting.texts import LANGUAGES, texts
from threadlift.reporting.violations import describe


def kernel_rules() -> set[str]:
    """Every rule that the kernel's source names: second argument of `Violation` and `worst`."""
    found = set()
    for path in Path(safety.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in (
                "Violation",
                "worst",
            ):
                rule = node.args[1] if len(node.args) > 1 else None
                if isinstance(rule, ast.Constant):
                    found.add(rule.value)
    return found


RULES = sorted(kernel_rules())


def violation(rule: str, **changes) -> dict:
    return {
        "thread": "L1", "rule": rule, "structure": "", "place_mm": [61.2, -20.4, 33.0],
        "margin": -0.8, "unit": "mm",
    } | changes  # fmt: skip


def test_the_rules_are_found_in_the_source() -> None:
    assert {"in-dermis", "hazard-probability", "side-tension", "thread-spacing"} <= set(RULES)
    assert len(RULES) > 20


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_sentence_and_a_remedy(language: str, rule: str) -> None:
    t = texts(language)
    assert rule in t.keys("safety.rules")
    assert t(f"safety.remedies.{rule}") in describe(violation(rule), t)


def test_every_text_belongs_to_a_rule() -> None:
    assert texts("en").keys("safety.rules") == {*RULES, "other"}


def test_a_sentence_names_thread_structure_margin_place_and_remedy() -> None:
    found = describe(violation("hazard-clearance", structure="facial_artery (left)"), texts("en"))
    assert found.startswith("Thread L1: 0.8 mm too close to: facial artery (left).")
    assert "facial artery (left)" in found
    assert "61 mm to the patient's left, 20 mm down, 33 mm in front" in found
    assert "Move the thread" in found
    behind = describe(violation("crosses-midline", place_mm=[-1.0, 2.0, -3.0]), texts("en"))
    assert "1 mm to the patient's right, 2 mm up, 3 mm behind" in behind


def test_units_zones_sides_and_names_are_put_in_words() -> None:
    en, ko = texts("en"), texts("ko")
    likely = violation("hazard-probability", margin=-0.123, unit="1", structure="parotid_gland")
    assert "too likely to touch (by 12 in 100): parotid gland" in describe(likely, en)
    assert "under the eye" in describe(violation("layer-not-allowed", structure="infraorbital"), en)
    assert "그 밖의 부위" in describe(violation("layer-not-allowed", structure="elsewhere"), ko)
    side = violation("side-count", thread="", structure="left", margin=-2.0, unit="1")
    assert describe(side, en).startswith("The plan: 2 threads too many on one side (left).")
    assert "Place:" not in describe(side, en)
    assert "L_2" in describe(violation("thread-spacing", structure="L_2"), en)
    assert "0.04 mm" in describe(violation("in-dermis", margin=-0.04), en)


def test_a_rule_of_a_later_version_is_still_told() -> None:
    found = describe(violation("of-tomorrow", thread=""), texts("en"))
    assert found.startswith("The plan: breaks the safety rule 'of-tomorrow'.")
