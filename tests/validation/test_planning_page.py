"""The planning page: who is ahead, what is lowered how far, and one small face from end to end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from validation.planning import people, trial
from validation.planning.judge import (
    Lowering,
    equal_pull,
    pull_n,
    scaled,
    shares_to,
    worst_by_side,
)
from validation.planning.page import page
from validation.planning.pictures import chosen
from validation.planning.result import NOTHING, FaceResult, Shown, Trial
from validation.planning.run import of_this_code
from validation.planning.scoring import (
    allowed,
    equal,
    kept,
    means,
    median_face,
    plan_of,
    raw,
    rule_shares,
    score,
    score_all,
)

from threadlift.planning.candidates import candidates
from threadlift.planning.techniques import techniques
from threadlift.threads import Side, Technique, Thread

RISKS = {"cheekbone_prominence": 0.2, "indentation": 0.3, "overshoot": 0.6, "asymmetry": 0.4}


def shown(goal: float, objective: float, used: float = 0.5, **changes: object) -> Shown:
    made = Shown(
        goal,
        objective,
        {"jowl_left": 1.0},
        RISKS,
        {"dip_left": used, "overshoot_left": 0.4},
        0.1,
        {"left": 3, "right": 3},
        {"left": 4.0, "right": 4.0},
    )
    return replace(made, **changes)


def tried(name: str = "temple_fan", goal: float = 0.3, objective: float = 0.1) -> Trial:
    """A technique that keeps everything and attains less than `PLAN`."""
    s = shown(goal, objective)
    return Trial(name, "", (), s, s, s, shown(0.5, 0.4))


PLAN = shown(0.5, 0.4)


def face(number: int, *trials: Trial, plan: Shown | None = PLAN, **changes: object) -> FaceResult:
    made = FaceResult(
        number=number,
        seed=number,
        code="abc",
        pattern="jowl",
        lower="",
        age_years=50.0,
        sex="female",
        goal_mm=3.0,
        uneven_mm=0.5,
        recommendation="threads",
        refusal=None,
        gap=0.02,
        gap_relative=0.04,
        complete=True,
        seconds=10.0,
        violations=0,
        blocked="",
        plan=plan,
        techniques=trials,
    )
    return replace(made, **changes)


def refused(number: int, kind: str, *trials: Trial) -> FaceResult:
    why = {"kind": kind, "because": ["For a reason."], "would_change": ["Something."]}
    return face(number, *trials, plan=None, recommendation="no-thread-lift", refusal=why)


def thread(
    side: Side, tension_n: float, technique: Technique = "anchored", turn: int = 0
) -> Thread:
    path = np.array([[60.0, 0.0, 0.0], [50.0, -10.0, 10.0], [40.0, -20.0, 20.0]])
    path[:, 0] *= 1.0 if side == "left" else -1.0
    return Thread(
        f"{side[0].upper()}1", side, "pdo-2-0-molded", technique, path[0], path,
        np.full(3, 5.0), ("fat",) * 3, tension_n, turn,
    )  # fmt: skip


# -- who is ahead ---------------------------------------------------------------------------------


def test_more_goal_wins_whatever_the_risks() -> None:
    risky = replace(tried(), full=shown(0.6, 0.1, used=3.0), path=(("hazard-clearance", "x"),))
    assert raw(PLAN, risky) is False
    assert raw(PLAN, tried(goal=0.4)) is True
    assert raw(PLAN, tried(goal=0.5)) is False, "a tie is no win"
    assert raw(PLAN, replace(tried(), full=None)) is None


def test_within_limits_the_technique_counts_as_it_is_when_lowered() -> None:
    strong = replace(tried(), full=shown(0.9, 0.8, used=2.0), kept=shown(0.4, 0.3))
    assert kept(PLAN, strong) is True
    assert kept(PLAN, replace(strong, kept=shown(0.6, 0.5))) is False
    assert kept(PLAN, replace(strong, kept=None)) is True, "no pull keeps the limits"


def test_a_path_that_breaks_a_rule_is_not_allowed_and_forgiven_only_where_that_is_said() -> None:
    better = replace(tried(), kept=shown(0.9, 0.8), path=(("layer-not-allowed", "buccal"),))
    assert allowed(PLAN, better) is True
    assert kept(PLAN, better) is False
    assert allowed(PLAN, replace(better, path=())) is False


def test_a_plan_that_breaks_limits_or_rules_itself_never_wins_by_the_objective() -> None:
    beyond = shown(0.9, 0.9, used=1.2)
    unsafe = shown(0.9, 0.9, violations=(("in-dermis", ""),))
    barred = replace(tried(), path=(("in-dermis", ""),))
    for trial_ in (tried(), barred):
        assert kept(beyond, trial_) is False
        assert allowed(beyond, trial_) is False
        assert allowed(unsafe, trial_) is False


def test_equal_pull_compares_both_as_they_were_brought_to_it() -> None:
    even = replace(tried(), equal=shown(0.35, 0.1), plan_equal=shown(0.3, 0.1))
    assert equal(PLAN, even) is False
    assert equal(PLAN, replace(even, plan_equal=shown(0.36, 0.1))) is True
    assert equal(PLAN, replace(even, equal=None)) is None


def test_a_refusal_is_no_threads_and_loses_to_what_may_be_done() -> None:
    face_ = refused(1, "not-reachable-safely", tried())
    assert plan_of(face_) == NOTHING
    assert raw(NOTHING, tried()) is False
    assert allowed(NOTHING, tried()) is False
    assert equal(NOTHING, tried()) is False
    assert allowed(NOTHING, tried(objective=-0.02)) is True, "nothing is better than a loss"
    assert plan_of(refused(2, "nothing-to-lift")) is None


def test_scores_count_faces_that_can_be_compared() -> None:
    faces = [
        face(1, tried()),
        face(2, tried(goal=0.9)),
        face(3, replace(tried(), full=None)),
        face(4, replace(tried(), unplaced="leads off the skin", full=None, kept=None)),
        refused(5, "not-reachable-safely", tried()),
        refused(6, "nothing-to-lift"),
    ]
    assert str(score(faces, "temple_fan", "raw")) == "1/3"
    assert str(score(faces, "temple_fan", "kept")) == "3/4"
    assert score(faces, "jawline_j", "raw").faces == 0


def test_beating_all_means_every_one_that_has_a_place() -> None:
    lost = tried("jawline_j", goal=0.9)
    unplaced = replace(lost, unplaced="leads off the skin")
    faces = [face(1, tried(), lost), face(2, tried(), tried("jawline_j"), unplaced)]
    assert str(score_all(faces, "raw")) == "1/2"


def test_means_and_shares() -> None:
    m = means([shown(0.2, 0.1), shown(0.4, 0.3, used=1.5, violations=(("side-count", "left"),))])
    assert m is not None
    assert m.goal_attained == pytest.approx(0.3)
    assert (m.beyond, m.broken, m.threads_side, m.pull_side_n) == (0.5, 0.5, 3.0, 4.0)
    assert means([]) is None
    one = replace(tried(), path=(("a", ""), ("b", ""), ("b", "other")))
    assert rule_shares([one, replace(tried(), path=(("b", ""),))]) == {"b": 1.0, "a": 0.5}


def test_the_median_face_is_the_lower_middle_one() -> None:
    faces = [face(n, plan=shown(g, 0.1)) for n, g in ((1, 0.9), (2, 0.2), (3, 0.4), (4, 0.6))]
    assert median_face([*faces, face(5, plan=None)]).number == 3


# -- pull -----------------------------------------------------------------------------------------


def test_pull_counts_both_limbs_of_a_loop() -> None:
    threads = [thread("left", 1.0), thread("right", 1.5, "U", 1)]
    assert pull_n(threads) == {"left": 1.0, "right": 3.0}


def test_every_limit_counts_for_its_side() -> None:
    used = {"dip_left": 2.0, "malar_left": 1.1, "dip_right": 0.9, "overshoot_right": 1.2}
    assert worst_by_side(used) == {"left": 2.0, "right": 1.2}


@pytest.mark.parametrize("law", [lambda x: 3.0 * x, lambda x: 4.0 * x**1.6, lambda x: 2.0 * x**0.7])
def test_pull_is_lowered_no_further_than_the_limit_asks(law: Callable[[float], float]) -> None:
    search, share = Lowering(1.0), 1.0
    for _ in range(8):
        ahead = search.after(share, law(share))
        if ahead == share:
            break
        share = ahead
    assert 0.97 <= law(share) <= 1.0


def test_pull_that_keeps_the_limits_is_not_lowered() -> None:
    assert Lowering(1.0).after(1.0, 0.4) == 1.0
    assert Lowering(0.7).after(0.7, 0.99) == 0.7


def test_pull_that_had_no_equilibrium_rises_again_up_to_where_it_began() -> None:
    assert Lowering(1.0).after(0.8, 0.9) == pytest.approx(0.8 * 0.985 / 0.9)
    assert Lowering(1.0).after(0.8, 0.1) == 1.0


def test_two_sides_that_act_on_each_other_are_lowered_together() -> None:
    """Lowering the right fills the left's limit, which was kept at first."""
    sides = [Lowering(1.0), Lowering(1.0)]
    share = [1.0, 1.0]

    def used() -> list[float]:
        left, right = share
        return [left + 0.1 * (1.0 - right), 1.4 * right**0.8 + 0.05 * (1.0 - left)]

    for _ in range(10):
        now = used()
        ahead = [s.after(x, u) for s, x, u in zip(sides, share, now, strict=True)]
        if ahead == share:
            break
        share = ahead
    assert all(0.97 <= u <= 1.0 for u in used())


