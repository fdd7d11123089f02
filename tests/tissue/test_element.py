"""Wedges: geometry, exact derivatives, patch test, homogeneous and nearly incompressible states."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import fsolve

from threadlift.errors import InputError
from threadlift.tissue.assembly import Solid
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.element import wedge_geometry
from threadlift.tissue.linear_solver import factorise
from threadlift.tissue.materials import ElementMaterials, in_plane_prestress, membrane_metrics
from threadlift.tissue.parameters import TissueParameters
from threadlift.tissue.supports import LigamentLine, Supports, ligament_bars, support_springs


def _distorted_box(seed: int = 0, amount: float = 0.25):
    mesh = box_mesh(4, 4, size_mm=(12.0, 12.0), sublayer_mm=(2.0,) * 6)
    points = mesh.points.copy()
    grid = points.reshape(-1, mesh.nl, 3)
    inside = np.ones(grid.shape[:2], dtype=bool)
    inside[:, [0, -1]] = False
    inside[mesh.rim] = False
    shift = amount * np.random.default_rng(seed).uniform(-1, 1, grid.shape)
    grid += shift * inside[..., None]
    return mesh, points, inside.ravel()


def _skin_like(mesh, seed: int = 1) -> ElementMaterials:
    rng = np.random.default_rng(seed)
    count = len(mesh.wedges)
    normal = rng.normal(size=(count, 3))
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    G, H = membrane_metrics(normal, np.full(count, 1.057))
    mu = np.full(count, 0.03)
    plain = ElementMaterials.plain(mu, bulk=100 * mu, b=8.0)
    return replace(plain, mu0=mu * 1.057**-4, G=G, **_one_family(H, 0.066, 10.8))


def _one_family(H, k1: float, k2: float) -> dict:
    """One family of fibres with metric H (E,3,3), none in the other."""
    count = len(H)
    return {
        "k1": np.full((count, 2), [k1, 0.0]),
        "k2": np.full((count, 2), k2),
        "H": np.stack([H, 0 * H], axis=1),
    }


def test_volume_and_share_of_wedges_are_exact():
    mesh, points, _ = _distorted_box()
    geometry = wedge_geometry(points, mesh.wedges)
    assert geometry.volume.sum() == pytest.approx(12.0**3, rel=1e-12)
    assert geometry.nodal_share.sum(axis=1) == pytest.approx(geometry.volume, rel=1e-12)
    assert np.abs(geometry.gradients.sum(axis=2)).max() < 1e-12


def test_patch_affine_displacement_leaves_no_force_inside():
    mesh, points, inside = _distorted_box()
    mu = np.full(len(mesh.wedges), 1e-3)
    solid = Solid(
        points,
        mesh.wedges,
        ElementMaterials.plain(mu, bulk=300 * mu, b=8.0),
        Supports(np.zeros(len(points))),
    )
    gradient = np.array([[0.10, 0.05, -0.02], [0.03, -0.08, 0.04], [-0.01, 0.06, 0.02]])
    force = solid.evaluate(points @ gradient.T).force
    assert np.abs(force[inside]).max() < 1e-10 * np.abs(force[~inside]).max()


@pytest.mark.parametrize("size", [0.05, 0.4])
def test_force_is_the_gradient_of_the_energy_and_the_tangent_that_of_the_force(size):
    mesh = box_mesh(3, 3)
    line = LigamentLine("test", np.array([[3.0, 2.0, 0.0], [-8.0, 5.0, 0.0]]), 4.0, 1.5)
    supports = Supports(support_springs(mesh, TissueParameters()), ligament_bars(mesh, [line], 0.5))
    solid = Solid(mesh.points, mesh.wedges, _skin_like(mesh), supports)
    rng = np.random.default_rng(3)
    u, d = (s * rng.normal(size=mesh.points.shape) for s in (size, 1.0))
    h = 1e-5
    plus, minus = solid.evaluate(u + h * d), solid.evaluate(u - h * d)
    slope = (plus.energy - minus.energy).sum() / (2 * h)
    assert slope == pytest.approx(np.sum(solid.evaluate(u).force * d), rel=1e-6)
    numeric = (plus.force - minus.force) / (2 * h)
    exact = solid.tangent(u).times(d)
    assert np.abs(numeric - exact).max() < 1e-6 * np.abs(exact).max()


@pytest.mark.parametrize("size", [0.0, 0.1, 0.5])
def test_safe_tangent_is_positive_semidefinite_where_the_exact_one_need_not_be(size):
    mesh = box_mesh(2, 2, size_mm=(6.0, 6.0), sublayer_mm=(2.0,) * 6)
    skin = np.arange(len(mesh.wedges)) % 2 == 0
    materials = replace(
        _skin_like(mesh),
        b=np.where(skin, 0.0, 8.0),
        k1=np.where(skin, 0.066, 0.0)[:, None] * np.array([1.0, 0.0]),
        mu0=np.where(skin, 0.03 * 1.057**-4, 0.03),
    )
    materials.G[~skin] = np.eye(3)
    solid = Solid(mesh.points, mesh.wedges, materials, Supports(np.zeros(len(mesh.points))))
    u = size * np.random.default_rng(5).normal(size=mesh.points.shape)
    # Squeezed across the layers: the pressure alone would buckle the block.
    u[:, 2] -= 0.5 * size * mesh.points[:, 2]
    safe, exact = (
        np.linalg.eigvalsh(solid.tangent(u, safe=s).csr().toarray()) for s in (True, False)
    )
    assert safe.min() > -1e-10 * safe.max()
    if size == 0.0:
        assert safe == pytest.approx(exact, abs=1e-9 * exact.max())
    if size == 0.5:
        assert exact.min() < -1e-6 * exact.max()


def test_matrix_is_symmetric_and_equals_the_block_operator():
    mesh = box_mesh(3, 2)
    solid = Solid(mesh.points, mesh.wedges, _skin_like(mesh), Supports(np.ones(len(mesh.points))))
    rng = np.random.default_rng(0)
    u, d = 0.2 * rng.normal(size=(2, *mesh.points.shape))
    blocks = solid.tangent(u)
    matrix = blocks.csr()
    assert abs(matrix - matrix.T).max() < 1e-12 * abs(matrix).max()
    assert matrix @ d.ravel() == pytest.approx(blocks.times(d).ravel(), abs=1e-12)


def test_energy_does_not_see_a_rigid_motion():
    mesh, points, _ = _distorted_box()
    solid = Solid(points, mesh.wedges, _skin_like(mesh), Supports(np.zeros(len(points))))
    angle = 0.7
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]]
    )
    count = len(mesh.wedges)
    rest = solid.evaluate(np.zeros_like(points))
    moved = solid.evaluate(points @ turn.T + [3.0, -2.0, 5.0] - points)
    assert moved.energy[:count] == pytest.approx(rest.energy[:count], rel=1e-10)
    # Internal forces turn with the body.
    turned = solid.reference_load @ turn.T
    assert moved.force + solid.reference_load == pytest.approx(turned, abs=1e-12)


def test_flat_prestretched_skin_is_free_of_stress_across_its_thickness():
    mesh = box_mesh(4, 4, sublayer_mm=(1.5,), sublayers=(0,))
    count = len(mesh.wedges)
    mu, k1, k2, stretch = 0.032, 0.066, 10.8, 1.057
    G, H = membrane_metrics(np.tile([0.0, 0.0, -1.0], (count, 1)), np.full(count, stretch))
    ones = np.ones(count)
    plain = ElementMaterials.plain(mu * ones, bulk=100 * mu * ones)
    materials = replace(plain, mu0=mu * stretch**-4 * ones, G=G, **_one_family(H, k1, k2))
    solid = Solid(mesh.points, mesh.wedges, materials, Supports(np.zeros(len(mesh.points))))
    load = solid.reference_load.reshape(-1, 2, 3)
    assert np.abs(load[..., 2]).max() < 1e-12 * np.abs(load).max()
    # The pull on one edge is pre-stress times its cross-section.
    edge = np.isclose(mesh.surface[:, 0], mesh.surface[:, 0].max())
    pull = load[edge, :, 0].sum() / (40.0 * 1.5)
    assert pull == pytest.approx(in_plane_prestress(mu, k1, k2, stretch), rel=1e-10)
    assert pull == pytest.approx(20.1e-3, rel=0.01)


@pytest.mark.parametrize("stress_over_mu", [0.6, -0.6])
def test_uniaxial_stress_and_stretch_belong_together_as_computed_by_hand(stress_over_mu):
    mesh, points, _ = _distorted_box()
    mu, bulk = 1e-3, 0.3
    count = len(mesh.wedges)
    materials = ElementMaterials.plain(np.full(count, mu), bulk=np.full(count, bulk))
    solid = Solid(points, mesh.wedges, materials, Supports(np.zeros(len(points))))
    stress = stress_over_mu * mu

    def balance(stretches):
        along, across = stretches
        ratio = along * across**2
        pressure = bulk * (ratio - 1.0) - mu / ratio
        return [mu * along + pressure * across**2 - stress, mu * across + pressure * along * across]

    along, across = fsolve(
        balance, [1.0 + stress_over_mu / 3, 1.0 - stress_over_mu / 6], xtol=1e-13
    )
    load = np.zeros_like(points)
    load[:: mesh.nl, 2] = stress * mesh.nodal_area(0)
    load[mesh.nl - 1 :: mesh.nl, 2] = -stress * mesh.nodal_area(mesh.nl - 1)
    force = solid.evaluate(points * (np.array([across, across, along]) - 1.0)).force
    assert np.abs(force - load).max() < 1e-8 * np.abs(load).max()
    assert abs(along - 1.0) > 0.1


def test_bonded_block_does_not_lock_when_it_becomes_incompressible():
    """The surface moves aside under a local push; without mean dilatation K/mu = 1e5 freezes it."""
    mesh = box_mesh(8, 8, size_mm=(40.0, 40.0), sublayer_mm=(2.0,) * 6)
    count = len(mesh.wedges)
    mu = np.full(count, 1e-3)
    base = np.zeros(len(mesh.points))
    base[mesh.nl - 1 :: mesh.nl] = 10.0
    push = np.zeros_like(mesh.points)
    near = np.linalg.norm(mesh.surface[:, :2], axis=1) < 8.0
    push[:: mesh.nl, 2] = -1e-4 * mesh.nodal_area(0) * near
    depth = []
    for ratio in (300.0, 1e5):
        solid = Solid(
            mesh.points, mesh.wedges, ElementMaterials.plain(mu, bulk=ratio * mu), Supports(base)
        )
        factor = factorise(solid.tangent(np.zeros_like(mesh.points)).csr())
        depth.append(factor.solve(push.ravel()).reshape(-1, 3)[:: mesh.nl, 2].min())
    assert depth[0] < 0
    assert depth[1] / depth[0] > 0.9


def test_bad_coordinates_and_folded_elements_are_refused():
    mesh = box_mesh(2, 2)
    broken = mesh.points.copy()
    broken[3, 1] = np.nan
    with pytest.raises(InputError, match="not numbers"):
        wedge_geometry(broken, mesh.wedges)
    folded = mesh.points.copy()
    folded[0, 2] -= 100.0
    with pytest.raises(InputError, match="inverted"):
        wedge_geometry(folded, mesh.wedges)
