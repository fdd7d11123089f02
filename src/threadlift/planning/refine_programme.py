"""The linear programme of a refinement step: the best small change of every thread at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from threadlift.evidence import value
from threadlift.planning.optimise import SideGrid
from threadlift.planning.rows import Rows
from threadlift.threads.thread import SIDES, Side

Array = NDArray[np.float64]

# Share of a limit that steps aim at, as the grid's corrected tensions do.
_AIM = 0.9
# A move has to bring so much [share of the full goal] per millimetre: none is made for nothing.
_COST_MM = 2e-4
# Moves and pulls below this are none [mm, N].
_LEAST = 1e-3


@dataclass(frozen=True)
class Slopes:
    """What goals and limits do about a plan.

    goal (Z,) attained shares, limit (L,) shares of limits in use, what the hand may add included;
    d_goal (Z,p), d_limit (L,p): per mm of each shape of each thread, then per newton of each pull;
    touch (p,): of what is used of the plan's allowance for touching anything, room: what is left.
    """

    goal: Array
    limit: Array
    d_goal: Array
    d_limit: Array
    touch: Array
    room: float


@dataclass(frozen=True)
class Cut:
    """A half-space of steps: direction (p,) . step <= most."""

    direction: Array
    most: float


def best_step(
    rows: Rows,
    grids: Mapping[Side, SideGrid | None],
    slopes: Slopes,
    sides: Sequence[Side],
    pulls_n: Array,
    box: tuple[Array, Array],
    cuts: Sequence[Cut],
) -> Array | None:
    """Moves and pulls (p,) that bring most in the linear model; None where nothing does.

    sides, pulls_n (threads,): of every thread; box: lower and upper bounds (p,), zero within.
    The objective is the search's: expected attainment of mean and worst zone, and the cost of pull.
    """
    zones, p, count = rows.goals, len(slopes.touch), len(sides)
    expected, weight, worst_of = _weights(rows, grids)
    share, gain = slopes.goal * expected, slopes.d_goal * expected[:, None]
    theta = value("planning.objective.worst_zone_share")
    price = np.full(p, _COST_MM)
    price[p - count :] = 0.0
    cost_n = np.zeros(p)
    cost_n[p - count :] = value("planning.objective.tension_cost")
    # Unknowns: changes upwards and downwards, what each zone falls short of, the worst of a side.
    cost = np.concatenate(
        [price + cost_n, price - cost_n, (1.0 - theta) * weight, np.full(len(SIDES), theta)]
    )
    none, eye = np.zeros, np.eye(zones)
    over = value("planning.limits.overshoot")
    by_step = [
        (slopes.d_goal, np.maximum(_AIM * over - slopes.goal, 0.0)),
        (slopes.d_limit, np.maximum(_AIM - slopes.limit, 0.0)),
        (slopes.touch[None], np.array([slopes.room])),
        _balance(rows, slopes),
        _pull(sides, pulls_n, p),
        *((c.direction[None], np.array([c.most])) for c in cuts),
    ]
    rest = zones + len(SIDES)
    upper = np.vstack(
        [
            np.hstack([-gain, gain, -eye, none((zones, len(SIDES)))]),
            np.hstack([none((zones, 2 * p)), eye, -worst_of]),
            *(np.hstack([a, -a, none((len(a), rest))]) for a, _ in by_step),
        ]
    )
    bound = np.concatenate([share - 1.0, none(zones), *(b for _, b in by_step)])
    low, high = box
    bounds = [(0.0, x) for x in (*high, *(-low))] + [(0.0, None)] * rest
    found = linprog(cost, A_ub=upper, b_ub=bound, bounds=bounds, method="highs-ds")
    if found.status != 0:
        return None
    x = found.x[:p] - found.x[p : 2 * p]
    return x if np.abs(x).max(initial=0.0) > _LEAST else None


def _weights(rows: Rows, grids: Mapping[Side, SideGrid | None]) -> tuple[Array, Array, Array]:
    """By zone: part attained on average (Z,), weight on its side (Z,), and its side (Z,2)."""
    expected, weight = np.ones(rows.goals), np.zeros(rows.goals)
    worst_of = np.zeros((rows.goals, len(SIDES)))
    for s, side in enumerate(SIDES):
        grid = grids[side]
        if grid is not None:
            expected[grid.zones] = grid.expected
            weight[grid.zones] = grid.problem.weights
            worst_of[grid.zones, s] = 1.0
    return expected, weight, worst_of


def _balance(rows: Rows, slopes: Slopes) -> tuple[Array, Array]:
    """Steps keep what is left of a goal as alike on both sides as it is or has to be [mm]."""
    limit, out, bound = value("planning.limits.asymmetry"), [], []
    names, mm = list(rows.zones), rows.goal_mm
    for i, name in enumerate(names):
        other = name.removesuffix("left") + "right"
        if name.endswith("_left") and other in names:
            j = names.index(other)
            apart = mm[i] * (1.0 - slopes.goal[i]) - mm[j] * (1.0 - slopes.goal[j])
            change = mm[j] * slopes.d_goal[j] - mm[i] * slopes.d_goal[i]
            room = max(limit, abs(apart))
            out += [change, -change]
            bound += [room - apart, room + apart]
    return np.array(out).reshape(len(bound), len(slopes.touch)), np.array(bound)


def _pull(sides: Sequence[Side], pulls_n: Array, p: int) -> tuple[Array, Array]:
    """Steps keep within what a side may be pulled with [N]."""
    out = np.zeros((len(SIDES), p))
    bound = np.zeros(len(SIDES))
    for s, side in enumerate(SIDES):
        mine = np.array([x == side for x in sides])
        out[s, p - len(sides) :] = mine
        bound[s] = max(value("planning.safety.tension_side") - float(pulls_n[mine].sum()), 0.0)
    return out, bound
