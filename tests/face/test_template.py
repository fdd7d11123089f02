"""The template is what everything anatomical hangs on: symmetric, clean, in millimetres."""

import numpy as np
import pytest

from threadlift.evidence import value
from threadlift.face.landmarks import NAMES, mirrored_name
from threadlift.face.template import template
from threadlift.face.zones import BILATERAL, ZONES, expand, mirrored_zone
from threadlift.frames import patient_frame


@pytest.fixture(scope="module")
def t():
    return template()


def test_is_exactly_mirror_symmetric(t):
    assert np.array_equal(t.mirror[t.mirror], np.arange(len(t.vertices)))
    assert np.array_equal(t.mirrored(t.vertices), t.vertices)
    assert np.array_equal(t.mirrored(t.coarse), t.coarse)
    assert np.array_equal(t.skin[t.mirror], t.skin)
    assert np.array_equal(t.albedo[t.mirror], t.albedo)
    assert np.array_equal(t.mirror[: t.n_coarse], t.coarse_mirror)


def test_triangulation_is_mirrored_onto_itself_with_reversed_orientation(t):
    def canonical(triangles):
        turn = triangles.argmin(axis=1)[:, None]
        rolled = np.take_along_axis(triangles, (turn + np.arange(3)) % 3, axis=1)
        return set(map(tuple, rolled))

    assert canonical(t.mirror[t.triangles][:, ::-1]) == canonical(t.triangles)


def test_subdivision_carries_the_coarse_head_to_the_fine_one(t):
    assert t.subdivision.shape == (len(t.vertices), t.n_coarse)
    np.testing.assert_allclose(np.asarray(t.subdivision.sum(axis=1)).ravel(), 1.0, atol=1e-12)
    np.testing.assert_allclose(t.fine(t.coarse), t.vertices, atol=1e-10)
    assert len(t.triangles) == 4 * len(t.coarse_triangles)


