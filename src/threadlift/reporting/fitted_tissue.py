"""What a posture pair said about the tissue, as the report shows it: stiffness by zone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from threadlift.reporting.charts import ACCENT, GRID, STYLE, svg
from threadlift.reporting.pages import number
from threadlift.reporting.texts import Texts

Json = dict[str, Any]

_BEFORE = "#a9aeb5"


def fitted_tissue(assessment: Json, t: Texts) -> SimpleNamespace | None:
    """Lead, chart, rows and notes; None where no pair was captured."""
    found = assessment.get("identified")
    if not found:
        return None
    seen = found["observations"]
    return SimpleNamespace(
        lead=t("fitted.lead", n=len(seen)),
        fit=t(
            "fitted.fit",
            before=number(_rms(seen, "expected_mm"), 2),
            after=number(_rms(seen, "explained_mm"), 2),
        ),
        chart=stiffness_chart(found["stiffness_n_mm"], t),
        rows=[
            SimpleNamespace(zone=zone, before=x["before"], after=x["after"])
            for zone, x in _sorted(found["stiffness_n_mm"])
        ],
        widened=t("fitted.widened", factor=number(found["widened"], 1))
        if found["widened"] > 1.0
        else "",
    )


def _rms(seen: list[Json], key: str) -> float:
    """Root mean square difference [mm] between what was measured and a prediction."""
    return (sum((o["measured_mm"] - o[key]) ** 2 for o in seen) / len(seen)) ** 0.5


def _sorted(stiffness: Json) -> list[tuple[str, Json]]:
    return sorted(stiffness.items(), key=lambda item: item[0])


def stiffness_chart(stiffness: Json, t: Texts) -> str:
    """Stiffness of every zone with its interval, before the pair and after it."""
    rows = _sorted(stiffness)[::-1]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 0.6 + 0.25 * len(rows)), layout="constrained")
        axes = figure.subplots()
        for offset, key, color in ((0.16, "before", _BEFORE), (-0.16, "after", ACCENT)):
            y = [i + offset for i in range(len(rows))]
            values = [x[key] for _, x in rows]
            axes.hlines(
                y, [e["low"] for e in values], [e["high"] for e in values], color=color, lw=2.4
            )
            axes.plot(
                [e["value"] for e in values], y, "o", color=color, ms=4.5, label=t(f"fitted.{key}")
            )
        axes.set_yticks(range(len(rows)), [t.zone(zone) for zone, _ in rows])
        axes.set_xlabel(t("fitted.axis"))
        axes.set_xlim(left=0.0)
        axes.grid(axis="x", color=GRID)
        axes.set_axisbelow(True)
        axes.legend(frameon=False, loc="best")
        return svg(figure, t("fitted.chart"))
