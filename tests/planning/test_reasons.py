"""Why a thread lies where it lies: moved threads, their effect, and what stops them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import Case, record

from threadlift.face import Face
from threadlift.planning.candidates import CandidateSet
from threadlift.planning.few import FewThreads
from threadlift.planning.moves import Move, moved, moves
from threadlift.planning.reading import Factors, Reader, Reading, limits_used, ratio
from threadlift.planning.reason_data import Reasons
from threadlift.planning.reasons import Ground, Shown, Variant, reasons, spacing_mm, stopped_by
from threadlift.planning.rows import Rows
from threadlift.planning.safety import SafetyCase, Violation
from threadlift.planning.skin import Skin
from threadlift.planning.strings import string_load, string_stiffness
from threadlift.planning.verify import solve
from threadlift.threads import Thread, product, tension_profile
from threadlift.tissue import Tissue
from threadlift.tissue.linear_solver import factorise


@pytest.fixture(scope="session")
def plan_of_four(case: Case, rows: Rows, few: CandidateSet):
    """Two threads per side, far apart, and what the nonlinear model says of them."""
    chosen = []
    for side in ("left", "right"):
        mine = few.of_side(side)  # pyright: ignore[reportArgumentType]
        chosen += [(mine[0], 1.0), (mine[-1], 1.0)]
    return solve(case.tissue, rows, chosen)


@pytest.fixture(scope="session")
def ground(case: Case, rows: Rows) -> Ground:
    return Ground(case.tissue, rows, SafetyCase(case.skin, case.marks, case.hazards))


@pytest.fixture(scope="session")
def why(ground: Ground, rows: Rows, plan_of_four) -> Reasons:
    v = plan_of_four
    size = limits_used(rows, v.read)
    return reasons(ground, v.threads, Shown(v.lift_mm, v.used, size), v.displacement)


# -- moved threads --------------------------------------------------------------------------------


def one(few: CandidateSet) -> Thread:
    """An anchored one: its end at the entry is held."""
    return next(c for c in few.of_side("left") if c.thread.anchor == 0).at(1.0, "L1")


@pytest.mark.parametrize("kind", ["entry-across", "target-along", "target-across"])
@pytest.mark.parametrize("by", [-5.0, 5.0])
def test_a_shift_moves_one_end_by_its_size_and_leaves_the_other(case, few, kind, by) -> None:
    thread = one(few)
    found = moved(case.tissue.mesh, case.skin, thread, Move(kind, by, "mm"))
    assert found is not None
    shifted, move = found
    step = np.linalg.norm(shifted.path_mm - thread.path_mm, axis=1)
    end, other = (0, -1) if kind == "entry-across" else (-1, 0)
    # The skin is curved: what moves along it by 5 mm moves a little more or less beneath it.
    assert step[end] == pytest.approx(5.0, abs=1.5)
    assert step[other] < 0.05
    assert move.toward in {"forward", "back", "up", "down", "medial", "lateral"}


def test_a_shifted_thread_stays_in_its_plane(case: Case, few: CandidateSet) -> None:
    thread = one(few)
    found = moved(case.tissue.mesh, case.skin, thread, Move("target-across", 5.0, "mm"))
    assert found is not None
    before = case.tissue.mesh.locator.columns(thread.path_mm)[2]
    after = case.tissue.mesh.locator.columns(found[0].path_mm)[2]
    np.testing.assert_allclose(after, before, atol=0.05)


@pytest.mark.parametrize("by", [-1.0, 1.0])
def test_a_sunk_thread_is_deeper_by_so_much_but_its_anchor_stays(case, few, by) -> None:
    thread = one(few)
    found = moved(case.tissue.mesh, case.skin, thread, Move("depth", by, "mm"))
    assert found is not None
    sunk = found[0]
    np.testing.assert_allclose(sunk.path_mm[0], thread.path_mm[0], atol=0.01)
    beyond = thread.arc_mm > 15.0
    # Columns are nearly normal to the skin, not exactly.
    np.testing.assert_allclose((sunk.depth_mm - thread.depth_mm)[beyond], by, atol=0.25)


def test_a_move_and_its_reverse_give_the_thread_back(case: Case, few: CandidateSet) -> None:
    thread = one(few)
    there = moved(case.tissue.mesh, case.skin, thread, Move("target-across", 3.0, "mm"))
    assert there is not None
    back = moved(case.tissue.mesh, case.skin, there[0], Move("target-across", -3.0, "mm"))
    assert back is not None
    assert np.abs(back[0].path_mm - thread.path_mm).max() < 0.5


def test_tension_changes_by_its_share_and_nothing_else(case: Case, few: CandidateSet) -> None:
    thread = one(few)
    found = moved(case.tissue.mesh, case.skin, thread, Move("tension", 0.2, "1"))
    assert found is not None
    assert found[0] == replace(thread, tension_n=1.2)


def test_an_end_that_would_leave_the_skin_has_no_answer(case: Case, few: CandidateSet) -> None:
    far = Move("target-along", 150.0, "mm")
    assert moved(case.tissue.mesh, case.skin, one(few), far) is None


# -- the linear model of a few threads ------------------------------------------------------------


def test_a_few_threads_are_solved_as_on_the_whole_mesh(case: Case, few: CandidateSet) -> None:
    threads = [few.of_side("left")[0].at(1.5, "L1"), few.of_side("left")[-1].at(1.0, "L2")]
    model = FewThreads.of(case.tissue, threads)
    u = model.displacements([np.sum(model.loads([model.strings(t) for t in threads]), axis=0)])[0]
    matrix, load = case.tissue.rest.matrix.copy(), np.zeros(case.tissue.ndof)
    for thread in threads:
        bed = case.tissue.bed(thread)
        segment = tension_profile(thread, product(thread.product), bed=bed).segment_tension_n
        embed = case.tissue.embed(thread)
        points = np.asarray(thread.path_mm)
        load += embed.T @ string_load(points, segment).ravel()
        matrix = matrix + embed.T @ sp.csr_matrix(string_stiffness(points, segment)) @ embed
    truth = factorise(sp.csr_matrix(matrix)).solve(load)
    np.testing.assert_allclose(u.ravel(), truth, atol=2e-3 * np.abs(truth).max())


def test_about_its_equilibrium_the_model_of_a_plan_is_that_equilibrium(case, plan_of_four) -> None:
    v = plan_of_four
    model = FewThreads.of(case.tissue, v.threads, v.threads, v.displacement)
    loads = model.loads([model.strings(t) for t in v.threads])
    again = model.displacements([np.sum(loads, axis=0)])[0]
    np.testing.assert_allclose(again, v.displacement, atol=2e-3)


def test_about_the_equilibrium_changes_are_those_of_the_nonlinear_model(case, rows, plan_of_four):
    """One thread sunk, all solved anew: the dip changes as told, the captured state misleads."""
    v = plan_of_four
    sunk = moved(case.tissue.mesh, case.skin, v.threads[0], Move("depth", 1.0, "mm"))
    assert sunk is not None
    new = [sunk[0], *v.threads[1:]]
    truth = case.tissue.equilibrium(new, tolerance=1e-6, start=v.displacement).displacement
    dips = np.array(rows.limit_name) == "dip"

    wanted = (rows.read(truth) - rows.read(v.displacement))[rows.goals :][dips]

    def told(state: np.ndarray | None) -> np.ndarray:
        model = FewThreads.of(case.tissue, [*v.threads, sunk[0]], v.threads, state)
        old, after = (
            model.displacements([np.sum(model.loads([model.strings(t) for t in ts]), axis=0)])[0]
            for ts in (v.threads, new)
        )
        return (rows.read(after) - rows.read(old))[rows.goals :][dips]

    about_plan, about_capture = told(v.displacement), told(None)
    # A millimetre is far: place by place it errs by up to half, the largest change is well told.
    assert np.abs(about_plan).max() == pytest.approx(np.abs(wanted).max(), rel=0.2)
    missed, otherwise = (np.linalg.norm(x - wanted) for x in (about_plan, about_capture))
    assert missed < 0.6 * otherwise


def test_threads_that_are_taken_as_given_give_the_coupled_solution(case, few) -> None:
    """One pass over the sides is enough: they hardly couple."""
    threads = [few.of_side("left")[0].at(2.0, "L1"), few.of_side("right")[0].at(2.0, "R1")]
    model = FewThreads.of(case.tissue, threads)
    strings = [model.strings(t) for t in threads]
    both = model.loads(strings)
    again = model.loads(strings[:1], both[1])
    np.testing.assert_allclose(again[0], both[0], atol=1e-8)


# -- reasons --------------------------------------------------------------------------------------


def test_every_thread_is_asked_every_question(why: Reasons, plan_of_four) -> None:
    assert [t.thread for t in why.threads] == [t.id for t in plan_of_four.threads]
    for thread in why.threads:
        assert [(c.move.kind, c.move.by) for c in thread.changes] == [
            (m.kind, m.by) for m in moves()
        ]


def test_contributions_nearly_add_up_to_the_lift(why: Reasons, plan_of_four) -> None:
    """What threads lift together is what each adds, but for their weak coupling."""
    for zone, mm in plan_of_four.lift_mm.items():
        total = sum(t.contribution_mm[zone] for t in why.threads)
        assert total == pytest.approx(mm, abs=0.15 * abs(mm) + 0.03)


def test_a_thread_works_on_its_own_side(why: Reasons, plan_of_four) -> None:
    for reason, thread in zip(why.threads, plan_of_four.threads, strict=True):
        own = sum(abs(x) for z, x in reason.contribution_mm.items() if z.endswith(thread.side))
        assert own > 0.7 * sum(abs(x) for x in reason.contribution_mm.values())
        assert reason.main_zone.endswith(thread.side)


def test_more_tension_gives_more_of_what_a_thread_gives(why: Reasons) -> None:
    for thread in why.threads:
        by = {c.move.by: c for c in thread.changes if c.move.kind == "tension"}
        zone = thread.main_zone
        assert by[0.2].lift_mm[zone] > 0.0 > by[-0.2].lift_mm[zone]
        # A fifth more tension: about a fifth more of the contribution.
        assert by[0.2].lift_mm[zone] == pytest.approx(0.2 * thread.contribution_mm[zone], rel=0.25)


def test_the_linear_difference_is_near_the_nonlinear_one(why: Reasons) -> None:
    assert why.check is not None
    assert why.check.linear_mm == pytest.approx(why.check.nonlinear_mm, rel=0.2)


def test_deeper_is_less_visible_and_shallower_more(why: Reasons) -> None:
    """The dip over the skin falls with depth: for the threads together."""
    dips = {-1.0: 0.0, 1.0: 0.0}
    for thread in why.threads:
        for change in thread.changes:
            if change.move.kind == "depth":
                dips[change.move.by] += change.risk_changes["indentation"]
    assert dips[1.0] < dips[-1.0]


def test_a_change_is_unsafe_exactly_when_the_kernel_says_so(why: Reasons) -> None:
    for thread in why.threads:
        for change in thread.changes:
            if change.move.kind != "left-out":
                assert (change.stopped_by == "safety") == bool(change.violations)


def test_reasons_survive_json(why: Reasons) -> None:
    data = why.to_json()
    assert len(data["threads"]) == 4
    change = data["threads"][0]["changes"][0]
    assert set(change["risks"]) == {
        "cheekbone_prominence", "indentation", "overpull", "overshoot", "asymmetry",
        "insufficient_effect",
    }  # fmt: skip


def test_no_threads_need_no_reasons(ground: Ground) -> None:
    assert reasons(ground, (), Shown({}, {}, {})) == Reasons((), None)


def test_cogs_that_lie_too_shallow_let_go(case: Case, few: CandidateSet) -> None:
    """Close to the dermis they hold little; deep in the fat they hold the same pull."""
    thread = one(few).with_tension(2.0)
    model = FewThreads.of(case.tissue, [thread])
    assert model.excess_n(thread) == pytest.approx(0.0, abs=1e-9)
    by = -float(thread.depth_mm[-1]) + 1.5
    raised = moved(case.tissue.mesh, case.skin, thread, Move("depth", by, "mm"))
    assert raised is not None
    assert model.excess_n(raised[0]) > 0.1


# -- what stops a thread --------------------------------------------------------------------------


def reading(used: float = 0.5, asymmetry: float = 0.0) -> Reading:
    return Reading({}, 0.5, 0.4, {"asymmetry": asymmetry}, {"dip_left": used, "overshoot": 0.1})


BROKEN = Violation("L1", "hazard-clearance", "frontal_branch (left)", (0.0, 0.0, 0.0), -1.0, "mm")


@pytest.mark.parametrize(
    ("read", "objective", "found", "slip", "stop", "what"),
    [
        (reading(1.2), 0.1, [BROKEN], 0.2, "safety", "hazard-clearance"),
        (reading(1.2), 0.1, [], 0.2, "slip", "cogs-slip"),
        (reading(1.2), 0.1, [], 0.0, "limit", "dip_left"),
        (reading(1.01), 0.1, [], 0.0, "nothing", "objective"),
        (reading(asymmetry=2.0), 0.1, [], 0.0, "limit", "asymmetry"),
        (reading(), -0.1, [], 0.0, "worse", "objective"),
        (reading(), 0.0, [], 0.0, "nothing", "objective"),
        (reading(), 0.1, [], 0.0, "nothing", "objective"),
    ],
)
def test_the_first_broken_constraint_is_what_stops_a_thread(
    few: CandidateSet, read, objective, found, slip, stop, what
) -> None:
    thread = one(few)
    variant = Variant(0, Move("tension", 0.2, "1"), thread)
    assert stopped_by(variant, read, objective, found, slip, [thread])[:2] == (stop, what)


def test_a_neighbour_stops_a_thread_that_comes_too_close(case, few: CandidateSet) -> None:
    thread = one(few)
    beside = moved(case.tissue.mesh, case.skin, thread, Move("target-across", 12.0, "mm"))
    close = moved(case.tissue.mesh, case.skin, thread, Move("target-across", 11.0, "mm"))
    assert beside is not None
    assert close is not None
    other = replace(beside[0], id="L2")
    variant = Variant(0, Move("target-across", 11.0, "mm"), close[0])
    stop, what, _, margin, _ = stopped_by(variant, reading(), 0.0, [], 0.0, [thread, other])
    assert (stop, what) == ("spacing", "L2")
    assert margin < 0.0


@pytest.mark.parametrize("moved_one", [0, 1])
def test_a_thread_is_never_too_close_to_itself(few: CandidateSet, moved_one: int) -> None:
    threads = [one(few), replace(one(few), id="L2")]
    names = [t.id for t in threads]
    pair = Violation(names[0], "thread-spacing", names[1], (0.0, 0.0, 0.0), -1.2, "mm")
    variant = Variant(moved_one, Move("entry-across", 5.0, "mm"), threads[moved_one])
    stop = stopped_by(variant, reading(), 0.0, [pair], 0.0, threads)
    assert stop[:3] == ("safety", "thread-spacing", names[1 - moved_one])


def straight(name: str, end_x_mm: float) -> Thread:
    """A thread of 40 mm in a fan from the origin, as far aside at its end as told."""
    s = np.linspace(0.0, 1.0, 41)
    path = np.column_stack([end_x_mm * s, -40.0 * s, np.zeros(41)])
    return Thread(name, "left", "pdo-2-0-molded", "anchored", path[0], path, np.full(41, 4.0),
                  ("fat",) * 41, 1.0)  # fmt: skip


def test_spacing_is_that_of_the_bodies_beyond_the_common_entry() -> None:
    a, b = straight("a", 0.0), straight("b", 20.0)
    # From 18 mm on: at 16.1 mm down the oblique thread, 8 mm aside of the other.
    assert spacing_mm(a, b) == pytest.approx(8.5, abs=0.6)
    assert spacing_mm(a, b) == spacing_mm(b, a)
    assert spacing_mm(a, a) == 0.0


def test_a_plan_is_read_as_it_was_verified(case: Case, rows: Rows, plan_of_four) -> None:
    """Factors act on what they belong to: lift and goal, size of side effects, limits."""
    v = plan_of_four
    reader = Reader(case.tissue.mesh, rows, v.threads)
    plain = reader.of(v.displacement, v.threads)
    assert plain.goal_attained == pytest.approx(v.goal_attained)
    assert plain.used == pytest.approx(v.used)
    assert plain.lift_mm == pytest.approx(v.lift_mm)
    dips = ("dip_left", "dip_right")
    scaled = reader.of(
        v.displacement, v.threads,
        Factors({"jowl_left": 0.5}, dict.fromkeys(dips, 2.0), dict.fromkeys(dips, 3.0), 1.5),
    )  # fmt: skip
    assert scaled.lift_mm["jowl_left"] == pytest.approx(0.5 * plain.lift_mm["jowl_left"])
    assert scaled.lift_mm["jowl_right"] == plain.lift_mm["jowl_right"]
    assert scaled.risks["indentation"] == pytest.approx(2.0 * plain.risks["indentation"])
    assert scaled.used["dip_left"] == pytest.approx(3.0 * plain.used["dip_left"])
    assert scaled.risks["overpull"] == pytest.approx(1.5 * plain.risks["overpull"])


@pytest.mark.parametrize(
    ("verified", "read", "expected"),
    [(0.8, 1.0, 0.8), (0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (9.0, 1.0, 3.0), (0.1, 1.0, 1.0 / 3.0)],
)
def test_a_factor_is_a_bounded_ratio(verified: float, read: float, expected: float) -> None:
    assert ratio(verified, read) == pytest.approx(expected)


def test_the_mirror_image_of_a_thread_moves_like_its_mirror_image() -> None:
    """On a symmetric face; across a thread, left and right change places."""
    face = Face.synthetic(seed=3, age_years=58, jowl_mm=2.0)
    tissue = Tissue.of(face, record(), "coarse")
    assert tissue.stack is not None
    skin = Skin.of_face(face, tissue.stack)
    ends = np.array([62.0, 20.0, 30.0]), np.array([45.0, -35.0, 55.0])
    tri, bary = tissue.mesh.surface_path(*ends)
    path = tissue.mesh.point_at(tri, bary, np.full(len(tri), 2.5))[0]
    place = skin.place(path)
    left = Thread("a", "left", "pdo-2-0-molded", "anchored", place.foot_mm[0], path,
                  place.depth_mm, place.layers(), 1.0)  # fmt: skip
    for kind, sign in (("target-along", 1.0), ("target-across", -1.0), ("entry-across", -1.0),
                       ("depth", 1.0)):  # fmt: skip
        one = moved(tissue.mesh, skin, left, Move(kind, 3.0, "mm"))  # pyright: ignore[reportArgumentType]
        two = moved(tissue.mesh, skin, left.mirrored(), Move(kind, sign * 3.0, "mm"))  # pyright: ignore[reportArgumentType]
        assert one is not None
        assert two is not None
        assert one[1].toward == two[1].toward
        np.testing.assert_allclose(two[0].path_mm, one[0].mirrored().path_mm, atol=0.05)
