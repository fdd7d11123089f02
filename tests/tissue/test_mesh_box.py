"""The layered block: numbering, volume, symmetry, embedding."""

import numpy as np
import pytest

from threadlift.errors import InputError
from threadlift.tissue.box_mesh import box_mesh


def test_volume_and_areas_are_those_of_the_block():
    mesh = box_mesh(6, 5, size_mm=(30.0, 20.0), sublayer_mm=(1, 2, 2, 1, 3, 3))
    assert mesh.volumes.min() > 0
    assert mesh.volumes.sum() == pytest.approx(30 * 20 * 12, rel=1e-12)
    assert mesh.nodal_area().sum() == pytest.approx(600.0, rel=1e-12)
    assert mesh.volumes[mesh.layer == 1].sum() == pytest.approx(600 * 4, rel=1e-12)


def test_numbering_is_vertex_major_and_outer_first():
    mesh = box_mesh(2, 2)
    assert mesh.points.shape == (9 * 7, 3)
    assert mesh.wedges.shape == (8 * 6, 6)
    z = mesh.points[:, 2].reshape(-1, 7)
    assert np.all(np.diff(z, axis=1) < 0)
    outer, inner = mesh.wedges[:, :3], mesh.wedges[:, 3:]
    assert np.array_equal(outer + 1, inner)
    assert np.all(mesh.quality()["inverted"] == 0)


def test_block_is_mirror_symmetric():
    mesh = box_mesh(6, 4)
    mirrored = mesh.surface[mesh.mirror] * [-1, 1, 1]
    assert np.allclose(mirrored, mesh.surface, atol=1e-12)
    same = {tuple(sorted(t)) for t in mesh.surface_triangles}
    assert {tuple(sorted(mesh.mirror[t])) for t in mesh.surface_triangles} == same


def test_locate_inverts_point_at():
    rng = np.random.default_rng(3)
    mesh = box_mesh(8, 6)
    tri = rng.integers(0, len(mesh.surface_triangles), 200)
    bary = rng.dirichlet([1, 1, 1], 200)
    zeta = rng.uniform(0, 6, 200)
    points, wedge, weights = mesh.point_at(tri, bary, zeta)
    found, shape = mesh.locate(points)
    back = np.einsum("kn,knc->kc", shape, mesh.points[mesh.wedges[found]])
    assert np.abs(back - points).max() < 1e-9
    assert np.array_equal(found, wedge)
    assert np.abs(shape - weights).max() < 1e-8


def test_a_point_outside_gets_the_nearest_place():
    mesh = box_mesh(4, 4)
    found, shape = mesh.locate(np.array([[3.0, 2.0, 5.0]]))
    back = np.einsum("kn,knc->kc", shape, mesh.points[mesh.wedges[found]])
    assert back[0] == pytest.approx([3.0, 2.0, 0.0], abs=1e-6)


def test_bad_block_is_refused():
    with pytest.raises(InputError):
        box_mesh(2, 2, sublayer_mm=(1.0, 2.0))
