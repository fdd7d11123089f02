"""From photographs to a face: what is recovered, what is said of it, and what is refused."""

import numpy as np
import pytest
from PIL import Image
from skimage import data

from threadlift.errors import InputError
from threadlift.evidence import parameter
from threadlift.face import Face, template
from threadlift.face.face import frame_of
from threadlift.face.scan.model import face_region
from threadlift.frames import MIRROR, fit_similarity
from threadlift.graphics.camera import portrait_camera
from threadlift.graphics.raster import render, vertex_normals

DISTANCE_MM = 900.0


def head(seed):
    """A random person of the template's own model, in the patient frame (n, 3) [mm]."""
    t = template()
    a = np.random.default_rng(seed).standard_normal(len(t.modes))
    v = t.fine(t.coarse + np.tensordot(a, t.modes, 1))
    return frame_of(v).apply(v)


def ipd(vertices):
    left, right = template().pupils(vertices)
    return float(np.linalg.norm(left - right))


def shoot(path, vertices, yaw_deg, pitch_deg=0.0, size=600):
    """Render a head as a photo into a file."""
    t = template()
    camera = portrait_camera(
        yaw_deg, pitch_deg, [0, -10, 60], 280, (size, size), distance_mm=DISTANCE_MM
    )
    Image.fromarray(render(vertices, t.triangles, t.albedo, camera, supersample=2).rgb).save(path)
    return path


def shape_error(vertices, truth):
    """Mean distance along the normal over the face after similarity alignment [mm]."""
    t = template()
    face = t.skin & (truth[:, 2] > 20) & (truth[:, 1] > -88) & (truth[:, 1] < 70)
    fit = fit_similarity(vertices[face], truth[face], with_scale=True)
    gap = ((fit.apply(vertices) - truth) * vertex_normals(truth, t.triangles)).sum(axis=1)
    return float(np.abs(gap[face]).mean())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("photos")


@pytest.fixture(scope="module")
def portrait_path(folder):
    Image.fromarray(data.astronaut()).save(folder / "portrait.png")
    return folder / "portrait.png"


@pytest.fixture(scope="module")
def portrait(portrait_path):
    return Face.from_photos(portrait_path)


@pytest.fixture(scope="module")
def person():
    return head(102)


@pytest.fixture(scope="module")
def views(folder, person):
    return {
        role: shoot(folder / f"{role}.png", person, yaw)
        for role, yaw in (("front", 0.0), ("left", 35.0), ("right", -35.0))
    }


# What a photo gives ------------------------------------------------------------------------


def test_a_portrait_fits_its_landmarks(portrait):
    numbers = portrait.capture.numbers
    assert portrait.kind == "photo"
    assert numbers["reprojection_percent_ipd"] < 3.0
    assert numbers["reprojection_median_px"] < numbers["reprojection_px"] < 1.5
    assert numbers["landmarks_used"] > 300


def test_it_says_what_it_is(portrait):
    assert any("not a basis for millimetres" in note for note in portrait.capture.notes)
    assert "± 4 %" in portrait.capture.scale
    assert 4.0 <= portrait.capture.numbers["scale_sd_percent"] < 5.0


def test_the_smile_is_taken_out(portrait):
    smile = portrait.capture.numbers
    assert smile["expression.mouthSmileLeft"] > 0.3
    assert smile["expression.mouthSmileRight"] > 0.3
    width = np.linalg.norm(portrait.landmark("cheilion_L") - portrait.landmark("cheilion_R"))
    t = template()
    rest = t.vertices[t.landmarks["cheilion_L"]] - t.vertices[t.landmarks["cheilion_R"]]
    # The smiling mouth is 20 % wider than the template's; the neutral one must not be.
    assert width < 1.15 * np.linalg.norm(rest)
    assert any("expression" in note for note in portrait.capture.notes)


def test_size_without_measurement_is_that_of_adults(portrait):
    adult = parameter("capture.ipd.adult")
    assert abs(portrait.ipd_mm - adult.value) < 2 * adult.sd


def test_a_measured_distance_sets_the_size(portrait_path, portrait):
    measured = Face.from_photos(portrait_path, ipd_mm=58.5)
    assert measured.ipd_mm == pytest.approx(58.5, abs=1e-6)
    # The ruler is good to 0.8 %, the proportions of one photo are not.
    assert 1.0 < measured.capture.numbers["scale_sd_percent"] < 3.5
    ratio = 58.5 / portrait.ipd_mm
    np.testing.assert_allclose(measured.vertices, ratio * portrait.vertices, atol=1e-6)


def test_same_photo_same_bits(portrait_path, portrait):
    again = Face.from_photos(portrait_path)
    np.testing.assert_array_equal(again.vertices, portrait.vertices)
    np.testing.assert_array_equal(again.colors, portrait.colors)


def test_a_mirrored_photo_gives_the_mirrored_face(folder, portrait):
    Image.fromarray(np.ascontiguousarray(data.astronaut()[:, ::-1])).save(folder / "mirror.png")
    mirrored = Face.from_photos(folder / "mirror.png").mirrored()
    assert np.linalg.norm(mirrored.vertices - portrait.vertices, axis=1).max() < 0.1


def test_resolution_does_not_change_the_face(folder, portrait):
    large = Image.fromarray(data.astronaut()).resize((1024, 1024), Image.Resampling.BICUBIC)
    large.save(folder / "large.png")
    face = Face.from_photos(folder / "large.png")
    assert np.linalg.norm(face.vertices - portrait.vertices, axis=1).mean() < 2.0


