"""Reading photographs: formats, orientation, lens, and files that are not what they seem."""

import numpy as np
import pytest
from PIL import Image, ImageCms

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


def test_all_metadata_but_lens_and_orientation_is_dropped(tmp_path, picture):
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (37.0, 33.0, 59.0)
    exif[0x010F] = "maker"
    picture.save(tmp_path / "p.jpg", exif=exif)
    assert Image.open(tmp_path / "p.jpg").getexif().get_ifd(0x8825)
    photo = read_photo(tmp_path / "p.jpg")
    assert set(vars(photo)) == {"rgb", "focal_px", "name"}
    assert type(photo.rgb) is np.ndarray


def test_print_colours(tmp_path, picture):
    picture.convert("CMYK").save(tmp_path / "p.jpg")
    photo = read_photo(tmp_path / "p.jpg")
    assert np.abs(photo.rgb[25, 40].astype(int) - [200, 60, 20]).max() < 30


def test_of_several_pictures_in_a_file_the_first_counts(tmp_path, picture):
    other = Image.new("RGB", picture.size, (0, 0, 250))
    picture.save(tmp_path / "p.jpg", format="MPO", save_all=True, append_images=[other])
    assert np.abs(read_photo(tmp_path / "p.jpg").rgb[25, 40].astype(int) - [200, 60, 20]).max() < 25


def test_a_colour_profile_is_applied(tmp_path, picture):
    swapped = ImageCms.createProfile("sRGB")
    picture.save(tmp_path / "p.png", icc_profile=ImageCms.ImageCmsProfile(swapped).tobytes())
    same = read_photo(tmp_path / "p.png").rgb
    assert np.abs(same.astype(int) - np.asarray(picture).astype(int)).max() <= 2
    picture.save(tmp_path / "q.png", icc_profile=b"not a profile")
    np.testing.assert_array_equal(read_photo(tmp_path / "q.png").rgb, np.asarray(picture))


def box(kind, content):
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def test_a_heic_file_without_a_picture_is_said_to_be_damaged(tmp_path):
    path = tmp_path / "p.heic"
    path.write_bytes(box(b"ftyp", b"heic\0\0\0\0mif1heic") + box(b"meta", bytes(4)))
    _refused(path, "decoded")


def test_heic_is_not_registered_for_everybody(tmp_path):
    path = tmp_path / "p.heic"
    path.write_bytes(box(b"ftyp", b"heic\0\0\0\0mif1heic") + box(b"meta", bytes(4)))
    with pytest.raises(InputError):
        read_photo(path)
    assert "HEIF" not in Image.OPEN


def test_a_huge_file_is_not_opened(tmp_path):
    path = tmp_path / "p.jpg"
    with path.open("wb") as stream:
        stream.truncate(400_000_000)  # sparse: takes no room on the disk
    _refused(path, "400 MB")
