"""Both sides as one problem: the best pair of choices that stays balanced, with a proven bound.

With d_z what is left of zone z's goal on the left minus on the right [mm], balance asks
|d_z| <= b wherever both sides have a goal. For any prices lambda (of either sign)

    f_L + f_R  <=  f_L + f_R - lambda . d + b sum |lambda|   for every balanced pair,

and d is a sum over the items of both sides, so that the right-hand side falls apart into the grid
problem of either side with changed costs. Their proven bounds add up to one of the coupled problem.
Without prices this is the sum of both sides alone, which settles every face whose best pair is
balanced anyway; else the prices follow the subgradient towards the best pair known, and the choices
found on the way are paired as well. What remains is stated as a gap, never hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.planning.bounds import SideProblem
from threadlift.planning.optimise import SideGrid, combine, gap_allowed, search_side
from threadlift.planning.search import (
    WORK_LIMIT,
    Choice,
    SearchResult,
    choice_value,
    search,
)
from threadlift.threads.thread import SIDES, Side

# Price changes at most.
_ROUNDS = 6


@dataclass(frozen=True)
class Coupled:
    """A pair of choices and what is proven of it.

    objective, bound: sums over the sides, costs of threads included; uneven_mm: worst difference
    between the sides of what is left of a goal; balanced: within the limit (the bound is one on
    balanced pairs where there is any); results: of each side alone; rounds: price changes; work:
    items looked at.
    """

    choice: Mapping[Side, Choice]
    objective: float
    bound: float
    uneven_mm: float
    balanced: bool
    results: Mapping[Side, SearchResult]
    rounds: int
    work: int


def choose(
    grids: Mapping[Side, SideGrid | None], n_max: int, work_limit: int = WORK_LIMIT
) -> Coupled:
    """The best balanced pair of at most n_max threads per side; work_limit is one per side."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        tasks = {s: pool.submit(search_side, grids[s], n_max, work_limit) for s in SIDES}
        alone: dict[Side, SearchResult] = {s: tasks[s].result() for s in SIDES}
        choice, uneven = combine(grids, alone)
        objective = choice["left"].value + choice["right"].value
        bound = sum(alone[s].bound for s in SIDES)
        work = sum(alone[s].work for s in SIDES)
        limit = value("planning.limits.asymmetry")
        left, right = grids["left"], grids["right"]
        rounds = 0
        if left is not None and right is not None:
            plain: dict[Side, SideProblem] = {"left": left.problem, "right": right.problem}
            priced = _Priced.of(left, right, limit)
            # What a side may leave open; its value under prices says little about it.
            least, share = value("planning.search.least_gap"), value("planning.search.side_gap")
            spare = {s: max(least, share * alone[s].best.value) for s in SIDES}
            pools: dict[Side, SearchResult] = dict(alone)
            prices = np.zeros(len(priced.goal_left))
            last: dict[Side, Choice] = {s: alone[s].best for s in SIDES}
            unpriced = bound
            while rounds < _ROUNDS and work <= 2 * work_limit:
                allowed = gap_allowed(bound)
                missing = bound - objective if uneven <= limit else allowed
                if uneven <= limit and missing <= allowed + 1e-8:
                    break
                moved = priced.moved(prices, last, missing)
                if moved is None:
                    break
                prices = moved
                rounds += 1
                problems = priced.problems(prices)
                found = {
                    s: pool.submit(_again, problems[s], n_max, pools[s].pool, spare[s], work_limit)
                    for s in SIDES
                }
                done: dict[Side, SearchResult] = {s: found[s].result() for s in SIDES}
                work += sum(done[s].work for s in SIDES)
                bound = min(bound, priced.bound(prices, done))
                last = {s: done[s].best for s in SIDES}
                pools = {s: _joined(plain[s], pools[s], done[s]) for s in SIDES}
                other, other_uneven = combine(grids, pools)
                worth = other["left"].value + other["right"].value
                if (other_uneven > limit, -worth) < (uneven > limit, -objective - 1e-12):
                    choice, uneven, objective = other, other_uneven, worth
            if uneven > limit:
                # No balanced pair is known: the bound is one on all pairs.
                bound = unpriced
    return Coupled(
        choice, objective, max(bound, objective), uneven, uneven <= limit, alone, rounds, work
    )


