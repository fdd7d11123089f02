"""Where the doubt comes from, what would lessen it, and how much hangs on the hand: the report."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from threadlift.reporting.charts import GRID, STYLE, svg
from threadlift.reporting.pages import number
from threadlift.reporting.texts import Texts

Json = dict[str, Any]

#: Sources in the order of the bars, with their colours: what can be measured is coloured.
_COLORS = {
    "skin": "#e0a184", "soft_tissue": "#c88b8b", "thickness": "#e9c46a", "holding": "#8ab17d",
    "hand": "#1f6f8b", "size": "#7b6d8d", "model": "#9aa5ae", "rest": "#cdd5da",
}  # fmt: skip
_HANDS = ("careful", "usual", "loose")
#: A measurement that narrows nothing by this share is not advised.
_WORTH = 0.02


def doubt(outcome: Json | None, t: Texts) -> SimpleNamespace | None:
    """Chart, sentences and the table of hands; None where it was not computed."""
    found = (outcome or {}).get("uncertainty")
    if not found:
        return None
    names = list(found["sources"])
    worst = found["threads"][0] if found["threads"] else None
    return SimpleNamespace(
        chart=sources_chart(found["sources"], t),
        narrowed=_narrowed(found["narrowed"], t),
        hands=[t(f"doubt.hands.{h}") for h in _HANDS],
        rows=[
            SimpleNamespace(
                name=_quantity(q, t),
                unit=found["hand"]["usual"][q]["unit"],
                digits=1 if q == "overpull" else 2,
                hands=[found["hand"][h][q] for h in _HANDS],
            )
            for q in names
        ],
        thread=""
        if worst is None
        else t(
            "doubt.thread",
            id=worst["id"],
            share=number(100.0 * worst["share"]["lift"], 0),
            error=t(f"doubt.errors.{worst['error']}"),
        ),
    )


def _quantity(name: str, t: Texts) -> str:
    return t("doubt.lift") if name == "lift" else t(f"risk_names.{name}")


def _within(name: str) -> str:
    """A name inside a sentence."""
    return name[:1].lower() + name[1:]


def _narrowed(narrowed: Json, t: Texts) -> list[str]:
    """One sentence for every measurement that is worth making, the most useful first."""
    found = []
    for name, factors in narrowed.items():
        quantity = min(factors, key=lambda q: factors[q])
        if factors[quantity] > 1.0 - _WORTH:
            continue
        found.append(
            (
                factors[quantity],
                t(
                    f"doubt.would.{name}",
                    lift=number(100.0 * (1.0 - factors["lift"]), 0),
                    most=number(100.0 * (1.0 - factors[quantity]), 0),
                    quantity=_within(_quantity(quantity, t)),
                ),
            )
        )
    return [text for _, text in sorted(found)]


def sources_chart(sources: Json, t: Texts) -> str:
    """One bar per quantity: shares of its variance by source."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 2.7), layout="constrained")
        axes = figure.subplots()
        names = list(sources)
        start = [0.0] * len(names)
        for source, color in _COLORS.items():
            width = [100.0 * sources[q].get(source, 0.0) for q in names]
            axes.barh(
                range(len(names)), width, left=start, color=color, height=0.62,
                label=t(f"doubt.sources.{source}"),
            )  # fmt: skip
            start = [a + b for a, b in zip(start, width, strict=True)]
        axes.set_yticks(range(len(names)), [_quantity(q, t) for q in names])
        axes.invert_yaxis()
        axes.set_xlim(0.0, 100.0)
        axes.set_xticks([0, 25, 50, 75, 100], ["0", "25", "50", "75", "100 %"])
        axes.grid(axis="x", color=GRID)
        axes.set_axisbelow(True)
        figure.legend(frameon=False, loc="outside lower center", ncols=4, fontsize=8)
        return svg(figure, t("doubt.chart"))


def remedy_sentence(name: str, risk: Json, t: Texts) -> str:
    """The change of the plan that would lower a risk; nothing where none is known."""
    found = risk.get("remedy")
    if not found:
        return ""
    amount = found["amount"]
    change = t(
        f"remedy.{found['change']}",
        thread=found["thread"],
        amount=number(100.0 * amount, 0) if "pull" in found["change"] else number(amount, 1),
    )
    lift = number(100.0 * abs(found["lift_share"]), 0)
    if name == "insufficient_effect":
        return t("remedy.effect", change=change, lift=lift)
    return t(
        "remedy.risk" if found["lift_share"] < 0.0 else "remedy.risk_gain",
        risk=t(f"risk_names.{name}"),
        change=change,
        less=number(abs(found["risk"]), 2),
        unit=risk["unit"],
        lift=lift,
    )
