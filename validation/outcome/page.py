"""docs/prediction.md: how often 90 % intervals cover what happens to synthetic patients."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import beta

from threadlift.evidence import value
from threadlift.quantities import Z90

Json = dict[str, Any]

#: Risks that the model's allowance scales like a lift.
_SCALED = ("cheekbone_prominence", "indentation", "overpull")
RISKS = ("cheekbone_prominence", "indentation", "overpull", "asymmetry", "insufficient_effect")

_HEAD = """# Do the intervals of a prediction hold?

Written by `make prediction-page` (`validation/outcome/run.py`); do not edit.

Each synthetic person of the planning page gets one of the published techniques at 60 % of its pull,
and a prediction with default settings. The same plan then happens to true patients whose model is
another one (`validation/outcome/truth.py`): the finer mesh; skin without tension lines, a deep
layer without glide spaces and muscle; fat that stiffens more or less, with other septa; thickness
that varies from place to place; stiffness in blotches of 25 mm; threads off by heavy-tailed errors
along a wavering path. Parameters are drawn from the same joint spread, by plain random numbers.
This says whether the intervals are wide enough for what is known not to be known. It says nothing
about real patients: no published case has scan, plan and outcome.
"""


def page(results: Sequence[Json]) -> str:
    """The page over all stored faces."""
    patients = sum(len(r["truths"]) for r in results)
    unsolved = sum(r["unsolved"] for r in results)
    rows = [*_zones(results), *_risks(results)]
    lines = [
        _HEAD,
        f"{len(results)} faces, {patients} patients; {unsolved} more had no equilibrium at these "
        "tensions and are left out. A prediction took "
        f"{_median(r['seconds'] for r in results):.0f} s (median, two processors shared with other "
        "work).",
        "",
        "## Coverage",
        "",
        "Share of true values inside the 90 % interval, with its own 90 % interval (patients of "
        "one face share a prediction, so that this is somewhat too narrow); below, above: outside "
        "on either side; middle: median of true over predicted value. The intervals hold an "
        "allowance for what no model contains (log-sd 0.2), which the other model of these "
        "patients uses up only in part: the third column is that of intervals without it.",
        "",
        "| quantity | true values | covered | without the allowance | below | above | middle |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *rows,
        "",
        "## By face",
        "",
        "| person | technique | patients | lift of the goal covered | all quantities covered |",
        "| --- | --- | --- | --- | --- |",
        *[_face(r) for r in results],
        "",
    ]
    return "\n".join(lines)


def _median(values: Iterable[float]) -> float:
    found = list(values)
    return float(np.median(found)) if found else 0.0


@dataclass(frozen=True)
class Checked:
    """A true value against an interval.

    where: -1, 0 or 1: below, in or above it; bare: inside it without the model's allowance (None
    where that scales no such quantity); ratio: of true to predicted.
    """

    where: int
    bare: bool | None
    ratio: float


def _checked(estimate: Json, true: float, scaled: bool = True) -> Checked:
    low, middle, high = (estimate[k] for k in ("low", "value", "high"))
    where = -1 if true < low else int(true > high)
    bare = None
    if scaled and low > 0.0:
        # On the logarithm the allowance adds its variance to the rest.
        down, up = (_without(math.log(middle / low)), _without(math.log(high / middle)))
        bare = middle * math.exp(-down) <= true <= middle * math.exp(up)
    return Checked(where, bare, true / middle if abs(middle) > 1e-6 else float("nan"))


def _without(reach: float) -> float:
    """Reach of an interval on the logarithm, less the model's allowance."""
    return math.sqrt(max(reach**2 - (Z90 * value("risks.spread.model")) ** 2, 0.0))


def _lift(result: Json, zones: Sequence[str]) -> list[Checked]:
    predicted = result["prediction"]["lift_mm"]
    return [
        _checked(predicted[z], truth["lift_mm"][z])
        for truth in result["truths"]
        for z in zones
        if z in predicted
    ]


def _zones(results: Sequence[Json]) -> list[str]:
    goal = [x for r in results for x in _lift(r, r["goal"])]
    kinds: dict[str, list[Checked]] = {}
    for r in results:
        for z in r["goal"]:
            kinds.setdefault(z.rsplit("_", 1)[0], []).extend(_lift(r, [z]))
    return [
        _row("**lift, all zones of the goal**", goal),
        *[_row(f"lift, {name}", found) for name, found in sorted(kinds.items())],
    ]


def _risks(results: Sequence[Json]) -> list[str]:
    return [
        _row(
            name.replace("_", " "),
            [
                _checked(r["prediction"]["risks"][name], truth["values"][name], name in _SCALED)
                for r in results
                for truth in r["truths"]
            ],
        )
        for name in RISKS
    ]


def _row(name: str, found: Sequence[Checked]) -> str:
    n = len(found)
    if not n:
        return f"| {name} | 0 | – | – | – | – | – |"
    inside = sum(x.where == 0 for x in found)
    low, high = beta.ppf([0.05, 0.95], inside + 0.5, n - inside + 0.5)
    below, above = (sum(x.where == side for x in found) for side in (-1, 1))
    middle = float(np.nanmedian([x.ratio for x in found]))
    bare = [x.bare for x in found if x.bare is not None]
    without = f"{100 * sum(bare) / len(bare):.0f} %" if bare else "–"
    return (
        f"| {name} | {n} | {100 * inside / n:.0f} % ({100 * low:.0f}–{100 * high:.0f}) | "
        f"{without} | "
        f"{100 * below / n:.0f} % | {100 * above / n:.0f} % | {middle:.2f} |"
    )


def _face(result: Json) -> str:
    lift = _lift(result, result["goal"])
    risks = [
        _checked(result["prediction"]["risks"][n], truth["values"][n])
        for n in RISKS
        for truth in result["truths"]
    ]

    def share(found: Sequence[Checked]) -> str:
        inside = sum(x.where == 0 for x in found)
        return f"{100 * inside / len(found):.0f} %" if found else "–"

    return (
        f"| {result['number']} | {result['technique']} | {len(result['truths'])} | "
        f"{share(lift)} | {share([*lift, *risks])} |"
    )
