"""The whole prediction on a small block: contract, repeatability, monotony, failures."""

import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from block_case import UP, block_thread

from threadlift.consultation import parse
from threadlift.errors import InputError, SolverError
from threadlift.interop.file_models import OutcomeModel
from threadlift.members import ensemble
from threadlift.members.ensemble import (
    Result,
    design,
    nominal_member,
    read_member,
    solve_member,
)
from threadlift.members.placement import displaced
from threadlift.outcome import Probe, Reading, predict
from threadlift.outcome import predict as outcome_function
from threadlift.outcome.expressions import predict_expressions
from threadlift.outcome.model import RISKS
from threadlift.outcome.predict import _on_finest, _probe, _sorted_out
from threadlift.outcome.verdicts import estimate_of, verdict_of

THREADS = (block_thread("left"), block_thread("right"))


@pytest.fixture(scope="module")
def outcome(block, assessment):
    return predict(block, THREADS, assessment, members=4, workers=0)


def test_json_keeps_the_contract(outcome) -> None:
    data = json.loads(json.dumps(outcome.to_json(), allow_nan=False))
    OutcomeModel.model_validate(data)
    assert data["schema"] == "threadlift.outcome/1"
    assert tuple(data["risks"]) == RISKS
    assert data["ensemble"] == {
        "members": 4,
        "failed": [],
        "extrapolated": [],
        "seed": 0,
    }
    assert set(data["lift_mm"]) == {f"{z}_{s}" for z in ("malar", "jowl", "temple")
                                    for s in ("left", "right")}  # fmt: skip


def test_the_jowl_rises_and_the_interval_holds_the_plan_itself(outcome) -> None:
    for side in ("left", "right"):
        lift = outcome.lift_mm[f"jowl_{side}"]
        assert 0.0 < lift.low < lift.value < lift.high


def test_same_seed_same_numbers_in_however_many_processes(block, assessment, outcome) -> None:
    def numbers(o):
        data = o.to_json()
        data.pop("solver")
        return data

    again = predict(block, THREADS, assessment, members=4, workers=2)
    assert numbers(again) == numbers(outcome)
    other = predict(block, THREADS, assessment, members=4, workers=0, seed=1)
    assert numbers(other) != numbers(outcome)


def test_progress_runs_from_nothing_to_all(block, assessment) -> None:
    seen = []
    predict(block, THREADS[:1], assessment, members=2, workers=0,
            progress=lambda f, message: seen.append(f))  # fmt: skip
    assert seen[0] == 0.0
    assert seen[-1] == 1.0
    assert seen == sorted(seen)


def test_no_threads_and_no_ensemble_are_refused(block, assessment) -> None:
    with pytest.raises(InputError, match="no thread"):
        outcome_function(block, (), assessment)
    with pytest.raises(InputError, match="no spread"):
        outcome_function(block, THREADS, assessment, members=1)


def test_a_design_covers_both_sides_of_the_nominal_and_repeats(block) -> None:
    one = design(block, 2, 16, seed=3)
    assert one == design(block, 2, 16, seed=3)
    assert one != design(block, 2, 16, seed=4)
    z = np.array([m.durability_z for m in one])
    assert abs(np.mean(z > 0) - 0.5) < 0.2
    assert all(m.parameters.plausible for m in one)


def test_what_was_measured_varies_less(block) -> None:
    def spread(tissue):
        return np.std([np.log(m.parameters.skin_mu_kpa) for m in design(tissue, 1, 32, 0)])

    known = type(block)(block.mesh, consultation=parse("measurements: {elasticity: fair}"))
    assert spread(known) < 0.7 * spread(block)


def test_the_nominal_member_is_the_plan(block) -> None:
    m = nominal_member(block, 2)
    assert m.parameters == block.parameters
    assert displaced(THREADS[0], 0.0, block.mesh) is THREADS[0]


def test_a_misplaced_thread_is_deeper_by_the_shift_and_knows_its_layer(block) -> None:
    plan = THREADS[0]
    deep = displaced(plan, 2.0, block.mesh)
    np.testing.assert_allclose(deep.path_mm[-1] - plan.path_mm[-1], [0, 0, -2.0], atol=1e-9)
    np.testing.assert_allclose(deep.path_mm[0], plan.path_mm[0], atol=1e-9)
    assert deep.depth_mm[-1] == plan.depth_mm[-1] + 2.0
    assert (plan.layer[-1], deep.layer[-1]) == ("smas", "deep")
    up = displaced(plan, -50.0, block.mesh)
    assert up.depth_mm.min() > 0.0


def test_verdict_follows_the_share_beyond_the_thresholds() -> None:
    x = np.arange(100) / 100.0
    assert verdict_of(x, 0.9, 0.95)[0] == "low"
    assert verdict_of(x, 0.5, 0.9)[0] == "moderate"
    assert verdict_of(x, 0.3, 0.6)[0] == "high"
    # Months: the shorter the worse.
    assert verdict_of(12 + x, 9.0, 4.0)[0] == "low"
    assert verdict_of(x, 9.0, 4.0) == ("high", 1.0)


def test_failed_members_are_named_widen_the_interval_and_too_many_refuse(block) -> None:
    drawn = design(block, 1, 8, 0)
    bad, fine = Result(None, reason="no equilibrium"), Result(Reading({}, {}, {}))
    failed, good = _sorted_out(drawn, [bad] + [fine] * 7)
    assert failed == (("member-1", "no equilibrium"),)
    assert len(good) == 7
    with pytest.raises(SolverError, match="member-1"):
        _sorted_out(drawn, [bad] * 3 + [fine] * 5)
    x = np.random.default_rng(0).standard_normal(200)
    plain, wide = estimate_of(x, "mm", (), 0.0), estimate_of(x, "mm", (), 0.08)
    assert wide.low < plain.low < plain.high < wide.high