def test_equal_pull_lowers_the_stronger_one_on_each_side() -> None:
    wanted = equal_pull({"left": 4.0, "right": 2.0}, {"left": 3.0, "right": 5.0})
    assert wanted == {"left": 3.0, "right": 2.0}
    assert shares_to({"left": 4.0, "right": 2.0}, wanted) == {"left": 0.75, "right": 1.0}
    assert shares_to({"left": 0.0, "right": 2.0}, {"left": 0.0, "right": 1.0}) == {
        "left": 1.0,
        "right": 0.5,
    }


def test_scaled_tensions_are_rounded_down_and_stay_where_the_share_is_one() -> None:
    left, right = scaled(
        [thread("left", 1.3333), thread("right", 1.3333)], {"left": 1.0, "right": 0.5}
    )
    assert left.tension_n == 1.3333
    assert right.tension_n == 0.6666


# -- people ---------------------------------------------------------------------------------------


def test_people_are_of_the_age_of_thread_lifts_and_follow_from_their_number() -> None:
    assert people.seeds(5) == people.seeds(8)[:5]
    found = [people.person(n) for n in (1, 2, 3, 4)]
    assert [p.pattern for p in found] == ["jowl", "midface", "mixed", "jowl"]
    assert [bool(p.lower) for p in found] == [False, False, False, True]
    for p in found:
        age = p.record.patient.age_years
        assert age is not None
        assert people.YOUNGEST - 1.0 < age <= people.OLDEST
    again = people.person(4)
    assert again.record == found[3].record
    np.testing.assert_array_equal(again.face.vertices, found[3].face.vertices)


