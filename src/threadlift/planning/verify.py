"""A choice of threads held against the nonlinear model, its tensions lowered until limits hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import SolverError
from threadlift.evidence import value
from threadlift.planning.candidates import DIGITS, Candidate
from threadlift.planning.optimise import SideGrid, polish
from threadlift.planning.rows import Rows
from threadlift.threads import Thread
from threadlift.threads.thread import SIDES, Side
from threadlift.tissue import Tissue

# Relative residual of a verification: displacements to better than a hundredth of a millimetre.
_TOLERANCE = 1e-5
# Rounds of lowering (or once raising) tensions before all are simply scaled down.
_ROUNDS = 3
_SCALINGS = 4
# After a correction the limit is aimed at from a little below, so that the next solve settles it.
_AIM = 0.97
# Where less than this share of a limit is used, the linear limit was too strict: used up once.
_SLACK = 0.8

KINDS = ("malar", "dip")


@dataclass(frozen=True)
class Verified:
    """Threads as stated (rounded) and what the nonlinear model says of them.

    share: attained share of each goal by zone; lift_mm alike; goal_attained the weighted share
    (each zone between 0 and 1); used: largest share of each limit in use; mesh: level solved on.
    """

    threads: tuple[Thread, ...]
    chosen: tuple[tuple[Candidate, float], ...]
    share: dict[str, float]
    lift_mm: dict[str, float]
    goal_attained: float
    used: dict[str, float]
    mesh: str
    residual: float

    @property
    def within(self) -> bool:
        """True when every limit holds."""
        return all(u <= 1.0 for u in self.used.values())

    def to_json(self) -> dict[str, Any]:
        """Numbers of the verification, for plan.json."""
        return {
            "mesh": self.mesh,
            "goal_attained": round(self.goal_attained, 4),
            "lift_mm": {z: round(x, 2) + 0.0 for z, x in self.lift_mm.items()},
            "limits_used": {k: round(x, 3) + 0.0 for k, x in self.used.items()},
        }


def named(chosen: Sequence[tuple[Candidate, float]]) -> tuple[Thread, ...]:
    """Threads of a plan, numbered from the top of each side (L1, L2, ..., R1, ...)."""
    out = []
    for side in SIDES:
        mine = [(c, t) for c, t in chosen if c.side == side]
        # From the highest end point down: how a surgeon would count a fan.
        mine.sort(key=lambda ct: (-round(float(ct[0].thread.path_mm[-1, 1]), 1), ct[0].index))
        out += [c.at(t, f"{side[0].upper()}{i}") for i, (c, t) in enumerate(mine, 1)]
    return tuple(out)


def goal_attained(share: NDArray, weights: NDArray) -> float:
    """Weighted mean (0..1) of attained shares (Z,), each zone counted up to its goal."""
    if weights.sum() <= 0.0:
        return 0.0
    return float(np.clip(share, 0.0, 1.0) @ weights / weights.sum())


def solve(tissue: Tissue, rows: Rows, chosen: Sequence[tuple[Candidate, float]]) -> Verified:
    """Nonlinear equilibrium of the rounded threads, read by the rows of the tissue's mesh."""
    rounded = tuple((c, round(t, DIGITS)) for c, t in chosen)
    threads = named(rounded)
    result = tissue.equilibrium(threads, tolerance=_TOLERANCE)
    read = rows.read(result.displacement)
    share = read[: rows.goals]
    names = np.array(rows.limit_name)
    used = {
        f"{kind}_{side}": max(
            0.0,
            float(read[rows.goals :][(names == kind) & (rows.limit_side == side)].max(initial=0.0)),
        )
        for kind in KINDS
        for side in SIDES
    }
    used["overshoot"] = float(share.max(initial=0.0)) / value("planning.limits.overshoot")
    return Verified(
        threads,
        rounded,
        dict(zip(rows.zones, share.tolist(), strict=True)),
        dict(zip(rows.zones, (share * rows.goal_mm).tolist(), strict=True)),
        goal_attained(share, rows.weights),
        used,
        tissue.mesh.level,
        result.residual,
    )


Allowance = dict[Side, dict[str, float]]


def settle(
    tissue: Tissue,
    rows: Rows,
    grids: Mapping[Side, SideGrid | None],
    items: Mapping[Side, Sequence[int]],
    allowance: Allowance,
) -> tuple[Verified, Allowance]:
    """Polish tensions, solve, correct what the linear model may show, and repeat.

    Returns a verified choice (within its limits unless nothing helped) and the allowance with
    which it was found, a good start for the next choice on the same face.
    """
    allowed: Allowance = {s: dict(a) for s, a in allowance.items()}
    best: Verified | None = None
    last: tuple[tuple[Candidate, float], ...] = ()
    for attempt in range(_ROUNDS):
        chosen, linear = _polished(grids, items, allowed)
        if chosen is None:
            break
        last = chosen
        found = _attempt(tissue, rows, chosen)
        if found is None:
            break
        if found.within and (best is None or found.goal_attained > best.goal_attained):
            best = found
        changed = False
        for side in SIDES:
            for kind in KINDS:
                used, shown = found.used[f"{kind}_{side}"], linear[side].get(kind, 0.0)
                binding = shown > _AIM * allowed[side][kind]
                if used > 1.0 or (attempt == 0 and binding and used < _SLACK):
                    allowed[side][kind] = max(shown, 1e-3) * _AIM / max(used, 1e-3)
                    changed = True
        if not changed:
            break
    if best is not None:
        return best, allowed
    return _scaled_down(tissue, rows, last), allowed


def _polished(
    grids: Mapping[Side, SideGrid | None],
    items: Mapping[Side, Sequence[int]],
    allowed: Allowance,
) -> tuple[tuple[tuple[Candidate, float], ...] | None, dict[Side, dict[str, float]]]:
    """Threads of both sides with polished tensions, and the limits they show linearly."""
    chosen: list[tuple[Candidate, float]] = []
    shown: dict[Side, dict[str, float]] = {}
    for side in SIDES:
        grid = grids[side]
        shown[side] = {}
        if grid is None:
            continue
        found = polish(grid, items[side], allowed[side])
        if found is None:
            return None, shown
        chosen += found.chosen
        limits = found.response[grid.limits]
        shown[side] = {k: float(limits[grid.limit_name == k].max(initial=0.0)) for k in KINDS}
    return tuple(chosen), shown


def _attempt(
    tissue: Tissue, rows: Rows, chosen: Sequence[tuple[Candidate, float]]
) -> Verified | None:
    try:
        return solve(tissue, rows, chosen)
    except SolverError:
        return None


def _scaled_down(tissue: Tissue, rows: Rows, chosen: Sequence[tuple[Candidate, float]]) -> Verified:
    """The choice at ever lower tension until its limits hold; no threads when they never do."""
    scale = 1.0
    for _ in range(_SCALINGS):
        scale *= 0.8
        found = _attempt(tissue, rows, [(c, scale * t) for c, t in chosen])
        if found is not None and found.within:
            return found
    return solve(tissue, rows, ())
