"""The layered mesh of faces: valid, symmetric, true to the given thicknesses."""

from typing import get_args

import numpy as np
import pytest
from mesh_cases import MIRROR, Stack
from scipy.spatial import KDTree

from threadlift.errors import InputError
from threadlift.face import Face
from threadlift.face.template import template
from threadlift.tissue.columns import layered_mesh
from threadlift.tissue.mesh import wedges_of
from threadlift.tissue.mesh_asset import Level, mesh_asset


def check(mesh) -> None:
    quality = mesh.quality()
    assert quality["inverted"] == 0
    assert quality["min_scaled_jacobian"] >= 0.05
    assert quality["p1_scaled_jacobian"] >= 0.2
    assert mesh.volumes.min() > 0.0


@pytest.mark.parametrize("seed", range(5))
def test_random_faces_give_valid_meshes(seed):
    rng = np.random.default_rng(seed)
    face = Face.synthetic(
        seed=seed, age_years=float(rng.uniform(20, 90)), asymmetry=float(rng.uniform(0, 1))
    )
    for level in ("coarse", "default"):
        check(layered_mesh(face, Stack(), level))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_many_random_faces_give_valid_meshes(seed):
    rng = np.random.default_rng(seed)
    face = Face.synthetic(
        seed=seed,
        age_years=float(rng.uniform(18, 95)),
        asymmetry=float(rng.uniform(0, 1)),
        weight=float(rng.uniform(-1, 1)),
    )
    check(layered_mesh(face, Stack(float(rng.uniform(0.6, 1.5))), "default"))


@pytest.mark.parametrize("level", ["coarse", "default"])
def test_mirrored_face_gives_the_mirrored_mesh(level):
    face = Face.synthetic(seed=7, asymmetry=0.8)
    mesh = layered_mesh(face, Stack(), level)
    other = layered_mesh(face.mirrored(), Stack(), level)
    grid = mesh.points.reshape(-1, mesh.nl, 3)
    image = other.points.reshape(-1, mesh.nl, 3)[mesh.mirror] * MIRROR
    assert np.abs(image - grid).max() < 1e-9
    assert np.abs(grid[mesh.mirror] * MIRROR - grid).max() > 0.1, "the face is asymmetric"


def test_where_there_is_room_layers_have_the_given_thickness():
    face = Face.synthetic(seed=1)
    stack = Stack()
    mesh = layered_mesh(face, stack)
    free = mesh.room > 1 - 1e-12
    assert free.mean() > 0.5
    sub = mesh.sublayer_mm[free]
    assert sub[:, 0] == pytest.approx(mesh.sample(stack.skin_mm)[free], rel=1e-9)
    assert sub[:, 1:3].sum(1) == pytest.approx(mesh.sample(stack.fat_mm)[free], rel=1e-9)
    assert sub[:, 3] == pytest.approx(mesh.sample(stack.smas_mm)[free], rel=1e-9)
    assert sub[:, 4:].sum(1) == pytest.approx(mesh.sample(stack.deep_mm)[free], rel=1e-9)


def test_skin_nodes_lie_on_the_face_except_in_closed_folds():
    face = Face.synthetic(seed=2, asymmetry=0.5)
    mesh = layered_mesh(face, Stack())
    gap = np.linalg.norm(mesh.surface - mesh.sample(face.vertices), axis=1)
    assert gap == pytest.approx(mesh.shift_mm, abs=1e-12)
    assert np.mean(gap > 1e-9) < 0.05
    cheek = mesh.zone_weights["buccal_left"] > 0.5
    assert gap[cheek].max() < 1e-9


def test_thick_tissue_is_held_back_between_opposite_walls():
    face = Face.synthetic(seed=3)
    mesh = layered_mesh(face, Stack(scale=2.0))
    check(mesh)
    tip = np.linalg.norm(mesh.surface - face.landmark("pronasale"), axis=1) < 6.0
    assert mesh.room[tip].max() < 0.8
    assert mesh.sublayer_mm.min() > 0.05


@pytest.mark.parametrize("levels", [("coarse", "default"), ("default", "reference")])
def test_levels_are_nested(levels):
    """Every triangle is four of the next level; vertices keep their place."""
    coarse, fine = (mesh_asset(level) for level in levels)
    assert len(fine.triangles) == 4 * len(coarse.triangles)
    shape = template().vertices
    a, b = coarse.sample(shape), fine.sample(shape)
    gap, same = KDTree(b).query(a)
    assert gap.max() < 1e-6
    pairs = {tuple(sorted(e)) for t in fine.triangles for e in (t[[0, 1]], t[[1, 2]], t[[2, 0]])}
    ends = {v: set() for v in same}
    for p, q in pairs:
        if p in ends:
            ends[p].add(q)
        if q in ends:
            ends[q].add(p)
    for t in coarse.triangles:
        for i, j in ((0, 1), (1, 2), (2, 0)):
            assert len(ends[same[t[i]]] & ends[same[t[j]]]) == 1, "one midpoint per coarse edge"


def test_asset_is_bound_symmetrically_to_the_template():
    for level in get_args(Level):
        asset = mesh_asset(level)
        assert asset.bary.min() >= 0
        assert asset.bary.sum(1) == pytest.approx(1.0)
        x = asset.sample(template().vertices)
        assert np.abs(x[asset.mirror] * MIRROR - x).max() < 1e-9
        turned = asset.mirror[asset.triangles][:, [0, 2, 1]]
        assert {frozenset(t) for t in turned} == {frozenset(t) for t in asset.triangles}
        masks = np.array(list(asset.rims.values()))
        assert masks.sum(0).max() == 1
        assert all(m.any() for m in masks)


def test_focus_region_is_fine_enough_for_threads():
    face = Face.synthetic(seed=0, identity=0.0)
    quality = layered_mesh(face, Stack()).quality()
    assert quality["focus_edge_median_mm"] < 2.7
    assert quality["focus_edge_p95_mm"] < 3.2
    assert quality["min_angle_deg"] > 20.0


def test_reference_level_resolves_threads_everywhere():
    quality = layered_mesh(Face.synthetic(seed=0, identity=0.0), Stack(), "reference").quality()
    assert quality["dof"] > 200_000
    assert quality["focus_edge_max_mm"] < 2.5
    assert quality["inverted"] == 0
    assert quality["min_scaled_jacobian"] >= 0.05


def test_thread_region_holds_the_zones_that_threads_pull():
    for level in get_args(Level):
        asset = mesh_asset(level)
        assert np.array_equal(asset.threads, asset.threads[asset.mirror])
        for key in ("malar_left", "buccal_left", "jowl_left", "preauricular_left"):
            inside = asset.sample(template().zones[key]) > 0.8
            assert asset.threads[inside].mean() > 0.7, key


def test_wedge_nodes_follow_the_stated_order():
    wedges = wedges_of(np.array([[0, 1, 2]]), 7)
    assert wedges[0].tolist() == [0, 14, 7, 1, 15, 8]


def test_unknown_level_is_refused():
    with pytest.raises(InputError, match="coarse"):
        mesh_asset("fine")
