"""The nonlinear solve as a whole: preconditioner, robustness, recycling, states after placement."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from threadlift.errors import InputError
from threadlift.face import Face
from threadlift.threads.thread import Thread
from threadlift.tissue import Tissue
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.cables import CableSet
from threadlift.tissue.corridor import Corridor, corridor_nodes
from threadlift.tissue.linear_solver import factorise
from threadlift.tissue.newton import steihaug
from threadlift.tissue.pardiso import NotPositiveDefiniteError
from threadlift.tissue.settled import settled
from threadlift.tissue.string_blocks import StringBlocks
from threadlift.tissue.working_factor import WorkingFactor


def _straight(name: str, y: float, depth: float, tension: float = 1.0) -> Thread:
    x = np.linspace(-28.0, 24.0, 22)
    path = np.stack([x, np.full(22, y), np.full(22, -depth)], axis=1)
    return Thread(
        id=name,
        side="left",
        product="plla-3-0-cone",
        technique="anchored",
        entry_mm=path[0],
        path_mm=path,
        depth_mm=np.full(22, depth),
        layer=("fat",) * 22,
        tension_n=tension,
    )


@pytest.fixture(scope="module")
def block() -> Tissue:
    return Tissue(box_mesh(14, 8, size_mm=(70.0, 40.0)))


@pytest.fixture(scope="module")
def face() -> Tissue:
    return Tissue.of(Face.synthetic(seed=2), level="coarse")


_ENDS = (
    ("temple", "jowl"),
    ("temple", "nasolabial"),
    ("preauricular", "jowl"),
    ("preauricular", "marionette"),
    ("temple", "malar"),
    ("preauricular", "buccal"),
)


def _plan(tissue: Tissue, per_side: int, zeta: float, tension: float) -> list[Thread]:
    """Threads between zone centres at the column depth zeta, both sides alike."""
    mesh, out = tissue.mesh, []
    for side in ("left", "right"):
        for i, zones in enumerate(_ENDS[:per_side]):
            weights = [mesh.zone_weights[f"{z}_{side}"] for z in zones]
            start, end = (w @ mesh.surface / w.sum() for w in weights)
            tri, bary = mesh.surface_path(start + np.array([0.0, 3.0 * i, 0.0]), end)
            path, skin = (mesh.point_at(tri, bary, np.full(len(tri), z))[0] for z in (zeta, 0.0))
            out.append(
                Thread(
                    id=f"{side}{i}",
                    side=side,
                    product="plla-3-0-cone",
                    technique="anchored",
                    entry_mm=path[0],
                    path_mm=path,
                    depth_mm=np.linalg.norm(path - skin, axis=1),
                    layer=("fat",) * len(path),
                    tension_n=tension,
                )
            )
    return out


def test_matrix_of_the_preconditioner_is_tissue_plus_exact_strings(block):
    cables = CableSet([block.bonded(_straight("a", 2.2, 3.0)), block.bonded(_straight("b", -6, 4))],
                      block.solid.nodes)  # fmt: skip
    u = 0.01 * np.random.default_rng(0).normal(size=block.solid.points.shape)
    state, body = cables.state(u), block.solid.tangent(u)
    ours = StringBlocks.of(block.solid.pattern, cables).matrix(body, state)
    exact = body.csr() + cables.string_stiffness(state)
    assert abs(ours - exact).max() < 1e-12 * abs(exact).max()
    without = StringBlocks.of(block.solid.pattern, CableSet([], block.solid.nodes))
    assert (
        abs(without.matrix(body, CableSet([], block.solid.nodes).state(u)) - body.csr()).max() == 0
    )


def test_working_factor_follows_the_matrix_and_forgets_a_failed_one(block):
    matrix = block.solid.tangent(np.zeros_like(block.solid.points)).csr()
    working = WorkingFactor("auto")
    load = np.random.default_rng(1).normal(size=block.ndof)
    exact = factorise(matrix).solve(load)
    size = np.abs(exact).max()
    assert working.make(matrix).precondition(load) == pytest.approx(exact, abs=1e-3 * size)
    assert working.make(sp.csr_matrix(2.0 * matrix)).precondition(load) == pytest.approx(
        0.5 * exact, abs=1e-3 * size
    )
    if factorise(matrix).backend != "splu":
        with pytest.raises(NotPositiveDefiniteError):
            working.make(sp.csr_matrix(-matrix))
        assert not working.made


def test_a_single_precision_factor_solves_to_full_accuracy(block):
    matrix = block.solid.tangent(np.zeros_like(block.solid.points)).csr()
    load = np.random.default_rng(2).normal(size=(block.ndof, 3))
    x = factorise(matrix, single=True).solve(load)
    assert np.linalg.norm(matrix @ x - load) < 1e-7 * np.linalg.norm(load)


def test_recycling_the_last_solve_finds_the_same_equilibrium(block):
    first = [_straight("a", 2.0, 3.0), _straight("b", -8.0, 3.0)]
    moved = [_straight("a", 5.0, 3.0), first[1]]
    before = block.equilibrium(first, tolerance=1e-9)
    again = block.equilibrium(moved, tolerance=1e-9, start=before.displacement, recycle=True)
    fresh = block.equilibrium(moved, tolerance=1e-9)
    assert again.displacement == pytest.approx(fresh.displacement, abs=1e-6)
    assert again.iterations <= fresh.iterations


@pytest.fixture(scope="module")
def corridor_case(block):
    """Body, two hard-pulled cables, their state, and the factor of the body alone."""
    cables = CableSet([block.bonded(_straight("a", 2.2, 3.0, 3.0)),
                       block.bonded(_straight("b", -6, 4, 3.0))], block.solid.nodes)  # fmt: skip
    u = np.zeros_like(block.solid.points)
    body = block.solid.tangent(u)
    return body, cables, cables.state(u), block.rest


def test_a_corridor_over_all_nodes_is_the_exact_inverse(block, corridor_case):
    body, cables, state, rest = corridor_case
    corridor = Corridor(rest, np.arange(block.solid.nodes), "auto")
    corridor.update(body, cables, state)
    x = np.random.default_rng(3).normal(size=block.ndof)
    rhs = (body.csr() + cables.string_stiffness(state)) @ x
    assert corridor.precondition(rhs) == pytest.approx(x, abs=1e-3)


def test_a_corridor_is_symmetric_and_spares_inner_iterations_that_missing_strings_cost(
    block, corridor_case
):
    body, cables, state, rest = corridor_case
    corridor = Corridor(rest, corridor_nodes(body.pattern, cables.cables), "auto")
    load = cables.force(state)
    assert np.array_equal(corridor.precondition(load.ravel()), rest.precondition(load.ravel()))
    corridor.update(body, cables, state)
    a, b = np.random.default_rng(4).normal(size=(2, block.ndof))
    both = a @ corridor.precondition(b), b @ corridor.precondition(a)
    assert both[0] == pytest.approx(both[1], rel=1e-3)
    string = cables.string_stiffness(state)

    def times(p):
        return body.times(p) + (string @ p.ravel()).reshape(-1, 3)

    counts = [
        steihaug(load, times, solver, tolerance=1e-8, radius=np.inf).iterations
        for solver in (corridor, rest)
    ]
    assert counts[0] < 0.6 * counts[1]


def test_a_corridor_whose_stiffness_is_not_positive_definite_leaves_the_kept_factor_alone(
    block, corridor_case
):
    body, cables, state, rest = corridor_case
    if rest.factor.backend == "splu":
        pytest.skip("SuperLU factorises indefinite matrices, too")
    corridor = Corridor(rest, corridor_nodes(body.pattern, cables.cables), "auto")
    corridor.update(replace(body, data=-body.data), cables, state)
    load = cables.force(state).ravel()
    assert np.array_equal(corridor.precondition(load), rest.precondition(load))


@pytest.mark.slow
def test_after_one_of_four_threads_moved_the_kept_factor_is_mended_not_made_anew(face):
    plan = _plan(face, 2, 2.0, 1.0)
    before = face.equilibrium(plan, tolerance=1e-8)
    moved = [replace(plan[0], tension_n=1.5), *plan[1:]]
    again = face.equilibrium(moved, tolerance=1e-8, start=before.displacement, recycle=True)
    assert [c.tension_n for c in face.working.cables] == [1.0] * 4
    fresh = face.equilibrium(moved, tolerance=1e-8)
    assert [c.tension_n for c in face.working.cables] == [1.5, 1.0, 1.0, 1.0]
    assert again.displacement == pytest.approx(fresh.displacement, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("per_side", "zeta", "tension"),
    [(6, 1.0, 2.0), (6, 0.5, 2.0), (6, 2.0, 2.0), (6, 2.0, 10.0), (4, 3.5, 10.0)],
)
def test_many_and_hard_pulled_threads_converge_to_a_relative_residual_of_1e8(
    face, per_side, zeta, tension
):
    plan = _plan(face, per_side, zeta, tension)
    found = face.equilibrium(plan, tolerance=1e-8)
    assert found.residual <= 1e-8
    assert found.min_jacobian > 0.0
    for thread, state in zip(plan, found.threads, strict=True):
        held = sum(c for c in state.cogs.capacity_n) if state.cogs else 0.0
        assert state.tension_n <= min(thread.tension_n, held) * (1.0 + 1e-6)
        if state.tension_n < thread.tension_n * (1.0 - 1e-6):
            assert {"slip", "cut-through"} <= set(state.warnings)


@pytest.mark.parametrize("posture", ["supine", "head_forward", "weightless"])
def test_postures_converge_to_a_relative_residual_of_1e8(face, posture):
    found = face.equilibrium([], posture=posture, tolerance=1e-8)
    assert found.residual <= 1e-8
    assert 0.1 < found.max_displacement_mm < 7.6


def test_relaxed_tissue_lets_a_tied_thread_lose_tension_but_not_its_take_up(block):
    threads = [_straight("a", 2.0, 3.0)]
    placed = block.equilibrium(threads, tolerance=1e-9)
    now, day, later = (
        settled(block, threads, placed, s, tolerance=1e-9)
        for s in ("immediate", "24h", "long-term")
    )
    assert now.displacement == pytest.approx(placed.displacement, abs=1e-6)
    tensions = [x.threads[0].tension_n for x in (placed, day, later)]
    assert tensions[0] > tensions[1] > tensions[2] > 0.0
    for x in (day, later):
        assert x.threads[0].takeup_mm == pytest.approx(placed.threads[0].takeup_mm, rel=1e-6)
    with pytest.raises(InputError, match="not solved with these threads"):
        settled(block, [], placed, "24h", tolerance=1e-9)


@pytest.mark.slow
def test_refinement_around_a_thread_keeps_the_lift_and_resolves_the_dent(face):
    plan = _plan(face, 1, 1.0, 0.6)[:1]
    fine = face.refined_along(plan)
    start = fine.mesh.refinement.carried(face.equilibrium(plan).displacement)
    coarse, resolved = face.equilibrium(plan), fine.equilibrium(plan, start=start)

    def lift(tissue, found):
        weight = tissue.mesh.zone_weights["jowl_left"] * tissue.mesh.nodal_area(0)
        return float(weight @ found.surface[:, 1] / weight.sum())

    assert lift(fine, resolved) == pytest.approx(lift(face, coarse), rel=0.15)
    assert resolved.max_displacement_mm > coarse.max_displacement_mm
    with pytest.raises(InputError, match="no face"):
        Tissue(box_mesh(2, 2)).refined_along(plan)


def test_threads_of_a_plan_may_be_tied_by_take_up_instead_of_tension(block):
    thread = _straight("a", 2.0, 3.0)
    placed = block.equilibrium([thread], tolerance=1e-9)
    tied = block.bonded(thread, shortening_mm=placed.threads[0].takeup_mm)
    again = block.equilibrium([tied], tolerance=1e-9)
    assert again.threads[0].tension_n == pytest.approx(thread.tension_n, rel=1e-5)
    longer = replace(tied, shortening_mm=1.2 * placed.threads[0].takeup_mm)
    assert block.equilibrium([longer]).threads[0].tension_n > thread.tension_n


def test_a_basis_of_many_loads_is_good_to_four_digits(face):
    rng = np.random.default_rng(5)
    loads = sp.random(face.ndof, 140, density=1e-3, random_state=rng, format="csc")
    skin = (3 * np.arange(0, len(face.mesh.points), face.mesh.nl)[:, None] + np.arange(3)).ravel()
    quick = face.rest.basis(loads, skin)
    exact = face.rest.solve(loads.toarray())[skin].T
    error = np.linalg.norm(quick - exact, axis=1) / np.linalg.norm(exact, axis=1)
    assert quick.dtype == np.float32
    assert error.max() < 5e-4
