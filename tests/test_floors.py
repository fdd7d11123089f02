"""The architecture as a test: imports run from upper floors to lower ones, never up."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import threadlift

ROOT = Path(threadlift.__file__).parent

FLOORS = {
    "errors": 0,
    "quantities": 0,
    "frames": 0,
    "repeatable": 0,
    "strict_yaml": 0,
    "evidence": 0,
    "graphics": 0,
    "consultation": 1,
    "face": 1,
    "anatomy": 2,
    "threads": 2,
    "tissue": 3,
    "assessment": 4,
    "identification": 4,
    "members": 4,
    "planning": 5,
    "outcome": 6,
    "interop": 7,
    "reporting": 8,
    "capturing": 9,
    "selftest": 9,
    "job": 10,
    "patient": 11,
    "pipeline": 12,
    "checking": 13,
    "demo": 13,
    "summary": 13,
    "face_options": 13,
    "cli": 14,
}

MODULES = sorted(p for p in ROOT.rglob("*.py") if p != ROOT / "__init__.py")


def room(path: Path) -> str:
    """The first-level package or module that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """First-level names of threadlift that a file imports, at any depth of its code."""
    rooms: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module]
            if node.module == "threadlift":
                names = [f"threadlift.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] == "threadlift" and len(parts) > 1:
                rooms.add(parts[1])
    return rooms


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_imports_only_from_its_own_package_and_floors_below(path: Path) -> None:
    here = room(path)
    assert here in FLOORS, f"{here} has no floor: add it to docs/architecture.md and to this table"
    for other in imported_rooms(path) - {here, "__version__"}:
        same_ground = FLOORS[here] == 0 and FLOORS.get(other) == 0
        assert same_ground or FLOORS[other] < FLOORS[here], (
            f"{path.relative_to(ROOT)} (floor {FLOORS[here]}) imports {other} "
            f"(floor {FLOORS[other]})"
        )


def test_the_architecture_page_names_every_room() -> None:
    page = (ROOT.parents[1] / "docs" / "architecture.md").read_text("utf-8")
    for name in {room(p) for p in MODULES}:
        assert f"`{name}`" in page or f"`{name}" in page, f"docs/architecture.md omits {name}"