def test_grades_are_halves_and_the_lower_side_sags_more() -> None:
    even = people.grades("jowl", 2.2, "")
    assert even["jowl_left"] == even["jowl_right"] == 2.0
    assert even["marionette_left"] == 1.5
    lower = people.grades("jowl", 3.4, "right")
    assert lower["jowl_right"] == 4.0
    assert lower["jowl_left"] == 3.5
    assert lower["malar_right"] == lower["malar_left"], "a zone that sags little is left even"
    assert people.severity_at(35.0, 0.0) == 1.5
    assert people.severity_at(58.0, 0.0) == pytest.approx(2.8)


# -- mirror, store, page --------------------------------------------------------------------------


def test_a_mirrored_plan_is_told_from_another_one() -> None:
    here = (thread("left", 1.0),)
    same = trial.mirror_difference(here, tuple(t.mirrored() for t in (replace(here[0], id="R1"),)))
    assert same == {"same": True, "mm": 0.0, "n": 0.0}
    pulled = trial.mirror_difference(here, (replace(here[0], id="R1", tension_n=1.1).mirrored(),))
    assert pulled["same"] is False
    assert pulled["n"] == pytest.approx(0.1)
    other = trial.mirror_difference(here, (replace(here[0], id="R2").mirrored(),))
    assert other == {"same": False, "mm": None, "n": None}


