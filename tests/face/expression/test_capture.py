"""Captured expressions of synthetic people: own weights, movement outside the units, noise."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from threadlift.errors import InputError
from threadlift.face import Face, template
from threadlift.face.expression.composites import weights
from threadlift.face.expression.excursions import excursions
from threadlift.face.expression.with_expression import with_expression
from threadlift.face.face import vertex_normals
from threadlift.face.scan.fit_scan import fit_scan
from threadlift.face.scan.model import face_region
from threadlift.face.scan.read import make_scan
from threadlift.face.synthetic.people import random_look
from threadlift.face.synthetic.photo import photo_camera, photograph
from threadlift.face.synthetic.scan import synthetic_scan
from threadlift.frames import fit_similarity

SIZE = (640, 800)


def own_smile(face: Face, seed: int) -> np.ndarray:
    """A lopsided smile (n, 3) [mm] that neither the composite nor the units hold."""
    t, rng = template(), np.random.default_rng(seed)
    units = weights("smile") | {"mouthDimpleLeft": 0.2, "mouthStretchRight": 0.15}
    field = np.zeros_like(t.coarse)
    for unit, weight in units.items():
        field += weight * rng.uniform(0.6, 1.1) * t.expressions[unit]
    fine = t.fine(field)
    where = np.clip(np.linalg.norm(fine, axis=1) / 6.0, 0.0, 1.0)[:, None] * t.skin[:, None]
    rough = np.zeros_like(fine)
    for _ in range(24):
        wave = np.cos(t.vertices @ rng.standard_normal(3) / 18.0 + rng.uniform(0.0, 6.3))
        rough += wave[:, None] * rng.standard_normal(3)
    return fine + where * rough / np.sqrt(np.mean(np.sum(rough**2, axis=1)))


def moved(face: Face, field: np.ndarray) -> Face:
    return Face.in_frame(
        face.vertices + field,
        sd_mm=0.0,
        kind="synthetic",
        capture=face.capture,
        expressions={},
    )


@dataclass(frozen=True)
class Photos:
    face: Face
    field: np.ndarray
    rest: Path
    smile: Path
    folder: Path


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Photos:
    folder = tmp_path_factory.mktemp("photos")
    face = Face.synthetic(1, asymmetry=0.6)
    field = own_smile(face, 1)
    look = random_look(1, 45.0, "female")
    shots = []
    for number, person in enumerate((face, moved(face, field))):
        camera = photo_camera(face, yaw_deg=3.0 - 5.0 * number, distance_mm=1000.0, size=SIZE)
        path = folder / f"{('rest', 'smile')[number]}.jpg"
        shots.append(photograph(person, camera, look, seed=number).write(path))
    return Photos(face, field, shots[0], shots[1], folder)


@pytest.fixture(scope="module")
def smiling(photos) -> Face:
    return with_expression(photos.face, "smile", photos.smile, rest=photos.rest)


def as_png(path: Path) -> Path:
    """The same pixels without what the JPEG says of its lens."""
    out = path.with_suffix(".png")
    Image.open(path).save(out)
    return out


def corner_error(face: Face, field: np.ndarray) -> float:
    at = [template().landmarks[f"cheilion_{side}"] for side in "LR"]
    return float(np.linalg.norm(face.expressions["smile"][at] - field[at], axis=1).mean())


def corner_error_at_rest(field: np.ndarray) -> float:
    at = [template().landmarks[f"cheilion_{side}"] for side in "LR"]
    return float(np.linalg.norm(field[at], axis=1).mean())


def test_a_photo_of_a_smile_replaces_the_model(photos, smiling):
    assert smiling.capture.measured_expressions == ("smile",)
    assert corner_error(smiling, photos.field) < 4.5
    assert corner_error(smiling, photos.field) < corner_error_at_rest(photos.field) / 2.5
    assert np.array_equal(smiling.expressions["frown"], photos.face.expressions["frown"])
    assert np.array_equal(smiling.vertices, photos.face.vertices)
    for side in "LR":
        e = excursions(smiling)["smile"][f"cheilion_{side}"]
        truth = np.linalg.norm(photos.field[template().landmarks[f"cheilion_{side}"]])
        assert e.basis == ("measured",)
        assert e.low < truth < e.high


def test_mirrored_photos_give_the_mirrored_smile(photos, smiling):
    paths = []
    for path in (photos.rest, photos.smile):
        paths.append(photos.folder / f"mirrored_{path.stem}.png")
        Image.open(path).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(paths[-1])
    once = with_expression(photos.face, "smile", as_png(photos.smile), rest=as_png(photos.rest))
    mirrored = with_expression(photos.face.mirrored(), "smile", paths[1], rest=paths[0])
    back = mirrored.mirrored().expressions["smile"]
    assert np.abs(back - once.expressions["smile"]).max() < 0.1
    assert once.expressions["smile"][template().landmarks["cheilion_L"], 0] > 0.0


@pytest.mark.parametrize("asked", ["smile", "pucker", "frown", "jaw_open", "eyes_closed"])
def test_a_photo_at_rest_shows_no_expression(photos, asked):
    again = photos.folder / "again.png"
    Image.open(photos.rest).save(again)
    with pytest.raises(InputError, match=r"does not show.*Ask the patient"):
        with_expression(photos.face, asked, again)


def test_a_smile_is_no_frown_and_rest_is_no_smile(photos):
    with pytest.raises(InputError, match="does not show 'frown'"):
        with_expression(photos.face, "frown", photos.smile, rest=photos.rest)
    with pytest.raises(InputError, match="is the photo of the face at rest"):
        with_expression(photos.face, "smile", photos.rest, rest=photos.rest)


def test_what_cannot_be_compared_is_refused(photos):
    with pytest.raises(InputError, match="no expression that can be captured"):
        with_expression(photos.face, "wink", photos.smile)
    with pytest.raises(InputError, match="taken from photos"):
        with_expression(replace(photos.face, kind="photo"), "smile", "smile.obj")


@pytest.mark.slow
def test_a_scan_of_a_smile_is_followed():
    face = Face.synthetic(2, asymmetry=0.6)
    field = own_smile(face, 2)
    rest = fit_scan(make_scan(*synthetic_scan(face, 0.3, 2)))
    scan = make_scan(*synthetic_scan(moved(face, field), 0.3, 12))
    smile = with_expression(rest, "smile", scan)
    region = face_region(template())
    truth = fit_similarity(face.vertices[region], rest.vertices[region]).apply_vectors(field)
    error = smile.expressions["smile"] - truth
    normal = vertex_normals(rest.vertices + truth, template().triangles)
    across = np.abs(np.einsum("vd,vd->v", error, normal))
    along = np.sqrt(np.maximum(np.sum(error**2, axis=1) - across**2, 0.0))
    assert across[region].mean() < 0.5
    assert along[region].mean() < 1.2
    assert np.linalg.norm(smile.expressions["smile"][template().eyes["left"]]).max() < 0.01
    with pytest.raises(InputError, match="same person"):
        with_expression(replace(Face.synthetic(9), kind="scan"), "smile", scan)
