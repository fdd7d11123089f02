"""Reasons in words: every change and every stop, in both languages."""

from __future__ import annotations

from typing import Any

import pytest

from threadlift.planning.moves import moves
from threadlift.planning.recipes import OUTPUTS
from threadlift.reporting.sensitivity_chart import ORDER, sensitivity_chart
from threadlift.reporting.texts import LANGUAGES, texts
from threadlift.reporting.why import (
    SHOWN,
    check_line,
    decides,
    move_text,
    stop_text,
    telling,
    thread_cards,
)

TOWARD = ("forward", "back", "up", "down", "medial", "lateral")


def change(
    kind: str = "entry-across",
    by: float = 5.0,
    toward: str = "forward",
    stop: str = "nothing",
    what: str = "objective",
    margin: float = 0.0,
    structure: str = "",
    objective: float = 0.0,
    goal: float = 0.0,
) -> dict[str, Any]:
    risks = {r: {"value": 0.3, "change": 0.1, "unit": "mm"} for r in SHOWN}
    gone = stop == "leaves-skin"
    return {
        "move": {"kind": kind, "by": by, "unit": "mm", "toward": toward},
        "goal_attained_change": goal,
        "objective_change": objective,
        "lift_change_mm": {} if gone else {"jowl_left": -0.25},
        "risks": {} if gone else risks,
        "stopped_by": {"kind": stop, "what": what, "structure": structure, "margin": margin,
                       "unit": "mm"},
    }  # fmt: skip


def plan_of(changes: list[dict[str, Any]]) -> dict[str, Any]:
    reason = {
        "thread": "L1",
        "main_zone": "jowl_left",
        "contribution_mm": {"jowl_left": 1.0},
        "share_of_lift": {"jowl_left": 0.62},
        "changes": changes,
    }
    check = {"thread": "L1", "zone": "jowl_left", "linear_mm": 1.2, "nonlinear_mm": 1.3}
    return {
        "verification": {"lift_mm": {"jowl_left": 1.6}},
        "thread_reasons": {"threads": [reason], "check": check},
    }


LEFT_OUT = change("left-out", 0.0, "", "worse", margin=-0.14, goal=-0.14, objective=-0.13)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_move_has_words(language: str) -> None:
    t = texts(language)
    found = set()
    for move in moves():
        for toward in TOWARD if "across" in move.kind or "along" in move.kind else (move.toward,):
            text = move_text(move.to_json() | {"toward": toward}, t)
            assert "{" not in text
            found.add(text)
    # Along and across differ by where they lead, and are told by that.
    assert len(found) == 2 * len(TOWARD) + 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_stop_has_words(language: str) -> None:
    t = texts(language)
    rules = [*t.keys("why.rules"), "a-rule-of-tomorrow"]
    stops = [change(stop="safety", what=r, structure="frontal_branch (left)", margin=-1.87)
             for r in rules]  # fmt: skip
    stops += [change(stop="limit", what=f"{kind}_left", margin=-0.33) for kind in ("malar", "dip")]
    stops += [
        change(stop="limit", what="overshoot", margin=-0.1),
        change(stop="limit", what="asymmetry", margin=-0.4),
        change(stop="spacing", what="L2", margin=-2.0),
        change(stop="leaves-skin"),
        change(stop="slip", what="cogs-slip", margin=-0.31),
        change(stop="nothing"),
        change(stop="nothing", objective=0.03, goal=0.03),
        LEFT_OUT,
    ]
    texts_found = [stop_text(s, t) for s in stops]
    assert len(set(texts_found)) == len(texts_found)
    assert not any("{" in x for x in texts_found)


def test_a_card_says_what_a_thread_gives_and_what_stops_it() -> None:
    card = thread_cards(
        plan_of(
            [
                change(stop="safety", what="hazard-clearance", structure="frontal_branch (left)",
                       margin=-1.9, objective=0.01),
                change("depth", -1.0, "shallower", "limit", "dip_left", -0.33, objective=0.02),
                change("tension", 0.2, "tighter", "limit", "dip_left", -0.1, objective=0.01),
                LEFT_OUT,
            ]
        ),
        texts("en"),
    )[0]  # fmt: skip
    assert card["sentences"] == [
        "L1 gives 62 % of the lift at the jowl, left (1.0 of 1.6 mm).",
        "Entry 5 mm further forward: it would come too close to: frontal branch (left).",
        "1 mm shallower: the dip would exceed its limit by 33 %.",
        "20 % tighter: the dip would exceed its limit by 10 %.",
        "Left out: −0.2 mm at the jowl, left, goal −14.0 points.",
    ]
    assert card["rows"][0]["lift"] == "−0.25"
    assert card["rows"][0]["risks"] == ["+0.10"] * len(SHOWN)


