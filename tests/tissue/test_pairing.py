"""Pairs of wedges with one pressure: who is paired with whom, and what it is for."""

import numpy as np
import pytest

from threadlift.face import Face
from threadlift.tissue import Tissue
from threadlift.tissue.assembly import Solid
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.linear_solver import factorise
from threadlift.tissue.materials import ElementMaterials
from threadlift.tissue.mesh import LayeredMesh
from threadlift.tissue.mesh_asset import mesh_asset
from threadlift.tissue.pairing import partners, triangle_pairs
from threadlift.tissue.refine import uniformly_refined
from threadlift.tissue.supports import Supports


@pytest.fixture(scope="module")
def tissue() -> Tissue:
    return Tissue.of(Face.synthetic(seed=1), level="coarse")


def _solid(mesh: LayeredMesh, ratio: float, paired: bool = True) -> Solid:
    mu = np.full(len(mesh.wedges), 1e-3)
    springs = np.zeros(len(mesh.points))
    springs[mesh.nl - 1 :: mesh.nl] = 1e3
    return Solid(
        mesh.points,
        mesh.wedges,
        ElementMaterials.plain(mu, bulk=ratio * mu),
        Supports(springs),
        partner=partners(mesh) if paired else None,
    )


@pytest.mark.parametrize("level", ["coarse", "default"])
def test_partners_on_a_face_are_mutual_neighbours_of_one_sublayer_and_mirror_images(level):
    asset = mesh_asset(level)
    surface = np.random.default_rng(0).normal(size=(asset.columns, 3))
    pair = triangle_pairs(asset.triangles, surface, asset.mirror)
    mine = np.flatnonzero(pair >= 0)
    assert (pair[pair[mine]] == mine).all()
    common = [len(set(asset.triangles[t]) & set(asset.triangles[pair[t]])) for t in mine]
    assert set(common) == {2}
    assert (pair < 0).mean() < 0.02
    twin = {frozenset(t): i for i, t in enumerate(asset.triangles.tolist())}
    image = np.array([twin[frozenset(t)] for t in asset.mirror[asset.triangles].tolist()])
    assert (np.where(pair < 0, -1, image[pair]) == pair[image]).all()


def test_wedges_take_the_partner_of_their_triangle(tissue):
    partner, mesh = partners(tissue.mesh), tissue.mesh
    mine = np.flatnonzero(partner >= 0)
    assert (mesh.layer[partner[mine]] == mesh.layer[mine]).all()
    assert (partner[mine] % (mesh.nl - 1) == mine % (mesh.nl - 1)).all()


def test_paired_wedges_keep_the_state_of_affine_displacements():
    mesh = box_mesh(4, 4, size_mm=(12.0, 12.0))
    points = mesh.points + 0.3 * np.random.default_rng(1).normal(size=mesh.points.shape)
    mu = np.full(len(mesh.wedges), 1e-3)
    solid = Solid(
        points,
        mesh.wedges,
        ElementMaterials.plain(mu, bulk=300 * mu, b=8.0),
        Supports(np.zeros(len(points))),
        partner=partners(mesh),
    )
    stretch = np.array([[1.1, 0.2, 0.0], [0.0, 0.95, 0.1], [0.05, 0.0, 0.97]])
    found = solid.evaluate(points @ (stretch - np.eye(3)).T)
    grid = np.abs(mesh.points[:, :2]).max(axis=1) < 5.9
    deep = (np.arange(len(points)) % mesh.nl > 0) & (np.arange(len(points)) % mesh.nl < 6)
    inside = grid & deep
    assert np.abs(found.force[inside]).max() < 1e-12 * np.abs(found.force).max()
    assert np.ptp(found.pressure) < 1e-10 * np.abs(found.pressure).max()


def test_force_and_tangent_belong_to_the_paired_energy(tissue):
    solid = tissue.solid
    rng = np.random.default_rng(3)
    u = solid.admissible(0.05 * rng.normal(size=solid.points.shape))
    d, h = solid.admissible(rng.normal(size=u.shape)), 1e-6
    plus, minus, here = (solid.evaluate(u + s * h * d) for s in (1.0, -1.0, 0.0))
    slope = (plus.energy.sum() - minus.energy.sum()) / (2.0 * h)
    assert slope == pytest.approx(float(np.sum(here.force * d)), rel=1e-8)
    curve = solid.admissible((plus.force - minus.force) / (2.0 * h))
    exact = solid.tangent(u).times(d)
    assert np.abs(curve - exact).max() < 1e-8 * np.abs(exact).max()


def test_short_waves_of_pressure_on_nearly_incompressible_tissue_do_not_lock():
    """K/mu = 1e4 must answer like 50; wedges with a pressure of their own lose 13 % of it."""
    mesh = uniformly_refined(box_mesh(10, 10))
    area, x = mesh.nodal_area(0), mesh.surface
    wave = np.cos(np.pi * x[:, 0] / 10.0) * np.cos(np.pi * x[:, 1] / 10.0)
    load = np.zeros_like(mesh.points)
    load[:: mesh.nl, 2] = -1e-4 * area * wave

    def work(ratio: float, paired: bool) -> float:
        matrix = _solid(mesh, ratio, paired).tangent(np.zeros_like(mesh.points)).csr()
        return float(load.ravel() @ factorise(matrix).solve(load.ravel()))

    paired, alone = (work(1e4, p) / work(50.0, p) for p in (True, False))
    assert paired == pytest.approx(1.0, abs=0.02)
    assert alone < 0.9


@pytest.mark.slow
def test_a_face_lies_down_alike_on_one_and_on_four_times_as_many_triangles(tissue):
    fine_mesh = uniformly_refined(tissue.mesh)
    fine = Tissue._on(fine_mesh, tissue.face, None, tissue.parameters, tissue.stack, tissue.backend)

    def shift(t: Tissue, zone: str) -> float:
        u = t.rest.solve(t.posture_load("supine").ravel()).reshape(-1, 3)[:: t.mesh.nl]
        weight = t.mesh.zone_weights[zone] * t.mesh.nodal_area(0)
        return float(np.linalg.norm(weight @ u / weight.sum()))

    for zone in ("jowl_left", "malar_left", "nasolabial_left"):
        assert shift(tissue, zone) == pytest.approx(shift(fine, zone), rel=0.03)
