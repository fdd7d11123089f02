"""What is no human face is refused before anything is computed from it."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from skimage import data

from threadlift.errors import InputError
from threadlift.face import Face
from threadlift.face.photo.fit_photos import fit_photos
from threadlift.graphics import portrait_camera, render


def drawn() -> np.ndarray:
    """A cartoon that the landmark network takes for a face."""
    image = Image.new("RGB", (600, 700), (240, 240, 255))
    pen = ImageDraw.Draw(image)
    pen.ellipse((120, 80, 480, 620), fill=(250, 210, 170), outline=(0, 0, 0), width=5)
    for x in (210, 390):
        pen.ellipse((x - 45, 240, x + 45, 330), fill="white", outline="black", width=4)
        pen.ellipse((x - 18, 265, x + 18, 310), fill=(40, 80, 40))
        pen.line((x - 50, 215, x + 50, 205), fill=(60, 30, 10), width=12)
    pen.polygon([(300, 320), (275, 420), (325, 420)], fill=(235, 180, 140), outline="black")
    pen.chord((220, 440, 380, 540), 0, 180, fill=(200, 60, 60), outline="black", width=4)
    return np.asarray(image)


def statue() -> np.ndarray:
    face = Face.synthetic(3)
    camera = portrait_camera(0, 0, np.array([0.0, -10, 20]), 260, (450, 550), distance_mm=900)
    return render(face.vertices, face.triangles, (200, 198, 190), camera, supersample=2).rgb


def grainy(rgb: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0.0, 3.0, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def large_cat() -> np.ndarray:
    return np.asarray(Image.fromarray(data.chelsea()).resize((1353, 900)))


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (drawn(), "drawings"),
        (grainy(drawn()), "drawn"),
        (grainy(statue()), "statues"),
        (large_cat(), ""),
        (data.coffee(), "face"),
    ],
    ids=["cartoon", "grainy cartoon", "statue without eyes", "cat", "cup of coffee"],
)
def test_no_human_face(tmp_path, picture, words):
    path = tmp_path / "picture.png"
    Image.fromarray(picture).save(path)
    with pytest.raises(InputError) as refusal:
        fit_photos(path)
    assert refusal.value.exit_code == 2
    assert words in f"{refusal.value.problem} {refusal.value.remedy}"
