"""Synthetic photographs: exact geometry, texture that stays on the skin, detectable faces."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.face.network.landmarker import detect_faces
from threadlift.face.photo.image_io import FULL_FRAME_DIAGONAL_MM
from threadlift.face.synthetic.hair import HairLook
from threadlift.face.synthetic.lens import Lens
from threadlift.face.synthetic.look import Look
from threadlift.face.synthetic.noise import noise_and_slope, spots
from threadlift.face.synthetic.people import random_look, random_person
from threadlift.face.synthetic.person import synthetic_face
from threadlift.face.synthetic.photo import photo_camera, photograph
from threadlift.face.synthetic.relief import front_of_face, relief, with_relief
from threadlift.face.synthetic.scene import apparent_gaze
from threadlift.face.template import template

SIZE = (300, 360)


@pytest.fixture(scope="module")
def face():
    return synthetic_face(5, age_years=50.0)


def shoot(face, look=None, seed=0, size=SIZE, **pose):
    return photograph(face, photo_camera(face, size=size, **pose), look, seed=seed)


# Noise ---------------------------------------------------------------------------------------


def test_slope_is_the_derivative_of_the_noise():
    points = np.random.default_rng(0).uniform(-50.0, 50.0, (200, 3))
    _, slope = noise_and_slope(points, (3.0, 5.0, 9.0), 4)
    for axis in range(3):
        step = np.eye(3)[axis] * 1e-5
        ahead = noise_and_slope(points + step, (3.0, 5.0, 9.0), 4)[0]
        behind = noise_and_slope(points - step, (3.0, 5.0, 9.0), 4)[0]
        np.testing.assert_allclose(slope[:, axis], (ahead - behind) / 2e-5, atol=1e-6)


def test_spots_are_continuous_across_cells_and_their_share_is_kept():
    line = np.linspace(-40.0, 40.0, 8001)[:, None] * np.array([1.0, 0.3, 0.2])
    cover = spots(line, 5.0, 0.5, (1.0, 2.8), 3)
    assert np.abs(np.diff(cover)).max() < 0.05
    assert 0.0 < cover.mean() < 1.0
    assert spots(line, 5.0, 0.0, (1.0, 2.8), 3).max() == 0.0
    with pytest.raises(ValueError, match="do not fit"):
        spots(line, 5.0, 0.5, (1.0, 3.0), 3)


# Relief --------------------------------------------------------------------------------------


def test_relief_has_its_size_and_leaves_the_lids_alone():
    t = template()
    height = relief(3)
    assert np.sqrt(np.mean(height[front_of_face(t)] ** 2)) == pytest.approx(1.0)
    assert np.abs(height[~t.skin]).max() == 0.0
    assert np.abs(height[t.landmarks["palpebrale_superius_L"]]) < 0.3


def test_identity_modes_cannot_explain_the_relief():
    t = template()
    front = np.flatnonzero(front_of_face(t))
    face = synthetic_face(5, identity=0.0, asymmetry=0.0)
    fields = (t.subdivision[front] @ t.modes.transpose(1, 0, 2).reshape(t.n_coarse, -1)).reshape(
        len(front), -1, 3
    )
    along = np.einsum("nkc,nc->nk", fields, face.normals[front])
    height = relief(3)[front]
    best = along @ np.linalg.lstsq(along, height, rcond=None)[0]
    assert np.mean((height - best) ** 2) > 0.7 * np.mean(height**2)


def test_relief_is_drawn_by_its_seed(face):
    once, again, other = (with_relief(face, s, 0.8) for s in (1, 1, 2))
    assert np.array_equal(once.vertices, again.vertices)
    assert np.abs(once.vertices - other.vertices).max() > 0.5
    assert with_relief(face, 1, 0.0) is face
    with pytest.raises(InputError, match="rms_mm"):
        with_relief(face, 1, -1.0)


# Photographs ---------------------------------------------------------------------------------


def test_same_arguments_same_bits_and_the_seed_is_the_noise(face):
    a, b, c = (shoot(face, seed=s).rgb for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


@pytest.mark.parametrize("yaw", [0.0, 45.0])
def test_the_camera_is_the_one_asked_for(face, yaw):
    shot = shoot(face, yaw_deg=yaw, distance_mm=700.0, offset=(0.05, -0.02))
    middle = 0.5 * (face.landmark("sellion") + face.landmark("subnasale")) * [0.0, 1.0, 0.6]
    px, depth = shot.camera.project(middle)
    assert depth == pytest.approx(700.0)
    np.testing.assert_allclose(px, [SIZE[0] * 0.55, SIZE[1] / 2 - 0.02 * SIZE[0]], atol=1e-9)
    with pytest.raises(InputError, match="mm away"):
        photo_camera(face, distance_mm=100.0)


def test_skin_texture_is_the_same_in_both_views(face):
    """Patches of cheek, resampled by the true geometry, correlate between two views."""
    clear = Look(lens=Lens(blur_px=0.5, noise=0.002, jpeg=97))
    size = (700, 860)
    one = shoot(face, clear, 1, size, yaw_deg=10.0)
    two = shoot(face, clear, 2, size, yaw_deg=30.0)
    t = template()
    rows = np.flatnonzero((t.zones["malar_left"] > 0.3) & ~one.hidden & ~two.hidden)
    inside = t.triangles[np.isin(t.triangles, rows).all(axis=1)]
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(3), (len(inside), 8))
    points = np.einsum("tsc,tcd->tsd", weights, one.vertices[inside]).reshape(-1, 3)

    def fine(shot):
        px, _ = shot.camera.project(points)
        column, row = px.astype(int).T
        values = shot.rgb[row, column, 1].astype(float)
        # Shading differs between views; texture is what is left of a triangle's mean.
        values = values.reshape(len(inside), -1)
        return (values - values.mean(axis=1, keepdims=True)).ravel()

    assert np.corrcoef(fine(one), fine(two))[0, 1] > 0.5


def test_hair_hides_the_forehead_and_ears(face):
    t = template()
    bare = shoot(face)
    covered = shoot(face, Look(hair=HairLook("long_fringe", cover=0.8)))
    upper = t.skin & (t.vertices[:, 1] > 62.0) & (t.vertices[:, 2] > 70.0)
    assert covered.hidden[upper].mean() > bare.hidden[upper].mean() + 0.5
    core = t.landmarks["pronasale"]
    assert not covered.hidden[core]


def test_pupils_converge_on_a_near_point_as_those_of_real_eyes():
    """Looking at a point 600 mm ahead of the nose turns eyes 31 mm aside by 3 degrees."""
    toward = np.array([-31.0, 0.0, 600.0])
    at = 16.0 * apparent_gaze(toward, 16.0)
    assert at[0] == pytest.approx(-value("capture.eye.pupil_reach") * 31.0 / 600.0, rel=0.02)
    np.testing.assert_allclose(apparent_gaze(np.array([0.0, 0.0, 5.0]), 16.0), [0.0, 0.0, 1.0])


def test_the_file_says_its_focal_length_only_if_told(face):
    shot = shoot(face, Look(lens=Lens(write_focal=True)))
    with Image.open(io.BytesIO(shot.jpeg)) as picture:
        tags = picture.getexif().get_ifd(ExifTags.IFD.Exif)
    equivalent = tags[ExifTags.Base.FocalLengthIn35mmFilm]
    px = equivalent * np.hypot(*SIZE) / FULL_FRAME_DIAGONAL_MM
    assert px == pytest.approx(shot.camera.focal, rel=0.03)
    silent = shoot(face, Look(lens=Lens(write_focal=False)))
    with Image.open(io.BytesIO(silent.jpeg)) as picture:
        assert not picture.getexif().get_ifd(ExifTags.IFD.Exif)


def test_the_marker_is_found_with_its_true_size(face):
    import cv2

    look = Look(marker_mm=30.0)
    shot = shoot(face, look, 0, (700, 860), distance_mm=900.0)
    book = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    corners, ids, _ = cv2.aruco.ArucoDetector(book).detectMarkers(shot.rgb[:, :, ::-1].copy())
    assert ids is not None
    assert ids.ravel().tolist() == [7]
    square = corners[0].reshape(4, 2)
    width = np.linalg.norm(square - np.roll(square, 1, axis=0), axis=1)[[1, 3]].mean()
    _, depth = shot.camera.project(face.landmark("glabella"))
    assert width * depth / shot.camera.focal == pytest.approx(30.0, rel=0.04)


def test_the_landmark_network_finds_the_face_where_it_is(face):
    shot = shoot(face, Look(), 0, (500, 600))
    found = detect_faces(shot.rgb)
    assert len(found) == 1
    assert found[0].score > 0.99
    t = template()
    truth, _ = shot.camera.project(t.mediapipe.at(shot.vertices[: t.n_coarse]))
    sure = t.mediapipe.weights > 0.5
    away = np.linalg.norm(found[0].landmarks_px - truth, axis=1)[sure]
    eyes = np.linalg.norm(truth[468] - truth[473])
    assert np.median(away) < 0.06 * eyes


@pytest.mark.parametrize("seed", range(3))
def test_people_and_looks_are_drawn_by_their_seed(seed):
    face, age, sex, _ = random_person(seed)
    again = random_person(seed)[0]
    assert np.array_equal(face.vertices, again.vertices)
    assert random_look(seed, age, sex) == random_look(seed, age, sex)
    assert random_look(seed, age, sex) != random_look(seed + 1, age, sex)