def test_is_in_the_patient_frame_at_the_stated_size(t):
    frame = patient_frame(
        *(
            t.vertices[t.landmarks[k]]
            for k in ("tragion_L", "tragion_R", "orbitale_L", "orbitale_R")
        )
    )
    np.testing.assert_allclose(frame.rotation, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(frame.translation, 0.0, atol=1e-9)
    assert t.ipd_of(t.vertices) == pytest.approx(
        value("face.template.interpupillary_distance"), abs=1e-6
    )


def test_skin_is_one_clean_sheet_with_openings_for_mouth_lids_and_neck(t):
    tri = t.skin_triangles
    edges = np.sort(np.concatenate([tri[:, [0, 1]], tri[:, [1, 2]], tri[:, [2, 0]]]), axis=1)
    unique, count = np.unique(edges, axis=0, return_counts=True)
    assert count.max() == 2
    euler = len(np.unique(tri)) - len(unique) + len(tri)
    assert euler == 2 - 4  # a sphere with four holes
    eyeballs = np.concatenate(list(t.eyes.values()))
    assert not t.skin[eyeballs].any()


def test_eyeballs_are_separate_spheres_at_the_end_of_the_triangles(t):
    for side, sign in (("left", 1), ("right", -1)):
        rows = t.eyes[side]
        p = t.vertices[rows]
        radius = np.linalg.norm(p - p.mean(axis=0), axis=1)
        assert sign * p[:, 0].mean() > 25.0
        assert radius.std() / radius.mean() < 0.05
        inside = np.isin(t.triangles, rows)
        assert np.array_equal(inside.all(axis=1), inside.any(axis=1))


def test_landmarks_lie_on_skin_and_are_mirrored(t):
    assert set(t.landmarks) == set(NAMES)
    assert len(NAMES) >= 50
    for name, i in t.landmarks.items():
        assert t.skin[i], name
        assert t.mirror[i] == t.landmarks[mirrored_name(name)], name
        if name.endswith("_L"):
            assert t.vertices[i, 0] > 0, name


def test_landmarks_are_ordered_as_in_a_face(t):
    def at(name):
        return t.vertices[t.landmarks[name]]

    down = [
        "trichion",
        "glabella",
        "nasion",
        "pronasale",
        "subnasale",
        "labiale_superius",
        "stomion",
        "labiale_inferius",
        "sublabiale",
        "pogonion",
        "gnathion",
        "menton",
    ]
    heights = [at(n)[1] for n in down]
    assert heights == sorted(heights, reverse=True)
    assert at("pronasale")[2] > max(t.vertices[t.skin, 2]) - 0.1
    assert at("gonion_L")[2] < at("jowl_point_L")[2] < at("prejowl_sulcus_L")[2]
    assert at("endocanthion_L")[0] < at("exocanthion_L")[0]


def test_zone_weights(t):
    assert set(t.zones) == set(ZONES)
    assert len(ZONES) == 21
    total = np.zeros(len(t.vertices))
    for key, weight in t.zones.items():
        assert weight.min() >= 0.0
        assert weight.max() > 0.9, key
        assert not weight[~t.skin].any(), key
        assert np.array_equal(weight[t.mirror], t.zones[mirrored_zone(key)]), key
        total += weight
    assert total.max() <= 1.0 + 1e-12


@pytest.mark.parametrize(
    ("zone", "landmark"),
    [
        ("temple", "temple"),
        ("malar", "malar_eminence"),
        ("buccal", "midcheek"),
        ("preauricular", "preauricular"),
        ("jowl", "jowl_point"),
        ("jawline", "gonion"),
        ("marionette", "marionette_mid"),
        ("nasolabial", "nasolabial_mid"),
        ("infraorbital", "orbitale"),
    ],
)
def test_bilateral_zones_lie_where_they_belong(t, zone, landmark):
    weights = {z: t.zones[f"{z}_left"][t.landmarks[f"{landmark}_L"]] for z in BILATERAL}
    assert max(weights, key=weights.__getitem__) == zone
    assert t.zones[f"{zone}_right"][t.landmarks[f"{landmark}_L"]] == 0.0


def test_expanding_zone_keys():
    assert expand("jowl") == ("jowl_left", "jowl_right")
    assert expand("jowl_left") == ("jowl_left",)
    assert expand("neck") == ("neck",)
    with pytest.raises(KeyError):
        expand("nose")


def test_modes_are_symmetric_or_antisymmetric(t):
    for mode, sign in zip(t.modes, t.mode_signs, strict=True):
        assert np.array_equal(t.mirrored(mode), sign * mode)
    assert 100 <= len(t.modes) <= 120


def test_units_are_mirrored_pairs(t):
    assert len(t.expressions) == 52
    for name, field in t.expressions.items():
        if name.endswith("Left") and not name.startswith(("jaw", "mouthLeft")):
            np.testing.assert_array_equal(
                t.mirrored(field), t.expressions[name.replace("Left", "Right")]
            )


def test_network_landmarks_land_where_they_should(t):
    points = t.mediapipe.at(t.coarse)
    np.testing.assert_allclose(t.mediapipe.bary.sum(axis=1), 1.0, atol=1e-6)
    assert np.linalg.norm(points[1] - t.coarse[t.landmarks["pronasale"]]) < 5.0
    assert np.linalg.norm(points[61] - t.coarse[t.landmarks["cheilion_R"]]) < 5.0
    assert np.linalg.norm(points[152] - t.coarse[t.landmarks["menton"]]) < 8.0
    left, right = t.pupils(t.vertices)
    assert np.linalg.norm((points[473] - left)[:2]) < 1.0
    assert np.linalg.norm((points[468] - right)[:2]) < 1.0
    assert (t.mediapipe.weights >= 0).all()


def test_arrays_cannot_be_changed_by_accident(t):
    with pytest.raises(ValueError, match="read-only"):
        t.vertices[0] = 0.0