def _again(
    problem: SideProblem, n_max: int, pool: tuple[Choice, ...], tolerance: float, limit: int
) -> SearchResult:
    """The search of a side under changed costs, from the best of what is known."""
    known = [Choice(c.items, choice_value(problem, c.items)) for c in pool]
    start = min(known, key=lambda c: (-c.value, c.items))
    return search(problem, n_max, tolerance=tolerance, start=start, work_limit=limit)


def _joined(problem: SideProblem, before: SearchResult, found: SearchResult) -> SearchResult:
    """The pool with the choices of another search in it, at their value without prices."""
    pool = {c.items: c for c in before.pool}
    for c in found.pool:
        pool.setdefault(c.items, Choice(c.items, choice_value(problem, c.items)))
    ranked = sorted(pool.values(), key=lambda c: (-c.value, c.items))
    return replace(before, pool=tuple(ranked))


@dataclass(frozen=True)
class _Priced:
    """Balance as prices: positions on either side of the zones that both have, their goals [mm]."""

    left: SideProblem
    right: SideProblem
    on_left: NDArray
    on_right: NDArray
    goal_left: NDArray
    goal_right: NDArray
    limit_mm: float

    @classmethod
    def of(cls, left: SideGrid, right: SideGrid, limit_mm: float) -> _Priced:
        shared = [z for z in left.zone_names if z in right.zone_names]
        a = np.array([left.zone_names.index(z) for z in shared], dtype=np.int64)
        b = np.array([right.zone_names.index(z) for z in shared], dtype=np.int64)
        return cls(left.problem, right.problem, a, b, left.goal_mm[a], right.goal_mm[b], limit_mm)

    def difference(self, choice: Mapping[Side, Choice]) -> NDArray:
        """What is left on the left minus on the right (Z,) [mm], for a pair."""
        a = self.left.attain[list(choice["left"].items)][:, self.on_left].sum(axis=0)
        b = self.right.attain[list(choice["right"].items)][:, self.on_right].sum(axis=0)
        return self.goal_left * (1.0 - a) - self.goal_right * (1.0 - b)

    def problems(self, prices: NDArray) -> dict[Side, SideProblem]:
        """Either side's problem with the prices (Z,) [1/mm] in its costs."""
        credit = self.left.attain[:, self.on_left] @ (prices * self.goal_left)
        charge = self.right.attain[:, self.on_right] @ (prices * self.goal_right)
        return {
            "left": replace(self.left, cost=self.left.cost - credit),
            "right": replace(self.right, cost=self.right.cost + charge),
        }

    def bound(self, prices: NDArray, results: Mapping[Side, SearchResult]) -> float:
        """Bound on every balanced pair that the sides' bounds under the prices imply."""
        constant = self.limit_mm * np.abs(prices).sum()
        constant += prices @ (self.goal_right - self.goal_left)
        return results["left"].bound + results["right"].bound + float(constant)

    def moved(
        self, prices: NDArray, choice: Mapping[Side, Choice], missing: float
    ) -> NDArray | None:
        """Prices after a step along the subgradient; None where there is nothing to gain."""
        d = self.difference(choice)
        sign = np.where(prices != 0.0, np.sign(prices), np.sign(d))
        slope = d - self.limit_mm * sign
        # A zone without a price needs none while it is balanced.
        slope[(prices == 0.0) & (np.abs(d) <= self.limit_mm)] = 0.0
        norm = float(slope @ slope)
        if norm < 1e-12:
            return None
        stepped = prices + missing * slope / norm
        # Not across zero in one step: the slope is another one there.
        stepped[(prices != 0.0) & (np.sign(stepped) != np.sign(prices))] = 0.0
        return stepped
