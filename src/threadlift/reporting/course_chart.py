"""The course of the lift in the report: a chart over unevenly spaced times, and sentences."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from threadlift.reporting.charts import ACCENT, GOAL, GRID, MUTED, STYLE, svg
from threadlift.reporting.pages import number
from threadlift.reporting.texts import Texts
from threadlift.tissue.relaxation import MONTH_DAYS

Json = dict[str, Any]

#: Zones that are drawn: those that are lifted most.
_SHOWN = 3
_COLORS = (ACCENT, "#8ab17d", "#7b6d8d")


def course_part(outcome: Json | None, t: Texts) -> SimpleNamespace | None:
    """Chart, sentences and rows; None where there is no course."""
    found = (outcome or {}).get("course")
    if not found:
        return None
    zones = _most(found)
    bears = found["bears_months"]
    first = min(bears.values(), key=lambda e: e["value"]) if bears else None
    return SimpleNamespace(
        chart=course_chart(found, zones, t),
        visible=[
            t(
                "course.visible" if e["value"] >= 0.5 else "course.never",
                zone=t.zone(z),
                value=number(e["value"], 0),
                low=number(e["low"], 0),
                high=number(e["high"], 0),
            )
            for z, e in ((z, found["visible_months"][z]) for z in zones)
        ],
        bears=""
        if first is None
        else t(
            "course.bears",
            value=number(first["value"], 0),
            low=number(first["low"], 0),
            high=number(first["high"], 0),
        ),
        times=[time_name(m, t) for m in found["months"]],
        rows=[(z, found["lift_mm"][z]) for z in found["lift_mm"]],
        swelling=found["swelling_mm"],
        basis=found["lift_mm"][zones[0]][0]["basis"] if zones else [],
    )


def _most(found: Json) -> list[str]:
    rows = found["lift_mm"]
    return sorted(rows, key=lambda z: -rows[z][0]["value"])[:_SHOWN]


def time_name(months: float, t: Texts) -> str:
    """A time in hours' words, days, or months."""
    if months == 0.0:
        return t("course.at_once")
    days = round(months * MONTH_DAYS)
    if days < 28:
        return t("course.days", n=days) if days % 7 else t("course.weeks", n=days // 7)
    return t("course.months", n=round(months))


def course_chart(found: Json, zones: list[str], t: Texts) -> str:
    """Lift of the zones that are lifted most, with intervals, and the swelling on top of it."""
    x = np.arange(len(found["months"]))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 3.4), layout="constrained")
        axes = figure.subplots()
        swelling = [e["value"] for e in found["swelling_mm"]]
        until = int(np.argmax(np.array(swelling) <= 0.0)) if min(swelling) <= 0.0 else len(x) - 1
        base = [found["lift_mm"][zones[0]][i]["value"] for i in range(until + 1)] if zones else []
        if base:
            axes.fill_between(
                x[: until + 1], base, np.add(base, swelling[: until + 1]), color=GOAL, alpha=0.22,
                linewidth=0, label=t("course.swelling"),
            )  # fmt: skip
        for zone, color in zip(zones, _COLORS, strict=False):
            row = found["lift_mm"][zone]
            axes.fill_between(
                x, [e["low"] for e in row], [e["high"] for e in row], color=color, alpha=0.14,
                linewidth=0,
            )  # fmt: skip
            axes.plot(x, [e["value"] for e in row], "o-", color=color, ms=4, label=t.zone(zone))
        axes.axvline(3.5, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set_ylim(bottom=0.0)
        axes.set_xticks(x, [time_name(m, t) for m in found["months"]], fontsize=8)
        axes.set_ylabel(t("course.axis"))
        axes.grid(color=GRID)
        axes.set_axisbelow(True)
        axes.legend(frameon=False, loc="upper right")
        return svg(figure, t("course.chart"))
