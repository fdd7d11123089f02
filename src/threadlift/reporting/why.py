"""The reasons of a plan in words: one card per thread, and what decides on this face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from threadlift.reporting.pages import number, words
from threadlift.reporting.sensitivity_chart import sensitivity_chart
from threadlift.reporting.texts import Texts

Json = dict[str, Any]

#: Risks whose change the table of a thread shows.
SHOWN = ("indentation", "cheekbone_prominence", "overpull", "asymmetry")
_STOPS = ("safety", "slip", "limit", "spacing")
_POSITIONS = ("entry-across", "target-along", "target-across")


def thread_cards(plan: Json, t: Texts) -> list[Json]:
    """One card per thread: sentences, and a table of every change that was tried."""
    why = plan.get("thread_reasons")
    if not why:
        return []
    return [_card(reason, plan["verification"]["lift_mm"], t) for reason in why["threads"]]


def check_line(plan: Json, t: Texts) -> str:
    """How the linear model compares with the nonlinear one for one thread; '' if not checked."""
    check = (plan.get("thread_reasons") or {}).get("check")
    if not check:
        return ""
    return t(
        "why.check",
        thread=check["thread"],
        zone=t.zone(check["zone"]),
        linear=number(check["linear_mm"]),
        nonlinear=number(check["nonlinear_mm"]),
    )


def _card(reason: Json, lift_mm: Mapping[str, float], t: Texts) -> Json:
    zone = reason["main_zone"]
    gives = t(
        "why.gives",
        thread=reason["thread"],
        share=number(100.0 * reason["share_of_lift"][zone], 0),
        zone=t.zone(zone),
        mm=number(reason["contribution_mm"][zone]),
        total=number(lift_mm.get(zone, 0.0)),
    )
    told = [_sentence(c, zone, t) for c in telling(reason["changes"])]
    return {
        "thread": reason["thread"],
        "sentences": [gives, *told],
        "lift_heading": t("why.lift", zone=t.zone(zone)),
        "rows": [_row(c, zone, t) for c in reason["changes"]],
    }


def _sentence(change: Json, zone: str, t: Texts) -> str:
    """One change as a sentence; of a thread that is left out, what is lost comes first."""
    if change["move"]["kind"] != "left-out":
        return t("why.line", change=move_text(change["move"], t), stop=stop_text(change, t))
    stopped = change["stopped_by"]["kind"] in ("safety", "limit")
    return t(
        "why.without_and" if stopped else "why.without",
        mm=_signed(change["lift_change_mm"][zone]),
        zone=t.zone(zone),
        goal=_signed(100.0 * change["goal_attained_change"]),
        stop=stop_text(change, t),
    )


def telling(changes: Sequence[Json]) -> list[Json]:
    """The changes that say most: of position, of depth, of tension, then what is missed without.

    Of each kind the one that would help most if nothing stopped it; where nothing stops any, the
    one that would cost most.
    """
    out = []
    for kinds in (_POSITIONS, ("depth",), ("tension",)):
        mine = [c for c in changes if c["move"]["kind"] in kinds and c["lift_change_mm"]]
        stopped = [c for c in mine if c["stopped_by"]["kind"] in _STOPS]
        if stopped:
            out.append(max(stopped, key=lambda c: c["objective_change"]))
        elif mine:
            out.append(min(mine, key=lambda c: c["objective_change"]))
    return out + [c for c in changes if c["move"]["kind"] == "left-out"]


def _row(change: Json, zone: str, t: Texts) -> Json:
    risks = change["risks"]
    return {
        "change": move_text(change["move"], t),
        "goal": _signed(100.0 * change["goal_attained_change"]) if risks else "–",
        "lift": _signed(change["lift_change_mm"][zone], 2) if risks else "–",
        "risks": [_signed(risks[r]["change"], 2) if risks else "–" for r in SHOWN],
        "stop": stop_text(change, t),
        "stopped": change["stopped_by"]["kind"] in (*_STOPS, "leaves-skin"),
    }


def _signed(x: float, digits: int = 1) -> str:
    text = number(x, digits)
    return f"+{text}" if x > 0.0 and float(f"{x:.{digits}f}") > 0.0 else text


def move_text(move: Json, t: Texts) -> str:
    """A change in words."""
    kind, by = move["kind"], abs(move["by"])
    if kind == "left-out":
        return t("why.moves.left_out")
    if kind == "tension":
        return t(f"why.moves.{move['toward']}", by=number(100.0 * by, 0))
    if kind == "depth":
        return t(f"why.moves.{move['toward']}", by=number(by, 0))
    end = "entry" if kind == "entry-across" else "target"
    toward = t(f"why.toward.{move['toward']}") if move["toward"] else ""
    return t(f"why.moves.{end}", by=number(by, 0), toward=toward)


def stop_text(change: Json, t: Texts) -> str:
    """What stops a change, in words."""
    stop = change["stopped_by"]
    kind, what, margin = stop["kind"], stop["what"], abs(stop["margin"])
    if kind == "safety":
        rule = what if what in t.keys("why.rules") else "other"
        return t(
            f"why.rules.{rule}",
            structure=t.structure(stop["structure"]),
            x=number(100.0 * margin, 1),
            rule=words(what),
        )
    if kind == "slip":
        return t("why.stops.slip", x=number(margin, 2))
    if kind == "limit" and what == "asymmetry":
        return t("why.stops.asymmetry", x=number(margin, 1))
    if kind == "limit":
        return t(f"why.stops.{what.split('_')[0]}", x=number(100.0 * margin, 0))
    if kind == "spacing":
        return t("why.stops.spacing", x=number(margin, 1), thread=what)
    if kind == "leaves-skin":
        return t("why.stops.leaves_skin")
    goal = change["goal_attained_change"]
    if kind == "worse":
        return t("why.stops.worse", x=number(-100.0 * goal, 1))
    # The objective is what the search went by; the goal is what people are told.
    better = change["objective_change"] > _TOLERANCE
    return t(f"why.stops.{'better' if better else 'nothing'}", x=_signed(100.0 * goal))


# Gains of the objective above this are told as such (rounding of the page is a tenth of a point).
_TOLERANCE = 0.005


def decides(plan: Json, t: Texts) -> SimpleNamespace | None:
    """What decides on this face: sentences, chart and table; None where it was not computed."""
    found = plan.get("sensitivity")
    if not found:
        return None
    designs = {d["name"]: d["outputs"] for d in found["designs"]}
    fan, equal = designs["fan"], designs["equal_tension"]
    kept, raw = fan["goal_within_limits"], fan["goal"]
    parts = ("placement", "number", "tension", "product")
    rest = 100.0 - sum(_percent(kept, f) for f in parts)
    sentences = [
        t("decides.sentence", **_shares(kept, (*parts, "depth")), rest=number(max(rest, 0.0), 0)),
        t("decides.raw", **_shares(raw, parts)),
        t("decides.equal", pull=number(found["total_tension_n"]),
          **_shares(equal["goal_within_limits"], ("placement", "number"))),
        t("decides.dents", **_shares(fan["indentation"], (*parts, "depth"))),
        t("decides.later", months=number(found["later_months"], 0),
          **_shares(fan["goal_later"], ("placement", "product"))),
    ]  # fmt: skip
    r = found["ranges"]
    ranges = t(
        "decides.ranges",
        products=len(r["product"]),
        low_n=r["number"][0],
        high_n=r["number"][1],
        places=len(r["location"]),
        low_d=r["direction"][0],
        high_d=r["direction"][1],
        low_mm=number(r["depth_mm"][0]),
        high_mm=number(r["depth_mm"][1]),
        low_t=number(r["tension_n"][0], 2),
        high_t=number(r["tension_n"][1], 2),
    )
    panels = [
        (t("decides.panel_raw"), raw["factors"]),
        (t("decides.panel_kept"), kept["factors"]),
        (t("decides.panel_equal"), equal["goal_within_limits"]["factors"]),
    ]
    shown = (raw, kept, equal["goal_within_limits"])
    widths = [x[2] - x[1] for o in shown for x in (f["first"] for f in o["factors"].values())]
    return SimpleNamespace(
        lead=t("decides.lead", candidates=r["candidates"]),
        sentences=sentences,
        ranges=ranges,
        accuracy=t(
            "decides.accuracy",
            samples=found["samples"],
            half=number(50.0 * max(widths), 0),
            change=number(100.0 * max(o["change_on_doubling"] for o in shown), 0),
        ),
        chart=sensitivity_chart(panels, t),
        factors=[t(f"decides.factors.{f}") for f in raw["factors"]],
        rows=[
            (t(f"decides.outputs.{name}"), [_total(output, f) for f in raw["factors"]])
            for name, output in fan.items()
        ],
    )


def _percent(output: Json, factor: str) -> float:
    """First-order share of a factor [%], never below zero (sampling may give a hair less)."""
    return 100.0 * max(output["factors"][factor]["first"][0], 0.0)


def _shares(output: Json, factors: Sequence[str]) -> dict[str, str]:
    return {f: number(_percent(output, f), 0) for f in factors}


def _total(output: Json, factor: str) -> str:
    return number(100.0 * output["factors"][factor]["total"][0], 0)
