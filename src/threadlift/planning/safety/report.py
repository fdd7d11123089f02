"""What the safety kernel returns: broken rules, and how near every thread comes to what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from threadlift.anatomy import Marking
from threadlift.planning.safety.on_patient import OnPatient

Point = tuple[float, float, float]


def _rounded(point: Point) -> list[float]:
    return [round(x, 2) + 0.0 for x in point]


def _point(values: Any) -> Point:
    x, y, z = (float(v) for v in values)
    return x, y, z


@dataclass(frozen=True)
class Violation:
    """One broken rule: thread id ('' = the plan), structure or '', place [mm], how far past it.

    `structure` is what the rule is about beside the thread: a nerve or vessel, a zone of the face,
    another thread, a side. `margin` is negative: how much is missing, in `unit` (mm, N, 1).
    """

    thread: str
    rule: str
    structure: str
    place_mm: Point
    margin: float
    unit: str

    def to_json(self) -> dict[str, Any]:
        """The form that plan.json holds."""
        return {
            "thread": self.thread,
            "rule": self.rule,
            "structure": self.structure,
            "place_mm": _rounded(self.place_mm),
            "margin": round(self.margin, 3),
            "unit": self.unit,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Violation:
        """Inverse of :meth:`to_json`."""
        return cls(
            data["thread"],
            data["rule"],
            data["structure"],
            _point(data["place_mm"]),
            data["margin"],
            data["unit"],
        )


@dataclass(frozen=True)
class Contact:
    """How one thread meets one structure that it comes near.

    min_clearance_mm: least nominal distance in space less the radii; p_contact: upper bound on the
    probability that they touch; arc_mm, place_mm and depth_mm: where that is likeliest, arc length
    counted from the entry in the skin; marked: how the clinician found the structure where the
    clearance was measured, None where the atlas alone places it.
    """

    thread: str
    structure: str
    kind: str
    side: str
    min_clearance_mm: float
    p_contact: float
    arc_mm: float
    place_mm: Point
    depth_mm: float
    marked: OnPatient | None = None

    def to_json(self) -> dict[str, Any]:
        """One of the `structures` of plan.json's `safety`."""
        marked = {} if self.marked is None else {"marked": self.marked.to_json()}
        return {
            "thread": self.thread,
            "structure": self.structure,
            "kind": self.kind,
            "side": self.side,
            "min_clearance_mm": round(self.min_clearance_mm, 2) + 0.0,
            "p_contact": round(self.p_contact, 4) + 0.0,
            "arc_mm": round(self.arc_mm, 1) + 0.0,
            "place_mm": _rounded(self.place_mm),
            "depth_mm": round(self.depth_mm, 2) + 0.0,
        } | marked

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Contact:
        """Inverse of :meth:`to_json`."""
        return cls(
            data["thread"],
            data["structure"],
            data["kind"],
            data["side"],
            data["min_clearance_mm"],
            data["p_contact"],
            data["arc_mm"],
            _point(data["place_mm"]),
            data["depth_mm"],
            OnPatient.from_json(data.get("marked")),
        )


@dataclass(frozen=True)
class SafetyReport:
    """Violations, nominal clearance to the nearest structure [mm], probability of any contact.

    `min_clearance_mm` and `p_hit` count nerves, vessels and ducts; glands have rules of their own.
    Clearances are counted up to 20 mm; None when no structure was given. `structures`: every
    thread's meetings with every structure that it comes near, by thread, likeliest first.
    `marked`: what the clinician marked on this face, and clearances were measured against.
    """

    violations: tuple[Violation, ...]
    min_clearance_mm: float | None
    nearest_structure: str
    p_hit: float
    structures: tuple[Contact, ...] = ()
    marked: tuple[Marking, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The `safety` part of plan.json."""
        marked = {"marked": [m.to_json() for m in self.marked]} if self.marked else {}
        return {
            "min_clearance_mm": (
                None if self.min_clearance_mm is None else round(self.min_clearance_mm, 2)
            ),
            "nearest_structure": self.nearest_structure,
            "p_hit": round(self.p_hit, 4),
            "violations": [v.to_json() for v in self.violations],
            "structures": [c.to_json() for c in self.structures],
        } | marked

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> SafetyReport:
        """Inverse of :meth:`to_json`."""
        return cls(
            tuple(Violation.from_json(v) for v in data["violations"]),
            data["min_clearance_mm"],
            data.get("nearest_structure", ""),
            data["p_hit"],
            tuple(Contact.from_json(c) for c in data.get("structures", ())),
            tuple(Marking.from_json(m) for m in data.get("marked", ())),
        )
