"""A face's mesh as a map: embedding, display, template maps."""

import numpy as np
import pytest
from mesh_cases import MIRROR, Stack

from threadlift.errors import InputError
from threadlift.face import Face
from threadlift.face.template import template
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.columns import layered_mesh


@pytest.fixture(scope="module")
def face():
    return Face.synthetic(seed=4, asymmetry=0.6)


@pytest.fixture(scope="module")
def mesh(face):
    return layered_mesh(face, Stack())


def inner_template(mesh):
    """Template vertices well inside the domain: skin zones away from every rim."""
    t = template()
    return np.max([t.zones[k] for k in ("buccal_left", "malar_right", "jowl_left")], axis=0) > 0.3


def test_locate_inverts_point_at(mesh):
    rng = np.random.default_rng(0)
    tri = rng.integers(0, len(mesh.surface_triangles), 1500)
    bary = rng.dirichlet([1, 1, 1], 1500)
    points, _, _ = mesh.point_at(tri, bary, rng.uniform(0, 6, 1500))
    found, weights = mesh.locate(points)
    back = np.einsum("kn,knc->kc", weights, mesh.points[mesh.wedges[found]])
    assert np.abs(back - points).max() < 1e-6
    assert weights.min() >= 0
    assert weights.sum(1) == pytest.approx(1.0)


def test_rigid_motion_is_displayed_exactly(mesh):
    shift = np.array([1.0, -2.0, 0.5])
    shown = mesh.to_display(np.tile(shift, (mesh.columns, 1)))
    assert np.abs(shown[inner_template(mesh)] - shift).max() < 1e-6


def test_linear_field_is_displayed_to_the_flatness_of_the_triangles(face, mesh):
    gradient = np.array([[0.02, -0.01, 0.0], [0.03, 0.01, 0.02], [0.0, 0.02, -0.02]])
    shown = mesh.to_display(mesh.surface @ gradient.T)
    inside = inner_template(mesh)
    error = np.linalg.norm(shown - face.vertices @ gradient.T, axis=1)[inside]
    assert error.max() < 0.5 * np.linalg.norm(gradient, 2)


def test_display_fades_out_and_leaves_eyes_and_skull(mesh):
    shown = mesh.to_display(np.tile([0.0, 3.0, 0.0], (mesh.columns, 1)))[:, 1]
    t = template()
    assert shown.min() >= -1e-9
    assert shown.max() <= 3.0 + 1e-6
    for rows in t.eyes.values():
        assert np.abs(shown[rows]).max() == 0.0
    assert np.abs(shown[t.vertices[:, 2] < -40.0]).max() == 0.0
    edge = np.abs(shown[t.triangles] - shown[np.roll(t.triangles, 1, axis=1)]).max()
    assert edge < 3.0 * 0.75, "no tear between neighbouring vertices"


def test_display_map_is_mirror_symmetric(mesh):
    rng = np.random.default_rng(1)
    field = rng.standard_normal((mesh.columns, 3))
    t = template()
    a = mesh.to_display(field)[t.mirror] * MIRROR
    assert np.abs(mesh.to_display(field[mesh.mirror] * MIRROR) - a).max() < 1e-6


def test_template_maps_arrive_at_the_columns(mesh):
    t = template()
    for key in ("jowl_left", "temple_right", "chin"):
        assert mesh.zone_weights[key].max() > 0.8
    left = mesh.sample_code(np.where(t.vertices[:, 0] > 0, "left", "right"))
    inside = np.abs(mesh.sample(t.vertices)[:, 0]) > 5
    assert np.array_equal(left[inside] == "left", mesh.sample(t.vertices)[inside, 0] > 0)


def test_zones_where_threads_go_are_covered(mesh):
    """No column of the template's thread zones is missing: their centre lies in the mesh."""
    t = template()
    x = mesh.sample(t.vertices)
    for key in ("temple", "malar", "buccal", "preauricular", "jowl", "jawline", "marionette"):
        w = t.zones[f"{key}_left"]
        core = t.vertices[w > 0.9 * w.max()].mean(axis=0)
        assert np.linalg.norm(x - core, axis=1).min() < 6.0, key


def test_rims_are_the_border(mesh):
    masks = np.array(list(mesh.rims.values()))
    assert np.array_equal(masks.any(axis=0), mesh.rim)


def test_a_block_is_bound_to_no_face():
    with pytest.raises(InputError, match="layered_mesh"):
        box_mesh(2, 2).to_display(np.zeros((9, 3)))
