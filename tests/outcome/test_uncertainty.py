"""First-order answers of members, ensembles that are solved in part, and where doubt comes from."""

import sys
from dataclasses import replace

import numpy as np
import pytest
from block_case import block_thread

from threadlift.members import Workers, design, nominal_member, solve_member
from threadlift.members.coordinates import names, point_of
from threadlift.members.ensemble import member_at
from threadlift.members.response import Response
from threadlift.members.workers import Task
from threadlift.outcome.cover import Cover
from threadlift.outcome.ensemble import Ensemble
from threadlift.outcome.extended import Correction, Linear, extended
from threadlift.outcome.fading import Fading
from threadlift.outcome.measures import Reading
from threadlift.outcome.model import LOCAL
from threadlift.outcome.predict import _probe, predict, solved_of
from threadlift.outcome.remedies import remedies
from threadlift.outcome.uncertainty import QUANTITIES, SOURCES
from threadlift.outcome.verdicts import samples_of
from threadlift.tissue.knowledge import Knowledge

THREADS = (block_thread("left"), block_thread("right", tension=0.4))
MEMBERS = 96


@pytest.fixture(scope="module")
def plan(block):
    return solve_member(block, THREADS, nominal_member(block, 2), tolerance=1e-8)


@pytest.fixture(scope="module")
def probe(block, assessment):
    return _probe(block, assessment, THREADS)


@pytest.fixture(scope="module")
def response(block, plan):
    return Response.of(block, THREADS, plan)


@pytest.fixture(scope="module")
def drawn(block):
    return design(block, 2, MEMBERS, 0)


@pytest.fixture(scope="module")
def solved(block, probe, drawn, plan):
    """Readings of all members, every one solved."""
    results = Workers(0).run(Task(block, probe, THREADS, plan.displacement), drawn)
    return [(i, r.reading) for i, r in enumerate(results)]


def ensemble(block, probe, plan, response, drawn, good, tried) -> Ensemble:
    return Ensemble.of(block, probe, plan.surface, response, drawn, good, tried)


@pytest.fixture(scope="module")
def in_part(block, probe, plan, response, drawn, solved) -> Ensemble:
    return ensemble(block, probe, plan, response, drawn, solved[:32], 32)


def doubt(block, found: Ensemble, probe, plan):
    read = probe.read(plan.surface)
    cover = Cover.of(block, THREADS)
    samples = samples_of(read, read, found.readings, probe, Fading(THREADS), cover)
    return found.uncertainty(block, THREADS, samples)


def test_a_member_and_its_coordinates_are_the_same(block, drawn) -> None:
    for member in drawn[:4]:
        again = member_at(block, 2, point_of(block, member))
        for name in ("regional", "thickness_z", "tension", "depth_mm", "aside_mm"):
            np.testing.assert_allclose(getattr(again, name), getattr(member, name), atol=1e-12)
        assert again.holding == pytest.approx(member.holding)
        for name in vars(again.parameters):
            assert getattr(again.parameters, name) == pytest.approx(
                getattr(member.parameters, name), rel=1e-12
            )


@pytest.mark.parametrize(
    "name",
    ["fat_mu_kpa", "skin_k1_kpa", "deep_mu_kpa", "region_lower_left", "tension:0", "depth:1"],
)
def test_the_response_is_the_derivative_of_what_is_solved(block, plan, response, name) -> None:
    step = 0.1 * np.eye(len(response.names))[response.names.index(name)]
    more, less = (
        solve_member(block, THREADS, member_at(block, 2, s * step), tolerance=1e-8,
                     start=plan.displacement).surface
        for s in (1.0, -1.0)
    )  # fmt: skip
    wanted = (more - less) / 0.2
    found = response.skin[response.names.index(name)]
    np.testing.assert_allclose(found, wanted, atol=0.02 * np.abs(wanted).max() + 1e-6)


