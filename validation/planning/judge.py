"""One measure for all: any threads on one face, by the nonlinear model and the safety kernel.

The recommended plan and every published technique pass through the same functions here; none of
the planner's own numbers is used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.assessment import Assessment
from threadlift.errors import SolverError
from threadlift.evidence import value
from threadlift.planning.reading import Reader
from threadlift.planning.rows import Rows, build_rows
from threadlift.planning.safety import SafetyCase, Violation
from threadlift.threads import SIDES, Side, Thread
from threadlift.tissue import Tissue
from validation.planning.result import ROUNDING, Shown

Array = NDArray[np.float64]

# Relative residual of a solve, as where the planner verifies: a hundredth of a millimetre.
_TOLERANCE = 1e-4
# Pull is lowered until each side's fullest limit is used to `_NEAR` at least, aiming at `_AIM`.
_AIM, _NEAR = 0.985, 0.97
_LOWERINGS = 10
# No step changes the pull by more than this factor.
_STEP = 3.0
# Where threads have no equilibrium at their pull, they are tried at this share of it.
_RELIEF = 0.8
_DIGITS = 4


def scaled(threads: Sequence[Thread], share: Mapping[Side, float]) -> tuple[Thread, ...]:
    """The same threads pulled with a share of their tension, by side; rounded down."""
    steps = 10.0**_DIGITS
    return tuple(
        t.with_tension(float(np.floor(t.tension_n * share[t.side] * steps + 1e-6)) / steps)
        for t in threads
    )


def pull_n(threads: Sequence[Thread]) -> dict[Side, float]:
    """Pull [N] of each side's threads together; loops count with both limbs."""
    return {s: float(sum(t.pull_n for t in threads if t.side == s)) for s in SIDES}


def equal_pull(one: Mapping[Side, float], other: Mapping[Side, float]) -> dict[Side, float]:
    """The pull [N] that both can be brought to by pulling less: the smaller one of each side."""
    return {s: min(one[s], other[s]) for s in SIDES}


def shares_to(pull: Mapping[Side, float], wanted: Mapping[Side, float]) -> dict[Side, float]:
    """Shares of the tension at which `pull` [N] becomes `wanted` [N]; sides without pull stay."""
    return {s: 1.0 if pull[s] <= 0.0 else min(1.0, wanted[s] / pull[s]) for s in SIDES}


def worst_by_side(used: Mapping[str, float]) -> dict[Side, float]:
    """The fullest limit of each side; used: share of each limit, its side last in the name."""
    return {s: max((u for k, u in used.items() if k.endswith(s)), default=0.0) for s in SIDES}


@dataclass
class Lowering:
    """Search for the share of one side's pull at which its fullest limit is just kept.

    most: the share where it begins; last: share tried before, and what it used of the limit. The
    other side's pull has a part in that, so that earlier answers bound nothing.
    """

    most: float
    last: tuple[float, float] | None = None

    def after(self, share: float, worst: float) -> float:
        """The share to try next, when `share` uses `worst` of the fullest limit; itself = done."""
        before, self.last = self.last, (share, worst)
        keeps = worst <= 1.0 + ROUNDING
        if keeps and (worst >= _NEAR or share >= self.most):
            return share
        ahead = share * _AIM / max(worst, 1e-9)
        if before is not None and before[0] != share:
            slope = (worst - before[1]) / (share - before[0])
            if slope > 0.0:
                ahead = share + (_AIM - worst) / slope
        return min(max(ahead, share / _STEP), share * _STEP, self.most)


@dataclass(frozen=True)
class Solved:
    """Threads, what is shown of them and the displacement (N,3) [mm] behind it."""

    threads: tuple[Thread, ...]
    shown: Shown
    displacement: Array


