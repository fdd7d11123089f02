"""Plans that hold for tissues and hands other than the nominal ones.

Before the search, a plan of few threads is tried under scenarios: what they make of it gives this
face's nominal limits and the part of each goal that is attained on average. After it, the chosen
plan is tried under scenarios that nothing has seen yet, and pulled less until limits hold with the
wanted chance; or more, where the pilot was more cautious than this plan needs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import SolverError
from threadlift.evidence import value
from threadlift.planning.candidates import DIGITS, Candidate
from threadlift.planning.chance import (
    MOST,
    Chance,
    Spread,
    allowed_breaks,
    chance_of,
    used_of_high,
    worst_allowed,
)
from threadlift.planning.coupled import choose
from threadlift.planning.fine import on_fine
from threadlift.planning.linear import LinearModel
from threadlift.planning.optimise import SideGrid
from threadlift.planning.reading import limits_used, ratio
from threadlift.planning.rows import KINDS, Rows, high_mm
from threadlift.planning.scenarios import Scenarios, Trials
from threadlift.planning.verify import Verified, objective, read_again, settle, solve
from threadlift.threads.thread import SIDES, Side
from threadlift.tissue import Tissue

Array = NDArray[np.float64]
Progress = Callable[[float], None]

# Threads per side of the plan on which a face's spread is learnt, and the work to find it.
_PILOT_THREADS = 2
_PILOT_WORK = 20_000_000
# Scenarios that set a plan's pull before all of them are asked whether it holds.
_SCREEN = 24
# Trials of a plan, each after changing the pull. Limits grow less than in proportion to tension.
_TRIALS = 3
_AIM = 0.96
# A plan that needs only this share of what the limits leave is pulled more, once, by so much.
_TIMID = 0.9
_SCALES = (0.5, 1.3)
_HALVINGS = 12
# Nominal limits are kept by this much when a plan is pulled more, which has to be worth a solve.
_SURE = 0.98
_WORTH = 1.03


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
    return Spread.of(trials, pilot.read, model.rows).stepped()


def in_scenarios(
    rows: Rows,
    grids: Mapping[Side, SideGrid | None],
    plan: Verified,
    scenarios: Scenarios,
    progress: Progress | None = None,
) -> tuple[float, float]:
    """What scenarios make of a plan: the search's objective at the pull at which limits hold, and
    that pull as a share of the plan's.

    rows, plan: of the mesh of the scenarios.
    """
    trials = scenarios.tried(rows, plan.threads, plan.displacement, progress)
    if not trials.solved.any():
        return -math.inf, 1.0
    # A guess of the pull, not a promise: as many as hold on average are enough.
    few = int((1.0 - value("planning.limits.chance")) * len(trials.solved))
    pull = min(_pull_that_holds(trials, plan, plan, rows, few), 1.0)
    part = np.clip(pull * trials.read[trials.solved][:, : rows.goals], 0.0, 1.0).mean(axis=0)
    share = dict(zip(rows.zones, part.tolist(), strict=True))
    return objective(grids, share, [(c, pull * t) for c, t in plan.chosen]), pull


def pulled(coarse: Tissue, rows: Rows, plan: Verified, share: float) -> Verified:
    """The plan with all threads pulled with this share; as it is where that has no equilibrium."""
    try:
        return solve(coarse, rows, _pulled(plan, share), plan.displacement)
    except SolverError:
        return plan


@dataclass(frozen=True)
class Hardened:
    """A plan verified on the finest mesh, and what unseen scenarios make of it.

    rows, read_by: of the coarse and of the finest mesh, with the nominal limits that apply.
    """

    verified: Verified
    chance: Chance | None
    rows: Rows
    read_by: Rows

    @property
    def holds(self) -> bool:
        """True when limits hold nominally and, if that was asked, with the wanted chance."""
        c = self.chance
        return self.verified.within and (c is None or c.hold >= c.wanted)

    def to_json(self) -> dict[str, Any]:
        """The `verification` part of plan.json."""
        out = self.verified.to_json()
        out["nominal_limits_mm"] = {k: round(x, 3) for k, x in self.rows.limit_mm.items()}
        if self.chance is not None:
            out["chance"] = self.chance.to_json()
        return out


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
        return Hardened(found, None, rows, read_by)
    at = _Pulled(coarse, rows, tissue, read_by, found, plan.displacement)
    # A few of the scenarios set the pull; all of them say whether it holds.
    some = scenarios.part(slice(0, _SCREEN))
    part = len(some.members) / (len(some.members) + len(scenarios.members))
    first = _tested(at, some, _between(progress, 0.0, part))
    at = _adjusted(first, _comparable(len(some.members), len(scenarios.members)))
    tested = first
    if at is not first.plan or len(some.members) < len(scenarios.members):
        tested = _tested(at, scenarios, _between(progress, part, 1.0))
    for _ in range(_TRIALS - 1):
        if tested.level() <= 1.0:
            break
        tested = _tested(_less(tested), scenarios)
    at, chance = tested.plan, tested.chance
    found, rows, read_by = at.found, at.rows, at.read_by
    if not found.within and tested.level() <= 1.0:
        # Less pull may use more of a nominal limit, where a cog that slipped now holds. Nominal
        # limits stand for what scenarios leave; where those have been asked, theirs is the word.
        limit_mm = _needed(found, read_by)
        rows, read_by = rows.limited(limit_mm), read_by.limited(limit_mm)
        found = read_again(found, read_by)
    return Hardened(found, chance, rows, read_by)


@dataclass(frozen=True)
class _Pulled:
    """A plan at some pull with the nominal limits that apply to it, on both meshes.

    near: (N, 3) [mm] a displacement of the coarse mesh close to the plan's.
    """

    coarse: Tissue
    rows: Rows
    tissue: Tissue
    read_by: Rows
    found: Verified
    near: NDArray

    @property
    def same_mesh(self) -> bool:
        """Whether the plan is verified on the mesh of the scenarios."""
        return self.tissue.mesh.level == self.coarse.mesh.level


@dataclass(frozen=True)
class _Tested:
    """What scenarios make of a plan; plain: the plan as such on their mesh."""

    plan: _Pulled
    plain: Verified
    trials: Trials

    @property
    def used(self) -> dict[str, Array]:
        """Share (n,) of each limit in use."""
        return _used(self.trials, self.plain, self.plan.found, self.plan.rows)

    def level(self, allowed: int | None = None) -> float:
        """Use of the limits that no more than the allowed scenarios exceed."""
        return worst_allowed(np.max(list(self.used.values()), axis=0), allowed)

    def pull_that_holds(self, allowed: int | None = None) -> float:
        """Factor on the pull at which these trials would keep limits."""
        return _pull_that_holds(self.trials, self.plain, self.plan.found, self.plan.rows, allowed)

    @property
    def chance(self) -> Chance:
        """Summary for plan.json."""
        part = _attained(self.trials, self.plain, self.plan.found, self.plan.rows)
        return chance_of(self.used, part, self.trials.solved)


def _tested(at: _Pulled, scenarios: Scenarios, progress: Progress | None = None) -> _Tested:
    """The plan under scenarios."""
    plain = at.found if at.same_mesh else _solved(at.coarse, at.rows, at.found, at.near)
    at = replace(at, near=plain.displacement) if not at.same_mesh else at
    trials = scenarios.tried(at.rows, plain.threads, plain.displacement, progress)
    return _Tested(at, plain, trials)


def _comparable(few: int, all_of_them: int) -> int:
    """Of a few scenarios, how many may break a limit where that is allowed to some of many more:
    so many that an unseen one is as likely to be worse than the next.
    """
    wanted = (few + 1) * (allowed_breaks(all_of_them) + 1) / (all_of_them + 1)
    return max(round(wanted) - 1, 0)


def _adjusted(tested: _Tested, allowed: int) -> _Pulled:
    """The plan pulled less, or more where scenarios leave room; itself where it is right."""
    level = tested.level(allowed)
    if level > 1.0:
        return _less(tested, allowed)
    if level >= _TIMID:
        return tested.plan
    # What these scenarios leave to this plan replaces what the pilot did.
    at, rows, found = tested.plan, tested.plan.rows, tested.plan.found
    limit_mm = _raised(rows.limit_mm, level)
    room = {k: limit_mm[k] / rows.limit_mm[k] for k in KINDS}
    rest = min(_room(k, room) / max(u, 1e-9) for k, u in found.used.items())
    scale = min(tested.pull_that_holds(allowed), _SURE * rest)
    if scale < _WORTH:
        return at
    wider = at.read_by.limited(limit_mm)
    more = _more(at.tissue, wider, _pulled(found, scale), found.displacement)
    if more is None:
        return at
    return replace(at, found=more, rows=rows.limited(limit_mm), read_by=wider)


def _less(tested: _Tested, allowed: int | None = None) -> _Pulled:
    """The plan pulled so much less that these scenarios would keep limits."""
    at = tested.plan
    pulled = _pulled(at.found, tested.pull_that_holds(allowed))
    return replace(at, found=solve(at.tissue, at.read_by, pulled, at.found.displacement))


def _pull_that_holds(
    trials: Trials, plain: Verified, found: Verified, rows: Rows, allowed: int | None = None
) -> float:
    """Factor on the pull at which these trials would keep limits, if all of a reading grew with it.

    What is beyond a goal falls faster than the pull, so that it is read anew for every factor.
    """
    low, high = _SCALES
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        used = _used(replace(trials, read=middle * trials.read), plain, found, rows)
        if worst_allowed(np.max(list(used.values()), axis=0), allowed) <= _AIM:
            low = middle
        else:
            high = middle
    return low


def _needed(found: Verified, read_by: Rows) -> dict[str, float]:
    """Nominal limits that a plan needs, below the thresholds as such."""
    used = limits_used(read_by, found.read)
    out = {}
    for kind, mm in read_by.limit_mm.items():
        most = max(used[f"{kind}_{s}"] for s in SIDES)
        out[kind] = max(mm, min(mm * most / _SURE, MOST * high_mm()[kind]))
    return out


def _pulled(found: Verified, scale: float) -> tuple[tuple[Candidate, float], ...]:
    """Threads pulled less or more, within what their cogs hold and a side may carry."""
    for side in SIDES:
        total = sum(t for c, t in found.chosen if c.side == side)
        if total > 0.0:
            scale = min(scale, value("planning.safety.tension_side") / total)
    return tuple(
        (c, round(min(scale * t, max(c.levels_n[-1], t)), DIGITS)) for c, t in found.chosen
    )


def _more(
    tissue: Tissue, read_by: Rows, pulled: Sequence[tuple[Candidate, float]], near: NDArray
) -> Verified | None:
    """The plan pulled more; None where that has no equilibrium or breaks a nominal limit."""
    try:
        found = solve(tissue, read_by, pulled, near)
    except SolverError:
        return None
    return found if found.within else None


def _room(key: str, room: Mapping[str, float]) -> float:
    """How much more of a nominal limit may be used; overshoot has no other limit."""
    return room.get(key.rsplit("_", 1)[0], 1.0)


def _raised(limit_mm: Mapping[str, float], level: float) -> dict[str, float]:
    """Nominal limits that leave this plan what its scenarios do, below the thresholds as such."""
    return {k: max(x, min(x * _AIM / level, MOST * high_mm()[k])) for k, x in limit_mm.items()}


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
    # More than was asked for counts where it is more than a share of the goal and can be seen.
    share = trials.read[:, : rows.goals] * _by_zone(plain, found, rows)
    beyond = (share - 1.0) * rows.goal_mm
    free = np.maximum(
        (value("planning.limits.overshoot") - 1.0) * rows.goal_mm,
        value("planning.limits.useful_lift"),
    )
    over = np.maximum((beyond / free).max(axis=1), 0.0)
    return by_kind | {"overshoot": np.where(trials.solved, over, np.inf)}


def _attained(trials: Trials, plain: Verified, found: Verified, rows: Rows) -> Array:
    """Weighted part (n,) of the goal that is attained; nothing without equilibrium."""
    share = trials.read[:, : rows.goals] * _by_zone(plain, found, rows)
    part = np.clip(np.nan_to_num(share), 0.0, 1.0) @ rows.weights
    return part / max(float(rows.weights.sum()), 1e-12)


def _by_zone(plain: Verified, found: Verified, rows: Rows) -> Array:
    return np.array([ratio(found.share[z], plain.share[z]) for z in rows.zones])


def _between(progress: Progress | None, low: float, high: float) -> Progress | None:
    """Progress of a part of the work."""
    return None if progress is None else lambda f: progress(low + (high - low) * f)
