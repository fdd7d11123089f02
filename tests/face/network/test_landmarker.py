"""Faces in pictures: how many, where, how large, and the same again when the picture is turned."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from threadlift.face.network.landmarker import EXPRESSION_NAMES, EXPRESSION_POINTS, detect_faces


@pytest.fixture(scope="module")
def portrait():
    return data.astronaut()


@pytest.fixture(scope="module")
def face(portrait):
    (found,) = detect_faces(portrait)
    return found


def test_one_portrait_has_one_face_where_it_is(face):
    assert face.landmarks_px.shape == (478, 2)
    assert face.score > 0.9
    x0, y0, x1, y1 = face.box
    assert 160 < x0 < 200 < 250 < x1 < 290
    assert 50 < y0 < 90 < 160 < y1 < 200


def test_left_means_the_subjects_left(face):
    right_eye, left_eye = face.landmarks_px[[33, 263]]
    assert left_eye[0] > right_eye[0] + 30


def test_the_smile_is_seen(face):
    assert len(face.blendshapes) == 52
    assert min(face.blendshapes["mouthSmileLeft"], face.blendshapes["mouthSmileRight"]) > 0.7
    assert face.blendshapes["jawOpen"] < 0.3


def test_the_nose_is_nearer_than_the_cheek_border(face):
    assert face.z[1] < face.z[[234, 454]].min()


def test_names_and_points_are_complete():
    assert len(set(EXPRESSION_NAMES)) == 52
    assert len(set(EXPRESSION_POINTS)) == 146


def test_cheap_path_gives_the_same_landmarks(portrait, face):
    (cheap,) = detect_faces(portrait, blendshapes=False, search_small=False)
    assert cheap.blendshapes == {}
    np.testing.assert_array_equal(cheap.landmarks_px, face.landmarks_px)


def test_same_picture_same_bits(portrait, face):
    (again,) = detect_faces(portrait.copy())
    np.testing.assert_array_equal(again.landmarks_px, face.landmarks_px)
    assert again.blendshapes == face.blendshapes


def test_a_mirrored_picture_has_a_mirrored_face(portrait, face):
    (mirrored,) = detect_faces(np.ascontiguousarray(portrait[:, ::-1]))
    for right, left in ((33, 263), (61, 291), (133, 362)):
        back = portrait.shape[1] - mirrored.landmarks_px[left, 0]
        assert abs(back - face.landmarks_px[right, 0]) < 2.0


@pytest.mark.parametrize("turn", [30, 90])
def test_a_turned_picture_has_a_turned_face(portrait, face, turn):
    (turned,) = detect_faces(np.asarray(Image.fromarray(portrait).rotate(turn)))
    c, s = np.cos(np.deg2rad(turn)), np.sin(np.deg2rad(turn))
    expected = (face.landmarks_px - 256.0) @ np.array([[c, -s], [s, c]]) + 256.0
    assert np.median(np.linalg.norm(turned.landmarks_px - expected, axis=1)) < 2.0


@pytest.mark.parametrize("edge", [256, 1024, 3000])
def test_resolution_does_not_move_landmarks(portrait, face, edge):
    picture = Image.fromarray(portrait).resize((edge, edge), Image.Resampling.BOX)
    (found,) = detect_faces(np.asarray(picture))
    assert np.abs(found.landmarks_px * 512 / edge - face.landmarks_px).mean() < 0.8


def test_two_faces_are_two(portrait):
    found = detect_faces(np.concatenate([portrait, portrait[:, ::-1]], axis=1))
    assert len(found) == 2
    assert sorted(f.box[0] > 512 for f in found) == [False, True]


def test_a_small_face_in_a_large_picture_is_found_and_small(portrait):
    large = np.full((2000, 2000, 3), 90, np.uint8)
    large[1200:1500, 300:600] = np.asarray(Image.fromarray(portrait).resize((300, 300)))
    (found,) = detect_faces(large)
    assert found.width_px < 60
    assert 1200 < found.box[1] < found.box[3] < 1500


@pytest.mark.parametrize(
    "picture",
    [data.coffee(), data.rocket(), np.zeros_like(data.coffee())],
    ids=["coffee", "rocket", "black"],
)
def test_no_face_is_an_empty_list(picture):
    assert detect_faces(picture) == []


def test_pictures_of_other_kinds_are_refused():
    with pytest.raises(ValueError, match="uint8"):
        detect_faces(np.zeros((100, 100)))  # type: ignore[arg-type]
