"""The rasteriser against geometry that is known exactly."""

import numpy as np
import pytest

from threadlift.graphics.camera import portrait_camera, view_rotation
from threadlift.graphics.colormap import legend, map_colors, png_bytes
from threadlift.graphics.draw import draw_dots, draw_polyline, draw_text, visible_points
from threadlift.graphics.raster import render, vertex_normals, visibility

SQUARE = np.array([[-50.0, -50, 0], [50, -50, 0], [50, 50, 0], [-50, 50, 0]])
SQUARE_TRIANGLES = np.array([[0, 1, 2], [0, 2, 3]])


@pytest.mark.parametrize("distance", [None, 600.0])
def test_projection_and_back(distance):
    rng = np.random.default_rng(0)
    camera = portrait_camera(
        33.0, -12.0, (3.0, 4, 5), 200.0, (320, 240), roll_deg=7.0, distance_mm=distance
    )
    points = rng.normal(0.0, 40.0, (50, 3))
    assert np.allclose(camera.unproject(*camera.project(points)), points, atol=1e-9)


def test_camera_axes_are_a_rotation_and_put_the_left_cheek_at_picture_right():
    for yaw, pitch, roll in ((0, 0, 0), (40, 10, 0), (-70, -20, 15)):
        r = view_rotation(yaw, pitch, roll)
        assert np.allclose(r @ r.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(r) == pytest.approx(1.0)
    camera = portrait_camera(0, 0, (0, 0, 0), 200, (200, 200))
    px, _ = camera.project([[30.0, 0, 0], [0, 30.0, 0]])
    assert np.allclose(px, [[130, 100], [100, 70]])
    # yaw > 0: the camera stands on the patient's left, so the left ear is nearer than the right
    _, depth = portrait_camera(40, 0, (0, 0, 0), 200, (200, 200)).project(
        [[70.0, 0, 0], [-70, 0, 0]]
    )
    assert depth[0] < depth[1]


@pytest.mark.parametrize("distance", [None, 400.0])
def test_depth_and_barycentric_weights_are_exact_on_a_tilted_plane(distance):
    vertices = SQUARE + np.array([0, 0, 1.0]) * (0.3 * SQUARE[:, :1] - 0.2 * SQUARE[:, 1:2])
    camera = portrait_camera(0, 0, (0, 0, 0), 48.0, (64, 48), distance_mm=distance)
    depth, ids, bary = visibility(vertices, SQUARE_TRIANGLES, camera)
    assert (ids >= 0).all()  # both triangles fill the view, no crack on the diagonal
    hit = np.einsum("hwc,hwcd->hwd", bary, vertices[SQUARE_TRIANGLES[ids]])
    px, d = camera.project(hit)
    j, i = np.mgrid[0:48, 0:64] + 0.5
    assert np.allclose(px, np.stack([i, j], axis=-1), atol=1e-6)
    assert np.allclose(d, depth, atol=1e-9)
    assert np.allclose(hit[..., 2], 0.3 * hit[..., 0] - 0.2 * hit[..., 1], atol=1e-9)


def test_the_nearer_surface_wins_whatever_the_order():
    vertices = np.concatenate([SQUARE, 0.3 * SQUARE + [0, 0, 20.0]])
    near = SQUARE_TRIANGLES + 4
    camera = portrait_camera(0, 0, (0, 0, 0), 90.0, (60, 60))
    for triangles in (
        np.concatenate([SQUARE_TRIANGLES, near]),
        np.concatenate([near, SQUARE_TRIANGLES]),
    ):
        depth, ids, _ = visibility(vertices, triangles, camera)
        front = (triangles[ids] >= 4).all(axis=2)
        assert front[30, 30]
        assert not front[2, 2]
        assert depth[2, 2] - depth[30, 30] == pytest.approx(20.0)


def test_nothing_in_sight_is_background():
    camera = portrait_camera(0, 0, (0, 0, 0), 20.0, (16, 16))
    picture = render(
        SQUARE + np.array([500.0, 0, 0]), SQUARE_TRIANGLES, None, camera, background=(10, 20, 30)
    )
    assert not picture.mask.any()
    assert np.isinf(picture.depth).all()
    assert (picture.rgb == [10, 20, 30]).all()


def test_winding_does_not_change_the_picture():
    camera = portrait_camera(0, 0, (0, 0, 0), 120.0, (40, 40))
    one = render(SQUARE, SQUARE_TRIANGLES, None, camera)
    other = render(SQUARE, SQUARE_TRIANGLES[:, ::-1], None, camera)
    assert (one.rgb == other.rgb).all()


def test_supersampling_keeps_size_and_softens_edges():
    camera = portrait_camera(0, 0, (0, 0, 0), 120.0, (41, 41), roll_deg=20)
    plain = render(SQUARE, SQUARE_TRIANGLES, (200, 120, 90), camera, background=(0, 0, 0))
    fine = render(
        SQUARE, SQUARE_TRIANGLES, (200, 120, 90), camera, background=(0, 0, 0), supersample=2
    )
    assert fine.rgb.shape == plain.rgb.shape
    assert fine.depth.shape == plain.depth.shape
    assert len(np.unique(fine.rgb[..., 0])) > len(np.unique(plain.rgb[..., 0]))


def test_same_input_same_bytes():
    camera = portrait_camera(20, 5, (0, 0, 0), 120.0, (64, 64), distance_mm=500)
    a = png_bytes(render(SQUARE, SQUARE_TRIANGLES, None, camera).rgb)
    assert a == png_bytes(render(SQUARE, SQUARE_TRIANGLES, None, camera).rgb)


def test_vertex_normals_of_a_plane_and_of_a_loose_vertex():
    vertices = np.concatenate([SQUARE, [[9.0, 9, 9]]])
    normals = vertex_normals(vertices, SQUARE_TRIANGLES)
    assert np.allclose(normals[:4], [0, 0, 1])
    assert (normals[4] == 0).all()


def _behind_and_before():
    camera = portrait_camera(0, 0, (0, 0, 0), 120.0, (120, 120))
    picture = render(SQUARE, SQUARE_TRIANGLES, (255, 255, 255), camera)
    line = np.array([[-40.0, 0, 0], [40.0, 0, 0]])
    return camera, picture, line


def test_polyline_is_hidden_faded_or_shown_behind_the_surface():
    camera, picture, line = _behind_and_before()
    behind = line - np.array([0, 0, 30.0])

    def change(points, occlusion):
        drawn = draw_polyline(picture.rgb, picture.depth, camera, points, (255, 0, 0), 3, occlusion)
        return np.abs(drawn.astype(int) - picture.rgb).sum()

    assert change(behind, "hide") == 0
    assert 0 < change(behind, "fade") < change(behind, "show")
    assert change(line + np.array([0, 0, 1.0]), "hide") == change(line, "show")
    seen = visible_points(picture.depth, camera, np.concatenate([line, behind]))
    assert seen.tolist() == [True, True, False, False]


def test_drawing_leaves_the_picture_itself_alone_and_survives_points_outside():
    camera, picture, line = _behind_and_before()
    before = picture.rgb.copy()
    draw_polyline(picture.rgb, picture.depth, camera, line * 100.0, (255, 0, 0), 3)
    draw_dots(picture.rgb, picture.depth, camera, [[0, 0, 1.0], [9e3, 0, 0]], (0, 0, 0))
    draw_text(picture.rgb, (5, 5), "2 N")
    assert (picture.rgb == before).all()


def test_colour_map_ends_missing_and_blend():
    colours = map_colors([0.0, 5.0, 10.0, np.nan], 0.0, 10.0)
    assert len(np.unique(colours, axis=0)) == 4
    assert (colours[3] == [190, 190, 190]).all()
    base = np.full((3, 3), 100)
    blended = map_colors([0.0, 5.0, 10.0], 0.0, 10.0, base=base, fade=0.3)
    assert (blended[0] == 100).all()
    assert (blended[2] == colours[2]).all()
    assert (legend(0, 10)[0, 0] == colours[2]).all()
    with pytest.raises(ValueError, match="high > low"):
        map_colors([1.0], 2.0, 2.0)
