"""The capture page shows the fit, the errors and the spread of a face, in both languages."""

import dataclasses

import numpy as np
import pytest

from threadlift.errors import InputError
from threadlift.face import Face
from threadlift.face.captured import Captured, View
from threadlift.face.quality import Finding
from threadlift.graphics import portrait_camera, render
from threadlift.reporting.capture_figures import FOUND, overlay
from threadlift.reporting.capture_page import render_capture

POOR = Finding("yaw", "front", 14.0, 10.0, "deg", "poor", "Turn the head 14° to the left.")


@pytest.fixture(scope="module")
def captured() -> Captured:
    face = Face.synthetic(3)
    camera = portrait_camera(20, 0, np.array([0.0, -10, 20]), 260, (300, 380), distance_mm=900)
    picture = render(face.vertices, face.triangles, face.display_colors, camera).rgb
    landmarks, _ = camera.project(
        face.template.mediapipe.at(face.vertices[: face.template.n_coarse])
    )
    error = np.where(face.vertices[:, 2] > 0.0, 0.3, np.nan)
    view = View("front", picture, camera, face.vertices, landmarks)
    return Captured(face, (view,), (POOR,), error)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_page_tells_remedy_landmarks_and_sources_of_movement(captured, language):
    page = render_capture(captured, language)
    assert POOR.remedy in page
    assert "gonion L" in page
    # one overlay, three pictures of the error and three of the spread, nothing fetched
    assert page.count("data:image/png;base64,") == 7
    assert "http" not in page.replace("http-equiv", "")


def test_a_measured_expression_is_told_from_a_modelled_one(captured):
    face = captured.face
    seen = dataclasses.replace(
        face, capture=dataclasses.replace(face.capture, measured_expressions=("smile",))
    )
    before, after = (render_capture(Captured(f)) for f in (face, seen))
    text = "seen in a capture of this person"
    assert (before.count(text), after.count(text)) == (0, 1)


def test_overlay_changes_the_picture_only_where_the_face_is(captured):
    view = captured.views[0]
    t = captured.face.template
    drawn = overlay(view, t.coarse_triangles, t.skin)
    away = dataclasses.replace(
        view,
        vertices=view.vertices + np.array([4000.0, 0, 0]),
        landmarks_px=view.landmarks_px[:0],
    )
    untouched = overlay(away, t.coarse_triangles, t.skin)
    h, w = view.rgb.shape[:2]
    # Nothing of the face in it: the whole picture, only scaled, and nothing drawn.
    assert untouched.shape[1] / untouched.shape[0] == pytest.approx(w / h, rel=0.01)
    assert abs(untouched.mean() - view.rgb.mean()) < 1.0
    # The cut is narrower than the picture, and mesh and landmarks are drawn in their colours.
    assert drawn.shape[1] / drawn.shape[0] != pytest.approx(w / h, rel=0.01)
    yellow = np.abs(drawn.astype(int) - FOUND).max(axis=2) < 40
    assert yellow.sum() > 200
    assert not (np.abs(untouched.astype(int) - FOUND).max(axis=2) < 40).any()


def test_a_field_of_another_mesh_is_refused(captured):
    with pytest.raises(InputError, match="error_mm"):
        Captured(captured.face, error_mm=np.zeros(5))


def test_only_a_finding_that_is_not_good_has_a_remedy():
    with pytest.raises(ValueError, match="remedy"):
        Finding("yaw", "front", 1.0, 10.0, "deg", "good", "Turn.")
    with pytest.raises(ValueError, match="remedy"):
        Finding("yaw", "front", 11.0, 10.0, "deg", "poor")


def test_exactly_the_unjudged_findings_have_no_value():
    assert Finding("light", "pair", None, 0.35, "1", "unjudged").to_json()["value"] is None
    with pytest.raises(ValueError, match="no value"):
        Finding("light", "pair", None, 0.35, "1", "good")
    with pytest.raises(ValueError, match="no value"):
        Finding("light", "pair", 0.2, 0.35, "1", "unjudged")
