"""The predicted outcome of a plan and its JSON form ``threadlift.outcome/1``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from threadlift.quantities import Estimate

if TYPE_CHECKING:
    from threadlift.outcome.course import Course
    from threadlift.outcome.remedies import Remedy
    from threadlift.outcome.uncertainty import Uncertainty

SCHEMA = "threadlift.outcome/1"
Verdict = Literal["low", "moderate", "high"]
RISKS = (
    "cheekbone_prominence",
    "indentation",
    "overpull",
    "asymmetry",
    "short_duration",
    "insufficient_effect",
    "thread_visibility",
)
#: Risks that are read locally on the skin, as opposed to those that follow from lift or threads.
LOCAL = ("cheekbone_prominence", "indentation", "overpull")
UNITS = {"cheekbone_prominence": "mm", "indentation": "mm", "overpull": "%", "asymmetry": "mm",
         "short_duration": "months", "insufficient_effect": "1",
         "thread_visibility": "mm"}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where on the face: the zone with the largest weight and a point (3,) [mm]."""

    zone: str
    xyz_mm: tuple[float, float, float]


@dataclass(frozen=True)
class Risk:
    """A named risk: estimate, verdict, the thresholds that made it, and the worst place.

    `probability_high` is the share of the ensemble beyond the high threshold; `remedy` a change of
    the plan that would lower it, if one is known.
    """

    estimate: Estimate
    verdict: Verdict
    moderate: float
    high: float
    probability_high: float
    place: Place | None
    remedy: Remedy | None = None


@dataclass(frozen=True)
class Expression:
    """Travel of a face point in an expression without and with the threads [mm].

    `change_mm` is with minus without; `tether_mm` is the largest distance over the whole skin by
    which the threads keep it from where the expression would carry it; `length_change_mm` and
    `peak_tension_n` are of the thread that is tensed most; `dimple_mm` is the deepest dent near a
    thread that only the motion shows; `hold_share` the largest tension of a thread over what its
    cogs hold: beyond 1 they slip.
    """

    without_mm: Estimate
    with_mm: Estimate
    change_mm: Estimate
    tether_mm: Estimate
    length_change_mm: Estimate
    peak_tension_n: Estimate
    dimple_mm: Estimate
    hold_share: Estimate


@dataclass(frozen=True)
class Complication:
    """A complication as people per 100 treated, from the evidence register."""

    name: str
    per_100: Estimate


@dataclass(frozen=True)
class Solver:
    """Size and state of the nominal nonlinear solve. `seconds` never enters a hash."""

    elements: int
    dof: int
    iterations: int
    residual: float
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """What a plan is expected to do to this face.

    displacement_mm: (n, 3) nominal displacement of the displayed vertices; surface_mm: the same
    on the mesh's skin nodes; mesh: quality of the elements before and after;
    durability: (month, share of the first lift that is left);
    failed: members of the ensemble without an equilibrium, as (name, reason); extrapolated: names
    of those that had one only at part of the tension; uncertainty: where the spread comes from
    (None where every member was solved); course: lift over two years.
    """

    lift_mm: dict[str, Estimate]
    risks: dict[str, Risk]
    expressions: dict[str, Expression]
    durability: tuple[tuple[float, Estimate], ...]
    complications: tuple[Complication, ...]
    rare_events: tuple[tuple[str, str], ...]
    solver: Solver
    mesh: dict[str, float]
    members: int
    failed: tuple[tuple[str, str], ...]
    extrapolated: tuple[str, ...]
    notes: tuple[str, ...]
    seed: int
    displacement_mm: NDArray[np.float64]
    surface_mm: NDArray[np.float64]
    uncertainty: Uncertainty | None = None
    course: Course | None = None

    def to_json(self) -> dict[str, Any]:
        """Canonical JSON (`threadlift.outcome/1`)."""
        return {
            "schema": SCHEMA,
            "lift_mm": {zone: e.to_json() for zone, e in self.lift_mm.items()},
            "risks": {name: _risk(r) for name, r in self.risks.items()},
            "expressions": {
                name: {
                    "without_mm": x.without_mm.to_json(),
                    "with_mm": x.with_mm.to_json(),
                    "change_mm": x.change_mm.to_json(),
                    "tether_mm": x.tether_mm.to_json(),
                    "length_change_mm": x.length_change_mm.to_json(),
                    "peak_tension_n": x.peak_tension_n.to_json(),
                    "dimple_mm": x.dimple_mm.to_json(),
                    "hold_share": x.hold_share.to_json(),
                }
                for name, x in self.expressions.items()
            },
            "durability": [{"month": m, "fraction": e.to_json()} for m, e in self.durability],
            "complications": [
                {"name": c.name, "per_100": c.per_100.to_json(), "basis": list(c.per_100.basis)}
                for c in self.complications
            ],
            "rare_events": [{"name": name, "note": note} for name, note in self.rare_events],
            "ensemble": {
                "members": self.members,
                "failed": [{"member": name, "reason": reason} for name, reason in self.failed],
                "extrapolated": list(self.extrapolated),
                "seed": self.seed,
            },
            "course": None if self.course is None else self.course.to_json(),
            "uncertainty": None if self.uncertainty is None else self.uncertainty.to_json(),
            "mesh": {name: round(x, 4) for name, x in self.mesh.items()},
            "notes": list(self.notes),
            "solver": {
                "elements": self.solver.elements,
                "dof": self.solver.dof,
                "iterations": self.solver.iterations,
                "residual": float(f"{self.solver.residual:.3g}"),
                "seconds": round(self.solver.seconds, 2),
            },
        }


def _risk(risk: Risk) -> dict[str, Any]:
    place = risk.place
    return {
        **risk.estimate.to_json(),
        "verdict": risk.verdict,
        "thresholds": {"moderate": round(risk.moderate, 4), "high": round(risk.high, 4)},
        "probability_high": round(risk.probability_high, 4),
        "place": None
        if place is None
        else {"zone": place.zone, "xyz_mm": [round(x, 2) + 0.0 for x in place.xyz_mm]},
        "remedy": None if risk.remedy is None else risk.remedy.to_json(),
    }
