"""Both sides as one problem, against the enumeration of all pairs."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from conftest import made_up_side

from threadlift.evidence import value
from threadlift.planning.coupled import choose
from threadlift.planning.optimise import SideGrid, remaining_mm
from threadlift.planning.search import choice_value, feasible


def grid(side: str, seed: int, strength: float = 1.0) -> SideGrid:
    """Eight candidates at two tensions, three zones with goals of 3 to 6 mm."""
    rng = np.random.default_rng(seed)
    attain = rng.gamma(1.0, 0.12 * strength, (8, 3))
    limits = rng.uniform(-0.1, 0.3, (8, 4))
    return made_up_side(side, attain, limits, np.array([1.0, 2.0]), np.array([6.0, 3.0, 4.0]))


def sets(g: SideGrid, most: int) -> list[tuple[int, ...]]:
    every = [i for n in range(most + 1) for i in combinations(range(len(g.problem.attain)), n)]
    return [i for i in every if feasible(g.problem, i)]


def by_enumeration(left: SideGrid, right: SideGrid, most: int) -> float:
    """Value of the best balanced pair; minus infinity where there is none."""
    limit = value("planning.limits.asymmetry")
    a, b = sets(left, most), sets(right, most)
    apart = np.zeros((len(a), len(b)))
    for z in left.zone_names:
        mine = [remaining_mm(left, i)[z] for i in a]
        apart = np.maximum(
            apart, np.abs(np.subtract.outer(mine, [remaining_mm(right, i)[z] for i in b]))
        )
    worth = np.add.outer(
        [choice_value(left.problem, i) for i in a], [choice_value(right.problem, i) for i in b]
    )
    return float(np.where(apart <= limit + 1e-12, worth, -np.inf).max())


@pytest.mark.parametrize("seed", range(12))
def test_bound_and_choice_enclose_the_best_balanced_pair(seed: int) -> None:
    # One side answers half as well: what is best for each alone is often out of balance.
    left, right = grid("left", seed), grid("right", seed + 50, 0.5 + 0.1 * (seed % 6))
    truth = by_enumeration(left, right, 3)
    found = choose({"left": left, "right": right}, 3)
    assert found.bound >= truth - 1e-9
    # No thread on either side is balanced here, so that a balanced pair always exists.
    assert found.balanced
    assert found.objective <= truth + 1e-9
    for side, g in (("left", left), ("right", right)):
        assert feasible(g.problem, found.choice[side].items)  # type: ignore[index]


def test_prices_tighten_the_bound_where_balance_binds() -> None:
    tightened = 0
    for seed in range(12):
        left, right = grid("left", seed), grid("right", seed + 50, 0.5 + 0.1 * (seed % 6))
        found = choose({"left": left, "right": right}, 3)
        alone = sum(r.bound for r in found.results.values())
        assert found.bound <= alone + 1e-12
        tightened += found.bound < alone - 0.01
    assert tightened >= 2


@pytest.mark.parametrize("seed", range(4))
def test_the_mirrored_face_gets_the_mirrored_choice(seed: int) -> None:
    a, b = grid("left", seed), grid("right", seed + 50, 0.6)
    there = choose({"left": a, "right": b}, 3)
    back = choose({"left": replace(b, side="left"), "right": replace(a, side="right")}, 3)
    assert there.objective == pytest.approx(back.objective, abs=1e-12)
    assert there.bound == pytest.approx(back.bound, abs=1e-9)
    assert there.choice["left"].items == back.choice["right"].items
    assert there.choice["right"].items == back.choice["left"].items


def test_a_limit_of_work_leaves_a_valid_bound() -> None:
    left, right = grid("left", 3), grid("right", 53)
    truth = by_enumeration(left, right, 3)
    found = choose({"left": left, "right": right}, 3, work_limit=30)
    assert found.bound >= truth - 1e-9
