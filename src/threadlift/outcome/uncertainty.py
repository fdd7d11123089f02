"""Where the doubt about a result comes from, what would lessen it, and what hangs on the hand.

All from one thing: how a quantity answers every coordinate of a member, to first order about the
plan (`members.response`), stretched to what solved members do (`outcome.extended`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.members import Member
from threadlift.members.coordinates import HAND
from threadlift.members.response import Response
from threadlift.outcome.extended import Correction, Linear
from threadlift.outcome.measures import Probe
from threadlift.outcome.model import LOCAL, UNITS
from threadlift.quantities import Estimate
from threadlift.threads.thread import Thread
from threadlift.tissue import Tissue
from threadlift.tissue.knowledge import COORDINATES, elasticity_share

Array = NDArray[np.float64]

#: What doubt may come from, in the order of the report.
SOURCES = ("skin", "soft_tissue", "thickness", "holding", "hand", "size", "model", "rest")
#: The quantities that are asked: mean lift over the goal, and the local risks.
LIFT = "lift"
QUANTITIES = (LIFT, *LOCAL)
#: Half the step of differences about the plan, in standard deviations.
_STEP = 0.05
#: How the hand may be: factor on its scatter.
HANDS = ("careful", "usual", "loose")


@dataclass(frozen=True)
class OneThread:
    """What the hand's scatter with one thread does: share of the hand's variance of the lift and of
    each risk, and which of its errors does most of the lift's.
    """

    id: str
    share: Mapping[str, float]
    error: str


@dataclass(frozen=True)
class Uncertainty:
    """solved: members that were solved, of all; explained: share of their variance that the linear
    answer explains, by quantity; sources: by quantity the share of the variance; narrowed: by
    measurement and quantity the factor on the interval if it were made; hand: by kind of hand and
    quantity; threads: by thread.
    """

    solved: int
    explained: Mapping[str, float]
    sources: Mapping[str, Mapping[str, float]]
    narrowed: Mapping[str, Mapping[str, float]]
    hand: Mapping[str, Mapping[str, Estimate]]
    threads: tuple[OneThread, ...]

    def to_json(self) -> dict[str, Any]:
        """The `uncertainty` part of outcome.json."""
        return {
            "solved": self.solved,
            "explained": _rounded(self.explained),
            "sources": {q: _rounded(x) for q, x in self.sources.items()},
            "narrowed": {name: _rounded(x) for name, x in self.narrowed.items()},
            "hand": {kind: {q: e.to_json() for q, e in x.items()} for kind, x in self.hand.items()},
            "threads": [
                {"id": t.id, "share": _rounded(t.share), "error": t.error} for t in self.threads
            ],
        }


def _rounded(x: Mapping[str, float]) -> dict[str, float]:
    return {k: round(v, 4) + 0.0 for k, v in x.items()}


@dataclass(frozen=True, eq=False)
class Answer:
    """First-order answers of the asked quantities.

    names (d,): coordinates; slopes (4,d): per standard deviation, in the quantity's unit; middle
    (4,): values of the plan; explained (4,): see `Correction`; rest (4,): variance left out.
    """

    names: tuple[str, ...]
    slopes: Array
    middle: Array
    explained: Array
    rest: Array

    @classmethod
    def of(
        cls,
        probe: Probe,
        surface: Array,
        response: Response,
        linear: Linear,
        correction: Correction,
        weights: Array,
    ) -> Answer:
        """From the response of a plan; weights (q,): of the linear quantities in the lift."""
        take = np.vstack([weights, np.eye(len(linear.keys))[-len(LOCAL) :]])
        found = []
        for field in response.skin:
            more, less = (
                Linear.read(probe, surface + sign * _STEP * field) for sign in (1.0, -1.0)
            )
            found.append((more - less) / (2.0 * _STEP))
        slopes = take @ (correction.slope * np.array(found)).T
        rest = correction.rest @ take.T
        return cls(
            response.names,
            slopes,
            take @ linear.plan,
            correction.explained_of(take),
            np.var(rest, axis=0),
        )

    def mask(self, *starts: str) -> NDArray[np.bool_]:
        """Coordinates (d,) whose names begin so."""
        return np.array([n.startswith(starts) for n in self.names])


def uncertainty_of(
    tissue: Tissue, threads: Sequence[Thread], members: Sequence[Member], samples: Array,
    answer: Answer, linear: Linear, solved: int,
) -> Uncertainty:  # fmt: skip
    """What the answers say about the spread of an ensemble.

    samples (n,4): the asked quantities of all members that count, as they are reported; members,
    linear: the same members.
    """
    ratio = np.divide(
        np.median(samples, axis=0), answer.middle, out=np.ones(len(QUANTITIES)),
        where=answer.middle > 0.0,
    )  # fmt: skip
    parts = _parts(tissue, answer, answer.slopes * ratio[:, None], members, samples, ratio)
    total = np.sum(list(parts.values()), axis=0)
    return Uncertainty(
        solved,
        dict(zip(QUANTITIES, answer.explained.tolist(), strict=True)),
        {
            q: {name: float(parts[name][i] / total[i]) for name in SOURCES}
            for i, q in enumerate(QUANTITIES)
        },
        _narrowed(tissue, answer, answer.slopes * ratio[:, None], parts),
        _hands(answer, answer.slopes * ratio[:, None], linear.points, samples),
        _threads(threads, answer),
    )


def _parts(
    tissue: Tissue,
    answer: Answer,
    slopes: Array,
    members: Sequence[Member],
    samples: Array,
    ratio: Array,
) -> dict[str, Array]:
    """Variance (4,) of every source."""
    skin, soft = _tissue_parts(slopes, tissue.knowledge.covariance)
    middle = np.median(samples, axis=0)

    def alone(*starts: str) -> Array:
        return (slopes[:, answer.mask(*starts)] ** 2).sum(axis=1)

    return {
        "skin": skin,
        "soft_tissue": soft,
        "thickness": alone("thickness_"),
        "holding": alone("holding"),
        "hand": alone(*(f"{h}:" for h in HAND)),
        "size": (middle * np.std([np.log(m.scale) for m in members])) ** 2,
        "model": (middle * value("risks.spread.model")) ** 2,
        "rest": answer.rest * ratio**2,
    }


def _skin() -> NDArray[np.bool_]:
    return np.array([n.startswith(("skin_", "tension_")) for n in COORDINATES])


def _tissue_parts(slopes: Array, covariance: Array) -> tuple[Array, Array]:
    """Variance (4,) from the skin and from all below it; what they share goes to both by half."""
    own = slopes[:, : len(COORDINATES)]
    skin = _skin()
    answer = own * (own @ covariance)
    return (
        np.maximum(answer[:, skin].sum(axis=1), 0.0),
        np.maximum(answer[:, ~skin].sum(axis=1), 0.0),
    )


def _narrowed(
    tissue: Tissue, answer: Answer, slopes: Array, parts: dict[str, Array]
) -> dict[str, dict[str, float]]:
    """Factor on the interval by measurement: the widths go with the square root of variances."""
    total = np.sum(list(parts.values()), axis=0)
    known = tissue.knowledge
    out: dict[str, Array] = {}
    if "elasticity" not in known.basis:
        share = elasticity_share()
        skin, soft = _tissue_parts(slopes, known.covariance * np.outer(share, share))
        out["elasticity"] = total - parts["skin"] - parts["soft_tissue"] + skin + soft
    if tissue.stack is not None:
        left = np.zeros(len(QUANTITIES))
        for layer in ("skin", "fat", "smas", "deep"):
            cv = float(np.mean(tissue.stack.cv(layer)))
            share = min(value("layers.cv.least") / cv, 1.0) if layer != "deep" else 1.0
            left += (slopes[:, answer.mask(f"thickness_{layer}")] ** 2).sum(axis=1) * share**2
        out["ultrasound"] = total - parts["thickness"] + left
    careful = value("risks.hand.careful")
    out["careful_hand"] = total - (1.0 - careful**2) * parts["hand"]
    return {
        name: {q: float(np.sqrt(max(x[i], 0.0) / total[i])) for i, q in enumerate(QUANTITIES)}
        for name, x in out.items()
    }


def _hands(
    answer: Answer, slopes: Array, points: Array, samples: Array
) -> dict[str, dict[str, Estimate]]:
    """The ensemble under a careful, the usual and a loose hand."""
    hand = answer.mask(*(f"{h}:" for h in HAND))
    moved = points[:, hand] @ slopes[:, hand].T
    factors = {
        "careful": value("risks.hand.careful"), "usual": 1.0, "loose": value("risks.hand.loose")
    }  # fmt: skip
    basis = ("model", "risks.spread.tension", "risks.spread.depth", "risks.spread.aside",
             "risks.hand.careful", "risks.hand.loose")  # fmt: skip
    return {
        kind: {
            q: Estimate.from_samples(
                np.maximum(samples[:, i] + (factors[kind] - 1.0) * moved[:, i], 0.0),
                UNITS.get(q, "mm"),
                basis,
            )
            for i, q in enumerate(QUANTITIES)
        }
        for kind in HANDS
    }


def _threads(threads: Sequence[Thread], answer: Answer) -> tuple[OneThread, ...]:
    """Every thread's share of the hand's variance, the least forgiving first."""
    square = answer.slopes**2
    at = {n: j for j, n in enumerate(answer.names)}
    of = np.array(
        [[[square[q, at[f"{h}:{i}"]] for h in HAND] for i in range(len(threads))]
         for q in range(len(QUANTITIES))]
    )  # fmt: skip
    total = np.maximum(of.sum(axis=(1, 2)), 1e-12)
    found = [
        OneThread(
            t.id,
            {q: float(of[k, i].sum() / total[k]) for k, q in enumerate(QUANTITIES)},
            HAND[int(np.argmax(of[0, i]))],
        )
        for i, t in enumerate(threads)
    ]
    return tuple(sorted(found, key=lambda t: (-t.share[LIFT], t.id)))
