"""From responses to a choice: one grid problem per side, both sides together, tensions polished."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from threadlift.evidence import value
from threadlift.planning.bounds import SideProblem
from threadlift.planning.candidates import Candidate, conflicts
from threadlift.planning.responses import Columns
from threadlift.planning.rows import Rows, chance_z, high_mm
from threadlift.planning.search import (
    WORK_LIMIT,
    Choice,
    SearchResult,
    choice_value,
    feasible,
    search,
)
from threadlift.planning.slips import Slips
from threadlift.threads.thread import Side

# Columns are rounded to this many decimals of a share: roundoff then flips no tie, and a mirrored
# face gives the mirrored problem to the last bit.
_DECIMALS = 4
# An item this far past a limit can only be used with another that offsets it; further is hopeless.
_ITEM_LIMIT = 1.2
# Share of a limit that corrected tensions aim at: the next solve differs by a few percent, the
# fine mesh shows up to 14 % more than the coarse one.
_AIM = 0.9
# How many choices of a side are tried on the other side as well.
_MIRRORED = 24


@dataclass(frozen=True)
class SideGrid:
    """The finite choice on one side.

    candidates: of this side; item i is candidate `problem.candidate[i]` at `problem.tension_n[i]`;
    response (m,q) all rows, as placed; zones, limits: positions of this side's rows; goal_mm (Z,);
    margin (m,len(limits)): what slips of the hand may add to the limits; expected (Z,): part of
    each goal that is attained on average, for each part as placed. What the search attains is
    expected.
    """

    side: Side
    candidates: tuple[Candidate, ...]
    problem: SideProblem
    response: NDArray
    zones: NDArray
    limits: NDArray
    limit_name: NDArray
    zone_names: tuple[str, ...]
    goal_mm: NDArray
    margin: NDArray
    expected: NDArray

    def restricted(self, keep: NDArray) -> SideGrid:
        """The grid over the items where keep (m,) is true."""
        return replace(
            self,
            problem=self.problem.subset(keep),
            response=self.response[keep],
            margin=self.margin[keep],
        )


def side_grid(
    side: Side,
    candidates: Sequence[Candidate],
    columns: Columns,
    rows: Rows,
    slips: Slips | None = None,
    expected: NDArray | None = None,
) -> SideGrid | None:
    """Grid of one side; None where the side has no goal or no candidate.

    slips: of all candidates' columns; expected (goals,): see :class:`SideGrid`. Without them the
    hand is exact and the tissue as calibrated.
    """
    mine = np.array([i for i, c in enumerate(candidates) if c.side == side], dtype=np.int64)
    zones, limits = rows.zones_of(side), rows.limits_of(side)
    if len(mine) == 0 or len(zones) == 0:
        return None
    position = np.full(len(candidates), -1, dtype=np.int64)
    position[mine] = np.arange(len(mine))
    own = [candidates[i] for i in mine]
    of_side = position[columns.candidate] >= 0
    response = np.round(columns.response[of_side], _DECIMALS) + 0.0
    who, tension = columns.candidate[of_side], columns.tension_n[of_side]
    margin = np.zeros((len(response), len(limits)))
    ways = np.ones(len(zones)) if expected is None else expected[zones]
    attain = response[:, zones] * ways
    if slips is not None:
        pull = tension[:, None]
        attain = attain + pull * slips.shift[np.ix_(who, zones)] * ways
        margin = _margin(
            response[:, limits],
            pull * slips.shift[np.ix_(who, limits)],
            pull * slips.sd[np.ix_(who, limits)],
            _growth(rows)[limits - rows.goals],
        )
    attain, margin = (np.round(x, _DECIMALS) + 0.0 for x in (attain, margin))
    allowed = (response[:, limits] + margin) / value("planning.limits.linear_excess")
    sane = (allowed.max(axis=1, initial=0.0) <= _ITEM_LIMIT) & (attain.max(axis=1) > 0.0)
    response, allowed, attain, margin = response[sane], allowed[sane], attain[sane], margin[sane]
    who, tension = position[who][sane], tension[sane]
    weights = rows.weights[zones]
    cost = value("planning.objective.thread_cost") + tension * value(
        "planning.objective.tension_cost"
    )
    problem = SideProblem(
        attain=np.ascontiguousarray(attain),
        limits=np.column_stack([allowed[:, _reachable(allowed)], _hit_share(own)[who]]),
        candidate=who,
        tension_n=tension,
        cost=cost,
        conflict=conflicts(own),
        weights=weights / weights.sum(),
        theta=value("planning.objective.worst_zone_share"),
        overshoot=value("planning.limits.overshoot"),
        tension_cap_n=value("planning.safety.tension_side"),
    )
    return SideGrid(
        side, tuple(own), problem, response, zones, limits,
        np.array(rows.limit_name)[limits - rows.goals],
        tuple(rows.zones[z].removesuffix(f"_{side}") for z in zones), rows.goal_mm[zones],
        margin, ways,
    )  # fmt: skip


def _growth(rows: Rows) -> NDArray:
    """By limit row: how much more than nominal the tissue is allowed for in the nominal limit."""
    high = high_mm()
    return np.array([high[name] / rows.limit_mm[name] for name in rows.limit_name])


def _margin(plain: NDArray, shift: NDArray, sd: NDArray, growth: NDArray) -> NDArray:
    """What the hand adds to rows (m,k) beyond what the nominal limit keeps for the tissue already.

    Tissue makes at most `growth` (k,) times the nominal response with the wanted chance. The hand's
    spread is independent of it: the root of both squares is what holds with that chance.
    """
    tissue = (growth - 1.0) * np.maximum(plain + shift, 0.0)
    return shift + (np.hypot(tissue, chance_z() * sd) - tissue) / growth


def _hit_share(candidates: Sequence[Candidate]) -> NDArray:
    """Share (C,) of one side's allowance for touching anything that each candidate uses up.

    Chances of staying clear multiply, so their logarithms add up: the limit is linear.
    """
    clear = -np.log1p(-np.minimum([c.p_hit for c in candidates], 0.999))
    allowed = -np.log1p(-value("planning.safety.p_hit_plan")) / 2.0
    return np.round(clear / allowed, _DECIMALS)


def _reachable(allowed: NDArray) -> NDArray:
    """Limit rows (K,) that the six worst items together could break; the others never bind."""
    most = int(value("planning.safety.threads_side"))
    worst = -np.sort(-np.maximum(allowed, 0.0), axis=0)[:most]
    return worst.sum(axis=0) > 1.0


def search_side(grid: SideGrid | None, n_max: int, work_limit: int = WORK_LIMIT) -> SearchResult:
    """Best choice of at most n_max threads on a side; empty where there is nothing to choose.

    A side's share of the gap is what the register leaves to it, of what is attained. Where the
    limit of work ends the search, half as much goes into one thread less: an easier search, whose
    choice may be the better one.
    """
    if grid is None:
        return SearchResult(Choice((), 0.0), 0.0, 0, True, (Choice((), 0.0),))
    share = value("planning.search.side_gap")
    result = search(grid.problem, n_max, relative=share, work_limit=work_limit)
    if result.complete or n_max == 1:
        return result
    fewer = search_side(grid, n_max - 1, work_limit // 2)
    both = {c.items: c for c in (*result.pool, *fewer.pool)}
    pool = tuple(sorted(both.values(), key=lambda c: (-c.value, c.items)))
    return SearchResult(
        pool[0], max(result.bound, pool[0].value), result.nodes + fewer.nodes, False, pool,
        result.work + fewer.work,
    )  # fmt: skip


def gap_allowed(bound: float) -> float:
    """Gap that a plan is to be proven within, for the bound (sum over the sides)."""
    return max(value("planning.search.gap") * bound, 2.0 * value("planning.search.least_gap"))


def remaining_mm(grid: SideGrid, items: Sequence[int]) -> dict[str, float]:
    """What is left of each zone's goal [mm] under a choice."""
    r = grid.problem.attain[list(items)].sum(axis=0) if items else np.zeros(len(grid.zones))
    left = grid.goal_mm * (1.0 - r)
    return dict(zip(grid.zone_names, left.tolist(), strict=True))


