"""Loop subdivision as a matrix."""

import numpy as np

from threadlift.face.subdivision import keep_size, loop, mirror_of_fine

OCTAHEDRON = np.array(
    [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]]
)
CORNERS = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1.0]])


def test_closed_surface_counts_and_weights():
    fine = loop(OCTAHEDRON, 6)
    assert fine.matrix.shape == (6 + 12, 6)
    assert len(fine.triangles) == 4 * len(OCTAHEDRON)
    np.testing.assert_allclose(np.asarray(fine.matrix.sum(axis=1)).ravel(), 1.0, atol=1e-15)
    # Valence 4: the vertex keeps 1 - 4 * 3/32 and each edge point takes 3/8 of its ends.
    np.testing.assert_allclose((fine.matrix @ CORNERS)[0], [1 - 4 * 3 / 32, 0, 0], atol=1e-15)
    np.testing.assert_allclose(fine.matrix.toarray()[6:].max(axis=1), 0.375)


def test_keeps_orientation():
    fine = loop(OCTAHEDRON, 6)
    p = (fine.matrix @ CORNERS)[fine.triangles]
    volume = np.einsum("ti,ti->t", p[:, 0], np.cross(p[:, 1], p[:, 2]))
    assert (volume > 0).all()


def test_flat_patch_stays_flat_and_its_border_on_the_border():
    square = np.array([[0, 1, 2], [0, 2, 3]])
    corners = np.array([[0, 0, 7], [1, 0, 7], [1, 1, 7], [0, 1, 7.0]])
    fine = loop(square, 4)
    points = fine.matrix @ corners
    np.testing.assert_allclose(points[:, 2], 7.0)
    middle = points[4 + np.flatnonzero((fine.edges == [0, 1]).all(axis=1))[0]]
    np.testing.assert_allclose(middle, [0.5, 0, 7])


def test_mirror_map_of_the_fine_mesh():
    fine = loop(OCTAHEDRON, 6)
    mirror = mirror_of_fine(fine, np.array([1, 0, 2, 3, 4, 5]))
    points = fine.matrix @ CORNERS
    np.testing.assert_allclose(points[mirror] * [-1, 1, 1], points, atol=1e-15)


def test_keep_size_restores_a_closed_part_about_its_centre():
    fine = loop(OCTAHEDRON, 6)
    moved = CORNERS + np.array([10.0, 0, 0])
    rows = np.arange(18)
    factor = 1.0 / (fine.matrix @ CORNERS)[0, 0]
    kept = keep_size(fine.matrix, rows, np.arange(6), factor) @ moved
    np.testing.assert_allclose(kept.mean(axis=0), [10, 0, 0], atol=1e-12)
    np.testing.assert_allclose(kept[:6], moved, atol=1e-12)
