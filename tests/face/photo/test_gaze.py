"""Irises of a photo in which the patient looks into the camera."""

import numpy as np
import pytest

from threadlift.evidence import value
from threadlift.face.photo.camera import FACING, PhotoCamera
from threadlift.face.photo.gaze import IRISES, looking_ahead, turned_by
from threadlift.face.photo.model import model_of
from threadlift.face.photo.problem import View

CENTRE = np.array([500.0, 400.0])


def camera_at(distance_mm):
    return PhotoCamera(FACING, np.array([0.0, 0.0, distance_mm]), 2.0 * distance_mm, CENTRE)


def seen(points, camera):
    n = len(points)
    return View(camera.project(points), np.zeros(n), np.zeros(0), CENTRE, camera.focal, np.inf)


def test_eyes_converge_by_the_reach_of_the_pupil_over_the_distance():
    pupils = np.array([[31.0, 0.0, 0.0], [-31.0, 0.0, 0.0]])
    reach = value("capture.eye.pupil_reach")
    moved = pupils + turned_by(pupils, camera_at(600.0))
    lost = 1.0 - np.linalg.norm(moved[0] - moved[1]) / 62.0
    assert lost == pytest.approx(reach / np.hypot(600.0 + reach, 31.0), rel=1e-3)


def test_far_cameras_leave_the_eyes_where_they_are():
    pupils = np.array([[31.0, 0.0, 0.0], [-31.0, 0.0, 0.0]])
    assert np.abs(turned_by(pupils, camera_at(1e7))).max() < 1e-4


def test_irises_that_look_into_the_camera_are_put_back():
    """Converging irises give the pupils of eyes that look ahead, and nothing else moves."""
    landmarks, camera = model_of().landmarks, camera_at(500.0)
    rows = [rim[0] for rim in IRISES]
    points = landmarks.mean.copy()
    points[rows] += turned_by(points[rows], camera)
    view = looking_ahead(seen(points, camera), landmarks, camera)
    expected = camera.project(landmarks.mean[rows])
    np.testing.assert_allclose(view.pixels[rows], expected, atol=1e-9)
    others = np.setdiff1d(np.arange(len(points)), np.concatenate(IRISES))
    np.testing.assert_array_equal(view.pixels[others], camera.project(points)[others])


def test_only_irises_are_trusted_anew():
    landmarks, camera = model_of().landmarks, camera_at(500.0)
    view = looking_ahead(seen(landmarks.mean, camera), landmarks, camera)
    changed = np.flatnonzero(view.trusted(landmarks.sd_mm) != landmarks.sd_mm)
    assert set(changed) == {rim[0] for rim in IRISES}
