"""Paths on the skin: shortest, smooth, symmetric, well spaced."""

import numpy as np
import pytest
from mesh_cases import MIRROR, Stack
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from threadlift.errors import InputError
from threadlift.face import Face
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.columns import layered_mesh
from threadlift.tissue.paths import SurfacePaths

ROUTES = (("temple", "jowl_point"), ("preauricular", "malar_eminence"), ("zygion", "midcheek"))


@pytest.fixture(scope="module")
def face():
    return Face.synthetic(seed=5, asymmetry=0.0)


@pytest.fixture(scope="module")
def mesh(face):
    return layered_mesh(face, Stack())


def sphere(n=60, radius=80.0):
    """Part of a sphere as a regular grid in latitude and longitude."""
    lat, lon = np.meshgrid(np.linspace(-0.8, 0.8, n), np.linspace(-0.8, 0.8, n), indexing="ij")
    points = radius * np.stack(
        [np.cos(lat) * np.sin(lon), np.sin(lat), np.cos(lat) * np.cos(lon)], axis=-1
    )
    ids = np.arange(n * n).reshape(n, n)
    a, b, c, d = ids[:-1, :-1], ids[:-1, 1:], ids[1:, 1:], ids[1:, :-1]
    tri = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (a, c, d))])
    return points.reshape(-1, 3), tri


def kinks(points, normals):
    """Turning angles [degrees] within the surface (about the normal)."""
    step = np.diff(points, axis=0)
    unit = step / np.linalg.norm(step, axis=1)[:, None]
    turn = np.diff(unit, axis=0)
    turn -= np.einsum("kc,kc->k", turn, normals[1:-1])[:, None] * normals[1:-1]
    return np.degrees(np.linalg.norm(turn, axis=1))


def test_on_a_plane_the_path_is_the_straight_line():
    mesh = box_mesh(20, 20, size_mm=(60, 60))
    tri, bary = mesh.surface_path(np.array([-25.0, -20.0, 0]), np.array([22.0, 17.0, 0]))
    points = mesh.paths.points(tri, bary)
    t = (points - points[0]) @ (points[-1] - points[0])
    line = points[0] + t[:, None] * (points[-1] - points[0]) / t[-1]
    assert np.abs(points - line).max() < 0.02
    step = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert step.max() <= 2.5 + 0.02
    assert step.max() / step.min() < 1.05


def test_on_a_sphere_the_path_is_the_great_circle():
    points, tri = sphere()
    paths = SurfacePaths(points, tri)
    a, b = points[7 * 60 + 9], points[48 * 60 + 51]
    where = paths.points(*paths.path(a, b))
    normal = np.cross(a, b)
    assert np.abs(where @ (normal / np.linalg.norm(normal))).max() < 0.25
    arc = 80.0 * np.arccos(a @ b / 80.0**2)
    length = np.linalg.norm(np.diff(where, axis=0), axis=1).sum()
    assert length == pytest.approx(arc, rel=2e-3)


@pytest.mark.parametrize(("start", "end"), ROUTES)
def test_paths_are_mirror_symmetric_and_reversible(face, mesh, start, end):
    def way(a, b):
        return mesh.paths.points(*mesh.surface_path(face.landmark(a), face.landmark(b)))

    left = way(f"{start}_L", f"{end}_L")
    assert np.abs(way(f"{start}_R", f"{end}_R") * MIRROR - left).max() < 1e-6
    assert np.abs(way(f"{end}_L", f"{start}_L")[::-1] - left).max() < 1e-6


@pytest.mark.parametrize(("start", "end"), ROUTES)
def test_paths_do_not_zigzag_over_facets(face, mesh, start, end):
    tri, bary = mesh.surface_path(face.landmark(f"{start}_L"), face.landmark(f"{end}_L"))
    corner = mesh.surface[mesh.surface_triangles[tri]]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    assert kinks(mesh.paths.points(tri, bary), normal).max() < 3.0


