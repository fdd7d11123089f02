"""Plans that hold for tissues and hands other than the nominal ones.

Before the search, a plan of few threads is tried under scenarios: what they make of it gives this
face's nominal limits and the part of each goal that is attained on average. After it, the chosen
plan is tried under scenarios that nothing has seen yet, and pulled less until limits hold with the
wanted chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import SolverError
from threadlift.evidence import value
from threadlift.planning.chance import (
    Chance,
    Spread,
    chance_of,
    used_of_high,
    worst_allowed,
)
from threadlift.planning.coupled import choose
from threadlift.planning.fine import on_fine
from threadlift.planning.linear import LinearModel
from threadlift.planning.reading import ratio
from threadlift.planning.rows import KINDS, Rows
from threadlift.planning.scenarios import Scenarios, Trials
from threadlift.planning.verify import Verified, settle, solve
from threadlift.threads.thread import SIDES
from threadlift.tissue import Tissue

Array = NDArray[np.float64]
Progress = Callable[[float], None]

# Threads per side of the plan on which a face's spread is learnt, and the work to find it.
_PILOT_THREADS = 2
_PILOT_WORK = 20_000_000
# Trials of a plan, each after pulling less. Limits grow less than in proportion to tension.
_TRIALS = 3
_AIM = 0.95
_LEAST_SCALE = 0.5


def face_spread(
    coarse: Tissue, model: LinearModel, scenarios: Scenarios, progress: Progress | None = None
) -> Spread | None:
    """What tissues and hands make of a plan of few threads on this face; None without a plan."""
    grids = model.grids()
    choice = choose(grids, _PILOT_THREADS, _PILOT_WORK).choice
    if not any(choice[s].items for s in SIDES):
        return None
    pilot = settle(coarse, model.rows, grids, {s: choice[s].items for s in SIDES})
    if not pilot.threads:
        return None
    trials = scenarios.tried(model.rows, pilot.threads, pilot.displacement, progress)
    return Spread.of(trials, pilot.read, model.rows)


@dataclass(frozen=True)
class Hardened:
    """A plan verified on the finest mesh, and what unseen scenarios make of it."""

    verified: Verified
    chance: Chance | None

    @property
    def holds(self) -> bool:
        """True when limits hold nominally and, if that was asked, with the wanted chance."""
        c = self.chance
        return self.verified.within and (c is None or c.hold >= c.wanted)


def hardened(
    coarse: Tissue,
    rows: Rows,
    tissue: Tissue,
    read_by: Rows,
    plan: Verified,
    scenarios: Scenarios | None,
    progress: Progress | None = None,
) -> Hardened:
    """A plan that was settled on the coarse mesh, verified on the fine one and under scenarios.

    rows, read_by: of the coarse and of the fine mesh, with the same nominal limits. Scenarios are
    solved on the coarse mesh; what the fine one says of the plan as such corrects them.
    """
    same = tissue.mesh.level == coarse.mesh.level
    found = plan if same else on_fine(tissue, read_by, coarse, plan)
    if scenarios is None or not found.threads:
        return Hardened(found, None)
    chance = None
    near = plan.displacement
    for trial in range(_TRIALS):
        plain = found if same else _solved(coarse, rows, found, near)
        near = plain.displacement
        trials = scenarios.tried(rows, plain.threads, near, _within(progress, trial))
        used = _used(trials, plain, found, rows)
        chance = chance_of(used, _attained(trials, plain, found, rows), trials.solved)
        level = worst_allowed(np.max(list(used.values()), axis=0))
        if level <= 1.0 or trial == _TRIALS - 1:
            break
        scale = float(np.clip(_AIM / level, _LEAST_SCALE, _AIM))
        less = [(c, scale * t) for c, t in found.chosen]
        found = solve(tissue, read_by, less, scale * found.displacement)
    return Hardened(found, chance)


def _solved(coarse: Tissue, rows: Rows, found: Verified, near: NDArray) -> Verified:
    """The fine mesh's plan on the coarse one, from a nearby solution or from rest."""
    try:
        return solve(coarse, rows, found.chosen, near)
    except SolverError:
        return solve(coarse, rows, found.chosen)


def _used(trials: Trials, plain: Verified, found: Verified, rows: Rows) -> dict[str, Array]:
    """Share (n,) of each limit in use, brought from the coarse to the fine mesh."""
    keys = [f"{kind}_{side}" for kind in KINDS for side in SIDES]
    factor = np.array([ratio(found.used[k], plain.used[k]) for k in keys])
    used = (used_of_high(trials.read, rows) * factor).reshape(-1, len(KINDS), len(SIDES))
    by_kind = {kind: used[:, k].max(axis=1) for k, kind in enumerate(KINDS)}
    most = (trials.read[:, : rows.goals] * _by_zone(plain, found, rows)).max(axis=1)
    over = np.where(trials.solved, most, np.inf) / value("planning.limits.overshoot")
    return by_kind | {"overshoot": over}


def _attained(trials: Trials, plain: Verified, found: Verified, rows: Rows) -> Array:
    """Weighted part (n,) of the goal that is attained; nothing without equilibrium."""
    share = trials.read[:, : rows.goals] * _by_zone(plain, found, rows)
    part = np.clip(np.nan_to_num(share), 0.0, 1.0) @ rows.weights
    return part / max(float(rows.weights.sum()), 1e-12)


def _by_zone(plain: Verified, found: Verified, rows: Rows) -> Array:
    return np.array([ratio(found.share[z], plain.share[z]) for z in rows.zones])


def _within(progress: Progress | None, trial: int) -> Progress | None:
    """The first trial fills the bar; repetitions are not known beforehand."""
    return progress if trial == 0 else None


def verification(found: Hardened, limit_mm: Mapping[str, float]) -> dict[str, object]:
    """The `verification` part of plan.json."""
    out: dict[str, object] = found.verified.to_json()
    out["nominal_limits_mm"] = {k: round(x, 3) for k, x in limit_mm.items()}
    if found.chance is not None:
        out["chance"] = found.chance.to_json()
    return out
