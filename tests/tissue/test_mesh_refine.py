"""Refinement: conforming, the same body, exact carry-over, bounded quality, symmetric."""

import numpy as np
import pytest
from mesh_cases import MIRROR, Stack

from threadlift.errors import InputError
from threadlift.face import Face
from threadlift.face.template import template
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.columns import layered_mesh
from threadlift.tissue.quality import edge_lengths, scaled_jacobians, triangle_angles
from threadlift.tissue.refine import (
    refined,
    refined_along,
    split_layers,
    uniformly_refined,
)


@pytest.fixture(scope="module")
def face():
    return Face.synthetic(seed=6, asymmetry=0.0)


@pytest.fixture(scope="module")
def mesh(face):
    return layered_mesh(face, Stack(), "coarse")


def thread(face, mesh, side="L", zeta=2.5):
    """A thread in the fat from the temple to the jowl."""
    ends = (face.landmark(f"temple_{side}"), face.landmark(f"jowl_point_{side}"))
    tri, bary = mesh.surface_path(*ends)
    return mesh.point_at(tri, bary, np.full(len(tri), zeta))[0]


@pytest.fixture(scope="module")
def path(face, mesh):
    return thread(face, mesh)


@pytest.fixture(scope="module")
def corridor(mesh, path):
    return refined_along(mesh, [path], edge_mm=1.5, reach_mm=4.0)


def random_refinement(mesh, seed):
    """Three rounds of refining random triangles: every pattern of halved edges occurs."""
    rng = np.random.default_rng(seed)
    for _ in range(3):
        mesh = refined(mesh, rng.random(len(mesh.surface_triangles)) < 0.05)
    return mesh


def border_length(mesh):
    edges = np.sort(mesh.surface_triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges, uses = np.unique(edges, axis=0, return_counts=True)
    assert uses.max() <= 2, "an edge never has more than two triangles"
    ends = mesh.surface[edges[uses == 1]]
    return np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1).sum()


@pytest.mark.parametrize("seed", range(3))
def test_no_node_hangs_and_the_border_stays(mesh, seed):
    """A hanging node would leave edges with one triangle and lengthen the border."""
    fine = random_refinement(mesh, seed)
    assert len(fine.surface_triangles) > 1.2 * len(mesh.surface_triangles)
    assert border_length(fine) == pytest.approx(border_length(mesh), rel=1e-12)
    assert np.unique(fine.surface_triangles).size == fine.columns


@pytest.mark.parametrize("seed", range(3))
def test_each_wedge_keeps_its_volume(mesh, seed):
    fine = random_refinement(mesh, seed)
    parts = fine.volumes.reshape(-1, 6)
    assert parts.min() > 0.0
    for level in range(6):
        total = np.bincount(fine.refinement.parent, parts[:, level])
        assert total == pytest.approx(mesh.volumes.reshape(-1, 6)[:, level], rel=1e-11)
    assert parts.sum() == pytest.approx(mesh.volumes.sum(), rel=1e-12)


def test_linear_fields_are_carried_exactly(mesh, corridor):
    gradient = np.random.default_rng(0).normal(size=(3, 3))
    carried = corridor.refinement.carried(mesh.points @ gradient)
    assert np.abs(carried - corridor.points @ gradient).max() < 1e-11


def test_any_field_keeps_its_value_everywhere(mesh, corridor):
    """The old interpolation at any place of the body equals the new one of the carried field."""
    rng = np.random.default_rng(1)
    field = rng.normal(size=mesh.points.shape)
    tri = rng.integers(0, len(mesh.surface_triangles), 400)
    tri[:200] = rng.choice(corridor.refinement.parent, 200)
    bary, zeta = rng.dirichlet([1, 1, 1], 400), rng.uniform(0, 6, 400)
    _, wedge, weights = mesh.point_at(tri, bary, zeta)
    old = np.einsum("kn,knc->kc", weights, field[mesh.wedges[wedge]])
    _, wedge, weights = corridor.point_at(*corridor.refinement.places(tri, bary), zeta)
    carried = corridor.refinement.carried(field)
    new = np.einsum("kn,knc->kc", weights, carried[corridor.wedges[wedge]])
    assert np.abs(new - old).max() < 1e-9


