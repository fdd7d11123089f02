"""What the end-to-end tests share: run a command as a user does, read a run's folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
from click.testing import CliRunner

from threadlift.cli import main

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "schema"
WRITTEN = ("assessment", "outcome", "plan")


def invoke(*arguments: object) -> Any:
    """The result of a `threadlift` command that must succeed."""
    result = CliRunner().invoke(main, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return result


def read(folder: Path, name: str) -> dict[str, Any]:
    """One of a run's JSON files."""
    return json.loads((folder / f"{name}.json").read_text("utf-8"))


def assert_keeps_schema(folder: Path, name: str) -> None:
    """A run's file keeps the schema that is published for it."""
    published = json.loads((SCHEMAS / f"{name}.schema.json").read_text("utf-8"))
    jsonschema.validate(read(folder, name), published)
