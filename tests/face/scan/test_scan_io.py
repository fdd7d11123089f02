"""Reading scans: formats, units, mending, and what is said about scans that cannot be used."""

import numpy as np
import pytest
import trimesh

from threadlift.errors import InputError
from threadlift.face.closest import SurfaceIndex, surface_samples
from threadlift.face.scan.clean import boundary_vertices, components, orient_outward
from threadlift.face.scan.read import make_scan, read_scan


def ball(radius=95.0, subdivisions=4):
    return trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".glb", ".stl"])
def test_every_format_gives_the_same_surface(tmp_path, suffix):
    mesh = ball()
    path = tmp_path / f"scan{suffix}"
    mesh.export(path)
    scan = read_scan(path)
    assert scan.units == "mm"
    assert len(scan.vertices) == len(mesh.vertices)
    assert len(scan.triangles) == len(mesh.faces)
    assert np.linalg.norm(scan.vertices, axis=1) == pytest.approx(95.0, abs=1e-3)


@pytest.mark.parametrize(("units", "factor"), [("mm", 1.0), ("cm", 0.1), ("m", 0.001)])
def test_unit_is_concluded_from_size_or_taken_as_given(tmp_path, units, factor):
    path = tmp_path / "scan.ply"
    ball(95.0 * factor).export(path)
    for given in (None, units):
        scan = read_scan(path, units=given)
        assert scan.units == units
        assert scan.units_given == (given is not None)
        assert scan.diagonal_mm == pytest.approx(2 * 95 * np.sqrt(3), rel=1e-3)
        assert "mm" in scan.unit_evidence


@pytest.mark.parametrize("radius", [1000.0, 1.2, 4e-5])
def test_a_head_of_two_metres_or_two_millimetres_is_refused_with_its_size(radius):
    mesh = ball(radius)
    with pytest.raises(InputError, match=r"across") as caught:
        make_scan(mesh.vertices, mesh.faces)
    assert "units=" in caught.value.remedy


def test_a_wrong_unit_is_refused_and_the_right_one_named():
    mesh = ball(95.0)
    with pytest.raises(InputError, match=r"read in m .*329 m across") as caught:
        make_scan(mesh.vertices, mesh.faces, units="m")
    assert "units='mm'" in caught.value.remedy
    with pytest.raises(InputError, match="not known"):
        read_scan("whatever.ply", units="inch")


def test_scene_transforms_are_applied(tmp_path):
    scene = trimesh.Scene()
    scene.add_geometry(ball(95.0), transform=trimesh.transformations.translation_matrix([0, 0, 50]))
    scene.add_geometry(ball(20.0, 3), transform=trimesh.transformations.scale_matrix(2.0))
    path = tmp_path / "scene.glb"
    scene.export(path)
    scan = read_scan(path)
    assert scan.vertices[:, 2].max() == pytest.approx(145.0, abs=0.1)
    assert len(np.unique(components(len(scan.vertices), scan.triangles))) == 2


def test_vertex_colours_survive_and_flat_materials_are_no_colours(tmp_path):
    mesh = ball()
    shade = np.clip(mesh.vertices[:, :1] + 128, 0, 255).astype(np.uint8)
    mesh.visual.vertex_colors = np.hstack([shade, shade, shade, np.full_like(shade, 255)])
    path = tmp_path / "colour.ply"
    mesh.export(path)
    scan = read_scan(path)
    assert scan.colors is not None
    expected = np.clip(scan.vertices[:, 0] + 128, 0, 255)
    assert np.abs(scan.colors[:, 0].astype(float) - expected).max() <= 1.5
    plain = ball()
    plain.visual.vertex_colors = [200, 180, 170, 255]
    plain.export(path)
    assert read_scan(path).colors is None


def write(path, content):
    path.write_bytes(content)
    return path