def test_old_columns_keep_number_and_place(mesh, corridor):
    assert np.array_equal(corridor.points[: len(mesh.points)], mesh.points)


@pytest.mark.parametrize("edge_mm", [1.0, 2.0])
def test_edges_near_the_thread_are_as_short_as_asked(face, mesh, path, edge_mm):
    fine = refined_along(mesh, [path], edge_mm=edge_mm, reach_mm=4.0)
    tri, bary = mesh.surface_path(face.landmark("temple_L"), face.landmark("jowl_point_L"), 0.25)
    skin = mesh.paths.points(tri, bary)
    edges, length = edge_lengths(fine.surface, fine.surface_triangles)
    samples = np.linspace(0.0, 1.0, 9)[:, None, None]
    ends = fine.surface[edges]
    along = ends[None, :, 0] * (1 - samples) + ends[None, :, 1] * samples
    close = np.array([np.linalg.norm(skin - p, axis=1).min() for p in along.reshape(-1, 3)])
    near = close.reshape(9, -1).min(axis=0) <= 4.0
    assert near.sum() > 500
    assert length[near].max() <= edge_mm
    _, before = edge_lengths(mesh.surface, mesh.surface_triangles)
    assert length.max() == pytest.approx(before.max()), "far away nothing changes"


@pytest.mark.parametrize("seed", range(3))
def test_angles_never_fall_below_half(mesh, seed):
    fine = random_refinement(mesh, seed)
    now = triangle_angles(fine.surface, fine.surface_triangles)
    before = triangle_angles(mesh.surface, mesh.surface_triangles)[fine.refinement.parent]
    assert (now / before).min() >= 0.5 - 1e-9


def test_scaled_jacobians_stay_a_share_of_the_old_ones(mesh, path):
    fine = refined_along(mesh, [path])
    before = scaled_jacobians(mesh.points, mesh.wedges).reshape(-1, 6)
    now = scaled_jacobians(fine.points, fine.wedges).reshape(-1, 6)
    assert (now / before[fine.refinement.parent]).min() > 0.4
    assert now.min() >= 0.05


def test_uniform_refinement_keeps_every_shape(mesh):
    fine = uniformly_refined(mesh)
    assert len(fine.surface_triangles) == 4 * len(mesh.surface_triangles)
    angle = triangle_angles(mesh.surface, mesh.surface_triangles)
    assert triangle_angles(fine.surface, fine.surface_triangles) == pytest.approx(
        angle[fine.refinement.parent], abs=1e-8
    )
    assert fine.mirror is not None


def test_threads_on_both_sides_give_a_mirror_symmetric_mesh(face, mesh):
    left, right = thread(face, mesh, "L"), thread(face, mesh, "R")
    fine = refined_along(mesh, [left, right], edge_mm=2.0)
    assert fine.mirror is not None
    grid = fine.points.reshape(-1, fine.nl, 3)
    assert np.abs(grid[fine.mirror] * MIRROR - grid).max() < 1e-9
    codes = fine.sample_code(np.abs(template().vertices[:, 0]))
    assert np.array_equal(codes, codes[fine.mirror])
    assert refined_along(mesh, [left], edge_mm=2.0).mirror is None


def test_a_symmetric_block_stays_symmetric():
    block = box_mesh(4, 4)
    fine = refined_along(block, [np.array([[0.0, -15.0, 0.0], [0.0, 15.0, 0.0]])], 3.0, 2.0)
    assert fine.columns > block.columns
    assert fine.mirror is not None
    assert np.abs(fine.surface[fine.mirror] * MIRROR - fine.surface).max() < 1e-12


