"""Reading photographs: formats, orientation, lens, and files that are not what they seem."""

import numpy as np
import pytest
from PIL import Image

from threadlift.errors import InputError
from threadlift.face.photo.image_io import read_photo


@pytest.fixture
def picture():
    rgb = np.zeros((100, 160, 3), np.uint8)
    rgb[:50, :80] = [200, 60, 20]  # upper left corner marked
    return Image.fromarray(rgb)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_formats(tmp_path, picture, suffix):
    path = tmp_path / f"p.{suffix}"
    picture.save(path)
    photo = read_photo(path)
    assert photo.rgb.shape == (100, 160, 3)
    assert photo.rgb.dtype == np.uint8
    assert photo.size == (160, 100)
    assert np.abs(photo.rgb[25, 40].astype(int) - [200, 60, 20]).max() < 25


def test_orientation_is_honoured(tmp_path, picture):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held turned: rotate 90 degrees clockwise to view
    picture.save(tmp_path / "p.png", exif=exif)
    photo = read_photo(tmp_path / "p.png")
    assert photo.size == (100, 160)
    np.testing.assert_array_equal(photo.rgb, np.rot90(np.asarray(picture), -1))


def test_focal_length_from_the_35_mm_equivalent(tmp_path):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA405] = 50
    Image.new("RGB", (360, 240)).save(tmp_path / "p.jpg", exif=exif)
    # 36 mm wide frame on 360 px: 10 px per mm.
    assert read_photo(tmp_path / "p.jpg").focal_px == pytest.approx(500.0, rel=1e-4)


def test_no_lens_known(tmp_path, picture):
    picture.save(tmp_path / "p.png")
    assert read_photo(tmp_path / "p.png").focal_px is None


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "I;16", "1"])
def test_every_mode_becomes_rgb(tmp_path, picture, mode):
    if mode == "I;16":
        image = Image.fromarray(np.full((100, 160), 40000, np.uint16))
    else:
        image = picture.convert("L").convert(mode) if mode == "LA" else picture.convert(mode)
    image.save(tmp_path / "p.png")
    assert read_photo(tmp_path / "p.png").rgb.shape == (100, 160, 3)


def test_transparent_ground_is_grey_not_black(tmp_path):
    Image.new("RGBA", (100, 100), (255, 0, 0, 0)).save(tmp_path / "p.png")
    assert (read_photo(tmp_path / "p.png").rgb == 128).all()


def _refused(path, word):
    with pytest.raises(InputError, match=word) as caught:
        read_photo(path)
    assert caught.value.exit_code == 2
    assert caught.value.remedy


def test_missing_file(tmp_path):
    _refused(tmp_path / "none.jpg", "no photo")


def test_not_a_picture(tmp_path):
    path = tmp_path / "p.jpg"
    path.write_text("hello")
    _refused(path, "not a JPEG")


def test_other_formats_are_not_decoded(tmp_path, picture):
    picture.save(tmp_path / "p.gif")
    _refused(tmp_path / "p.gif", "not a JPEG")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_truncated(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    path = tmp_path / f"p.{suffix}"
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    _refused(path, "decoded|not a JPEG")


def test_too_small(tmp_path):
    Image.new("RGB", (20, 20)).save(tmp_path / "p.png")
    _refused(tmp_path / "p.png", "20 x 20")


def test_too_large_is_refused_before_decoding(tmp_path):
    Image.new("1", (10000, 9000)).save(tmp_path / "p.png")
    _refused(tmp_path / "p.png", "90 megapixels")
