"""What sliding along a surface does to the error across it."""

import numpy as np
import pytest
import trimesh

from threadlift.face.scan.accuracy import slide_relief


def test_on_a_plane_sliding_costs_nothing():
    x, y = np.meshgrid(np.arange(-20.0, 21.0), np.arange(-20.0, 21.0))
    points = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
    normals = np.tile([0.0, 0.0, 1.0], (len(points), 1))
    found = slide_relief(points, normals, np.full(len(points), 3.0), np.arange(len(points)))
    assert np.abs(found).max() < 1e-12


@pytest.mark.parametrize(("radius", "sd"), [(40.0, 2.0), (40.0, 4.0), (80.0, 4.0)])
def test_on_a_sphere_it_grows_with_the_square_of_the_slide(radius, sd):
    ball = trimesh.creation.icosphere(subdivisions=5, radius=radius)
    points, normals = np.array(ball.vertices), np.array(ball.vertices) / radius
    found = slide_relief(points, normals, np.full(len(points), sd), np.arange(len(points)))
    # Four radii stand for the Gaussian: its far tail is cut, which takes some of the fourth moment.
    assert found.mean() == pytest.approx(np.sqrt(2.0) * sd**2 / radius, rel=0.2)
    assert found.std() < 0.05 * found.mean()
