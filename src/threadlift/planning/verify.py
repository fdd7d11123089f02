"""A choice of threads held against the nonlinear model, its tensions lowered until limits hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import SolverError
from threadlift.evidence import value
from threadlift.planning.candidates import DIGITS, Candidate
from threadlift.planning.optimise import SideGrid, polish
from threadlift.planning.reading import limits_used
from threadlift.planning.rows import Rows
from threadlift.planning.search import attained_value
from threadlift.threads import Thread
from threadlift.threads.thread import SIDES, Side
from threadlift.tissue import Tissue

# Relative residual of a verification: displacements to a hundredth of a millimetre.
_TOLERANCE = 1e-4
# Solves per choice: the first tensions, then corrected ones.
_ROUNDS = 2
# If limits are still broken, all tensions are scaled down, this often at most.
_SCALINGS = 4
_SCALE = 0.85
# A choice that uses this share of a limit has nothing to gain from another round.
_USED_UP = 0.85


@dataclass(frozen=True)
class Verified:
    """Threads as stated (rounded) and what the nonlinear model says of them.

    share: attained share of each goal by zone; lift_mm alike; goal_attained the weighted share
    (each zone between 0 and 1); used: largest share of each limit in use; mesh: level solved on;
    read (q,): all rows; displacement (N,3) of that mesh [mm].
    """

    threads: tuple[Thread, ...]
    chosen: tuple[tuple[Candidate, float], ...]
    share: dict[str, float]
    lift_mm: dict[str, float]
    goal_attained: float
    used: dict[str, float]
    mesh: str
    residual: float
    read: NDArray
    displacement: NDArray

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


def solve(
    tissue: Tissue,
    rows: Rows,
    chosen: Sequence[tuple[Candidate, float]],
    start: NDArray | None = None,
) -> Verified:
    """Nonlinear equilibrium of the rounded threads, read by the rows of the tissue's mesh.

    start (N,3) [mm]: a nearby solution, which saves iterations.
    """
    rounded = tuple((c, round(t, DIGITS)) for c, t in chosen)
    threads = named(rounded)
    result = tissue.equilibrium(threads, tolerance=_TOLERANCE, start=start)
    share, used, read = _reading(rows, result.displacement)
    return Verified(
        threads,
        rounded,
        dict(zip(rows.zones, share.tolist(), strict=True)),
        dict(zip(rows.zones, (share * rows.goal_mm).tolist(), strict=True)),
        goal_attained(share, rows.weights),
        used,
        tissue.mesh.level,
        result.residual,
        read,
        result.displacement,
    )


def read_again(found: Verified, rows: Rows) -> Verified:
    """The same equilibrium, read by rows with other nominal limits."""
    _, used, read = _reading(rows, found.displacement)
    return replace(found, used=used, read=read)


def _reading(rows: Rows, displacement: NDArray) -> tuple[NDArray, dict[str, float], NDArray]:
    """Shares of the goals, largest share in use of each limit, and all rows."""
    read = rows.read(displacement)
    share = read[: rows.goals]
    used = limits_used(rows, read)
    used["overshoot"] = float(share.max(initial=0.0)) / value("planning.limits.overshoot")
    return share, used, read


def value_of(grids: Mapping[Side, SideGrid | None], verified: Verified) -> float:
    """The search's objective (mean of the sides with a goal) of what the nonlinear model shows.

    Expected, like the search's: what tissues and hands make of the nominal plan on average.
    """
    share = dict(verified.share)
    for side in SIDES:
        grid = grids[side]
        if grid is not None:
            for zone, part in zip(grid.zone_names, grid.expected, strict=True):
                share[f"{zone}_{side}"] *= float(part)
    return objective(grids, share, verified.chosen)


def objective(
    grids: Mapping[Side, SideGrid | None],
    share: Mapping[str, float],
    chosen: Sequence[tuple[Candidate, float]],
) -> float:
    """The search's objective of attained shares by zone, costs of threads and pull included."""
    total, sides = 0.0, 0
    for side in SIDES:
        grid = grids[side]
        if grid is None:
            continue
        sides += 1
        mine = np.array([share[f"{z}_{side}"] for z in grid.zone_names])
        total += attained_value(mine, grid.problem.weights, grid.problem.theta)
        for c, tension in chosen:
            if c.side == side:
                total -= value("planning.objective.thread_cost")
                total -= tension * value("planning.objective.tension_cost")
    return total / max(sides, 1)


def settle(
    tissue: Tissue,
    rows: Rows,
    grids: Mapping[Side, SideGrid | None],
    items: Mapping[Side, Sequence[int]],
) -> Verified:
    """Polish tensions, solve, polish again with what the linear rows missed, solve again.

    Returns the best verified choice that keeps its limits; no threads when nothing helped.
    """
    best: Verified | None = None
    last: tuple[tuple[Candidate, float], ...] = ()
    correction: NDArray | None = None
    near: NDArray | None = None
    for _ in range(_ROUNDS):
        pulled = polished(grids, items, correction)
        if pulled is None:
            break
        chosen, linear = pulled
        if chosen == last:
            break
        last = chosen
        try:
            found = solve(tissue, rows, chosen, near)
        except SolverError:
            break
        near = found.displacement
        if found.within and (best is None or value_of(grids, found) > value_of(grids, best)):
            best = found
        if found.within and max(found.used.values()) > _USED_UP:
            break
        correction = found.read - linear
    return best if best is not None else _scaled_down(tissue, rows, last)


def polished(
    grids: Mapping[Side, SideGrid | None],
    items: Mapping[Side, Sequence[int]],
    correction: NDArray | None = None,
) -> tuple[tuple[tuple[Candidate, float], ...], NDArray] | None:
    """Threads of both sides with polished tensions, and their linear rows (q,).

    None where a side's choice cannot keep its limits at any tension.
    """
    chosen: list[tuple[Candidate, float]] = []
    linear: NDArray = np.zeros(0)
    for side in SIDES:
        grid = grids[side]
        if grid is None:
            continue
        found = polish(grid, items[side], correction)
        if found is None:
            return None
        chosen += [(c, round(t, DIGITS)) for c, t in found.chosen]
        # Either side's threads reach hardly into the other; what they do adds up.
        linear = found.response if len(linear) == 0 else linear + found.response
    return tuple(chosen), linear


def _scaled_down(tissue: Tissue, rows: Rows, chosen: Sequence[tuple[Candidate, float]]) -> Verified:
    """The choice at ever lower tension until its limits hold; no threads when they never do."""
    scale = 1.0
    for _ in range(_SCALINGS if chosen else 0):
        scale *= _SCALE
        try:
            found = solve(tissue, rows, [(c, scale * t) for c, t in chosen])
        except SolverError:
            continue
        if found.within:
            return found
    return solve(tissue, rows, ())
