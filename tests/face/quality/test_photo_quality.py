"""Each criterion of the gate on a public-domain portrait, made worse in exactly one way."""

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from skimage import data

from threadlift.errors import InputError
from threadlift.face.network.landmarker import detect_faces
from threadlift.face.quality import refuse_unusable
from threadlift.face.quality.photo import before_fit
from threadlift.face.quality.subject import plausibility, pose

LOWER = (6, 118, 234, 172, 152, 397, 454, 347)
LIDS = ((33, 133, 159, 145), (263, 362, 386, 374))


@pytest.fixture(scope="module")
def portrait():
    rgb = data.astronaut()
    return rgb, detect_faces(rgb)[0]


def verdicts(rgb, face, **options):
    return {f.name: f for f in before_fit("front", rgb, face, **options)}


def painted(portrait, paint):
    rgb, face = portrait
    image = Image.fromarray(rgb)
    paint(ImageDraw.Draw(image), face.landmarks_px)
    return np.asarray(image)


def test_a_smiling_portrait_is_usable_and_told_to_stop_smiling(portrait):
    found = verdicts(*portrait)
    assert all(f.verdict != "unusable" for f in found.values())
    assert found["expression.smile"].verdict == "poor"
    assert "smiling" in found["expression.smile"].remedy
    assert not any(name.startswith("expression") for name in verdicts(*portrait, at_rest=False))


def test_blur_grows_with_the_blur_and_is_refused_at_last(portrait):
    rgb, face = portrait
    widths = [verdicts(rgb, face)["sharpness"].value]
    for radius in (1.0, 2.0, 4.0):
        soft = np.asarray(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(radius)))
        worse = verdicts(soft, face)["sharpness"]
        widths.append(worse.value)
    assert widths == sorted(widths)
    assert worse.verdict == "unusable"
    assert "Focus" in worse.remedy


def test_a_smaller_picture_has_proportionally_fewer_pixels_on_the_face(portrait):
    rgb, face = portrait
    small = np.asarray(Image.fromarray(rgb).resize((256, 256)))
    half = detect_faces(small)[0]
    whole = verdicts(rgb, face)["resolution"].value
    assert verdicts(small, half)["resolution"].value == pytest.approx(0.5 * whole, rel=0.1)


def test_a_mask_is_refused_but_a_beard_is_not(portrait):
    face = portrait[1]
    masked = painted(
        portrait,
        lambda pen, px: pen.polygon([tuple(px[i]) for i in LOWER], fill=(150, 190, 220)),
    )
    assert verdicts(masked, face)["covered_mouth"].verdict == "unusable"
    beard = (152, 148, 172, 61, 164, 291, 397, 377)
    bearded = painted(
        portrait, lambda pen, px: pen.polygon([tuple(px[i]) for i in beard], fill=(45, 35, 30))
    )
    assert verdicts(bearded, face)["covered_mouth"].verdict == "good"


def test_dark_glasses_hide_the_irises(portrait):
    def glasses(pen, px):
        for corners in LIDS:
            p = px[list(corners)]
            pen.ellipse((*(p.min(axis=0) - 6), *(p.max(axis=0) + 6)), fill=(15, 15, 15))

    hidden = verdicts(painted(portrait, glasses), portrait[1])["iris_contrast"]
    assert hidden.verdict == "unusable"
    assert "glasses" in hidden.remedy


def test_flat_colour_is_a_drawing(portrait):
    rgb, face = portrait
    # Few colours and smooth outlines, as of a cartoon.
    smooth = Image.fromarray(rgb).filter(ImageFilter.MedianFilter(7))
    flat = np.asarray(smooth) // 64 * 64
    assert verdicts(flat, face)["flatness"].verdict == "unusable"


def test_a_fill_of_one_colour_is_a_drawing_even_under_noise(portrait):
    rgb, face = portrait
    filled = np.full_like(rgb, (235, 190, 160))
    noise = np.random.default_rng(0).normal(0.0, 3.0, rgb.shape)
    noisy = np.clip(filled + noise, 0, 255).astype(np.uint8)
    found = verdicts(noisy, face)
    assert found["shading"].verdict == "unusable"
    assert found["flatness"].verdict == "good"  # which is why both are needed
    assert verdicts(rgb, face)["shading"].verdict == "good"


def test_one_sided_light_names_the_dark_side(portrait):
    rgb, face = portrait
    middle = face.landmarks_px[6, 0]
    ramp = np.where(np.arange(rgb.shape[1]) > middle, 0.4, 1.0)  # the subject's left is dark
    dark = (rgb * ramp[None, :, None]).astype(np.uint8)
    lit = verdicts(dark, face)["light_symmetry"]
    assert lit.verdict == "poor"
    assert "patient's left" in lit.remedy
    mirrored = detect_faces(np.ascontiguousarray(dark[:, ::-1]))[0]
    other = verdicts(np.ascontiguousarray(dark[:, ::-1]), mirrored)["light_symmetry"]
    assert "patient's right" in other.remedy


def test_over_and_under_exposure_have_opposite_remedies(portrait):
    rgb, face = portrait
    bright = np.clip(rgb.astype(int) * 4, 0, 255).astype(np.uint8)
    assert "Darken" in verdicts(bright, face)["exposure"].remedy
    assert "Add light" in verdicts((rgb // 60).astype(np.uint8), face)["exposure"].remedy


def test_a_face_cut_off_by_the_picture_is_told_to_step_back(portrait):
    rgb, face = portrait
    bottom = int(face.landmarks_px[152, 1]) - 20
    cut = verdicts(rgb[:bottom], face)["framing"]
    assert cut.verdict != "good"
    assert "Step back" in cut.remedy


@pytest.mark.parametrize(
    ("role", "angles", "name", "words"),
    [
        ("front", (14.0, 0.0, 0.0), "yaw", "14° to the patient's left"),
        ("front", (-20.0, 0.0, 0.0), "yaw", "20° to the patient's right"),
        ("left", (10.0, 0.0, 0.0), "yaw_oblique", "30° to the patient's right"),
        ("right", (-75.0, 0.0, 0.0), "yaw_oblique", "35° to the patient's right"),
        ("front", (0.0, 20.0, 0.0), "pitch", "Raise the chin by 20°"),
        ("front", (0.0, -20.0, 0.0), "pitch", "Lower the chin by 20°"),
        ("front", (0.0, 0.0, 15.0), "roll", "leans by 15°"),
    ],
)
def test_the_remedy_of_a_pose_says_which_way_to_turn(role, angles, name, words):
    found = {f.name: f for f in pose("p", role, *angles)}
    assert words in found[name].remedy


def test_what_no_human_face_looks_like_is_refused():
    found = plausibility("front", 3.0, 12.0)
    with pytest.raises(InputError, match="unlikely shape") as refusal:
        refuse_unusable(found)
    assert "human face" in refusal.value.remedy
    assert refusal.value.exit_code == 2


def test_the_gate_lets_usable_captures_through_unchanged(portrait):
    found = before_fit("front", *portrait)
    assert refuse_unusable(found) == found


def test_no_number_is_invented_where_nothing_is_seen(portrait):
    face = portrait[1]
    away = np.zeros((40, 40, 3), dtype=np.uint8)
    names = set(verdicts(away, face))
    assert "light_symmetry" not in names
    assert "covered_mouth" not in names
    assert verdicts(away, face)["framing"].verdict == "unusable"
