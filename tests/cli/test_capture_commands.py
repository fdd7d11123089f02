"""`threadlift capture` and `follow-up`: files, refusals, nothing left behind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageFilter
from skimage.data import astronaut

from threadlift.cli import main
from threadlift.interop import read_face_glb
from threadlift.interop.file_models import CaptureModel


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def assert_refused(result: Result, out: Path, *words: str) -> None:
    assert result.exit_code == 2, result.output
    for word in words:
        assert word in result.stderr
    assert not out.exists()
    assert not list(out.parent.glob(f".{out.name}*"))


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photo") / "front.jpg"
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"  # a place in the metadata
    exif[0x010E] = "SECRET-DESCRIPTION"
    Image.fromarray(astronaut()).save(path, quality=95, exif=exif)
    return path


@pytest.fixture(scope="module")
def captured(portrait: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("capture") / "face"
    result = run("capture", "--photo", portrait, "-o", out)
    assert result.exit_code == 0, result.output
    assert "stop smiling" in result.stdout
    return out


def test_a_photo_gives_a_face_a_page_and_a_record(captured: Path) -> None:
    assert {p.name for p in captured.iterdir()} == {
        "face.glb",
        "face.npz",
        "capture.json",
        "capture.html",
    }
    record = json.loads((captured / "capture.json").read_text("utf-8"))
    CaptureModel.model_validate(record)
    assert record["kind"] == "photo"
    model = read_face_glb(captured / "face.glb")
    assert np.isfinite(model.vertices).all()
    nose = record["landmarks"]["pronasale"]
    assert np.linalg.norm(model.vertices - nose["at_mm"], axis=1).min() < 0.01
    assert nose["sd_mm"] > 0.0


def test_no_metadata_of_the_photo_leaves(captured: Path) -> None:
    for path in captured.iterdir():
        data = path.read_bytes()
        assert b"SECRET-DESCRIPTION" not in data
        assert b"Exif" not in data


def test_a_blurred_photo_is_refused_with_the_remedy(tmp_path: Path) -> None:
    photo = tmp_path / "soft.png"
    Image.fromarray(astronaut()).filter(ImageFilter.GaussianBlur(4)).save(photo)
    assert_refused(
        run("capture", "--photo", photo, "-o", tmp_path / "out"),
        tmp_path / "out",
        "sharpness",
        "Focus",
    )


def test_a_supine_photo_is_refused_before_anything_is_read(portrait: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert_refused(
        run("plan", "--photo", portrait, "--supine", portrait, "-o", out), out, "--supine", "scan"
    )


def test_a_marker_belongs_to_photos(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert_refused(
        run("capture", "--scan", tmp_path / "x.ply", "--marker", 30, "-o", out), out, "--marker"
    )


def test_a_follow_up_needs_files_that_exist(tmp_path: Path) -> None:
    out = tmp_path / "out"
    missing = tmp_path / "before.ply"
    assert_refused(run("follow-up", missing, missing, "--days", 90, "-o", out), out, "before.ply")


def test_someone_under_18_is_refused(portrait: Path, tmp_path: Path) -> None:
    record = tmp_path / "consultation.yaml"
    record.write_text("patient: {age_years: 16}\n", "utf-8")
    out = tmp_path / "out"
    result = run("capture", "--photo", portrait, "--consultation", record, "-o", out)
    assert_refused(result, out, "adults only")
