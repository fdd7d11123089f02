"""The tissue as a body: gravity by hand, symmetry, monotony, threads in equilibrium, bad input."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from threadlift.errors import InputError, SolverError
from threadlift.threads.thread import Thread
from threadlift.tissue import Cable, LigamentLine, Tissue, TissueParameters
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.fields import Fields
from threadlift.tissue.gravity import body_load, posture_change
from threadlift.tissue.mesh import LayeredMesh

DEPTHS = np.cumsum([0.0, 1.5, 2.0, 2.0, 1.5, 3.0, 3.0])


def _thread(side: str = "left", tension: float = 1.0, depth: float = 6.0, name: str = "t"):
    """A straight anchored thread from the upper outer part of a block to its lower middle."""
    sign = 1.0 if side == "left" else -1.0
    path = np.linspace([sign * 30.0, 40.0, -depth], [sign * 12.0, -35.0, -depth], 32)
    return Thread(
        id=name, side=side, product="pdo-2-0-molded", technique="anchored", entry_mm=path[0],
        path_mm=path, depth_mm=np.full(32, depth), layer=("smas",) * 32, tension_n=tension,
    )  # fmt: skip


@pytest.fixture(scope="module")
def block() -> Tissue:
    return Tissue(box_mesh(16, 16, size_mm=(90.0, 110.0)))


def _homogeneous(mu_kpa: float) -> TissueParameters:
    return replace(
        TissueParameters(), skin_mu_kpa=mu_kpa, fat_mu_kpa=mu_kpa, smas_mu_kpa=mu_kpa,
        deep_mu_kpa=mu_kpa, fat_b=0.0, skin_k1_kpa=0.0, skin_prestretch_excess=0.0, rim_n_mm3=0.0,
        density_skin=1100.0, density_fat=1000.0, density_smas=1000.0, density_deep=1000.0,
    )  # fmt: skip


@pytest.mark.parametrize("mu_kpa", [0.75, 3.0])
def test_gravity_shears_a_layer_as_computed_by_hand(mu_kpa):
    """By hand: u = rho g h^2 / 2G + rho_s t g h / G, layer h under skin t, both of modulus G."""
    h, t, g = 10.0, 2.0, 9.81
    mesh = box_mesh(12, 12, size_mm=(240.0, 240.0), sublayer_mm=(t, 2.0, 2.0, 2.0, 2.0, 2.0))
    tissue = Tissue(mesh, _homogeneous(mu_kpa))
    acceleration = np.array([0.0, g, 0.0])
    load = body_load(
        tissue.solid.geometry, mesh.wedges, tissue.solid.materials.density, acceleration,
        tissue.solid.nodes,
    )  # fmt: skip
    u = tissue.rest.solve(load.ravel()).reshape(-1, 3)
    centre = np.argmin(np.linalg.norm(mesh.surface[:, :2], axis=1))
    modulus = mu_kpa * 1e3
    under_skin = 1e-6 * (1000 * g * h**2 / 2 + 1100 * t * g * h) / modulus * 1e3
    assert u[centre * mesh.nl + 1, 1] == pytest.approx(under_skin, rel=0.02)


def test_load_of_a_posture_is_weight_times_direction(block):
    supine = block.posture_load("supine")
    weight = np.sum(block.solid.geometry.volume * block.solid.materials.density) * 9.81e-9
    assert supine.sum(axis=0) == pytest.approx(
        np.array([0.0, 1.0, -1.0]) * weight / 0.5878, rel=1e-3
    )
    assert posture_change("captured", "supine") == pytest.approx(np.zeros(3))
    assert posture_change("upright", "supine") == pytest.approx(-posture_change("supine"))
    with pytest.raises(InputError, match="Unknown posture"):
        block.posture_load("floating")


def test_nothing_applied_moves_nothing(block):
    still = block.equilibrium([])
    assert still.reason == "converged"
    assert np.abs(still.displacement).max() == 0.0
    assert still.min_jacobian == pytest.approx(1.0, abs=1e-6)


def test_rest_operator_answers_loads_and_rows_alike(block):
    rng = np.random.default_rng(0)
    rows, load = rng.normal(size=(3, block.ndof)), rng.normal(size=block.ndof)
    direct = rows @ block.rest.solve(load)
    assert block.rest.responses(rows).T @ load == pytest.approx(direct, rel=1e-9)
    assert block.rest.responses(sp.csr_matrix(rows)).T @ load == pytest.approx(direct, rel=1e-9)


def test_small_load_moves_as_the_rest_operator_says(block):
    load = np.zeros_like(block.solid.points)
    load[:: block.mesh.nl, 1] = 1e-7 * block.mesh.nodal_area(0)
    linear = block.rest.solve(load.ravel()).reshape(-1, 3)
    nonlinear = block.equilibrium([], loads=load, tolerance=1e-8).displacement
    assert nonlinear == pytest.approx(linear, abs=2e-3 * np.abs(linear).max())


def test_thread_lifts_towards_its_anchor_and_more_tension_lifts_more(block):
    lifts = [
        block.equilibrium([_thread(tension=t)]).surface[:, 1].max() for t in (0.25, 0.5, 1.0, 2.0)
    ]
    assert np.diff(lifts).min() > 0.0
    assert lifts[0] > 0.05
    # In the linear range, half the tension gives half the lift, up to the string's own stiffness.
    assert lifts[1] / lifts[0] == pytest.approx(2.0, rel=0.25)


def test_equilibrium_reaches_the_tolerance_asked_for_and_balances_forces(block):
    result = block.equilibrium([_thread(tension=1.5)], tolerance=1e-8)
    assert result.residual <= 1e-8
    assert result.history[-1] == result.residual
    assert 0.0 < result.min_jacobian <= 1.0
    state = result.threads[0]
    assert state.tension_n == pytest.approx(1.5)
    assert state.length_change_mm < 0.0
    assert state.takeup_mm > -state.length_change_mm
    assert state.transfer_n.sum() + state.segment_tension_n[-1] == pytest.approx(1.5)


def test_mirror_images_give_mirror_images(block):
    mirror = block.mesh.mirror
    left = block.equilibrium([_thread("left", 1.5)], tolerance=1e-9).surface
    right = block.equilibrium([_thread("right", 1.5)], tolerance=1e-9).surface
    assert right[mirror] * [-1.0, 1.0, 1.0] == pytest.approx(left, abs=1e-6)


def test_same_question_gives_the_same_bits(block):
    first, second = (block.equilibrium([_thread(tension=1.0)]) for _ in range(2))
    assert np.array_equal(first.displacement, second.displacement)
    again = Tissue(box_mesh(16, 16, size_mm=(90.0, 110.0))).equilibrium([_thread(tension=1.0)])
    assert np.array_equal(first.displacement, again.displacement)


@pytest.mark.parametrize("depth", [2.0, 3.5, 6.0])
def test_four_threads_of_two_newton_per_side_converge(block, depth):
    """The case in which a plain line-search Newton method stalls: shallow, crossing the skin."""
    threads = []
    for side in ("left", "right"):
        for i in range(4):
            sign = 1.0 if side == "left" else -1.0
            path = np.linspace(
                [sign * 38.0, 45.0, -depth], [sign * (6.0 + 9.0 * i), -40.0 + 3.0 * i, -depth], 35
            )
            threads.append(
                Thread(
                    id=f"{side}{i}",
                    side=side,
                    product="plla-3-0-cone",
                    technique="anchored",
                    entry_mm=path[0],
                    path_mm=path,
                    depth_mm=np.full(35, depth),
                    layer=("fat",) * 35,
                    tension_n=2.0,
                )
            )
    result = block.equilibrium(threads)
    assert result.residual <= 1e-6
    assert result.min_jacobian > 0.0
    assert 1.0 < result.max_displacement_mm < 20.0


def test_prescribed_take_up_and_the_tension_that_it_makes_agree(block):
    thread = _thread(tension=1.0)
    by_tension = block.equilibrium([block.cable(thread)], tolerance=1e-9)
    state = by_tension.threads[0]
    cable = block.cable(thread)
    # With a varying profile the weighted length is what the take-up of the level works on.
    share = cable.share
    length = np.linalg.norm(np.diff(state.path_mm, axis=0), axis=1)
    takeup = 1.0 * state.tension_n / cable.ea_n * np.sum(share**2 * cable.segment_mm)
    takeup -= np.sum(share * (length - cable.segment_mm))
    by_length = block.equilibrium(
        [block.cable(thread, shortening_mm=float(takeup))], tolerance=1e-9
    )
    assert by_length.threads[0].tension_n == pytest.approx(state.tension_n, rel=1e-5)
    assert by_length.surface == pytest.approx(by_tension.surface, abs=1e-5)


def test_stiffer_support_and_ligaments_hold_the_tissue_back():
    mesh = box_mesh(10, 10, size_mm=(90.0, 110.0))
    line = LigamentLine("row", np.array([[20.0, -10.0, 0.0], [14.0, -15.0, 0.0]]), 4.0, 1.5)
    plain = Tissue(mesh)
    tied = Tissue(mesh, ligaments=[line])
    fixed = Tissue(mesh, fields=Fields(fixed=np.ones(mesh.columns)))
    lax = Tissue(mesh, TissueParameters().with_laxity(0.6))
    lifts = [
        t.equilibrium([_thread(tension=1.0)]).surface[:, 1].max() for t in (fixed, tied, plain, lax)
    ]
    assert lifts == sorted(lifts)
    assert lifts[0] < 0.9 * lifts[2]


def test_more_than_the_tissue_can_bear_is_an_error_with_a_remedy(block):
    cable = replace(block.cable(_thread(tension=1.0)), tension_n=5e4)
    with pytest.raises(SolverError) as failure:
        block.equilibrium([cable], max_iterations=20)
    assert failure.value.remedy


def test_bad_input_is_refused(block):
    with pytest.raises(InputError, match="not finite numbers"):
        block.equilibrium([], loads=np.full_like(block.solid.points, np.nan))
    with pytest.raises(InputError, match="not finite numbers"):
        block.equilibrium([], loads=np.zeros(7))
    with pytest.raises(InputError, match="fat_mu_kpa"):
        TissueParameters(fat_mu_kpa=float("nan"))
    with pytest.raises(InputError, match="Unknown base support"):
        Tissue(block.mesh, base=np.full(block.mesh.columns, "cushion"))
    with pytest.raises(InputError, match="one support code"):
        Tissue(block.mesh, base=np.array(["bone"]))
    broken = block.mesh.points.copy()
    broken[5] = np.nan
    with pytest.raises(InputError):
        Tissue(LayeredMesh(points=broken, surface_triangles=block.mesh.surface_triangles))


def test_floating_thread_is_in_balance_by_itself(block):
    thread = replace(_thread(tension=1.0), technique="floating")
    cable: Cable = block.cable(thread)
    result = block.equilibrium([thread])
    path_force = np.zeros((len(thread.path_mm), 3))
    pull = result.threads[0].segment_tension_n
    arm = np.diff(result.threads[0].path_mm, axis=0)
    arm *= (pull / np.linalg.norm(arm, axis=1))[:, None]
    path_force[:-1] += arm
    path_force[1:] -= arm
    assert np.abs(path_force.sum(axis=0)).max() < 1e-12
    assert cable.share.max() == 1.0
    assert pull[0] < 0.5 * pull.max()
