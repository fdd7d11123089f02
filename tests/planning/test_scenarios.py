"""Scenarios: mirror images of each other, the same for every plan, and what is done about them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from test_chance import ROWS

from threadlift.errors import SolverError
from threadlift.planning import robust
from threadlift.planning.optimise import polish, side_grid
from threadlift.planning.responses import columns
from threadlift.planning.rows import high_mm
from threadlift.planning.scenarios import Scenarios, Trials, mirrored
from threadlift.planning.slips import Slips
from threadlift.planning.verify import Verified
from threadlift.threads.thread import Thread


def thread(side: str, name: str, tension: float = 0.5) -> Thread:
    path = np.array([[60.0, 20.0, 10.0], [50.0, 0.0, 30.0]]) * (
        [1, 1, 1] if side == "left" else [-1, 1, 1]
    )
    return Thread(
        id=name, side=side, product="pdo-2-0-molded", technique="anchored", entry_mm=path[0],
        path_mm=path, depth_mm=np.full(2, 5.0), layer=("fat",) * 2, tension_n=tension,
    )  # fmt: skip


def test_every_tissue_meets_two_hands_that_are_mirror_images(case) -> None:
    every = Scenarios.of(case.tissue, 8, seed=0)
    assert len(every.members) == 8
    for one, other in zip(every.members[::2], every.members[1::2], strict=True):
        assert mirrored(mirrored(one)).depth_mm == one.depth_mm
        assert other.depth_mm == mirrored(one).depth_mm != one.depth_mm
        assert other.parameters == one.parameters
        assert other.thickness_z == one.thickness_z


def test_a_plan_and_its_mirror_image_meet_the_same_errors(case, rows, monkeypatch) -> None:
    met = {}

    def noted(self, task, members, done):
        met[len(met)] = [list(zip(m.depth_mm, m.aside_mm, m.tension, strict=True)) for m in members]
        return [SimpleNamespace(reading=np.zeros(rows.count))] * len(members)

    monkeypatch.setattr("threadlift.members.Workers.run", noted)
    every = Scenarios.of(case.tissue, 6, seed=0)
    plan = (thread("left", "L1"), thread("left", "L2"), thread("right", "R1"))
    image = (thread("left", "L1"), thread("right", "R1"), thread("right", "R2"))
    near = np.zeros_like(case.tissue.mesh.points)
    every.tried(rows, plan, near)
    every.tried(rows, image, near)
    a, b, c = ([m[i] for m in met[0]] for i in range(3))
    d, e, f = ([m[i] for m in met[1]] for i in range(3))
    # Left 1, left 2, right 1 become right 1, right 2, left 1; hand 2i becomes hand 2i+1.
    swap = [1, 0, 3, 2, 5, 4]
    assert [a[i] for i in swap] == list(e)
    assert [b[i] for i in swap] == list(f)
    assert [c[i] for i in swap] == list(d)


def test_a_member_without_equilibrium_is_no_number(case, rows, monkeypatch) -> None:
    monkeypatch.setattr(
        "threadlift.members.Workers.run",
        lambda self, task, members, done: [SimpleNamespace(reading=None)] * len(members),
    )
    found = Scenarios.of(case.tissue, 2, 0).tried(
        rows, (thread("left", "L1"),), np.zeros_like(case.tissue.mesh.points)
    )
    assert np.isnan(found.read).all()
    assert not found.solved.any()


def test_what_slips_most_counts_most_against_the_limits(case, rows, body, few) -> None:
    found = columns(body, few.candidates)
    still = np.zeros((len(few.candidates), rows.count))
    plain = side_grid("left", few.candidates, found, rows)
    calm = side_grid("left", few.candidates, found, rows, Slips(still, still))
    shaky = side_grid("left", few.candidates, found, rows, Slips(still, still + 0.1))
    assert plain is not None
    assert calm is not None
    assert shaky is not None
    # A hand that never slips changes nothing: the nominal limit keeps room for the tissue already.
    np.testing.assert_allclose(calm.margin, 0.0, atol=1e-4)
    np.testing.assert_array_equal(calm.problem.attain, plain.problem.attain)
    assert (shaky.margin > 0.0).all()
    # The root of squares: less than both in full, more where the tissue adds little.
    growth = np.array([high_mm()[k] / rows.limit_mm[k] for k in shaky.limit_name])
    full = 1.2815515655446004 * 0.1 * shaky.problem.tension_n[:, None] / growth
    assert (shaky.margin <= full + 1e-4).all()
    best = (int(np.argmax(shaky.problem.attain.sum(axis=1))),)
    a, b = polish(calm, (int(np.argmax(calm.problem.attain.sum(axis=1))),)), polish(shaky, best)
    assert a is not None
    if b is not None:
        assert sum(t for _, t in b.chosen) <= sum(t for _, t in a.chosen) + 1e-6


class Drawn:
    """Scenarios whose side effects are proportional to tension, with known factors."""

    def __init__(self, factor):
        self.factor = np.asarray(factor)

    @property
    def members(self):
        return self.factor

    def part(self, which):
        return Drawn(self.factor[which])

    def tried(self, rows, threads, near, progress=None):
        pull = sum(t.tension_n for t in threads)
        # Half of the threshold was nominal: a pull of 2 N uses .9 of it in a middling scenario,
        # read in shares of today's nominal limits.
        now = ROWS.limit_mm["dip"] / rows.limit_mm["dip"]
        read = self.factor[:, None] * np.array([0.2, 0.2, *[0.45 * pull * now] * 4])
        return Trials(read, np.ones(len(read), dtype=bool))


def verified(threads, chosen):
    keys = [f"{k}_{s}" for k in ("malar", "dip") for s in ("left", "right")]
    return Verified(
        threads, chosen, {"jowl_left": 0.5, "jowl_right": 0.5}, {}, 0.5,
        {**dict.fromkeys(keys, 0.5), "overshoot": 0.4}, "coarse", 0.0, np.zeros(6),
        np.zeros((4, 3)),
    )  # fmt: skip


@pytest.fixture
def proportional(monkeypatch) -> SimpleNamespace:
    """A plan of two threads and a model that does nothing but to pull them."""

    def solve(tissue, rows, chosen, near=None):
        return verified(tuple(replace(c.thread, tension_n=t) for c, t in chosen), tuple(chosen))

    monkeypatch.setattr(robust, "solve", solve)
    threads = (thread("left", "L1", 1.0), thread("right", "R1", 1.0))
    chosen = [(SimpleNamespace(side=t.side, levels_n=(0.5, 1.2), thread=t), 1.0) for t in threads]
    return SimpleNamespace(
        plan=verified(threads, tuple(chosen)),
        tissue=SimpleNamespace(mesh=SimpleNamespace(level="coarse")),
    )


def pulled_n(found) -> float:
    return sum(t.tension_n for t in found.verified.threads)


@pytest.mark.parametrize("size", [0.3, 0.8, 1.0, 1.5, 50.0])
def test_the_pull_follows_what_unseen_scenarios_leave_to_it(proportional, rng, size) -> None:
    p = proportional
    factor = size * rng.lognormal(0.0, 0.4, 64)
    found = robust.hardened(p.tissue, ROWS, p.tissue, ROWS, p.plan, Drawn(factor))
    assert found.chance is not None
    if size == 50.0:
        # Where no pull helps it says so.
        assert not found.holds
        return
    assert found.holds
    assert found.chance.hold >= 0.9
    worst = max(found.chance.used.values())
    assert worst <= 1.0
    # Nothing is left unused, but for what the cogs do not hold; nominal limits make room for more.
    assert worst >= 0.85 or pulled_n(found) == pytest.approx(2.4)
    assert (pulled_n(found) < 2.0) == (size >= 1.5)
    more = pulled_n(found) > 2.0
    assert (found.rows.limit_mm["dip"] > ROWS.limit_mm["dip"]) == more


@pytest.mark.parametrize("trouble", ["no equilibrium", "nominal limit"])
def test_a_timid_plan_that_cannot_be_pulled_more_stays_as_it_was(
    proportional, rng, monkeypatch, trouble
) -> None:
    p = proportional

    def fails(tissue, rows, chosen, near=None):
        if trouble == "no equilibrium":
            raise SolverError("no way", "none")
        return replace(p.plan, used=dict.fromkeys(p.plan.used, 1.01))

    monkeypatch.setattr(robust, "solve", fails)
    factor = 0.3 * rng.lognormal(0.0, 0.4, 64)
    found = robust.hardened(p.tissue, ROWS, p.tissue, ROWS, p.plan, Drawn(factor))
    assert found.verified is p.plan
    assert found.rows is ROWS
    assert found.holds


def test_a_plan_whose_scenarios_hold_is_not_refused_for_a_nominal_limit(
    proportional, rng, monkeypatch
) -> None:
    """Pulled less, a cog that slipped may hold, and the dip over it grow past its nominal limit."""
    p = proportional
    read = np.array([0.5, 0.5, 0.5, 0.5, 1.1, 0.5])

    def holds_again(tissue, rows, chosen, near=None):
        found = verified(tuple(replace(c.thread, tension_n=t) for c, t in chosen), tuple(chosen))
        return replace(found, used={**found.used, "dip_left": 1.1}, read=read)

    def again(found, rows):
        now = 1.1 * ROWS.limit_mm["dip"] / rows.limit_mm["dip"]
        return replace(found, used={**found.used, "dip_left": now})

    monkeypatch.setattr(robust, "solve", holds_again)
    monkeypatch.setattr(robust, "read_again", again)
    factor = 1.5 * rng.lognormal(0.0, 0.4, 64)
    found = robust.hardened(p.tissue, ROWS, p.tissue, ROWS, p.plan, Drawn(factor))
    assert found.chance is not None
    assert pulled_n(found) < 2.0
    assert found.holds
    assert 1.0 < found.rows.limit_mm["dip"] / ROWS.limit_mm["dip"] <= 1.1 / 0.98 + 1e-9
    assert found.rows.limit_mm["malar"] == ROWS.limit_mm["malar"]


def test_without_scenarios_a_plan_is_nominal_and_says_so(proportional) -> None:
    p = proportional
    found = robust.hardened(p.tissue, ROWS, p.tissue, ROWS, p.plan, None)
    assert found.verified is p.plan
    assert "chance" not in found.to_json()
