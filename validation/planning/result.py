"""What one face gave, as it is stored: plain numbers, to JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from threadlift.threads import Side

#: Tensions and limits are stated rounded, and solves end at a tolerance: a limit may be used by so
#: much more than wholly. The same for plans and techniques.
ROUNDING = 2e-3


@dataclass(frozen=True)
class Shown:
    """What the nonlinear model and the kernel show of some threads on one face.

    goal_attained: weighted share of the goal (0..1); objective: the planner's, costs of threads
    included; lift_mm by zone; risks by name (:data:`threadlift.planning.reading.UNITS`); used:
    share in use of each limit; p_touch: chance of touching a named structure; threads and pull [N]
    by side; violations: (rule, structure) of the safety kernel at this pull.
    """

    goal_attained: float
    objective: float
    lift_mm: Mapping[str, float]
    risks: Mapping[str, float]
    used: Mapping[str, float]
    p_touch: float
    threads: Mapping[Side, int]
    pull_n: Mapping[Side, float]
    violations: tuple[tuple[str, str], ...] = ()

    @property
    def within(self) -> bool:
        """True when every limit on side effects holds, to the digits in which plans are stated."""
        return all(u <= 1.0 + ROUNDING for u in self.used.values())

    @classmethod
    def of(cls, data: Mapping[str, Any] | None) -> Shown | None:
        """From JSON."""
        if data is None:
            return None
        pairs = tuple((str(rule), str(what)) for rule, what in data["violations"])
        return cls(**{**data, "violations": pairs})


#: No threads at all: what a refusal attains.
NOTHING = Shown(0.0, 0.0, {}, {}, {}, 0.0, {"left": 0, "right": 0}, {"left": 0.0, "right": 0.0})


@dataclass(frozen=True)
class Trial:
    """One published technique on one face, and the plan beside it at equal pull.

    unplaced: why the recipe has no place on this face ('' = it has one); path: rules that it breaks
    whatever it is pulled with; full: at the recipe's pull; kept: at the most pull at which the
    limits hold; equal, plan_equal: technique and plan, both at the smaller pull of each side. None
    where there was no equilibrium (kept: where no pull keeps the limits).
    """

    name: str
    unplaced: str
    path: tuple[tuple[str, str], ...]
    full: Shown | None
    kept: Shown | None
    equal: Shown | None
    plan_equal: Shown | None

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Trial:
        """From JSON."""
        path = tuple((str(rule), str(what)) for rule, what in data["path"])
        names = ("full", "kept", "equal", "plan_equal")
        return cls(data["name"], data["unplaced"], path, **{n: Shown.of(data[n]) for n in names})


@dataclass(frozen=True)
class FaceResult:
    """One person.

    goal_mm: largest goal; uneven_mm: largest difference of left and right goals; refusal: kind and
    reasons, or None; gap: proven gap of the search (share of the full goal), gap_relative of its
    value; complete: the search reached its tolerance; seconds: processor time of planning;
    violations: of the kernel, asked about what was exported (recommendation and alternatives);
    blocked: why the gate let nothing out ('' = it did); threads: of the plan, as JSON; mirrored:
    whether the mirror image got the same plan, with the largest difference (mm, N), or None where
    that was not asked.
    """

    number: int
    seed: int
    code: str
    pattern: str
    lower: str
    age_years: float
    sex: str
    goal_mm: float
    uneven_mm: float
    recommendation: str
    refusal: dict[str, Any] | None
    gap: float
    gap_relative: float
    complete: bool
    seconds: float
    violations: int
    blocked: str
    plan: Shown | None
    techniques: tuple[Trial, ...] = ()
    threads: tuple[dict[str, Any], ...] = ()
    mirrored: dict[str, Any] | None = None
    alternatives: int = 0
    candidates: dict[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> FaceResult:
        """Inverse of :meth:`to_json`."""
        return cls(
            **{
                **data,
                "plan": Shown.of(data["plan"]),
                "techniques": tuple(Trial.of(t) for t in data["techniques"]),
                "threads": tuple(data["threads"]),
            }
        )
