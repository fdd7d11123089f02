"""The trade-off on one face: the goal that is attained against threads and side effects.

For every number of threads and every share of the face's nominal limits the best choice of the grid
is solved in the nonlinear model. What is kept is what no other point beats: none attains as much
with no more threads and no more use of the limits. A point need not use the share that it was
searched for; what it uses is read from its solution.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from threadlift.errors import SolverError
from threadlift.evidence import table
from threadlift.planning.coupled import choose
from threadlift.planning.linear import LinearModel
from threadlift.planning.optimise import SideGrid
from threadlift.planning.reading import limits_used, ratio
from threadlift.planning.rows import Rows
from threadlift.planning.safety import SafetyCase
from threadlift.planning.verify import Verified, polished, solve
from threadlift.threads.thread import SIDES, Side
from threadlift.tissue import Tissue

# The front needs no proof: its searches may stop early.
_WORK = 20_000_000
# Share of the limits that a choice is brought to which breaks them.
_AIM = 0.96
# Points are told apart to a tenth of a percent of the goal and to one percent of the limits.
_GOAL_DIGITS, _USED_DIGITS = 3, 2


@dataclass(frozen=True)
class Point:
    """One way to treat the face.

    threads, tension_n: by side; goal_attained (0..1) as placed, in the nonlinear model;
    limits_used: largest share in use of the face's nominal limits on side effects; p_touch: bound
    on the chance of touching a named nerve, vessel or duct; recommended: this is the plan.
    """

    threads: Mapping[str, int]
    tension_n: Mapping[str, float]
    goal_attained: float
    limits_used: float
    p_touch: float
    recommended: bool = False

    @classmethod
    def of(
        cls, found: Verified, rows: Rows, case: SafetyCase, *, recommended: bool = False
    ) -> Point | None:
        """What verified threads attain; None where the safety kernel objects to them."""
        safety = case.check(found.threads)
        if safety.violations:
            return None
        by_side = {s: [t.tension_n for t in found.threads if t.side == s] for s in SIDES}
        used = limits_used(rows, rows.read(found.displacement))
        return cls(
            {s: len(pull) for s, pull in by_side.items()},
            {s: round(sum(pull), 2) for s, pull in by_side.items()},
            round(found.goal_attained, _GOAL_DIGITS),
            round(max(used.values()), _USED_DIGITS),
            round(safety.p_hit, 4),
            recommended,
        )

    @property
    def count(self) -> int:
        """Threads of both sides."""
        return sum(self.threads.values())

    def beats(self, other: Point) -> bool:
        """True when this is nowhere worse and somewhere better."""
        mine = (self.count, self.limits_used, -self.goal_attained)
        theirs = (other.count, other.limits_used, -other.goal_attained)
        return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))

    def brought(self, goal: float, used: float) -> Point:
        """With both readings multiplied by these factors."""
        return replace(
            self,
            goal_attained=round(min(goal * self.goal_attained, 1.0), _GOAL_DIGITS),
            limits_used=round(used * self.limits_used, _USED_DIGITS),
        )

    def to_json(self) -> dict[str, Any]:
        """One of the `pareto` of plan.json."""
        return {
            "threads": dict(self.threads),
            "tension_n": dict(self.tension_n),
            "goal_attained": self.goal_attained,
            "limits_used": self.limits_used,
            "p_touch": self.p_touch,
            "recommended": self.recommended,
        }


#: Leaving the face as it is.
NOTHING = Point(dict.fromkeys(SIDES, 0), dict.fromkeys(SIDES, 0.0), 0.0, 0.0, 0.0)


def front(points: Iterable[Point]) -> tuple[Point, ...]:
    """The points that no other beats, and the plan in any case; fewest threads first."""
    every = list(points)
    # Of equals the plan stands for all.
    kept = {
        (p.count, p.limits_used, p.goal_attained): p
        for p in sorted(every, key=lambda p: p.recommended)
        if p.recommended or not any(other.beats(p) for other in every)
    }
    return tuple(kept[key] for key in sorted(kept))


def trade_off(
    coarse: Tissue,
    model: LinearModel,
    rows: Rows,
    case: SafetyCase,
    plan: Verified,
    max_threads: int,
    verified: tuple[float, float],
    progress: Callable[[float], None] | None = None,
) -> tuple[Point, ...]:
    """The front of a face, from no threads to `max_threads` per side.

    rows: of the coarse mesh, with the limits that the plan keeps; plan: as solved on that mesh;
    verified: its goal attained and largest use of a limit as they were verified on the finest mesh,
    to which all points are brought by the same factors.
    """
    points = [NOTHING]
    shares = table("planning")["pareto"]["limit_shares"]
    for step, share in enumerate(shares):
        part = model.limited({kind: share * mm for kind, mm in rows.limit_mm.items()})
        grids = part.grids()
        for most in range(1, max_threads + 1):
            if progress is not None:
                progress((step + (most - 1) / max_threads) / len(shares))
            choice = choose(grids, most, _WORK).choice
            if max(len(choice[s].items) for s in SIDES) < most:
                # More than this pay on neither side.
                break
            found = _solved(coarse, rows, grids, {s: choice[s].items for s in SIDES})
            point = None if found is None else Point.of(found, rows, case)
            points += [] if point is None else [point]
    own = Point.of(plan, rows, case, recommended=True)
    if own is None:
        return front(points)
    goal, used = ratio(verified[0], own.goal_attained), ratio(verified[1], own.limits_used)
    brought = (p.brought(goal, used) for p in (*points, own))
    return front(p for p in brought if p.limits_used <= 1.0 or p.recommended)


def _solved(
    coarse: Tissue,
    rows: Rows,
    grids: Mapping[Side, SideGrid | None],
    items: Mapping[Side, Sequence[int]],
) -> Verified | None:
    """A choice in the nonlinear model, pulled less once where it breaks the face's limits."""
    pulled = polished(grids, items)
    if pulled is None:
        return None
    chosen, _ = pulled
    try:
        found = solve(coarse, rows, chosen)
        if found.within:
            return found
        share = _AIM / max(found.used.values())
        found = solve(coarse, rows, [(c, share * t) for c, t in chosen], found.displacement)
    except SolverError:
        return None
    return found if found.within else None
