"""Where doubt comes from and what a posture pair said, as the report tells it in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from threadlift.outcome.uncertainty import QUANTITIES, SOURCES
from threadlift.reporting.doubt import doubt
from threadlift.reporting.fitted_tissue import fitted_tissue
from threadlift.reporting.texts import LANGUAGES, texts


def estimate(value: float) -> dict[str, Any]:
    return {"value": value, "low": 0.8 * value, "high": 1.3 * value, "unit": "mm", "basis": []}


def outcome(**narrowed: float) -> dict[str, Any]:
    share = 1.0 / len(SOURCES)
    return {
        "uncertainty": {
            "solved": 64,
            "explained": dict.fromkeys(QUANTITIES, 0.8),
            "sources": {q: dict.fromkeys(SOURCES, share) for q in QUANTITIES},
            "narrowed": {
                name: {**dict.fromkeys(QUANTITIES, 0.99), "indentation": x}
                for name, x in narrowed.items()
            },
            "hand": {
                h: {q: estimate(1.0) for q in QUANTITIES} for h in ("careful", "usual", "loose")
            },
            "threads": [{"id": "L2", "share": dict.fromkeys(QUANTITIES, 0.42), "error": "depth"}],
        }
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_source_is_in_the_chart_and_every_quantity_in_the_table(language: str) -> None:
    t = texts(language)
    shown = doubt(outcome(ultrasound=0.9), t)
    assert shown is not None
    for source in SOURCES:
        assert t(f"doubt.sources.{source}") in shown.chart
    assert [r.name for r in shown.rows] == [
        t("doubt.lift"),
        *(t(f"risk_names.{q}") for q in QUANTITIES[1:]),
    ]
    assert all(len(r.hands) == len(shown.hands) == 3 for r in shown.rows)
    assert "L2" in shown.thread
    assert "42 %" in shown.thread
    assert t("doubt.errors.depth") in shown.thread


def test_the_most_useful_measurement_comes_first_and_useless_ones_not_at_all() -> None:
    t = texts("en")
    shown = doubt(outcome(elasticity=0.985, ultrasound=0.9, careful_hand=0.7), t)
    assert shown is not None
    first, second = shown.narrowed
    assert first.startswith("A careful hand")
    assert "indentation, dimples, by 30 %" in first
    assert second.startswith("Layer thicknesses by ultrasound")
    assert "by 10 %" in second


def test_where_every_member_was_solved_nothing_is_told() -> None:
    assert doubt({"uncertainty": None}, texts("en")) is None
    assert doubt(None, texts("ko")) is None


def pair(widened: float = 1.0) -> dict[str, Any]:
    seen = {
        "zone": "jowl_left", "direction": "outward", "sd_mm": 0.1,
        "measured_mm": 1.0, "expected_mm": 0.5, "explained_mm": 0.9,
    }  # fmt: skip
    return {
        "identified": {
            "observations": [seen],
            "widened": widened,
            "stiffness_n_mm": {
                z: {"before": estimate(0.5), "after": estimate(0.6)} for z in ("jowl_left", "chin")
            },
        }
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_posture_pair_is_told_with_the_stiffness_of_every_zone(language: str) -> None:
    t = texts(language)
    shown = fitted_tissue(pair(), t)
    assert shown is not None
    assert "0.50" in shown.fit
    assert "0.10" in shown.fit
    assert {r.zone for r in shown.rows} == {"jowl_left", "chin"}
    assert t.zone("jowl_left") in shown.chart
    assert shown.widened == ""
    contradictory = fitted_tissue(pair(1.7), t)
    assert contradictory is not None
    assert "1.7" in contradictory.widened


def test_without_a_pair_nothing_is_told() -> None:
    assert fitted_tissue({}, texts("en")) is None
    assert fitted_tissue({"identified": None}, texts("en")) is None
