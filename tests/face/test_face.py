"""A face is valid or it does not exist."""

import dataclasses

import numpy as np
import pytest

from threadlift.errors import InputError
from threadlift.face import Capture, Face, template
from threadlift.face.expression.composites import COMPOSITES, expression_fields, weights
from threadlift.face.face import vertex_normals


@pytest.fixture(scope="module")
def face():
    return Face.synthetic(5, age_years=60.0, asymmetry=0.6)


def with_(face, **changes):
    return dataclasses.replace(face, **changes)


def test_mirrored_twice_is_the_same_face(face):
    back = face.mirrored().mirrored()
    assert np.array_equal(back.vertices, face.vertices)
    for name in face.expressions:
        assert np.array_equal(back.expressions[name], face.expressions[name])


def test_mirroring_exchanges_the_sides(face):
    m = face.mirrored()
    np.testing.assert_array_equal(
        m.landmark("jowl_point_L"), face.landmark("jowl_point_R") * [-1, 1, 1]
    )
    assert np.abs(m.vertices - face.vertices).max() > 0.5
    assert m.ipd_mm == pytest.approx(face.ipd_mm, abs=1e-12)


def test_normals_are_unit_and_point_outwards(face):
    skin = face.skin
    np.testing.assert_allclose(np.linalg.norm(face.normals, axis=1), 1.0, atol=1e-12)
    assert face.normals[face.template.landmarks["pronasale"], 2] > 0.6
    assert face.normals[face.template.landmarks["zygion_L"], 0] > 0.8
    outward = np.einsum("ij,ij->i", face.normals, face.vertices - [0, 0, 10.0])[skin]
    assert np.mean(outward > 0) > 0.9


@pytest.mark.parametrize(
    "break_it",
    [
        lambda v: np.where(np.arange(len(v))[:, None] == 7, np.nan, v),
        lambda v: v[:-1],
        lambda v: v / 1000.0,
        lambda v: v * 10.0,
        lambda v: v[:, [1, 0, 2]],
        lambda v: v + np.array([0.0, 50.0, 0.0]),
    ],
)
def test_rejects_what_is_not_a_head_in_the_patient_frame(face, break_it):
    with pytest.raises(InputError) as error:
        with_(face, vertices=break_it(face.vertices))
    assert error.value.remedy


def test_rejects_bad_companions(face):
    n = len(face.vertices)
    with pytest.raises(InputError, match="sd_mm"):
        with_(face, sd_mm=-np.ones(n))
    with pytest.raises(InputError, match="sd_tangential_mm"):
        with_(face, sd_tangential_mm=-np.ones(n))
    with pytest.raises(InputError, match="sd_tangential_mm"):
        with_(face, sd_tangential_mm=np.ones(n - 1))
    with pytest.raises(InputError, match="smile"):
        with_(face, expressions={"smile": np.zeros((n - 1, 3))})
    with pytest.raises(InputError, match="kind"):
        with_(face, kind="guess")
    with pytest.raises(InputError, match="colors"):
        with_(face, colors=np.zeros((3, 3), dtype=np.uint8))


def test_in_frame_undoes_any_rigid_motion(face):
    a, b = 0.7, -0.4
    turn = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]]
    )
    moved = face.vertices @ turn.T + np.array([5, -300, 12])
    again = Face.in_frame(
        moved,
        sd_mm=0.0,
        kind="synthetic",
        capture=face.capture,
        expressions={k: v @ turn.T for k, v in face.expressions.items()},
    )
    np.testing.assert_allclose(again.vertices, face.vertices, atol=1e-9)
    np.testing.assert_allclose(again.expressions["smile"], face.expressions["smile"], atol=1e-9)


def test_save_and_load(face, tmp_path):
    slide = np.linspace(0.5, 2.0, len(face.vertices))
    coloured = with_(face, colors=np.array(template().albedo), sd_tangential_mm=slide)
    coloured.save(tmp_path / "face.npz")
    back = Face.load(tmp_path / "face.npz")
    assert np.array_equal(back.vertices, coloured.vertices)
    assert np.array_equal(back.colors, coloured.colors)
    assert np.array_equal(back.sd_tangential_mm, slide)
    assert np.array_equal(coloured.mirrored().sd_tangential_mm, slide[template().mirror])
    assert back.capture == coloured.capture
    assert set(back.expressions) == set(COMPOSITES)
    (tmp_path / "other.npz").write_bytes(b"not a face")
    with pytest.raises(InputError, match="not a saved face"):
        Face.load(tmp_path / "other.npz")


def test_capture_record_is_plain_data():
    record = Capture(
        "a.jpg", {"reprojection_px": np.float64(0.7)}, ("note",), "from the ruler", ("smile",)
    )
    assert record.to_json() == {
        "source": "a.jpg",
        "numbers": {"reprojection_px": 0.7},
        "notes": ["note"],
        "scale": "from the ruler",
        "measured_expressions": ["smile"],
    }


def test_a_landmark_is_never_surer_than_the_skin_it_lies_on_or_its_own_definition():
    face = Face.synthetic(1)
    blurred = dataclasses.replace(face, sd_mm=np.full(len(face.vertices), 3.0))
    for name, sd in blurred.landmark_sd_mm.items():
        assert sd > face.landmark_sd_mm[name] > 0.0
        assert sd > 3.0
    assert face.landmark_sd_mm["gonion_L"] > face.landmark_sd_mm["pronasale"]


def test_vertex_normals_of_a_flat_square():
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0.0]])
    normals = vertex_normals(square, np.array([[0, 1, 2], [0, 2, 3]]))
    np.testing.assert_array_equal(normals, np.tile([0, 0, 1.0], (4, 1)))


def test_smile_lifts_and_widens_the_mouth():
    field = expression_fields(template().vertices)["smile"][template().landmarks["cheilion_L"]]
    assert 5.0 < np.linalg.norm(field) < 14.0
    assert field[0] > 2.0
    assert field[1] > 3.0


def test_expressions_move_what_they_should():
    t, fields = template(), expression_fields(template().vertices)

    def at(name, mark):
        return fields[name][t.landmarks[mark]]

    assert at("jaw_open", "menton")[1] < -8.0
    assert abs(at("jaw_open", "exocanthion_L")[1]) < 0.1
    assert at("pucker", "cheilion_L")[0] < -2.0
    assert at("pucker", "labiale_superius")[2] > 1.0
    assert at("frown", "cheilion_L")[1] < -2.0
    assert at("frown", "brow_medial_L")[1] < -1.0
    lids = t.vertices + fields["eyes_closed"]
    gap = lids[t.landmarks["palpebrale_superius_L"]] - lids[t.landmarks["palpebrale_inferius_L"]]
    assert abs(gap[1]) < 3.0
    for name, field in fields.items():
        np.testing.assert_allclose(t.mirrored(field), field, atol=1e-9, err_msg=name)


def test_both_sides_share_a_units_weight():
    w = weights("smile")
    assert w["mouthSmileLeft"] == w["mouthSmileRight"] > 0
