"""Chart of what each factor explains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from threadlift.reporting.charts import ACCENT, GRID, INK, STYLE, svg
from threadlift.reporting.texts import Texts

Json = dict[str, Any]
#: From the widest question to the narrowest.
ORDER = ("placement", "location", "direction", "depth", "number", "tension", "product")


def sensitivity_chart(panels: Sequence[tuple[str, Json]], t: Texts) -> str:
    """Bars of first-order (dark) and total (light) shares by factor, one panel per question.

    panels: (title, factors by name with `first` and `total` [value, low, high]). A factor that a
    question does not ask for has no bar.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.4, 2.9), layout="constrained")
        axes = figure.subplots(1, len(panels), sharey=True, sharex=True)
        rows = range(len(ORDER))
        for ax, (title, factors) in zip(axes, panels, strict=True):
            for row, name in enumerate(ORDER):
                if name not in factors:
                    ax.text(0.02, row, "–", va="center", color=INK)
                    continue
                first, total = (factors[name][k] for k in ("first", "total"))
                ax.barh(row, max(total[0], 0.0), color=ACCENT, alpha=0.28, height=0.62)
                ax.barh(row, max(first[0], 0.0), color=ACCENT, height=0.62)
                ax.hlines(row, max(first[1], 0.0), max(first[2], 0.0), color=INK, linewidth=1.1)
            ax.set_title(title, fontsize=9, loc="left")
            ax.set_xlim(0.0, 1.0)
            ax.set_xticks([0.0, 0.5, 1.0], ["0", "50", "100 %"])
            ax.grid(axis="x", color=GRID)
            ax.set_axisbelow(True)
            ax.tick_params(labelsize=8)
        axes[0].set_yticks(list(rows), [t(f"decides.factors.{n}") for n in ORDER])
        axes[0].invert_yaxis()
        return svg(figure, t("decides.chart"))
