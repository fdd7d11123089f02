"""The trade-off on one face as the report shows it: a chart and a table."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from threadlift.reporting.charts import ACCENT, GOAL, GRID, INK, STYLE, svg
from threadlift.reporting.pages import number
from threadlift.reporting.texts import Texts

Json = dict[str, Any]


def trade_off(plan: Json, t: Texts) -> SimpleNamespace | None:
    """Lead, chart and rows of the front; None where it was not computed."""
    points = plan.get("pareto")
    if not points:
        return None
    own = next((p for p in points if p["recommended"]), None)
    return SimpleNamespace(
        chart=trade_off_chart(points, t),
        lead=t("trade_off.lead"),
        own="" if own is None or not _count(own) else t(
            "trade_off.own", n=_count(own), goal=_percent(own["goal_attained"]),
            used=_percent(own["limits_used"]),
        ),
        rows=[
            SimpleNamespace(
                threads=t("trade_off.sides", **p["threads"]) if _count(p) else t("trade_off.none"),
                pull=number(sum(p["tension_n"].values())),
                goal=_percent(p["goal_attained"]),
                used=_percent(p["limits_used"]),
                touch=number(100.0 * p["p_touch"]),
                own=p["recommended"],
            )
            for p in points
        ],
    )  # fmt: skip


def _count(point: Json) -> int:
    return sum(point["threads"].values())


def _percent(share: float) -> str:
    return number(100.0 * share, 0)


def trade_off_chart(points: list[Json], t: Texts) -> str:
    """Goal against the use of the limits; every point bears its number of threads."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.2), layout="constrained")
        axes = figure.subplots()
        x = [100.0 * p["limits_used"] for p in points]
        y = [100.0 * p["goal_attained"] for p in points]
        axes.scatter(x, y, s=150, color=ACCENT, alpha=0.9, zorder=3, linewidths=0)
        for a, b, p in zip(x, y, points, strict=True):
            axes.text(a, b, str(_count(p)), color="white", fontsize=8, ha="center",
                      va="center_baseline", zorder=5)  # fmt: skip
            if p["recommended"]:
                axes.scatter([a], [b], s=290, facecolors="none", edgecolors=GOAL, linewidths=2.0,
                             zorder=4, label=t("trade_off.recommended"))  # fmt: skip
        axes.axvline(100.0, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set_xlim(-4.0, 108.0)
        axes.set_ylim(-6.0, max(100.0, max(y) + 8.0))
        axes.set_xlabel(t("trade_off.used_axis"))
        axes.set_ylabel(t("trade_off.goal_axis"))
        axes.grid(color=GRID)
        axes.set_axisbelow(True)
        if any(p["recommended"] for p in points):
            axes.legend(frameon=False, loc="upper left")
        return svg(figure, t("trade_off.chart"))
