"""What scenarios say of a plan: which share of them keeps every limit, what is attained on average.

Limits are to hold with a stated chance (register `planning.limits.chance`). The pull of a plan is
set by the scenario that is the (k+1)-th worst of n: an unseen one is worse with a chance of
(k+1)/(n+1), whatever the distribution, as long as scenarios are exchangeable. k is the largest
number for which that is no more than what the register leaves.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.planning.rows import KINDS, Rows, high_mm
from threadlift.planning.scenarios import Trials
from threadlift.threads.thread import SIDES

Array = NDArray[np.float64]

# Nominal uses of a limit and shares of a goal below this predict no ratio.
_SMALL = 0.05
# Nominal limits stay between these shares of the 'high' threshold.
_LEAST, MOST = 0.25, 0.95
# Step of what a pilot says [mm, share]: far below what it can tell, far above roundoff.
_STEP = 0.01
# JSON knows no infinity: what a scenario without equilibrium uses of a limit.
_BEYOND = 99.0


def allowed_breaks(count: int) -> int:
    """Scenarios of `count` that may break a limit; -1: too few to say anything."""
    return int(np.floor((1.0 - value("planning.limits.chance")) * (count + 1) + 1e-9)) - 1


def used_of_high(read: Array, rows: Rows) -> Array:
    """Share (n,4) of the 'high' thresholds in use, by kind and side (kinds outermost).

    read (n,q): rows; NaN (no equilibrium) counts as beyond every limit.
    """
    names, limits = np.array(rows.limit_name), read[:, rows.goals :]
    high = high_mm()
    out = np.zeros((len(read), len(KINDS) * len(SIDES)))
    for k, kind in enumerate(KINDS):
        for s, side in enumerate(SIDES):
            mine = limits[:, (names == kind) & (rows.limit_side == side)]
            worst = mine.max(axis=1, initial=0.0) * rows.limit_mm[kind] / high[kind]
            out[:, k * len(SIDES) + s] = np.where(np.isnan(worst), np.inf, worst)
    return out


def worst_allowed(worst: Array, allowed: int | None = None) -> float:
    """The use of limits (n,) that may be exceeded by no more scenarios than allowed.

    allowed: by default what :func:`allowed_breaks` allows, which holds for unseen ones, too.
    """
    k = max(allowed_breaks(len(worst)) if allowed is None else allowed, 0)
    return float(np.sort(worst)[::-1][k])


@dataclass(frozen=True)
class Spread:
    """What this face's tissues and hands make of a nominal plan.

    limit_mm: nominal limit of each kind [mm] that keeps scenarios below the 'high' threshold with
    the wanted chance; expected (Z,): part of each goal attained on average, for each nominal one.
    """

    limit_mm: Mapping[str, float]
    expected: Array

    @classmethod
    def of(cls, trials: Trials, nominal: Array, rows: Rows) -> Spread:
        """From a pilot plan: its trials and its nominal rows (q,)."""
        plain = used_of_high(nominal[None], rows)[0].reshape(len(KINDS), len(SIDES))
        used = used_of_high(trials.read, rows).reshape(-1, len(KINDS), len(SIDES))
        high = high_mm()
        known = plain.max(axis=1) >= _SMALL
        side_known = plain >= _SMALL
        growth = np.where(side_known, used / np.where(side_known, plain, 1.0), 0.0).max(axis=2)
        factor = _joint_quantiles(growth[:, known])
        limit = dict(rows.limit_mm)
        for k, f in zip(np.flatnonzero(known), factor, strict=True):
            kind = list(KINDS)[k]
            limit[kind] = high[kind] * float(np.clip(1.0 / max(f, 1e-9), _LEAST, MOST))
        return cls(limit, _expected(trials, nominal, rows))

    def stepped(self) -> Spread:
        """The same in steps of a hundredth, limits down.

        The search leaves near ties open, and the least difference decides them otherwise: so that a
        face and its mirror image, whose pilots differ by roundoff, are given the same problem.
        """
        down = {k: math.floor(mm / _STEP + 1e-6) * _STEP for k, mm in self.limit_mm.items()}
        return Spread(down, np.round(self.expected / _STEP) * _STEP)


def _joint_quantiles(growth: Array) -> Array:
    """Smallest factors (K,), all at one rank, that no more scenarios than allowed exceed."""
    n, kinds = growth.shape
    if kinds == 0:
        return np.zeros(0)
    ordered = np.sort(growth, axis=0)
    allowed = max(allowed_breaks(n), 0)
    for rank in range(n - 1 - allowed, n):
        factor = ordered[rank]
        if int((growth > factor).any(axis=1).sum()) <= allowed:
            return factor
    return ordered[-1]


def _expected(trials: Trials, nominal: Array, rows: Rows) -> Array:
    """Part of each goal attained on average over its nominal part; the mean where that is small."""
    goals = rows.goals
    part = np.clip(trials.read[trials.solved][:, :goals], 0.0, 1.0)
    if len(part) == 0:
        return np.ones(goals)
    mean, plain = part.mean(axis=0), nominal[:goals]
    known = plain >= _SMALL
    if not known.any():
        return np.ones(goals)
    overall = float(mean[known].sum() / plain[known].sum())
    return np.where(known, mean / np.where(known, plain, 1.0), overall)


@dataclass(frozen=True)
class Chance:
    """A plan under unseen scenarios, for plan.json.

    hold: share of the scenarios in which every limit holds; by kind the share in which that one
    does; goal: part of the goal attained, mean and 5th and 95th percentile; used: by kind, share
    of the 'high' threshold in use in the worst scenario that is allowed.
    """

    scenarios: int
    unsolved: int
    hold: float
    hold_by_kind: Mapping[str, float]
    goal_mean: float
    goal_low: float
    goal_high: float
    used: Mapping[str, float]
    wanted: float

    def to_json(self) -> dict[str, Any]:
        """The `chance` part of a verification."""
        return {
            "scenarios": self.scenarios,
            "unsolved": self.unsolved,
            "wanted": self.wanted,
            "limits_hold": round(self.hold, 4),
            "limits_hold_by_kind": {k: round(x, 4) for k, x in self.hold_by_kind.items()},
            "limits_used": {k: round(x, 3) for k, x in self.used.items()},
            "goal_attained": {
                "mean": round(self.goal_mean, 4),
                "low": round(self.goal_low, 4),
                "high": round(self.goal_high, 4),
            },
        }


def chance_of(used: Mapping[str, Array], part: Array, solved: NDArray[np.bool_]) -> Chance:
    """Summary of trials.

    used: by kind, share (n,) of its limit in use (infinite without equilibrium); part (n,): of the
    goal attained; solved (n,).
    """
    every = np.max(list(used.values()), axis=0)
    known = part[solved] if solved.any() else np.zeros(1)
    low, high = np.quantile(known, [0.05, 0.95])
    return Chance(
        len(solved),
        int((~solved).sum()),
        float(np.mean(every <= 1.0)),
        {k: float(np.mean(u <= 1.0)) for k, u in used.items()},
        float(known.mean()),
        float(low),
        float(high),
        {k: min(worst_allowed(u), _BEYOND) for k, u in used.items()},
        value("planning.limits.chance"),
    )
