"""Reasons of a plan as data: every thread's contribution and what each change to it would do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from threadlift.planning.moves import Move
from threadlift.planning.reading import UNITS
from threadlift.planning.safety import Violation

#: What stops a thread from being elsewhere; `worse`: nothing but that the plan would do less.
Stop = Literal["safety", "slip", "limit", "spacing", "worse", "nothing", "leaves-skin"]


@dataclass(frozen=True)
class Change:
    """One thread placed differently, everything else as planned.

    goal and objective are differences in shares of the full goal; lift_mm differences by zone;
    risks values after the change and risk_changes their differences, in :data:`reading.UNITS`;
    violations: of the safety kernel that the plan as such does not have. stopped_by names the
    constraint that becomes active with `what` (rule, limit or thread), `structure` and `margin`
    [unit] (negative: how far past it).
    """

    move: Move
    goal: float
    objective: float
    lift_mm: dict[str, float]
    risks: dict[str, float]
    risk_changes: dict[str, float]
    violations: tuple[Violation, ...]
    stopped_by: Stop
    what: str = ""
    structure: str = ""
    margin: float = 0.0
    unit: str = ""

    def to_json(self) -> dict[str, Any]:
        """The form that plan.json holds."""
        return {
            "move": self.move.to_json(),
            "goal_attained_change": _round(self.goal, 4),
            "objective_change": _round(self.objective, 4),
            "lift_change_mm": {z: _round(x, 2) for z, x in self.lift_mm.items()},
            "risks": {
                k: {"value": _round(x, 3), "change": _round(self.risk_changes[k], 3),
                    "unit": UNITS[k]}
                for k, x in self.risks.items()
            },
            "safe": not self.violations,
            "violations": [v.to_json() for v in self.violations],
            "stopped_by": {
                "kind": self.stopped_by,
                "what": self.what,
                "structure": self.structure,
                "margin": _round(self.margin, 3),
                "unit": self.unit,
            },
        }  # fmt: skip


@dataclass(frozen=True)
class ThreadReason:
    """What one thread adds (left out of the coupled model) and what moving it would do.

    contribution_mm and share by zone: of the plan's lift there.
    """

    thread: str
    contribution_mm: dict[str, float]
    share: dict[str, float]
    main_zone: str
    goal: float
    changes: tuple[Change, ...]

    def to_json(self) -> dict[str, Any]:
        """One of the `thread_reasons` of plan.json."""
        return {
            "thread": self.thread,
            "main_zone": self.main_zone,
            "contribution_mm": {z: _round(x, 2) for z, x in self.contribution_mm.items()},
            "share_of_lift": {z: _round(x, 3) for z, x in self.share.items()},
            "goal_attained": _round(self.goal, 4),
            "changes": [c.to_json() for c in self.changes],
        }


@dataclass(frozen=True)
class LeftOut:
    """A thread left out in the linear and in the nonlinear model: loss of a zone's lift [mm]."""

    thread: str
    zone: str
    linear_mm: float
    nonlinear_mm: float
    mesh: str

    def to_json(self) -> dict[str, Any]:
        """The `check` of the reasons in plan.json."""
        return {
            "thread": self.thread,
            "zone": self.zone,
            "linear_mm": _round(self.linear_mm, 2),
            "nonlinear_mm": _round(self.nonlinear_mm, 2),
            "mesh": self.mesh,
        }


@dataclass(frozen=True)
class Reasons:
    """Every thread's reason; `check` is None where the nonlinear model found no equilibrium."""

    threads: tuple[ThreadReason, ...]
    check: LeftOut | None

    def to_json(self) -> dict[str, Any]:
        """The `thread_reasons` of plan.json."""
        return {
            "threads": [t.to_json() for t in self.threads],
            "check": None if self.check is None else self.check.to_json(),
        }


def _round(x: float, digits: int) -> float:
    return round(float(x), digits) + 0.0
