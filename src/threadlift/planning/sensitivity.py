"""What decides the result on this face: a variance decomposition over recipes.

Three questions, each over the same safe candidates: threads side by side, each pulled as the
recipe says; the same at equal total tension, so that more threads do not mean more pull; threads
whose places are chosen independently of each other. The shares depend on the ranges that factors
may take, which are therefore part of the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from threadlift.evidence import value
from threadlift.planning.recipes import FACTORS, OUTPUTS, Recipes, ranges
from threadlift.planning.sobol import Indices, sampled

#: Factors that are asked about together: where, which way and how deep.
PLACEMENT = ("location", "direction", "depth")
# Factors that may differ from thread to thread where places are chosen independently.
_PER_THREAD = (*PLACEMENT, "tension")


@dataclass(frozen=True)
class Design:
    """One question: indices of every factor and of the placement as a whole, by output."""

    name: str
    indices: Indices

    def to_json(self) -> dict[str, Any]:
        """One of the `designs` of plan.json."""
        x = self.indices
        outputs = {}
        for s, (name, unit) in enumerate(OUTPUTS.items()):
            factors = {
                group: {
                    "first": _interval(x.first[g, s], x.first_low[g, s], x.first_high[g, s]),
                    "total": _interval(x.total[g, s], x.total_low[g, s], x.total_high[g, s]),
                }
                for g, group in enumerate(x.groups)
            }
            outputs[name] = {
                "mean": round(float(x.mean[s]), 4) + 0.0,
                "sd": round(float(x.sd[s]), 4) + 0.0,
                "unit": unit,
                "change_on_doubling": round(float(x.change[s]), 4) + 0.0,
                "factors": factors,
            }
        return {"name": self.name, "outputs": outputs}


def _interval(middle: float, low: float, high: float) -> list[float]:
    return [round(float(v), 4) + 0.0 for v in (middle, low, high)]


@dataclass(frozen=True)
class Sensitivity:
    """All questions, with the ranges over which they were put."""

    designs: tuple[Design, ...]
    ranges: Mapping[str, Any]
    samples: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        """The `sensitivity` of plan.json."""
        return {
            "method": "sobol",
            "samples": self.samples,
            "seed": self.seed,
            "ranges": dict(self.ranges),
            "total_tension_n": value("planning.sensitivity.total_tension"),
            "later_months": value("planning.sensitivity.later"),
            "designs": [d.to_json() for d in self.designs],
        }


def sensitivity(recipes: Recipes, *, seed: int, samples: int | None = None) -> Sensitivity:
    """Variance decompositions of what recipes do on a face. Same inputs and seed, same bits."""
    n = int(value("planning.sensitivity.samples")) if samples is None else samples
    equal = value("planning.sensitivity.total_tension")
    designs = [
        ("fan", FACTORS, 1, None),
        ("equal_tension", tuple(f for f in FACTORS if f != "tension"), 1, equal),
        ("scattered", FACTORS, recipes.most, None),
    ]
    found = []
    for name, factors, width, total in designs:
        groups = {f: (f,) for f in factors} | {"placement": PLACEMENT}
        indices = sampled(
            partial(recipes.evaluate, total_n=total),
            {f: width if f in _PER_THREAD else 1 for f in factors},
            groups,
            samples=n,
            seed=seed,
            resamples=int(value("planning.sensitivity.resamples")),
        )
        found.append(Design(name, indices))
    return Sensitivity(tuple(found), ranges(recipes), n, seed)