def test_a_result_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    result = face(7, tried(), replace(tried("jawline_j"), path=(("a", "b"),), kept=None))
    text = json.dumps(result.to_json())
    trial.stored(tmp_path, 7).write_text(text)
    (tmp_path / "0008.99.part").write_text("half a fi")
    assert trial.read(tmp_path) == [result]


def test_results_of_other_code_are_not_mixed(tmp_path: Path) -> None:
    of_this_code(tmp_path)
    trial.stored(tmp_path, 1).write_text(json.dumps(face(1, tried()).to_json()))
    with pytest.raises(SystemExit, match="other code"):
        of_this_code(tmp_path)


def test_the_page_states_counts_refusals_and_shortfalls() -> None:
    names = list(techniques())
    better = [tried(n, goal=0.9) if n == names[0] else tried(n) for n in names]
    faces = [
        face(1, *(tried(n) for n in names), mirrored={"same": True, "mm": 0.002, "n": 0.0}),
        face(2, *better, pattern="midface", lower="left", violations=2),
        refused(3, "nothing-to-lift"),
    ]
    text = page(faces, chosen(faces))
    title = techniques()[names[0]]["title"]
    assert f"| {title} | **1/2** | 2/2 | 2/2 | **1/2** |" in text
    assert "Faces on which a plan was called for: 2 of 3." in text
    assert "found **2** violations" in text
    assert "**3 faces of 100 that were asked for" in text
    assert "the technique exceeds a limit on side effects in 0 of 20 comparisons" in text
    assert "nothing-to-lift (1): For a reason." in text
    assert "1 faces was planned for, too: 1 got the mirrored plan" in text
    assert "plans-jowl.jpg" in text
    assert "plans-refused.jpg" in text


@pytest.mark.slow
def test_one_face_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few candidates and two techniques: what is stored holds together."""
    planner = sys.modules["threadlift.planning.plan"]

    def few(*given: object) -> object:
        found = candidates(*given)  # pyright: ignore[reportArgumentType]
        return replace(found, candidates=found.candidates[::25])

    monkeypatch.setattr(planner, "candidates", few)
    two = {n: techniques()[n] for n in ("temple_fan_of_six", "preauricular_v")}
    monkeypatch.setattr(trial, "techniques", lambda: two)
    result = trial.run_and_store(tmp_path, 1, mirrored=False)
    assert trial.read(tmp_path) == [result]
    assert result.plan is not None
    assert result.violations == 0
    assert result.blocked == ""
    assert result.plan.within
    six, _ = result.techniques
    assert six.full is not None
    assert six.full.threads == {"left": 6, "right": 6}
    assert six.kept is not None
    assert six.kept.within
    assert six.kept.pull_n["left"] <= min(8.0, six.full.pull_n["left"]) + 1e-9
    if not six.full.within:
        assert max(six.kept.used.values()) > 0.9, "lowered no more than was needed"
    for side in ("left", "right"):
        assert six.equal is not None
        assert six.plan_equal is not None
        assert six.equal.pull_n[side] == pytest.approx(six.plan_equal.pull_n[side], abs=2e-3)