class Judge:
    """What threads do to one face.

    limits_mm: nominal limits by kind that the plan was made with, where they are this face's own.
    """

    def __init__(
        self,
        tissue: Tissue,
        assessment: Assessment,
        case: SafetyCase,
        limits_mm: Mapping[str, float] | None = None,
    ) -> None:
        self.tissue, self.case = tissue, case
        own = [] if limits_mm is None else [limits_mm]
        self.rows: Rows = build_rows(tissue.mesh, assessment.goal, *own)

    def path_violations(self, threads: Sequence[Thread]) -> list[Violation]:
        """The rules that threads break whatever they are pulled with."""
        return list(self.case.check(scaled(threads, dict.fromkeys(SIDES, 0.0))).violations)

    def solved(self, threads: Sequence[Thread], near: Array | None = None) -> Solved | None:
        """What the nonlinear model shows of threads; None without an equilibrium.

        near (N,3) [mm]: a nearby solution.
        """
        threads = tuple(threads)
        try:
            result = self.tissue.equilibrium(threads, tolerance=_TOLERANCE, start=near)
        except SolverError:
            return None
        reading = Reader(self.tissue.mesh, self.rows, threads).of(result.displacement, threads)
        report = self.case.check(threads)
        used = {k: u for k, u in reading.used.items() if k != "overshoot"}
        used |= self._overshoot(reading.lift_mm)
        shown = Shown(
            goal_attained=reading.goal_attained,
            objective=reading.objective,
            lift_mm=reading.lift_mm,
            risks=reading.risks,
            used=used,
            p_touch=report.p_hit,
            threads={s: sum(t.side == s for t in threads) for s in SIDES},
            pull_n=pull_n(threads),
            violations=tuple((v.rule, v.structure) for v in report.violations),
        )
        return Solved(threads, shown, result.displacement)

    def _overshoot(self, lift_mm: Mapping[str, float]) -> dict[str, float]:
        """Used share of the limit on overshoot, by side."""
        limit = value("planning.limits.overshoot")
        goal = dict(zip(self.rows.zones, self.rows.goal_mm.tolist(), strict=True))
        share = {z: mm / goal[z] / limit for z, mm in lift_mm.items()}
        return {
            f"overshoot_{s}": max((x for z, x in share.items() if z.endswith(s)), default=0.0)
            for s in SIDES
        }

    def kept(self, threads: Sequence[Thread], full: Solved | None) -> Solved | None:
        """The threads at the most pull at which limits and rules of pull hold; None if never.

        full: the same threads at their own pull, if that has an equilibrium. Each side is lowered
        by itself; rules that the path breaks are not asked here.
        """
        most: dict[Side, float] = {s: value("planning.safety.tension_side") for s in SIDES}
        share = shares_to(pull_n(threads), most)
        search = {s: Lowering(share[s]) for s in SIDES}
        found = full if min(share.values()) >= 1.0 else self._at(threads, share, full)
        best: Solved | None = None
        for _ in range(_LOWERINGS):
            if found is None:
                ahead: dict[Side, float] = {s: _RELIEF * share[s] for s in SIDES}
            else:
                if found.shown.within:
                    best = found
                worst = worst_by_side(found.shown.used)
                ahead = {s: search[s].after(share[s], worst[s]) for s in SIDES}
                if ahead == share:
                    break
            share, found = ahead, self._at(threads, ahead, found)
        if found is not None and found.shown.within:
            best = found
        return best

    def at_pull(self, full: Solved, wanted: Mapping[Side, float]) -> Solved | None:
        """The threads at less pull [N] by side; themselves where nothing changes."""
        share = shares_to(full.shown.pull_n, wanted)
        if all(x >= 1.0 - 1e-9 for x in share.values()):
            return full
        return self._at(full.threads, share, full)

    def _at(
        self, threads: Sequence[Thread], share: Mapping[Side, float], near: Solved | None
    ) -> Solved | None:
        pulled = scaled(threads, share)
        if near is None or max(near.shown.pull_n.values()) <= 0.0:
            return self.solved(pulled)
        # Displacement grows about as the pull does: each half of the face by its own share.
        left, right = (
            pull_n(pulled)[s] / max(near.shown.pull_n[s], 1e-9) for s in ("left", "right")
        )
        x = self.tissue.mesh.points[:, 0]
        return self.solved(pulled, near.displacement * np.where(x > 0.0, left, right)[:, None])
