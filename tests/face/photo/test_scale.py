"""How large a photographed face is: markers, irises, agreement and contradiction of cues."""

import cv2
import numpy as np
import pytest

from threadlift.errors import InputError
from threadlift.face import template
from threadlift.face.photo.camera import PhotoCamera
from threadlift.face.photo.marker import Marker, distance_in_sides, find_markers
from threadlift.face.photo.scale import (
    Cue,
    check_marker,
    combined,
    iris_cue,
    marker_cue,
    population_cues,
    scale_of,
)
from threadlift.graphics.camera import view_rotation

CAMERA = PhotoCamera(
    view_rotation(0, 0), np.array([0.0, 0.0, 800.0]), 2400.0, np.array([600.0, 500.0])
)


def square(centre, side, tilt_deg):
    """Corners (4, 3) of a square with sides of `side` about a vertical axis tilted."""
    a = np.deg2rad(tilt_deg)
    u, v = np.array([np.cos(a), 0.0, np.sin(a)]), np.array([0.0, 1.0, 0.0])
    signs = [(-1, 1), (1, 1), (1, -1), (-1, -1)]
    return np.array([np.array(centre) + side / 2 * (i * u + j * v) for i, j in signs])


@pytest.mark.parametrize("tilt", [0.0, 30.0])
def test_distance_of_a_square_from_its_corners(tilt):
    marker = Marker(CAMERA.project(square([20.0, -30.0, 50.0], 25.0, tilt)))
    depth, error = distance_in_sides(marker, CAMERA)
    assert depth == pytest.approx(750.0 / 25.0, rel=1e-3)
    assert error < 0.01


@pytest.mark.parametrize("family", [cv2.aruco.DICT_APRILTAG_36h11, cv2.aruco.DICT_4X4_50])
def test_markers_are_found_where_they_are(family):
    picture = np.full((400, 500, 3), 190, np.uint8)
    book = cv2.aruco.getPredefinedDictionary(family)
    picture[100:180, 150:230] = cv2.aruco.generateImageMarker(book, 3, 80)[:, :, None]
    (marker,) = find_markers(picture)
    np.testing.assert_allclose(marker.centre, [190.0, 140.0], atol=0.3)
    assert marker.side_px == pytest.approx(80.0, abs=0.7)
    assert find_markers(np.full((300, 300, 3), 128, np.uint8)) == []


@pytest.mark.parametrize("beside", [False, True])
def test_a_marker_tells_the_size_and_the_lens_hardly_matters(beside):
    t = template()
    true = 1.08  # the head is larger than the fitted one, and so is its distance
    x = 130.0 if beside else 0.0
    plane = t.vertices[[t.landmarks["malar_eminence_L"], t.landmarks["malar_eminence_R"]]]
    at = t.vertices[t.landmarks["glabella"]]
    z = plane[:, 2].mean() if beside else at[2]
    corners = CAMERA.project(square([x, at[1], z], 20.0 / true, 0.0))
    cue = marker_cue(Marker(corners), 20.0, CAMERA, t.vertices, t.triangles, plane)
    assert cue.factor == pytest.approx(true, rel=3 * cue.sd)
    assert cue.factor == pytest.approx(true, rel=0.01)
    assert cue.measured
    assert (cue.sd > 0.02) == beside
    wrong = PhotoCamera(CAMERA.rotation, 0.8 * CAMERA.translation, 0.8 * CAMERA.focal,
                        CAMERA.principal)  # fmt: skip
    again = marker_cue(Marker(corners), 20.0, wrong, t.vertices, t.triangles, plane)
    assert again.factor == pytest.approx(cue.factor, rel=0.04)


def test_the_iris_counts_only_when_wide_enough():
    eyes = (np.array([-31.0, 0.0, 60.0]), np.array([31.0, 0.0, 60.0]))

    def pixels(focal):
        camera = PhotoCamera(CAMERA.rotation, CAMERA.translation, focal, CAMERA.principal)
        out = np.zeros((478, 2))
        for first, eye in zip((468, 473), eyes, strict=True):
            for k, x in ((1, 5.85), (3, -5.85)):
                out[first + k] = camera.project(eye + np.array([x / 1.1, 0.0, 0.0]))
        return out, camera

    cue = iris_cue(*pixels(2400.0), eyes)
    assert cue is not None
    assert cue.factor == pytest.approx(1.1, rel=1e-6)
    assert 0.04 < cue.sd < 0.08
    assert iris_cue(*pixels(600.0), eyes) is None


def test_agreeing_cues_narrow_each_other():
    a, b = Cue(1.02, 0.02, "a marker", True), Cue(1.00, 0.01, "interpupillary", True)
    factor, sd = combined([a, b])
    assert 1.0 < factor < 1.01
    assert sd < 0.01


def test_contradicting_measurements_are_refused():
    a, b = Cue(1.12, 0.01, "a marker", True), Cue(1.00, 0.01, "interpupillary", True)
    with pytest.raises(InputError, match="12 %"):
        scale_of([a, b], [])


def test_an_unlikely_measurement_is_said_not_refused():
    own = Cue(1.3, 0.01, "interpupillary", True)
    people = population_cues(63.0, 137.0)
    scale = scale_of([own], people)
    assert scale.factor == pytest.approx(1.3)
    assert any("+30 %" in note for note in scale.notes)
    assert not scale_of([Cue(1.02, 0.01, "interpupillary", True)], people).notes


def test_without_a_measurement_the_interval_is_wide_and_said():
    scale = scale_of([], population_cues(63.0, 137.0))
    assert scale.factor == pytest.approx(1.0)
    assert 0.03 < scale.sd < 0.06
    assert "give a measured" in scale.statement


@pytest.mark.parametrize("side", [0.02, 2000.0, -20.0, float("nan")])
def test_impossible_markers(side):
    with pytest.raises(InputError, match="marker"):
        check_marker(side)
    check_marker(20.0)
