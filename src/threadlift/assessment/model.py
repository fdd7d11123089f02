"""The result of an assessment and its JSON form ``threadlift.assessment/1``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from threadlift.consultation import Missing
from threadlift.quantities import Estimate

SCHEMA = "threadlift.assessment/1"
MainIssue = Literal["midface", "jawline", "both", "neither"]


@dataclass(frozen=True)
class ZoneSag:
    """Sagging of one zone: grade 0 to 4, and where the tissue went.

    `direction` is a unit vector (3,) in the patient frame, tangential to the skin;
    `graded` says whether a person graded the zone (otherwise the degree is an age prior).
    """

    degree: Estimate
    direction: NDArray[np.float64]
    graded: bool


@dataclass(frozen=True)
class Goal:
    """Wanted mean displacement of a zone: `mm` along the unit vector `direction` (3,)."""

    mm: float
    direction: NDArray[np.float64]
    weight: float


@dataclass(frozen=True)
class Symmetry:
    """Left-right differences [mm] after the best mirror plane.

    overall: root mean square over the landmark pairs; pairs: distance of each landmark to its
    mirrored partner; zones: how much lower the left zone hangs than the right (negative: the
    right one is lower), by zone name without a side.
    """

    overall: Estimate
    pairs: dict[str, Estimate]
    zones: dict[str, Estimate]


@dataclass(frozen=True)
class Assessment:
    """What the face and the record say before anything is planned."""

    main_issue: MainIssue
    probability: dict[str, float]
    shares: dict[str, Estimate]
    evidence: tuple[str, ...]
    sag: dict[str, ZoneSag]
    proportions: dict[str, Estimate]
    canons: dict[str, float]
    symmetry: Symmetry
    movement_mm: dict[str, dict[str, Estimate]]
    goal: dict[str, Goal]
    missing: tuple[Missing, ...]
    capture: dict[str, Any] = field(default_factory=dict)

    @property
    def symmetry_mm(self) -> dict[str, Estimate]:
        """Landmark pairs and ``overall``: distance to the mirrored partner [mm]."""
        return {"overall": self.symmetry.overall, **self.symmetry.pairs}

    def to_json(self) -> dict[str, Any]:
        """Canonical JSON (`threadlift.assessment/1`); ``goal`` maps zones to millimetres."""
        return {
            "schema": SCHEMA,
            "main_issue": self.main_issue,
            "probability": {k: round(v, 4) for k, v in self.probability.items()},
            "shares": _estimates(self.shares),
            "evidence": list(self.evidence),
            "sag": {
                zone: {
                    "degree": s.degree.to_json(),
                    "direction": _vector(s.direction),
                    "graded": s.graded,
                }
                for zone, s in self.sag.items()
            },
            "proportions": {
                name: {"ratio": e.to_json(), "canon": self.canons.get(name)}
                for name, e in self.proportions.items()
            },
            "symmetry_mm": {
                "overall": self.symmetry.overall.to_json(),
                "pairs": _estimates(self.symmetry.pairs),
                "zones": _estimates(self.symmetry.zones),
            },
            "movement_mm": {name: _estimates(sides) for name, sides in self.movement_mm.items()},
            "goal": {zone: round(g.mm, 4) for zone, g in self.goal.items()},
            "goal_direction": {zone: _vector(g.direction) for zone, g in self.goal.items()},
            "goal_weight": {zone: round(g.weight, 4) for zone, g in self.goal.items()},
            "missing": [
                {"item": m.item, "why": m.why, "needed_for_plan": m.needed_for_plan}
                for m in self.missing
            ],
            "capture": self.capture,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Assessment:
        """Inverse of :meth:`to_json` (up to its rounding)."""
        sym = data["symmetry_mm"]
        read = Estimate.from_json
        return cls(
            main_issue=data["main_issue"],
            probability=dict(data["probability"]),
            shares=_read_all(data["shares"]),
            evidence=tuple(data["evidence"]),
            sag={
                zone: ZoneSag(read(s["degree"]), np.array(s["direction"]), s["graded"])
                for zone, s in data["sag"].items()
            },
            proportions={k: read(p["ratio"]) for k, p in data["proportions"].items()},
            canons={
                k: p["canon"] for k, p in data["proportions"].items() if p["canon"] is not None
            },
            symmetry=Symmetry(
                read(sym["overall"]), _read_all(sym["pairs"]), _read_all(sym["zones"])
            ),
            movement_mm={k: _read_all(v) for k, v in data["movement_mm"].items()},
            goal={
                zone: Goal(mm, np.array(data["goal_direction"][zone]), data["goal_weight"][zone])
                for zone, mm in data["goal"].items()
            },
            missing=tuple(Missing(**m) for m in data["missing"]),
            capture=dict(data["capture"]),
        )


def _vector(v: NDArray[np.float64]) -> list[float]:
    return [round(float(x), 5) + 0.0 for x in v]


def _estimates(named: dict[str, Estimate]) -> dict[str, Any]:
    return {name: e.to_json() for name, e in named.items()}


def _read_all(named: dict[str, Any]) -> dict[str, Estimate]:
    return {name: Estimate.from_json(e) for name, e in named.items()}