def test_path_starts_and_ends_where_asked(face, mesh):
    a, b = face.landmark("temple_L"), face.landmark("jowl_point_L")
    points = mesh.paths.points(*mesh.surface_path(a, b, step_mm=2.0))
    assert np.linalg.norm(points[0] - a) < 1.0
    assert np.linalg.norm(points[-1] - b) < 1.0


def test_a_very_short_path_is_one_segment(mesh):
    tri, _ = mesh.surface_path(mesh.surface[100], mesh.surface[100] + 0.5)
    assert len(tri) == 2


def test_bad_step_is_refused(mesh):
    with pytest.raises(InputError, match="step_mm"):
        mesh.surface_path(mesh.surface[0], mesh.surface[1], step_mm=0.0)


def test_separate_pieces_are_refused():
    points, tri = sphere(6)
    twice = SurfacePaths(np.vstack([points, points + 500.0]), np.vstack([tri, tri + len(points)]))
    with pytest.raises(InputError, match="separate"):
        twice.path(points[0], points[0] + 500.0)


def test_many_paths_are_each_the_single_path(face, mesh):
    ends = [(face.landmark(f"{a}_L"), face.landmark(f"{b}_L")) for a, b in ROUTES]
    starts, stops = np.array([a for a, _ in ends]), np.array([b for _, b in ends])
    for (tri, bary), (a, b) in zip(mesh.paths.many(starts, stops), ends, strict=True):
        alone = mesh.surface_path(a, b)
        assert np.array_equal(tri, alone[0])
        assert np.array_equal(bary, alone[1])
    assert mesh.paths.many(np.zeros((0, 3)), np.zeros((0, 3))) == []


def test_a_path_goes_around_a_notch():
    """A straight walk is stopped by the border; the way around touches the notch's corners."""
    block = box_mesh(24, 24, size_mm=(60, 60))
    middle = block.surface[block.surface_triangles].mean(axis=1)
    open_ = (np.abs(middle[:, 0]) < 10) & (middle[:, 1] > -10)
    paths = SurfacePaths(block.surface, block.surface_triangles[~open_])
    points = paths.points(*paths.path(np.array([-20.0, 15.0, 0]), np.array([20.0, 15.0, 0])))
    step = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert step.max() < 4.0
    around = 2 * np.hypot(10.0, 25.0) + 20.0
    assert step.sum() == pytest.approx(around, rel=0.05)


def test_paths_are_not_longer_than_chains_of_edges(face, mesh):
    rng = np.random.default_rng(0)
    region = np.flatnonzero(mesh.asset.threads & (mesh.surface[:, 0] > 0))
    starts, ends = mesh.surface[rng.choice(region, (2, 25))]
    found = mesh.paths.many(starts, ends)
    pairs = np.sort(mesh.surface_triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    pairs = np.unique(pairs, axis=0)
    length = np.linalg.norm(mesh.surface[pairs[:, 0]] - mesh.surface[pairs[:, 1]], axis=1)
    graph = csr_array((length, (pairs[:, 0], pairs[:, 1])), shape=(mesh.columns,) * 2)
    first = [np.argmin(np.linalg.norm(mesh.surface - s, axis=1)) for s in starts]
    last = [np.argmin(np.linalg.norm(mesh.surface - e, axis=1)) for e in ends]
    chains = dijkstra(graph, directed=False, indices=first)[np.arange(25), last]
    ways = [np.linalg.norm(np.diff(mesh.paths.points(*p), axis=0), axis=1).sum() for p in found]
    assert (np.array(ways) <= chains + 1e-6).all()
    assert (np.array(ways) >= np.linalg.norm(starts - ends, axis=1) - 1e-6).all()


def test_a_path_does_not_leap_over_the_mouth(face, mesh):
    with pytest.raises(InputError, match="opening"):
        mesh.surface_path(face.landmark("labiale_superius"), face.landmark("labiale_inferius"))