def combine(
    grids: Mapping[Side, SideGrid | None], results: Mapping[Side, SearchResult]
) -> tuple[dict[Side, Choice], float]:
    """The best pair of sides that stays balanced, and its worst asymmetry [mm].

    Balance: in every zone with a goal on both sides, what is left of the goal may not differ by
    more than the limit. Among pairs that are hardly worse than the best, the one with most threads
    in common (mirror images) is taken: a face should be treated alike where that costs little.
    """
    limit = value("planning.limits.asymmetry")
    left, right = grids["left"], grids["right"]
    pools = {
        "left": _with_mirrored(left, results["left"].pool, right, results["right"].pool),
        "right": _with_mirrored(right, results["right"].pool, left, results["left"].pool),
    }
    uneven = _asymmetry(left, pools["left"], right, pools["right"])
    worth = np.add.outer([a.value for a in pools["left"]], [b.value for b in pools["right"]])
    balanced = uneven <= limit
    if not balanced.any():
        balanced = uneven <= uneven.min() + 1e-9
    best = float(worth[balanced].max())
    # Likeness may not cost the gap that is to be proven.
    bound = results["left"].bound + results["right"].bound
    proven = bound - gap_allowed(bound)
    least = max(best - value("planning.objective.likeness"), min(best, proven)) - 1e-9
    near = [
        (pools["left"][i], pools["right"][j], float(uneven[i, j]))
        for i, j in zip(*np.nonzero(balanced & (worth >= least)), strict=True)
    ]
    a, b, worst = min(
        near,
        key=lambda p: (
            -_alike(left, p[0], right, p[1]),
            -round(p[0].value + p[1].value, 9),
            p[0].items,
            p[1].items,
        ),
    )
    return {"left": a, "right": b}, worst