def test_the_correction_is_least_squares_and_leaves_the_rest() -> None:
    rng = np.random.default_rng(1)
    linear = rng.normal(size=(40, 2))
    noise = rng.normal(size=40)
    solved = np.column_stack([2.0 * linear[:, 0] + 1.0, noise])
    found = Correction.of(linear, solved)
    np.testing.assert_allclose([found.slope[0], found.offset[0]], [2.0, 1.0], atol=1e-12)
    np.testing.assert_allclose(found.explained[0], 1.0)
    # Of what the linear answer says nothing about, the scatter stays as it is.
    assert found.explained[1] < 0.2
    assert np.var(found.rest[:, 1]) > 0.8 * np.var(noise)


def test_where_the_answer_is_linear_unsolved_members_are_exact() -> None:
    rng = np.random.default_rng(2)
    keys = ("jowl_left", *LOCAL)
    values = rng.normal(5.0, 1.0, size=(20, len(keys)))
    linear = Linear(keys, values, values.mean(axis=0), np.zeros((20, 1)))
    good = [
        (i, Reading({"jowl_left": 2 * v[0]}, dict(zip(LOCAL, v[1:] - 1.0, strict=True)), {}))
        for i, v in enumerate(values[:8])
    ]
    readings, _ = extended(linear, good, 10, np.array([1.0, 0.0, 0.0, 0.0]))
    assert [i for i, _ in readings] == [*range(8), *range(10, 20)]
    for i, reading in readings:
        assert reading.lift_mm["jowl_left"] == pytest.approx(2 * values[i, 0])
        assert reading.values["overpull"] == pytest.approx(values[i, 3] - 1.0)


def test_an_ensemble_solved_in_part_spreads_like_one_solved_whole(in_part, solved) -> None:
    """A third is solved; medians and tails are those of all to a part of their own doubt."""
    assert len(in_part.readings) == MEMBERS
    for key in ("jowl_left", "jowl_right", "malar_left"):
        part = np.array([r.lift_mm[key] for _, r in in_part.readings])
        whole = np.array([r.lift_mm[key] for _, r in solved])
        width = np.subtract(*np.quantile(whole, [0.95, 0.05]))
        for q in (0.05, 0.5, 0.95):
            assert np.quantile(part, q) == pytest.approx(np.quantile(whole, q), abs=0.15 * width)


def test_shares_add_up_and_every_source_is_told(block, in_part, probe, plan) -> None:
    found = doubt(block, in_part, probe, plan)
    assert found.solved == 32
    assert list(found.sources) == list(QUANTITIES)
    for shares in found.sources.values():
        assert list(shares) == list(SOURCES)
        assert sum(shares.values()) == pytest.approx(1.0)
        assert min(shares.values()) >= 0.0
    assert all(0.0 <= x <= 1.0 for x in found.explained.values())
    assert found.explained["lift"] > 0.5


def test_measuring_narrows_and_only_what_was_not_measured_is_advised(
    block, in_part, probe, plan
) -> None:
    found = doubt(block, in_part, probe, plan)
    assert set(found.narrowed) == {"elasticity", "careful_hand"}  # a block has no layer map
    for factors in found.narrowed.values():
        assert all(0.0 < x <= 1.0 for x in factors.values())
    root = np.diag(np.full(len(Knowledge.of(None).root), 0.4))
    measured = block.varied(knowledge=Knowledge(root, ("elasticity",)))
    after = doubt(measured, in_part, probe, plan)
    assert "elasticity" not in after.narrowed
    assert after.sources["lift"]["soft_tissue"] < found.sources["lift"]["soft_tissue"]


def test_a_loose_hand_spreads_results_more_than_a_careful_one(block, in_part, probe, plan) -> None:
    hand = doubt(block, in_part, probe, plan).hand
    width = [hand[k]["indentation"].high - hand[k]["indentation"].low for k in
             ("careful", "usual", "loose")]  # fmt: skip
    assert width[0] < width[2]
    lift = hand["usual"]["lift"]
    assert lift.low < lift.value < lift.high