def test_broken_files_are_refused_with_a_remedy(tmp_path):
    good = tmp_path / "good.ply"
    ball().export(good)
    content = good.read_bytes()
    glb = tmp_path / "good.glb"
    ball().export(glb)
    cases = {
        "missing": tmp_path / "no.ply",
        "empty": write(tmp_path / "empty.ply", b""),
        "noise": write(tmp_path / "noise.obj", bytes(range(256)) * 20),
        "cut": write(tmp_path / "cut.ply", content[: len(content) // 2]),
        "cut glb": write(tmp_path / "cut.glb", glb.read_bytes()[:3000]),
        "text as glb": write(tmp_path / "text.glb", b"this is not a scan"),
        "wrong kind": write(tmp_path / "scan.docx", b"PK"),
        "points only": write(tmp_path / "points.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\n"),
    }
    for name, path in cases.items():
        with pytest.raises(InputError) as caught:
            read_scan(path)
        assert caught.value.remedy, name
        assert "Traceback" not in str(caught.value)


def test_unusable_geometry_is_refused():
    mesh = ball()
    holed = mesh.vertices.copy()
    holed[7] = np.nan
    with pytest.raises(InputError, match="1 of 2562 vertices are not numbers"):
        make_scan(holed, mesh.faces)
    with pytest.raises(InputError, match="only 42 vertices"):
        make_scan(*(lambda m: (m.vertices, m.faces))(ball(95.0, 1)))
    with pytest.raises(InputError, match="no area"):
        make_scan(mesh.vertices * 0.0, mesh.faces)
    with pytest.raises(InputError, match="no triangles"):
        make_scan(mesh.vertices, np.zeros((0, 3), int))
    with pytest.raises(InputError, match="not there"):
        make_scan(mesh.vertices, mesh.faces + 10)


def test_duplicates_degenerate_triangles_and_specks_go():
    mesh = ball()
    soup = mesh.vertices[mesh.faces].reshape(-1, 3)  # every triangle with corners of its own
    triangles = np.arange(len(soup)).reshape(-1, 3)
    speck = np.array([[300.0, 0, 0], [301, 0, 0], [300, 1, 0]])
    vertices = np.concatenate([soup, speck])
    triangles = np.concatenate(
        [triangles, triangles[:5], [[0, 0, 1]], len(soup) + np.array([[0, 1, 2]])]
    )
    scan = make_scan(vertices, triangles)
    assert len(scan.vertices) == len(mesh.vertices)
    assert len(scan.triangles) == len(mesh.faces)


@pytest.mark.parametrize("spoil", ["all", "none", "half"])
def test_normals_are_turned_outward(spoil):
    mesh = ball()
    triangles = np.array(mesh.faces)
    chosen = {
        "all": slice(None),
        "none": slice(0),
        "half": np.random.default_rng(1).random(len(triangles)) < 0.5,
    }[spoil]
    triangles[chosen] = triangles[chosen][:, ::-1]
    v = np.array(mesh.vertices)
    turned = orient_outward(v, triangles, np.zeros(3), 260.0)
    normal = np.cross(v[turned[:, 1]] - v[turned[:, 0]], v[turned[:, 2]] - v[turned[:, 0]])
    out = np.einsum("td,td->t", normal, v[turned].mean(axis=1)) > 0
    seen = v[turned].mean(axis=1)[:, 2] > 0  # the back is in nobody's view: majority only
    assert out[seen].mean() > 0.999


def test_rim_of_an_open_mesh_without_its_pinholes():
    mesh = ball()
    v, triangles = np.array(mesh.vertices), np.array(mesh.faces)
    assert not boundary_vertices(v, triangles).any()
    half = triangles[mesh.triangles_center[:, 2] > 0]
    pinned = np.delete(half, int(np.argmax(v[half].mean(axis=1)[:, 2])), axis=0)
    edge = boundary_vertices(v, pinned, 20.0)
    assert np.abs(v[edge, 2]).max() < 12.0
    assert boundary_vertices(v, pinned).sum() == edge.sum() + 3


def test_closest_points_are_exact_on_coarse_and_fine_triangles():
    rng = np.random.default_rng(2)
    mesh = trimesh.creation.box(extents=(60, 40, 30))  # twelve big triangles
    index = SurfaceIndex(np.array(mesh.vertices), np.array(mesh.faces))
    points = rng.uniform(-60, 60, (300, 3))
    half = np.array([30.0, 20, 15])
    outside = np.linalg.norm(np.maximum(np.abs(points) - half, 0.0), axis=1)
    inside = np.min(half - np.abs(points), axis=1)
    expected = np.where(outside > 0, outside, inside)
    hit = index.closest(points)
    assert hit.distance == pytest.approx(expected, abs=1e-9)
    assert np.allclose(np.linalg.norm(hit.point - points, axis=1), hit.distance)


def test_normal_gate_picks_the_sheet_that_faces_the_right_way():
    square = np.array([[-50.0, -50, 0], [50, -50, 0], [50, 50, 0], [-50, 50, 0]])
    sheets = np.concatenate([square, square + np.array([0, 0, 4.0])])
    triangles = np.array([[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7]])  # lower looks down
    index = SurfaceIndex(sheets, triangles)
    point, up = np.array([[3.0, 2.0, 1.0]]), np.array([[0.0, 0, 1]])
    assert index.closest(point).distance[0] == pytest.approx(1.0)
    assert index.closest(point, up, 0.5).distance[0] == pytest.approx(3.0)
    assert not index.closest(point, np.array([[1.0, 0, 0]]), 0.5).found[0]
    assert not index.closest(point + 500.0, reach_mm=20.0).found[0]


def test_samples_cover_big_triangles_evenly():
    corners = np.array([[0.0, 0, 0], [30, 0, 0], [0, 30, 0]])
    points, owner = surface_samples(corners, np.array([[0, 1, 2]]), 2.0)
    assert (owner == 0).all()
    assert np.allclose(points.mean(axis=0), [10, 10, 0])
    probe = np.random.default_rng(0).dirichlet(np.ones(3), 200) @ corners
    gap = np.linalg.norm(probe[:, None] - points[None], axis=2).min(axis=1)
    assert gap.max() < 2.0
