"""The main job from one photograph: every page says what a photograph is good for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from runs import ROOT, WRITTEN, assert_keeps_schema, invoke, read
from skimage.data import astronaut

RECORD = ROOT / "src" / "threadlift" / "examples" / "consultation.yaml"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def portrait(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The public-domain portrait, from one photograph, with few threads and a small ensemble."""
    folder = tmp_path_factory.mktemp("portrait")
    Image.fromarray(astronaut()).save(folder / "front.png")
    invoke(
        "plan",
        "--photo",
        folder / "front.png",
        "--consultation",
        RECORD,
        "--max-threads",
        2,
        "--members",
        8,
        "-o",
        folder / "out",
    )
    return folder / "out"


@pytest.mark.parametrize("name", WRITTEN)
def test_files_keep_the_published_schema(portrait: Path, name: str) -> None:
    assert_keeps_schema(portrait, name)


def test_a_photograph_says_on_every_section_that_it_is_an_illustration(portrait: Path) -> None:
    page = (portrait / "report.html").read_text("utf-8")
    for section in re.findall(r"<section.*?</section>", page, flags=re.DOTALL):
        assert "not a basis for millimetres" in section
    numbers = read(portrait, "assessment")["capture"]["numbers"]
    assert numbers["reprojection_px"] < 2.0
    assert numbers["reprojection_percent_ipd"] < 5.0


def test_a_plan_can_be_simulated_again(portrait: Path, tmp_path: Path) -> None:
    front = portrait.parent / "front.png"
    invoke(
        "simulate",
        portrait / "plan.json",
        "--photo",
        front,
        "--consultation",
        RECORD,
        "--members",
        8,
        "-o",
        tmp_path / "again",
    )
    assert {p.name for p in (tmp_path / "again").iterdir()} == {"face.glb", "outcome.json"}
    first, again = read(portrait, "outcome"), read(tmp_path / "again", "outcome")
    zone = max(first["lift_mm"], key=lambda z: first["lift_mm"][z]["value"])
    assert again["lift_mm"][zone]["value"] > 0.0
    assert_keeps_schema(tmp_path / "again", "outcome")
    plan = read(portrait, "plan")
    assert again["safety"]["violations"] == []
    assert {c["thread"] for c in again["safety"]["structures"]} == {
        t["id"] for t in plan["threads"]
    }