def _with_mirrored(
    grid: SideGrid | None, pool: Sequence[Choice], other: SideGrid | None, theirs: Sequence[Choice]
) -> list[Choice]:
    """A side's pool and the mirror images of the other side's best choices that work here, too."""
    found = {c.items: c for c in pool}
    if grid is None or other is None:
        return list(found.values())
    p, q = grid.problem, other.problem
    here = {
        (grid.candidates[c].index, round(float(t), 6)): i
        for i, (c, t) in enumerate(zip(p.candidate, p.tension_n, strict=True))
    }
    for choice in theirs[:_MIRRORED]:
        twins = [
            here.get((other.candidates[q.candidate[i]].index, round(float(q.tension_n[i]), 6)))
            for i in choice.items
        ]
        items = tuple(sorted(t for t in twins if t is not None))
        if len(items) == len(choice.items) and items not in found and feasible(p, items):
            found[items] = Choice(items, choice_value(p, items))
    return list(found.values())


def _asymmetry(
    left: SideGrid | None, a: Sequence[Choice], right: SideGrid | None, b: Sequence[Choice]
) -> NDArray:
    """Worst difference (A,B) [mm] of what is left of a goal on both sides, for every pair."""
    out = np.zeros((len(a), len(b)))
    if left is None or right is None:
        return out
    mine = [remaining_mm(left, c.items) for c in a]
    theirs = [remaining_mm(right, c.items) for c in b]
    for z in left.zone_names:
        if z in right.zone_names:
            apart = np.subtract.outer([m[z] for m in mine], [t[z] for t in theirs])
            out = np.maximum(out, np.abs(apart))
    return out


