"""Limits under scenarios: how many may break, what that promises, and a face's own limits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from threadlift.planning.chance import (
    Spread,
    allowed_breaks,
    chance_of,
    used_of_high,
    worst_allowed,
)
from threadlift.planning.rows import high_mm
from threadlift.planning.scenarios import Trials


@dataclass(frozen=True)
class FewRows:
    """Two goals, then one malar and one dip row on either side; half of the threshold is nominal.

    Rows are read in shares of the limits that they were made with, whatever the limits are now.
    """

    limit_mm: dict[str, float]
    goals: int = 2
    zones: tuple[str, ...] = ("jowl_left", "jowl_right")
    goal_mm: NDArray = field(default_factory=lambda: np.array([4.0, 4.0]))
    weights: NDArray = field(default_factory=lambda: np.array([0.5, 0.5]))
    limit_name: tuple[str, ...] = ("malar", "malar", "dip", "dip")
    limit_side: NDArray = field(
        default_factory=lambda: np.array(["left", "right", "left", "right"])
    )

    def limited(self, limit_mm) -> FewRows:
        return replace(self, limit_mm=dict(limit_mm))


ROWS = FewRows({kind: 0.5 * mm for kind, mm in high_mm().items()})


@pytest.mark.parametrize(("count", "allowed"), [(8, -1), (9, 0), (10, 0), (32, 2), (64, 5)])
def test_so_many_may_break(count: int, allowed: int) -> None:
    assert allowed_breaks(count) == allowed


@pytest.mark.parametrize("draw", ["lognormal", "pareto", "uniform"])
def test_an_unseen_scenario_breaks_with_at_most_the_stated_chance(draw, rng) -> None:
    sample = {
        "lognormal": lambda n: rng.lognormal(0.0, 0.4, n),
        "pareto": lambda n: rng.pareto(2.0, n),
        "uniform": lambda n: rng.uniform(size=n),
    }[draw]
    worse = [sample(1)[0] > worst_allowed(sample(64)) for _ in range(20_000)]
    expected = (allowed_breaks(64) + 1) / 65
    assert expected <= 0.1
    assert np.mean(worse) == pytest.approx(expected, abs=4.0 * np.sqrt(0.09 / 20_000))


def test_no_equilibrium_counts_as_beyond_every_limit() -> None:
    read = np.array([[0.5, 0.5, 1.0, 0.2, 0.4, 0.6], [np.nan] * 6])
    used = used_of_high(read, ROWS)
    np.testing.assert_allclose(used[0], [0.5, 0.1, 0.2, 0.3])
    assert np.isinf(used[1]).all()


def test_nominal_limits_leave_room_for_the_spread_of_this_face(rng) -> None:
    nominal = np.array([0.5, 0.5, 0.4, 0.4, 0.8, 0.7])
    grown = rng.lognormal(0.0, 0.3, (64, 1)) * rng.lognormal(0.0, 0.05, (64, 6))
    trials = Trials(nominal * grown, np.ones(64, dtype=bool))
    spread = Spread.of(trials, nominal, ROWS)
    # The same plan pulled to its new nominal limits: no more than the allowed scenarios break.
    for kind, rows in (("malar", [2, 3]), ("dip", [4, 5])):
        pulled = spread.limit_mm[kind] / (ROWS.limit_mm[kind] * nominal[rows].max())
        worst = 0.5 * pulled * (nominal * grown)[:, rows].max(axis=1)
        assert np.sum(worst > 1.0 + 1e-9) <= allowed_breaks(64)
        assert 0.25 <= spread.limit_mm[kind] / high_mm()[kind] <= 0.95
    calm = Spread.of(
        Trials(nominal * np.full((64, 1), 1.1), np.ones(64, dtype=bool)), nominal, ROWS
    )
    for kind, high in high_mm().items():
        assert calm.limit_mm[kind] == pytest.approx(high / 1.1)
        assert calm.limit_mm[kind] > spread.limit_mm[kind]


def test_a_kind_that_a_pilot_hardly_uses_keeps_the_prior() -> None:
    nominal = np.array([0.5, 0.5, 0.01, 0.0, 0.8, 0.7])
    trials = Trials(np.tile(nominal * 1.3, (64, 1)), np.ones(64, dtype=bool))
    spread = Spread.of(trials, nominal, ROWS)
    assert spread.limit_mm["malar"] == ROWS.limit_mm["malar"]
    assert spread.limit_mm["dip"] == pytest.approx(high_mm()["dip"] / 1.3)


def test_what_is_beyond_the_goal_does_not_make_up_for_what_falls_short() -> None:
    nominal = np.array([0.8, 0.4, 0.1, 0.1, 0.1, 0.1])
    read = np.array([[0.4, 0.2, 0, 0, 0, 0], [1.6, 0.8, 0, 0, 0, 0]], dtype=float)
    spread = Spread.of(Trials(read, np.ones(2, dtype=bool)), nominal, ROWS)
    np.testing.assert_allclose(spread.expected, [(0.4 + 1.0) / 2 / 0.8, 0.5 / 0.4])


def test_summary_counts_what_holds_together_and_by_kind() -> None:
    used = {
        "malar": np.array([0.5, 1.2, 0.5, 0.5]),
        "dip": np.array([0.5, 0.5, 1.2, np.inf]),
    }
    solved = np.array([True, True, True, False])
    found = chance_of(used, np.array([0.4, 0.5, 0.6, 0.0]), solved)
    assert (found.hold, found.unsolved) == (0.25, 1)
    assert found.hold_by_kind == {"malar": 0.75, "dip": 0.5}
    assert found.goal_mean == pytest.approx(0.5)
    assert found.to_json()["limits_used"]["dip"] == 99.0