def test_the_stronger_thread_forgives_less(block, in_part, probe, plan) -> None:
    threads = doubt(block, in_part, probe, plan).threads
    assert [t.id for t in threads] == ["left-1", "right-1"]
    assert sum(t.share["lift"] for t in threads) == pytest.approx(1.0)


def test_small_ensembles_are_solved_whole_and_large_ones_to_a_quarter(block, assessment) -> None:
    assert [solved_of(n) for n in (2, 32, 64, 256)] == [2, 32, 32, 64]
    whole = predict(block, THREADS, assessment, members=4, workers=0)
    assert whole.uncertainty is None
    part = predict(block, THREADS, assessment, members=40, workers=0)
    assert part.uncertainty is not None
    assert part.uncertainty.solved == 32
    assert "32 of them solved" in part.notes[0]
    assert part.to_json() == {
        **predict(block, THREADS, assessment, members=40, workers=2).to_json(),
        "solver": part.to_json()["solver"],
    }


def test_close_to_buckling_every_member_is_solved(block, assessment, monkeypatch) -> None:
    monkeypatch.setattr(sys.modules["threadlift.outcome.predict"], "_linear", lambda *_: None)
    found = predict(block, THREADS, assessment, members=40, workers=0)
    assert found.uncertainty is None
    assert found.members == 40
    assert "solved and" not in found.notes[0]


def test_names_belong_to_threads_in_order() -> None:
    assert names(2)[-6:] == ("tension:0", "tension:1", "depth:0", "depth:1", "aside:0", "aside:1")


def test_a_hand_without_scatter_has_no_part_in_the_doubt(block, in_part, probe, plan) -> None:
    still = replace(
        in_part.answer, slopes=np.where(in_part.answer.mask("tension:", "depth:", "aside:"), 0.0,
                                        in_part.answer.slopes),
    )  # fmt: skip
    found = doubt(block, replace(in_part, answer=still), probe, plan)
    assert found.sources["lift"]["hand"] == 0.0
    assert found.hand["loose"]["lift"].high == pytest.approx(found.hand["careful"]["lift"].high)


def test_a_remedy_lowers_its_risk_where_it_is_tried(block, in_part, plan, probe) -> None:
    found = remedies(THREADS, in_part.answer)
    assert found
    base = probe.read(plan.surface)
    for risk, remedy in found.items():
        index = [t.id for t in THREADS].index(remedy.thread)
        hand = nominal_member(block, 2)
        if remedy.change.endswith("pull"):
            factor = 1.0 + (0.1 if remedy.change == "more_pull" else -0.1)
            tension = [1.0, 1.0]
            tension[index] = factor
            hand = replace(hand, tension=tuple(tension))
        else:
            depth = [0.0, 0.0]
            depth[index] = 0.5 if remedy.change == "deeper" else -0.5
            hand = replace(hand, depth_mm=tuple(depth))
        after = probe.read(solve_member(block, THREADS, hand, tolerance=1e-7).surface)
        if risk == "insufficient_effect":
            assert after.values[risk] < base.values[risk]
            assert remedy.lift_share > 0.0
        else:
            assert after.values[risk] < base.values[risk]
            assert remedy.risk < 0.0


def test_cover_is_least_where_a_thread_runs_shallow_and_falls_with_the_hand(block) -> None:
    shallow = block_thread("left", depth=2.5)
    cover = Cover.of(block, (shallow, block_thread("right", depth=6.0)))
    plain = nominal_member(block, 2)
    skin = float(np.asarray(block.bed(shallow).skin_mm).max())
    assert cover.least(plain) == pytest.approx(2.5 - skin, abs=0.05)
    assert block.mesh.surface[cover.place()][0] > 0.0
    up = replace(plain, depth_mm=(-0.5, 0.0))
    assert cover.least(up) == pytest.approx(cover.least(plain) - 0.5)
    assert cover.least(replace(plain, depth_mm=(0.0, -0.5))) == cover.least(plain)