def _alike(left: SideGrid | None, a: Choice, right: SideGrid | None, b: Choice) -> int:
    if left is None or right is None:
        return 0
    mine = {left.candidates[left.problem.candidate[i]].index for i in a.items}
    other = {right.candidates[right.problem.candidate[i]].index for i in b.items}
    return len(mine & other)


def margin_of(grid: SideGrid, chosen: Sequence[tuple[Candidate, float]]) -> NDArray:
    """What slips of the hand may add to the limits (len(limits),) of threads of this side."""
    p = grid.problem
    number = {c.index: i for i, c in enumerate(grid.candidates)}
    out = np.zeros(len(grid.limits))
    for c, tension in chosen:
        mine = np.flatnonzero(p.candidate == number[c.index])
        levels = np.concatenate([[0.0], p.tension_n[mine]])
        margins = np.vstack([np.zeros(len(out)), grid.margin[mine]])
        at = min(int(np.searchsorted(levels, tension)), len(levels) - 1)
        if at == 0:
            continue
        share = (tension - levels[at - 1]) / (levels[at] - levels[at - 1])
        out += margins[at - 1] + share * (margins[at] - margins[at - 1])
    return out


@dataclass(frozen=True)
class Polished:
    """Tensions of chosen threads and the linear rows that they give."""

    chosen: tuple[tuple[Candidate, float], ...]
    response: NDArray


def polish(
    grid: SideGrid, items: Sequence[int], correction: NDArray | None = None
) -> Polished | None:
    """Tensions between the levels that make the most of a chosen set: a linear programme.

    correction (q,): what a nonlinear solve of the same threads showed beyond the linear rows; the
    programme then aims at the corrected rows. Without one, limits are loosened by the known
    excess of the linear model. None when the set cannot keep the limits at any tension.
    """
    p = grid.problem
    who = sorted({int(p.candidate[i]) for i in items})
    if not who:
        return Polished((), np.zeros(grid.response.shape[1]))
    part = np.flatnonzero(np.isin(p.candidate, who))
    m, zones = len(part), len(grid.zones)
    attain = p.attain[part].T
    limit = (grid.response[np.ix_(part, grid.limits)] + grid.margin[part]).T
    if correction is None:
        offset, aim = np.zeros(zones), 1.0
        allowed = np.full(len(grid.limits), value("planning.limits.linear_excess"))
    else:
        offset, aim = correction[grid.zones] * grid.expected, _AIM
        allowed = _AIM - correction[grid.limits]
    binding = limit.max(axis=1, initial=0.0) > 1e-3
    eye, none = np.eye(zones), np.zeros
    upper = np.vstack(
        [
            np.hstack([-attain, -eye, none((zones, 1))]),
            np.hstack([none((zones, m)), eye, -np.ones((zones, 1))]),
            np.hstack([attain, none((zones, zones + 1))]),
            np.hstack([limit[binding], none((int(binding.sum()), zones + 1))]),
            np.concatenate([p.tension_n[part], none(zones + 1)])[None],
        ]
    )
    bound = np.concatenate(
        [
            offset - 1.0,
            none(zones),
            aim * p.overshoot - offset,
            allowed[binding],
            [p.tension_cap_n],
        ]
    )
    once = np.array([[*(p.candidate[part] == c), *none(zones + 1)] for c in who], dtype=float)
    solution = linprog(
        np.concatenate([p.cost[part], (1.0 - p.theta) * p.weights, [p.theta]]),
        A_ub=upper,
        b_ub=bound,
        A_eq=once,
        b_eq=np.ones(len(who)),
        bounds=(0, None),
        method="highs-ds",
    )
    if solution.status != 0:
        return None
    x = solution.x[:m]
    tension = {c: float(x[p.candidate[part] == c] @ p.tension_n[part][p.candidate[part] == c])
               for c in who}  # fmt: skip
    return Polished(tuple((grid.candidates[c], tension[c]) for c in who), x @ grid.response[part])
