"""The main job as a user runs it: the demo, its files, their schemas, the report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from skimage.data import astronaut

from threadlift.cli import main
from threadlift.interop import read_face_glb
from threadlift.interop.file_models import MODELS, json_schema

FILES = {
    "face.glb",
    "assessment.json",
    "plan.json",
    "outcome.json",
    "report.html",
    "capture.html",
}
SCHEMAS = Path(__file__).parents[1] / "docs" / "schema"
SECTIONS = ("summary", "face", "plan", "expect", "risks", "alternatives", "certainty", "sources")

pytestmark = pytest.mark.slow


def invoke(*arguments: object) -> Any:
    result = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result


@pytest.fixture(scope="module")
def jowl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic aged head, from a scan, with the default ensemble."""
    out = tmp_path_factory.mktemp("run") / "jowl"
    result = invoke("demo", "--case", "jowl", "-o", out)
    assert str(out / "report.html").replace("\n", "") in result.stdout.replace("\n", "")
    return out


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The public-domain portrait, from one photograph, with a small ensemble."""
    folder = tmp_path_factory.mktemp("portrait")
    Image.fromarray(astronaut()).save(folder / "front.png")
    record = Path(__file__).parents[1] / "src" / "threadlift" / "examples" / "consultation.yaml"
    invoke(
        "plan",
        "--photo",
        folder / "front.png",
        "--consultation",
        record,
        "--members",
        8,
        "-o",
        folder / "out",
    )
    return folder / "out"


def read(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / f"{name}.json").read_text("utf-8"))


def test_all_files_are_there_and_nothing_else_is_left(jowl: Path) -> None:
    assert {p.name for p in jowl.iterdir()} == FILES
    assert [p.name for p in jowl.parent.iterdir()] == ["jowl"]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_published_schema_is_the_model(name: str) -> None:
    published = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    assert published == json_schema(name), "run `make schema`"


@pytest.mark.parametrize("name", ["assessment", "outcome", "plan"])
def test_files_keep_the_published_schema(jowl: Path, portrait: Path, name: str) -> None:
    published = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    for folder in (jowl, portrait):
        jsonschema.validate(read(folder, name), published)


def test_the_scan_is_met_and_the_equilibrium_is_one(jowl: Path) -> None:
    numbers = read(jowl, "assessment")["capture"]["numbers"]
    assert numbers["surface_error_mean_mm"] <= 0.5
    assert numbers["surface_error_p95_mm"] <= 1.5
    assert read(jowl, "outcome")["solver"]["residual"] <= 1e-5


def test_the_plan_is_safe_bounded_and_has_alternatives(jowl: Path) -> None:
    plan = read(jowl, "plan")
    assert plan["recommendation"] == "threads"
    assert plan["threads"]
    assert plan["safety"]["violations"] == []
    optimum = plan["optimality"]
    assert optimum["objective"] <= optimum["bound"] + 1e-9
    assert optimum["gap"] == pytest.approx(optimum["bound"] - optimum["objective"], abs=1e-3)
    names = [a["name"] for a in plan["alternatives"]]
    assert "no-treatment" in names
    assert len(names) >= 3


def test_the_jowls_are_lifted_upwards_and_on_both_sides(jowl: Path) -> None:
    lift = read(jowl, "outcome")["lift_mm"]
    for side in ("left", "right"):
        assert lift[f"jowl_{side}"]["value"] > 0.5
        assert lift[f"jowl_{side}"]["low"] > 0.0
    model = read_face_glb(jowl / "face.glb")
    moved = np.linalg.norm(model.displacement, axis=1)
    most = model.displacement[moved > 0.7 * moved.max()]
    assert most[:, 1].mean() > 0.5 * np.linalg.norm(most, axis=1).mean()


def test_threads_run_under_the_skin(jowl: Path) -> None:
    model = read_face_glb(jowl / "face.glb")
    for thread in read(jowl, "plan")["threads"]:
        path = np.array(thread["path_mm"])
        gap = np.linalg.norm(model.vertices[:, None] - path[None], axis=2).min(axis=0)
        # The nearest vertex is up to half an edge beside the foot point.
        assert (gap < np.array(thread["depth_mm"]) + 4.0).all()
        assert min(thread["depth_mm"]) > 0.8
        assert (np.sign(path[:, 0]) == (1.0 if thread["side"] == "left" else -1.0)).all()


def test_the_report_is_self_contained_and_complete(jowl: Path) -> None:
    page = (jowl / "report.html").read_text("utf-8")
    for section in SECTIONS:
        assert f'<section id="{section}">' in page
    assert not re.search(r'(?:src|href)="https?:', page)
    assert read(jowl, "plan")["provenance"]["plan_sha256"] in page
    links = set(re.findall(r'href="#src-([^"]+)"', page))
    assert links
    assert links <= set(re.findall(r'id="src-([^"]+)"', page))


def test_a_photograph_says_on_every_section_that_it_is_an_illustration(portrait: Path) -> None:
    page = (portrait / "report.html").read_text("utf-8")
    for section in re.findall(r"<section.*?</section>", page, flags=re.DOTALL):
        assert "not a basis for millimetres" in section
    numbers = read(portrait, "assessment")["capture"]["numbers"]
    assert numbers["reprojection_px"] < 2.0
    assert numbers["reprojection_percent_ipd"] < 5.0


def test_the_report_can_be_made_again_in_korean(jowl: Path) -> None:
    before = (jowl / "report.html").read_text("utf-8")
    invoke("report", jowl, "-l", "ko")
    korean = (jowl / "report.html").read_text("utf-8")
    assert '<html lang="ko">' in korean
    assert "실 리프팅 계획" in korean
    invoke("report", jowl, "-l", "en")
    assert (jowl / "report.html").read_text("utf-8") == before


def test_the_numbers_name_their_sources(jowl: Path) -> None:
    listed = json.loads(invoke("citations", jowl, "--json").stdout)
    keys = {s["key"] for s in listed}
    assert {"NIU21", "ZHOU25"} <= keys


def test_a_plan_can_be_simulated_again(jowl: Path, portrait: Path, tmp_path: Path) -> None:
    front = portrait.parent / "front.png"
    invoke(
        "simulate",
        portrait / "plan.json",
        "--photo",
        front,
        "--members",
        8,
        "-o",
        tmp_path / "again",
    )
    assert {p.name for p in (tmp_path / "again").iterdir()} == {"face.glb", "outcome.json"}
    first, again = read(portrait, "outcome"), read(tmp_path / "again", "outcome")
    zone = max(first["lift_mm"], key=lambda z: first["lift_mm"][z]["value"])
    assert again["lift_mm"][zone]["value"] > 0.0
