"""Occluding contours: where they are on an ellipsoid, and how well a picture's edge is found."""

import cv2
import numpy as np
import pytest
import trimesh

from threadlift.face.photo.camera import FACING, PhotoCamera
from threadlift.face.photo.contour import Contour, add_contour, found, generator
from threadlift.face.photo.problem import PointModel, State
from threadlift.face.photo.stereo import WorkView

RADII = np.array([50.0, 70.0, 40.0])
SIZE, FINER = (400, 480), 8
CAMERA = PhotoCamera(FACING, np.array([0.0, 0.0, 1000.0]), 2500.0, np.array([200.0, 240.0]))


@pytest.fixture(scope="module")
def ball():
    sphere = trimesh.creation.icosphere(subdivisions=5, radius=1.0)
    return np.array(sphere.vertices), np.array(sphere.faces)


def picture(shape, triangles, blur_px=0.8, skin=190.0, wall=90.0):
    """A head of one tone before a wall of another, as the camera sees it."""
    fine = np.full((FINER * SIZE[1], FINER * SIZE[0]), wall, np.float32)
    for t in triangles:
        # Filled polygons include their border: half a fine pixel too much.
        px = np.round(16.0 * (FINER * CAMERA.project(shape[t]) - 0.5)).astype(np.int32)
        cv2.fillConvexPoly(fine, px, skin, shift=4)
    tone = cv2.resize(fine, SIZE, interpolation=cv2.INTER_AREA)
    colour = np.repeat(cv2.GaussianBlur(tone, (0, 0), blur_px)[..., None], 3, axis=2)
    return WorkView(colour, colour[..., 0].copy(), CAMERA)


def test_contour_lies_where_the_normal_is_square_to_the_view(ball):
    sphere, triangles = ball
    shape = 50.0 * sphere
    where = generator(picture(shape, triangles), shape, triangles, np.ones(len(shape), dtype=bool))
    off = np.linalg.norm(where.pixels - CAMERA.principal, axis=1)
    # A sphere of radius r at distance d is seen under the angle asin(r / d).
    expected = CAMERA.focal * np.tan(np.arcsin(50.0 / 1000.0))
    np.testing.assert_allclose(off, expected, rtol=2e-3)
    outward = (where.pixels - CAMERA.principal) / off[:, None]
    assert np.einsum("ci,ci->c", outward, where.normals).min() > 0.99


@pytest.mark.parametrize("wider_mm", [-2.0, 0.0, 1.5])
def test_edge_is_found_where_the_head_ends(ball, wider_mm):
    sphere, triangles = ball
    shape, true = sphere * RADII, sphere * (RADII + wider_mm)
    view = picture(true, triangles)
    where = generator(view, shape, triangles, np.ones(len(shape), dtype=bool))
    offset, clear = found(view, where, 6.0)
    assert clear.mean() > 0.9
    offset_mm = offset[clear] * where.mm_per_px
    assert np.median(offset_mm) == pytest.approx(wider_mm, abs=0.15)
    assert np.ptp(np.percentile(offset_mm, [5, 95])) < 0.6


def test_equal_tones_show_no_edge(ball):
    sphere, triangles = ball
    shape = sphere * RADII
    view = picture(shape, triangles, skin=120.0, wall=118.0)
    where = generator(view, shape, triangles, np.ones(len(shape), dtype=bool))
    assert not found(view, where, 6.0)[1].any()


def test_two_edges_within_reach_are_not_clear(ball):
    """Hair beside the cheek: nobody knows which of two equal edges is the face."""
    sphere, triangles = ball
    shape = sphere * RADII
    view = picture(sphere * (RADII - 2.0), triangles)
    ring = picture(sphere * (RADII + 2.0), triangles)
    both = WorkView(view.colour + ring.colour, view.grey + ring.grey, CAMERA)
    where = generator(both, shape, triangles, np.ones(len(shape), dtype=bool))
    assert found(both, where, 6.0)[1].mean() < 0.1


def test_what_lies_close_behind_makes_no_contour(ball):
    sphere, triangles = ball
    front = sphere * RADII
    behind = sphere * (RADII + 8.0) - [0.0, 0.0, 20.0]
    shape = np.concatenate([front, behind])
    both = np.concatenate([triangles, triangles + len(front)])
    usable = np.arange(len(shape)) < len(front)
    where = generator(picture(shape, both), shape, both, usable)
    assert len(where.pixels) == 0
    assert len(found(picture(shape, both), where, 6.0)[0]) == 0


def test_a_step_along_the_residual_removes_it(ball):
    """One mode that inflates the head by 1 mm: the normal equations ask for just the misfit."""
    sphere, triangles = ball
    shape, true = sphere * RADII, sphere * (RADII + 2.0)
    view = picture(true, triangles)
    where = generator(view, shape, triangles, np.ones(len(shape), dtype=bool))
    offset, clear = found(view, where, 6.0)
    on = where.interpolation(len(shape))[clear]
    n = len(offset[clear])
    points = PointModel(
        on @ shape, (on @ sphere)[None], np.zeros((0, n, 3)), np.zeros((n, 3)), np.ones(n)
    )
    contour = Contour(
        0, points, where.normals[clear], offset[clear], np.ones(n), where.pixels[clear]
    )
    hessian, gradient = np.zeros((8, 8)), np.zeros(8)
    state = State(np.zeros(1), np.zeros((1, 0)), (CAMERA,))
    add_contour(contour, state, view, hessian, gradient)
    assert -gradient[0] / hessian[0, 0] == pytest.approx(2.0, abs=0.15)