def test_a_member_beyond_its_limit_is_solved_with_less_and_said_so(block, monkeypatch) -> None:
    asked = []

    def fragile(tissue, threads, member, **_):
        asked.append(member.tension)
        if member.tension[0] > 0.75:
            raise SolverError("too much", "less")
        return SimpleNamespace(surface=np.full((tissue.mesh.columns, 3), 0.3))

    monkeypatch.setattr(ensemble, "solve_member", fragile)
    probe = Probe(block.mesh, {"jowl_left": UP}, {}, [], [])
    result = read_member(block, probe, THREADS[:1], nominal_member(block, 1))
    assert asked == [(1.0,), (0.5,)]
    assert result.share == 0.5
    assert result.reading is not None
    assert result.reading.lift_mm["jowl_left"] == pytest.approx(0.6)
    hopeless = replace(nominal_member(block, 1), tension=(9.0,))
    assert read_member(block, probe, THREADS[:1], hopeless) == Result(None, reason="too much")


def test_a_finer_mesh_without_equilibrium_gives_way_to_the_coarse_one(block, monkeypatch) -> None:
    nominal = nominal_member(block, 1)
    middle = SimpleNamespace(displacement=np.zeros_like(block.mesh.points))
    assert _on_finest(block, block, THREADS[:1], nominal, middle).plan is middle

    def never(*_, **__):
        raise SolverError("no way", "none")

    module = sys.modules["threadlift.outcome.predict"]
    monkeypatch.setattr(module, "solve_member", never)
    shown = _on_finest(block.varied(), block, THREADS[:1], nominal, middle)
    assert (shown.tissue, shown.plan, shown.reason) == (block, middle, "no way")


def test_a_thread_holds_an_expression_back_and_a_slack_one_lets_it_go(block) -> None:
    s = block.mesh.surface
    near = np.exp(-0.5 * ((s[:, :2] - (12.0, -30.0)) ** 2).sum(axis=1) / 10.0**2)
    away, towards = np.outer(-4.0 * near, UP), np.outer(4.0 * near, UP)
    thread = THREADS[:1]
    tied = block.equilibrium(list(thread), tolerance=1e-4).displacement
    down = predict_expressions(block, thread, {"jaw_open": away}, tied)["jaw_open"]
    up = predict_expressions(block, thread, {"smile": towards}, tied)["smile"]
    # Away from the anchor the thread tenses and holds back; towards it, it can only go slack.
    assert down.change_mm.value < 0.0
    assert down.length_change_mm.value > 0.0
    assert down.peak_tension_n.value > thread[0].tension_n
    assert up.peak_tension_n.value <= thread[0].tension_n + 1e-9
    assert down.tether_mm.value > up.tether_mm.value
    assert down.without_mm.value == pytest.approx(4.0, rel=0.25)


def test_a_softer_muscle_is_held_back_more(block) -> None:
    s = block.mesh.surface
    near = np.exp(-0.5 * ((s[:, :2] - (12.0, -30.0)) ** 2).sum(axis=1) / 10.0**2)
    tied = block.equilibrium([THREADS[0]], tolerance=1e-4).displacement
    x = predict_expressions(block, THREADS[:1], {"frown": np.outer(-4.0 * near, UP)}, tied)["frown"]
    assert x.tether_mm.low < x.tether_mm.value < x.tether_mm.high


def test_more_tension_lifts_more(block, assessment, outcome) -> None:
    more = [t.with_tension(1.5 * t.tension_n) for t in THREADS]
    pulled = predict(block, more, assessment, members=2, workers=0)
    a = np.abs(pulled.surface_mm).max()
    assert a > np.abs(outcome.surface_mm).max()
    goal = replace(assessment.goal["jowl_left"], mm=0.2)
    easy = replace(assessment, goal={"jowl_left": goal})
    assert (
        predict(block, THREADS, easy, members=2, workers=0)
        .risks["insufficient_effect"]
        .estimate.value
        < outcome.risks["insufficient_effect"].estimate.value
    )


def test_a_stronger_pull_comes_nearer_to_what_the_cogs_hold_in_motion(block, assessment) -> None:
    """And the dent is what the probe says of the difference, zero where nobody asks."""
    near = np.exp(-0.5 * ((block.mesh.surface[:, :2] - (12.0, -28.0)) ** 2).sum(axis=1) / 9.0**2)
    field = {"frown": np.outer(-4.0 * near, UP)}
    found = []
    for tension in (0.3, 0.6):
        threads = [block_thread("left", tension=tension)]
        tied = solve_member(block, threads, nominal_member(block, 1), tolerance=1e-6).displacement
        probe = _probe(block, assessment, threads)
        found.append(
            predict_expressions(
                block, threads, field, tied, dent=lambda u, p=probe: p.read(u).values["indentation"]
            )["frown"]
        )
    weak, strong = found
    assert 0.0 < weak.hold_share.value < strong.hold_share.value
    assert weak.hold_share.low <= weak.hold_share.value <= weak.hold_share.high
    assert strong.dimple_mm.value > 0.0
    silent = predict_expressions(block, threads, field, tied)["frown"]
    assert silent.dimple_mm.high == 0.0
