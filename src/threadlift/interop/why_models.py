"""The explaining parts of plan.json as models: reasons, what decides, the trade-off."""

from __future__ import annotations

from typing import Any, Literal

from threadlift.interop.file_base import FileModel


class MoveModel(FileModel):
    """One change to a thread: kind, signed size (mm, or share of the tension), where it goes."""

    kind: Literal["entry-across", "target-along", "target-across", "depth", "tension", "left-out"]
    by: float
    unit: str
    toward: str


class StopModel(FileModel):
    """What stops a thread from being there; `margin` in `unit`, negative: how far past it."""

    kind: Literal["safety", "slip", "limit", "spacing", "worse", "nothing", "leaves-skin"]
    what: str
    structure: str
    margin: float
    unit: str


class ChangeModel(FileModel):
    """A thread placed differently, everything else as planned: what changes."""

    move: MoveModel
    goal_attained_change: float
    objective_change: float
    lift_change_mm: dict[str, float]
    risks: dict[str, dict[str, Any]]
    safe: bool
    violations: list[Any]
    stopped_by: StopModel


class ThreadReasonModel(FileModel):
    """What a thread adds to each zone [mm, share of the lift there], and what moving it does."""

    thread: str
    main_zone: str
    contribution_mm: dict[str, float]
    share_of_lift: dict[str, float]
    goal_attained: float
    changes: list[ChangeModel]


class ReasonsModel(FileModel):
    """Every thread's reason; `check`: one thread left out in the nonlinear model, too."""

    threads: list[ThreadReasonModel]
    check: dict[str, Any] | None


class IndexModel(FileModel):
    """First-order and total Sobol index of a factor, each [value, low, high] (90 % interval)."""

    first: list[float]
    total: list[float]


class DecidesModel(FileModel):
    """One output: mean, sd in `unit`, and what explains its variance."""

    mean: float
    sd: float
    unit: str
    change_on_doubling: float
    factors: dict[str, IndexModel]


class DesignModel(FileModel):
    """One question: `fan`, `equal_tension` or `scattered`."""

    name: str
    outputs: dict[str, DecidesModel]


class SensitivityModel(FileModel):
    """What decides the result on this face, with the ranges over which factors were varied."""

    method: str
    samples: int
    seed: int
    ranges: dict[str, Any]
    total_tension_n: float
    later_months: float
    designs: list[DesignModel]


class ParetoPointModel(FileModel):
    """One way to treat the face that no other beats in goal, number of threads and side effects.

    By side: `threads` and their pull `tension_n`; `limits_used`: largest share in use of the face's
    nominal limits on side effects; `p_touch`: chance of touching a named structure, at most.
    """

    threads: dict[str, int]
    tension_n: dict[str, float]
    goal_attained: float
    limits_used: float
    p_touch: float
    recommended: bool
