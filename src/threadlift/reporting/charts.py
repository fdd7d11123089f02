"""Charts of the report as SVG text; labels stay text, so that the reader's fonts show them."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from threadlift.reporting.texts import Texts

Json = dict[str, Any]

INK, MUTED, GRID = "#22303c", "#6b7a87", "#e3e8ec"
ACCENT, GOAL = "#1f6f8b", "#c9772b"
LAYER_COLORS = {"skin": "#e8b9a0", "fat": "#f1d489", "smas": "#c88b8b", "deep": "#b9c3cc"}

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "threadlift",  # ids must not change from run to run
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def svg(figure: Figure, label: str) -> str:
    """A figure as SVG text that begins with its element; the same figure, the same text."""
    out = io.StringIO()
    with warnings.catch_warnings():
        # The font that measures labels need not hold their script: the reader's fonts draw them.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(
            out,
            format="svg",
            bbox_inches="tight",
            transparent=True,
            metadata={"Date": None, "Creator": None},
        )
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _axes(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height))
    return figure, figure.add_subplot()


def lift_chart(lift: dict[str, Json], goal: dict[str, float], t: Texts) -> str:
    """Expected lift by zone with its interval and the goal, zones sorted by goal."""
    zones = sorted(lift, key=lambda z: (-goal.get(z, 0.0), z))
    with mpl.rc_context(STYLE):
        figure, axes = _axes(7.2, 0.32 * len(zones) + 1.0)
        rows = range(len(zones))
        values = [lift[z]["value"] for z in zones]
        axes.hlines(
            rows,
            [lift[z]["low"] for z in zones],
            [lift[z]["high"] for z in zones],
            color=ACCENT,
            linewidth=5,
            alpha=0.35,
        )
        axes.plot(values, rows, "o", color=ACCENT, markersize=6)
        goals = [(goal[z], i) for i, z in enumerate(zones) if goal.get(z, 0.0) > 0.0]
        if goals:
            axes.plot(
                [g for g, _ in goals],
                [i for _, i in goals],
                "d",
                color=GOAL,
                markersize=6,
                markerfacecolor="none",
                label=t("expect.goal"),
            )
            axes.legend(frameon=False, loc="lower right")
        axes.axvline(0.0, color=MUTED, linewidth=0.8)
        axes.set_yticks(list(rows), [t.zone(z) for z in zones])
        axes.invert_yaxis()
        axes.set_xlabel(t("expect.lift_axis"))
        axes.grid(axis="x", color=GRID)
        axes.set_axisbelow(True)
        return svg(figure, t("expect.lift"))


def durability_chart(durability: Sequence[Json], t: Texts) -> str:
    """Share of the first lift that is left, by month, with its interval."""
    months = [d["month"] for d in durability]
    with mpl.rc_context(STYLE):
        figure, axes = _axes(7.2, 2.8)
        axes.fill_between(
            months,
            [d["fraction"]["low"] for d in durability],
            [d["fraction"]["high"] for d in durability],
            color=ACCENT,
            alpha=0.25,
            linewidth=0,
        )
        axes.plot(months, [d["fraction"]["value"] for d in durability], "o-", color=ACCENT)
        axes.set_ylim(0.0, 1.05)
        axes.set_xticks(months)
        axes.set_xlabel(t("expect.months_axis"))
        axes.set_ylabel(t("expect.durability_axis"))
        axes.grid(color=GRID)
        axes.set_axisbelow(True)
        return svg(figure, t("expect.durability"))


def depth_chart(threads: Sequence[Json], t: Texts) -> str:
    """Depth below the skin along every thread; the dots' colour is the layer."""
    columns = 2
    rows = -(-len(threads) // columns)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 1.75 * rows + 0.4), layout="constrained")
        deepest = max(max(thread["depth_mm"]) for thread in threads) * 1.1
        for i, thread in enumerate(threads):
            axes = figure.add_subplot(rows, columns, i + 1)
            length, distance = 0.0, [0.0]
            path = thread["path_mm"]
            for a, b in pairwise(path):
                length += sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) ** 0.5
                distance.append(length)
            axes.plot(distance, thread["depth_mm"], color=MUTED, linewidth=1)
            axes.scatter(
                distance,
                thread["depth_mm"],
                s=16,
                zorder=3,
                c=[LAYER_COLORS.get(name, MUTED) for name in thread["layer"]],
                edgecolors=MUTED,
                linewidths=0.4,
            )
            axes.axhline(0.0, color="#d08d6e", linewidth=2)
            axes.set_ylim(deepest, -0.4)
            axes.set_title(
                f"{thread['id']} · {t('sides.' + thread['side'])}", fontsize=9, loc="left"
            )
            axes.tick_params(labelsize=8)
        handles = [
            Line2D(
                [],
                [],
                marker="o",
                linestyle="",
                color=color,
                markeredgecolor=MUTED,
                label=t(f"layers.{name}"),
            )
            for name, color in LAYER_COLORS.items()
            if any(name in thread["layer"] for thread in threads)
        ]
        figure.legend(
            handles=handles,
            frameon=False,
            ncols=len(handles),
            loc="outside lower center",
            fontsize=9,
        )
        return svg(figure, t("plan.profile"))


def icon_array(per_100: float, label: str) -> str:
    """A hundred dots, filled from the first row on; `per_100` is rounded to whole people."""
    count = round(per_100)
    dots = []
    for i in range(100):
        x, y = 6 + 11 * (i % 25), 6 + 11 * (i // 25)
        fill = GOAL if i < count else GRID
        dots.append(f'<circle cx="{x}" cy="{y}" r="4" fill="{fill}"/>')
    return (
        f'<svg class="icons" role="img" aria-label="{label}" viewBox="0 0 276 45" '
        f'width="276" height="45">{"".join(dots)}</svg>'
    )
