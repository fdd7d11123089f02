"""The main job as a user runs it, from a scan: the demo, its files, their schemas, the report."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from runs import WRITTEN, assert_keeps_schema, invoke, read

from threadlift.interop import read_face_glb

FILES = {
    "face.glb",
    "assessment.json",
    "plan.json",
    "outcome.json",
    "report.html",
    "capture.html",
}
SECTIONS = ("summary", "face", "plan", "expect", "risks", "alternatives", "certainty", "sources")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def jowl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic aged head, from a scan, with the default ensemble."""
    out = tmp_path_factory.mktemp("run") / "jowl"
    result = invoke("demo", "--case", "jowl", "-o", out)
    assert str(out / "report.html").replace("\n", "") in result.stdout.replace("\n", "")
    return out


def test_all_files_are_there_and_nothing_else_is_left(jowl: Path) -> None:
    assert {p.name for p in jowl.iterdir()} == FILES
    assert [p.name for p in jowl.parent.iterdir()] == ["jowl"]


@pytest.mark.parametrize("name", WRITTEN)
def test_files_keep_the_published_schema(jowl: Path, name: str) -> None:
    assert_keeps_schema(jowl, name)


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
