"""The command line: help with examples, exit codes, one-sentence errors, no folder left behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from click.testing import CliRunner, Result
from PIL import Image
from skimage.data import astronaut

from threadlift import __version__
from threadlift.cli import main


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


def assert_refused(result: Result, out: Path, *words: str) -> None:
    """Exit 2, at most a few lines, the words are said, and nothing is left behind."""
    lines = [line for line in result.stderr.strip().splitlines() if "%" not in line]
    assert result.exit_code == 2, result.output
    assert 1 <= len(lines) <= 4, lines
    for word in words:
        assert word in result.stderr
    assert not out.exists()
    assert not list(out.parent.glob(f".{out.name}*"))


def save(path: Path, rgb: np.ndarray) -> Path:
    Image.fromarray(rgb).save(path)
    return path


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_command_has_help_with_an_example(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"Example: threadlift {name}" in " ".join(result.output.split())


def test_version() -> None:
    assert __version__ in run("--version").output


def test_a_picture_without_a_face(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    photo = save(tmp_path / "noise.png", rgb)
    assert_refused(
        run("plan", "--photo", photo, "-o", tmp_path / "out"), tmp_path / "out", "No face"
    )


def test_two_faces(tmp_path: Path) -> None:
    face = astronaut()[:300, 80:380]
    photo = save(tmp_path / "two.png", np.concatenate([face, face[:, ::-1]], axis=1))
    result = run("plan", "--photo", photo, "-o", tmp_path / "out")
    assert_refused(result, tmp_path / "out", "2 faces")


def test_a_twenty_pixel_face(tmp_path: Path) -> None:
    small = Image.fromarray(astronaut()[:300, 80:380]).resize((40, 40))
    canvas = Image.new("RGB", (400, 400), (120, 130, 140))
    canvas.paste(small, (180, 180))
    canvas.save(tmp_path / "small.png")
    result = run("plan", "--photo", tmp_path / "small.png", "-o", tmp_path / "out")
    assert_refused(result, tmp_path / "out", "face")


def test_a_photograph_that_is_not_there(tmp_path: Path) -> None:
    result = run("plan", "--photo", tmp_path / "absent.jpg", "-o", tmp_path / "out")
    assert_refused(result, tmp_path / "out", "absent.jpg")


def test_a_truncated_photograph(tmp_path: Path) -> None:
    photo = save(tmp_path / "face.png", astronaut())
    photo.write_bytes(photo.read_bytes()[:20000])
    assert_refused(
        run("plan", "--photo", photo, "-o", tmp_path / "out"), tmp_path / "out", "face.png"
    )


def test_a_scan_without_a_face(tmp_path: Path) -> None:
    trimesh.creation.icosphere(subdivisions=5, radius=100.0).export(tmp_path / "ball.ply")
    result = run("plan", "--scan", tmp_path / "ball.ply", "-o", tmp_path / "out")
    assert_refused(result, tmp_path / "out", "face")


def test_a_scan_with_nan(tmp_path: Path) -> None:
    ball = trimesh.creation.icosphere(subdivisions=5, radius=100.0)
    ball.vertices[7, 1] = np.nan
    trimesh.Trimesh(ball.vertices, ball.faces, process=False).export(tmp_path / "nan.ply")
    result = run("plan", "--scan", tmp_path / "nan.ply", "-o", tmp_path / "out")
    assert_refused(result, tmp_path / "out", "nan.ply")


@pytest.mark.parametrize("radius", [0.002, 0.09, 2000.0])
def test_a_head_of_the_wrong_size_for_its_units(tmp_path: Path, radius: float) -> None:
    ball = trimesh.creation.icosphere(subdivisions=5, radius=radius)
    ball.export(tmp_path / "ball.ply")
    result = run("plan", "--scan", tmp_path / "ball.ply", "--units", "mm", "-o", tmp_path / "out")
    assert_refused(result, tmp_path / "out", "ball.ply", "mm", "measures")


def test_neither_photo_nor_scan(tmp_path: Path) -> None:
    assert_refused(run("plan", "-o", tmp_path / "out"), tmp_path / "out", "--photo", "--scan")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("- 1\n- 2\n", "named sections"),
        ("patient: {age_yeers: 50}\n", "age_years"),
        ("patient: {age_years: 12}\n", "adults"),
        ("patient: {sex: male}\ncontraindications: {pregnancy: true}\n", "pregnan"),
        ("patient: [unclosed\n", "YAML"),
    ],
)
def test_a_bad_consultation(tmp_path: Path, text: str, word: str) -> None:
    record = tmp_path / "record.yaml"
    record.write_text(text)
    photo = save(tmp_path / "face.png", astronaut())
    result = run("plan", "--photo", photo, "--consultation", record, "-o", tmp_path / "out")
    assert_refused(result, tmp_path / "out", word)


def test_an_existing_folder_survives_a_failed_run(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "plan.json").write_text("yesterday's plan")
    run("plan", "--photo", tmp_path / "absent.jpg", "-o", out)
    assert (out / "plan.json").read_text() == "yesterday's plan"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_report_of_no_run(tmp_path: Path) -> None:
    result = run("report", tmp_path)
    assert result.exit_code == 2
    assert "plan.json" in result.stderr


def test_a_plan_without_threads_is_not_simulated(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text('{"threads": []}')
    photo = save(tmp_path / "face.png", astronaut())
    result = run("simulate", tmp_path / "plan.json", "--photo", photo, "-o", tmp_path / "out")
    assert_refused(result, tmp_path / "out", "no threads")
