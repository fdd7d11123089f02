"""The trade-off in the report: every point told, the plan marked, in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from threadlift.reporting.texts import LANGUAGES, texts
from threadlift.reporting.trade_off import trade_off


def point(n: int, goal: float, used: float, recommended: bool = False) -> dict[str, Any]:
    return {
        "threads": {"left": n, "right": n},
        "tension_n": {"left": 0.5 * n, "right": 0.5 * n},
        "goal_attained": goal,
        "limits_used": used,
        "p_touch": 0.01 * n,
        "recommended": recommended,
    }


POINTS = [point(0, 0.0, 0.0), point(1, 0.31, 0.44), point(2, 0.62, 0.93, recommended=True)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_point_is_in_the_table_and_in_the_chart(language: str) -> None:
    t = texts(language)
    shown = trade_off({"pareto": POINTS}, t)
    assert shown is not None
    assert [(r.goal, r.used, r.pull) for r in shown.rows] == [
        ("0", "0", "0.0"),
        ("31", "44", "1.0"),
        ("62", "93", "2.0"),
    ]
    assert shown.rows[0].threads == t("trade_off.none")
    assert shown.rows[1].threads == t("trade_off.sides", left=1, right=1)
    assert [r.own for r in shown.rows] == [False, False, True]
    for count in (0, 2, 4):
        assert f">{count}</text>" in shown.chart
    assert t("trade_off.recommended") in shown.chart


def test_the_plan_is_said_in_a_sentence_where_there_is_one() -> None:
    t = texts("en")
    shown = trade_off({"pareto": POINTS}, t)
    assert shown is not None
    assert "4 threads, 62 % of the goal, 93 %" in shown.own
    without = trade_off({"pareto": POINTS[:2]}, t)
    assert without is not None
    assert without.own == ""
    assert t("trade_off.recommended") not in without.chart


def test_a_plan_that_was_not_explained_has_none() -> None:
    assert trade_off({}, texts("en")) is None
    assert trade_off({"pareto": None}, texts("ko")) is None