def test_of_what_is_stopped_the_most_tempting_is_told() -> None:
    dull = change(stop="safety", what="in-dermis", objective=-0.05)
    tempting = change("target-along", stop="limit", what="dip_left", objective=0.04)
    free = change("target-across", stop="nothing", objective=0.10)
    assert telling([dull, tempting, free, LEFT_OUT]) == [tempting, LEFT_OUT]


def test_where_nothing_is_stopped_the_dearest_is_told() -> None:
    cheap = change(stop="worse", objective=-0.01)
    dear = change("target-along", stop="worse", objective=-0.05)
    assert telling([cheap, dear, LEFT_OUT]) == [dear, LEFT_OUT]


def test_a_place_beyond_the_skin_has_no_numbers() -> None:
    card = thread_cards(plan_of([change(stop="leaves-skin"), LEFT_OUT]), texts("en"))[0]
    assert card["rows"][0]["lift"] == "–"
    assert len(card["sentences"]) == 2


def test_a_plan_without_threads_has_no_cards() -> None:
    assert thread_cards({}, texts("en")) == []
    assert check_line({}, texts("en")) == ""
    assert decides({}, texts("en")) is None


def test_the_check_names_both_models() -> None:
    line = check_line(plan_of([LEFT_OUT]), texts("en"))
    assert "1.2" in line
    assert "1.3" in line


def found(placement: float = 0.7) -> dict[str, Any]:
    def output(factors):
        shares = {f: {"first": [0.05, 0.02, 0.08], "total": [0.1, 0.07, 0.13]} for f in factors}
        shares["placement"] = {"first": [placement, 0.65, 0.75], "total": [0.8, 0.7, 0.9]}
        return {"mean": 0.3, "sd": 0.1, "unit": "1", "change_on_doubling": 0.02, "factors": shares}

    every = [f for f in ORDER if f != "placement"]
    designs = [
        {"name": name, "outputs": {o: output(factors) for o in OUTPUTS}}
        for name, factors in (
            ("fan", every), ("equal_tension", [f for f in every if f != "tension"]),
            ("scattered", every),
        )
    ]  # fmt: skip
    ranges = {
        "product": ["a", "b"], "number": [1, 4], "location": ["x"] * 41, "direction": [1, 6],
        "depth_mm": [3.1, 6.2], "tension_n": [0.5, 2.5], "candidates": 997,
    }  # fmt: skip
    return {"sensitivity": {"samples": 4096, "total_tension_n": 2.0, "later_months": 12.0,
                            "ranges": ranges, "designs": designs}}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_decides_is_said_with_its_ranges(language: str) -> None:
    made = decides(found(), texts(language))
    assert made is not None
    assert "70 %" in made.sentences[0]
    assert "15 %" in made.sentences[0]  # the rest: 100 - 70 - 3 x 5
    for piece in ("41", "0.50", "2.50", "3.1", "6.2"):
        assert piece in made.ranges
    assert "4096" in made.accuracy
    assert len(made.rows) == len(OUTPUTS)
    assert not any("{" in s for s in [*made.sentences, made.ranges, made.accuracy, made.lead])


def test_a_share_below_zero_by_sampling_is_told_as_none() -> None:
    made = decides(found(-0.01), texts("en"))
    assert made is not None
    assert "explains 0 %" in made.sentences[0]


def test_the_chart_keeps_a_row_for_a_factor_that_was_not_asked_for() -> None:
    outputs = {d["name"]: d["outputs"]["goal"] for d in found()["sensitivity"]["designs"]}
    panels = [(n, outputs[n]["factors"]) for n in ("fan", "equal_tension")]
    chart = sensitivity_chart(panels, texts("en"))
    assert chart.startswith("<svg ")
    assert chart == sensitivity_chart(panels, texts("en"))
    for name in ORDER:
        assert texts("en")(f"decides.factors.{name}") in chart
    assert "–" in chart