def test_template_maps_and_rims_follow(mesh, corridor):
    t = template()
    assert np.abs(corridor.sample(t.vertices) - corridor.refinement.columns @ mesh.sample(
        t.vertices)).max() < 1e-9  # fmt: skip
    for key, weight in corridor.zone_weights.items():
        assert weight == pytest.approx(corridor.sample(t.zones[key]), abs=1e-9)
    fine = uniformly_refined(mesh)
    assert np.array_equal(np.array(list(fine.rims.values())).any(axis=0), fine.rim)
    codes = np.arange(len(t.vertices))
    old = mesh.sample_code(codes)
    assert np.array_equal(fine.sample_code(codes)[: mesh.columns], old)
    new = fine.refinement.columns
    for v in range(mesh.columns, fine.columns, 37):
        ends = new.indices[new.indptr[v] : new.indptr[v + 1]]
        assert fine.sample_code(codes)[v] in old[ends]


def test_a_carried_displacement_is_displayed_as_before(mesh, corridor):
    field = np.random.default_rng(2).normal(size=(mesh.columns, 3))
    shown = corridor.to_display(corridor.refinement.columns @ field)
    assert np.abs(shown - mesh.to_display(field)).max() < 1e-6


def test_what_only_the_finer_mesh_resolves_is_displayed(mesh):
    fine = uniformly_refined(mesh)
    field = np.zeros((fine.columns, 3))
    field[mesh.columns :] = 1.0
    assert fine.to_display(field).max() > 0.5


def test_split_sublayers_are_equal_and_the_same_body(mesh):
    fine = split_layers(mesh, 3)
    assert fine.nl == 19
    assert fine.sublayers == (0,) * 3 + (1,) * 6 + (2,) * 3 + (3,) * 6
    assert fine.volumes.sum() == pytest.approx(mesh.volumes.sum(), rel=1e-12)
    thirds = fine.sublayer_mm.reshape(mesh.columns, 6, 3)
    assert thirds == pytest.approx(np.repeat(mesh.sublayer_mm[..., None] / 3, 3, axis=2))
    gradient = np.random.default_rng(3).normal(size=(3, 3))
    carried = fine.refinement.carried(mesh.points @ gradient)
    assert np.abs(carried - fine.points @ gradient).max() < 1e-11


def test_refinements_of_refinements_refer_to_the_first_mesh(face, mesh, path):
    """So an ensemble member on the same level takes over the whole refinement at once."""
    fine = split_layers(refined_along(uniformly_refined(mesh), [path], edge_mm=2.0), 2)
    other = layered_mesh(Face.synthetic(seed=9), Stack(), "coarse")
    again = fine.refinement.of(mesh)
    assert np.abs(again.points - fine.points).max() < 1e-10
    assert np.array_equal(again.surface_triangles, fine.surface_triangles)
    moved = fine.refinement.of(other)
    assert moved.points.shape == fine.points.shape
    assert moved.volumes.sum() == pytest.approx(other.volumes.sum(), rel=1e-12)


def test_no_path_or_no_triangle_changes_nothing(mesh):
    assert refined_along(mesh, []) is mesh
    assert refined(mesh, np.array([], dtype=int)).columns == mesh.columns


def test_bad_input_is_refused(mesh, path):
    with pytest.raises(InputError, match="triangle numbers"):
        refined(mesh, np.array([len(mesh.surface_triangles)]))
    with pytest.raises(InputError, match="mask"):
        refined(mesh, np.ones(3, dtype=bool))
    with pytest.raises(InputError, match="edge_mm"):
        refined_along(mesh, [path], edge_mm=0.0)
    with pytest.raises(InputError, match="line of points"):
        refined_along(mesh, [path[:, :2]])
    with pytest.raises(InputError, match="k >= 1"):
        split_layers(mesh, 0)
    with pytest.raises(InputError, match="level"):
        uniformly_refined(mesh).refinement.of(box_mesh(3, 3))