def test_colours_come_from_the_photo(portrait):
    t = template()
    cheek = t.zones["malar_left"] > 0.7
    x0, y0 = 250, 140  # the patient's left cheek in the picture
    seen = data.astronaut()[y0 - 4 : y0 + 4, x0 - 6 : x0 + 2].reshape(-1, 3).mean(axis=0)
    assert np.abs(np.median(portrait.colors[cheek], axis=0) - seen).max() < 45
    assert (portrait.colors[t.skin] != t.albedo[t.skin]).any(axis=1).mean() > 0.9
    assert (portrait.colors[~t.skin] == t.albedo[~t.skin]).all()


def test_uncertainty_grows_away_from_what_is_seen(portrait):
    def mean_sd(zone):
        w = portrait.zones[zone]
        return float(w @ portrait.sd_mm / w.sum())

    assert 0.5 < mean_sd("infraorbital_left") < mean_sd("preauricular_left") < 5.0
    back = template().vertices[:, 2] < -50
    assert portrait.sd_mm[back].mean() > mean_sd("preauricular_left")


def test_a_known_head_is_recovered_better_than_by_the_mean(views, person):
    mean = shape_error(template().vertices, person)
    one = Face.from_photos(views["front"], ipd_mm=ipd(person))
    three = Face.from_photos(views["front"], views["left"], views["right"], ipd_mm=ipd(person))
    assert shape_error(one.vertices, person) < 0.85 * mean
    assert shape_error(three.vertices, person) < 0.85 * mean
    assert three.capture.numbers["photos"] == 3
    face = face_region(template())
    # The painted template has hardly any texture to compare, so the gain is small here.
    assert three.sd_mm[face].mean() < 0.95 * one.sd_mm[face].mean()
    assert one.ipd_mm == pytest.approx(ipd(person), abs=1e-6)
    assert one.capture.numbers["reprojection_percent_ipd"] < 3.0


def test_breadth_to_pupil_distance_is_recovered(views, person):
    t = template()

    def ratio(vertices):
        a, b = (vertices[t.landmarks[f"exocanthion_{s}"]] for s in "LR")
        return float(np.linalg.norm(a - b)) / ipd(vertices)

    fitted = Face.from_photos(views["front"])
    assert ratio(fitted.vertices) == pytest.approx(ratio(person), rel=0.06)


def test_pose_is_found(folder, person):
    turned = Face.from_photos(shoot(folder / "turned.png", person, 15.0))
    assert turned.capture.numbers["yaw_deg"] == pytest.approx(15.0, abs=4.0)


def test_a_mirror_symmetric_head_stays_nearly_symmetric(folder):
    t = template()
    face = Face.from_photos(shoot(folder / "template.png", t.vertices, 0.0), ipd_mm=62.0)
    asymmetry = face.vertices - face.vertices[t.mirror] * MIRROR
    assert np.linalg.norm(asymmetry[t.skin], axis=1).mean() < 0.3


# What is refused ---------------------------------------------------------------------------


def refused(match, *args, **kwargs):
    with pytest.raises(InputError, match=match) as caught:
        Face.from_photos(*args, **kwargs)
    assert caught.value.remedy
    return str(caught.value)


def test_no_face(folder):
    Image.fromarray(data.coffee()).save(folder / "coffee.png")
    refused("No face", folder / "coffee.png")


def test_two_faces_are_counted_and_placed(folder):
    a = data.astronaut()
    Image.fromarray(np.concatenate([a, a[:, ::-1]], axis=1)).save(folder / "two.png")
    message = refused("2 faces", folder / "two.png")
    assert "x 226" in message or "x 225" in message


def test_a_small_face(folder):
    Image.fromarray(data.astronaut()).resize((128, 128)).save(folder / "small.png")
    refused("px wide", folder / "small.png")


def test_a_turned_head_is_no_front_photo(folder, person):
    refused("turned by", shoot(folder / "half.png", person, 50.0))


def test_the_same_photo_twice(folder, views):
    Image.open(views["front"]).save(folder / "copy.png")
    refused("same picture", views["front"], folder / "copy.png")


def test_swapped_sides(views):
    refused("right side", views["front"], left=views["right"])


def test_a_front_photo_as_a_side(folder, views, person):
    refused("only", views["front"], right=shoot(folder / "almost.png", person, -4.0))


@pytest.mark.parametrize("value", [6.3, 630.0, -60.0, float("nan")])
def test_impossible_pupil_distance(portrait_path, value):
    refused("interpupillary", portrait_path, ipd_mm=value)


@pytest.mark.parametrize("side", [0.1, float("nan")])
def test_impossible_marker(portrait_path, side):
    refused("marker", portrait_path, marker_mm=side)


def test_a_marker_that_is_not_there(portrait_path):
    refused("No marker", portrait_path, marker_mm=20.0)


def test_progress_runs_from_none_to_all(portrait_path):
    told = []
    Face.from_photos(portrait_path, progress=lambda share, what: told.append((share, what)))
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert shares[0] == 0.0
    assert shares[-1] == 1.0
    assert all(what for _, what in told)


def test_nothing_saved_tells_where_the_photo_was_taken(folder):
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (37.0, 33.0, 59.0)
    exif[0x010E] = "Secret Street 7"
    Image.fromarray(data.astronaut()).save(folder / "located.jpg", exif=exif)
    assert b"Secret Street" in (folder / "located.jpg").read_bytes()
    face = Face.from_photos(folder / "located.jpg")
    face.save(folder / "located.npz")
    with np.load(folder / "located.npz") as stored:
        for name in stored.files:
            assert b"Secret Street" not in stored[name].tobytes()
            assert "Secret" not in str(stored[name])
        assert not any("exif" in name.lower() or "gps" in name.lower() for name in stored.files)
    assert "gps" not in str(face.capture.to_json()).lower()
