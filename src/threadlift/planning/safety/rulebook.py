"""The numbers and tables of the safety rules, as the register states them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from threadlift.evidence import table, value
from threadlift.threads import LAYERS


@dataclass(frozen=True)
class TechniqueRules:
    """How a technique enters and leaves.

    anchored: held at its entry, which therefore lies where the SMAS does not move; entry: where
    the skin is punctured, at the "start" of the path or in its "middle" (at the point nearest to
    it); exits: which ends may come out through the skin, "none", "end" or "both"; no_entry:
    zones in which it does not enter.
    """

    anchored: bool
    entry: str
    exits: str
    no_entry: frozenset[str]


@dataclass(frozen=True)
class ZoneRules:
    """The deepest layer that may hold a thread in one zone, as its number in LAYERS.

    fixed: where the SMAS is fixed (in front of the ear, temple); mobile: elsewhere.
    """

    fixed: int
    mobile: int


@dataclass(frozen=True)
class Rulebook:
    """Every number [mm, N, 1] that the rules need; names as in the register's planning.safety."""

    below_dermis: float
    deep_tolerance: float
    fixed_smas_anterior: float
    depth_mismatch: float
    entry_on_skin: float
    commissure_distance: float
    eyelid_distance: float
    exit_eyelid_distance: float
    anchored_entry_anterior: float
    end_skin: float
    tension_thread: float
    tension_side: float
    threads_side: float
    thread_spacing: float
    p_hit_plan: float
    #: Length of path [mm] in which threads of a fan necessarily run together.
    free_length: float
    zones: dict[str, ZoneRules]
    techniques: dict[str, TechniqueRules]


def deepest(names: Sequence[str]) -> int:
    """Number of the deepest of the allowed layers, which follow each other from the fat down.

    Raises ValueError for anything else: the margin to a gap between layers is not defined.
    """
    last = len(names)
    if not names or tuple(names) != LAYERS[1 : 1 + last]:
        raise ValueError(f"allowed layers go from the fat down without a gap, not {list(names)}")
    return last


def _technique(row: dict[str, Any]) -> TechniqueRules:
    return TechniqueRules(
        bool(row["anchored"]), row["entry"], row["exits"], frozenset(row["no_entry"])
    )


@cache
def rulebook() -> Rulebook:
    """The rules of the register."""
    safety = table("planning")["safety"]
    own = ("free_length", "zones", "techniques")
    return Rulebook(
        **{n: value(f"planning.safety.{n}") for n in Rulebook.__annotations__ if n not in own},
        free_length=value("planning.conflict.free_length"),
        zones={
            row["zone"]: ZoneRules(deepest(row["fixed"]), deepest(row["mobile"]))
            for row in safety["layers"]
        },
        techniques={name: _technique(row) for name, row in safety["technique"].items()},
    )


#: The row of `planning.safety.layers` for skin of no zone.
ELSEWHERE = "elsewhere"
