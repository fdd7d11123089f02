"""`threadlift check`: bad plans are refused in one sentence, before any face is fitted."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from threadlift.cli import main
from threadlift.planning.request import PlanRequest, load_proposal

LINE = "from the tragus to the jowl"


def refused(tmp_path: Path, text: str, name: str = "plan.yaml") -> str:
    """The message of a refusal: exit 2, a few lines, nothing left behind."""
    plan = tmp_path / name
    plan.write_text(text, "utf-8")
    out = tmp_path / "out"
    scan = tmp_path / "head.ply"
    result = CliRunner().invoke(main, ["check", str(plan), "--scan", str(scan), "-o", str(out)])
    assert result.exit_code == 2, result.output
    lines = result.stderr.strip().splitlines()
    assert 1 <= len(lines) <= 3, lines
    assert not out.exists()
    assert [p.name for p in tmp_path.iterdir()] == [name]
    return result.stderr


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("# nothing\n", "empty"),
        ("- a\n- b\n", "named sections"),
        ("threads: []\n", "threads"),
        ("threads: from the tragus to the jowl\n", "list of lines"),
        ("threads:\n  - [1, 2]\n", "neither a sentence"),
        ("thread:\n  - x\n", "Did you mean 'threads'"),
        (f"threads:\n  - {LINE}, 40 threads per side\n", "threads_per_side is 40"),
        (f"threads:\n  - {LINE}, 25 N\n", "25 N"),
        (f"threads:\n  - {LINE}, 25 N, pdo-2-0-molded\n", "pdo-2-0-molded"),
        (f"threads:\n  - {LINE}, 1 ounce\n", "ounce"),
        ("threads:\n  - from the knee to the jowl\n", "knee"),
        ("threads:\n  - {from: tragus}\n", "lacks to"),
        ("threads:\n  - {from: tragus, to: the knee}\n", "knee"),
        ("threads:\n  - {from: tragus, to: jowl, tension_n: 150 g}\n", "tension_n"),
        ("threads:\n  - {from: tragus, to: jowl, tension: 1}\n", "tension_n"),
        ("threads:\n  - {from: tragus, to: jowl, tension_n: -1}\n", "tension_n"),
        ("threads:\n  - {from: tragus, to: jowl, layer: bone}\n", "bone"),
        ("threads:\n  - {from: tragus, to: jowl, layer: SMAS, depth_mm: 5}\n", "both the layer"),
        ("threads:\n  - {from: tragus, to: jowl, technique: magic}\n", "magic"),
        ("threads:\n  - {from: tragus, to: jowl, product: gold}\n", "gold"),
        ("threads:\n  - {side: up, entry_mm: [0, 0, 0], path_mm: [[0, 0, 0]]}\n", "line 1"),
        ("a: &a [x]\nthreads: *a\n", "aliases"),
        ("threads: {unclosed\n", "YAML"),
        ("{not json", "JSON"),
        ('{"schema": "threadlift.plan/1", "threads": []}', "no threads"),
        ('{"schema": "other", "threads": []}', "not a plan.json"),
    ],
)
def test_bad_plans(tmp_path: Path, text: str, word: str) -> None:
    assert word in refused(tmp_path, text)


def test_yaml_that_unfolds_to_gigabytes(tmp_path: Path) -> None:
    bomb = "a: &a [x, x]\n" + "".join(
        f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    assert "aliases" in refused(tmp_path, f"{bomb}threads: *i\n")


def test_a_plan_of_the_wrong_kind_of_file(tmp_path: Path) -> None:
    thread = {"id": "L1", "side": "left", "product": "gold"}
    data = {"schema": "threadlift.plan/1", "threads": [thread]}
    assert "L1" in refused(tmp_path, json.dumps(data), "plan.json")


def test_a_good_plan_for_a_face_that_is_not_there(tmp_path: Path) -> None:
    assert "head.ply" in refused(tmp_path, f"threads:\n  - {LINE}\n")


def test_the_example_keeps_the_published_schema() -> None:
    """What the schema promises other programs is what the reader takes."""
    root = Path(__file__).parents[2]
    schema = json.loads((root / "docs" / "schema" / "plan_request.schema.json").read_text("utf-8"))
    example = root / "src" / "threadlift" / "examples" / "proposed-plan.yaml"
    jsonschema.validate(yaml.safe_load(example.read_text("utf-8")), schema)
    made = load_proposal(example)
    assert isinstance(made, PlanRequest)
    assert len(made.threads) == 2
