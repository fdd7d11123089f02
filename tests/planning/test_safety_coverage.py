"""Every line and every branch of the safety kernel is run by its own tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import threadlift

HERE = Path(__file__).parent
PLANNING = Path(threadlift.__file__).parent / "planning"
KERNEL = ("contact.py", "hazards.py", "skin.py", "safety/*.py")
OWN_TESTS = sorted(
    p for glob in ("test_safety*.py", "test_hazards*.py") for p in HERE.glob(glob)
    if p != Path(__file__)
)  # fmt: skip


def test_no_line_or_branch_of_the_kernel_is_left_untested(tmp_path: Path) -> None:
    data, report = tmp_path / "data", tmp_path / "report.json"
    files = ",".join(str(PLANNING / name) for name in KERNEL)
    environment = os.environ | {"COVERAGE_FILE": str(data)}
    for command in (
        ["run", "--branch", f"--include={files}", "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "-p", "no:xdist", *map(str, OWN_TESTS)],
        ["json", "-q", "-o", str(report)],
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "coverage", *command], env=environment, cwd=HERE.parents[1],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    found = json.loads(report.read_text("utf-8"))["files"]
    names = {Path(name).name for name in found}
    expected = {p.name for glob in KERNEL for p in PLANNING.glob(glob)}
    assert names == expected
    left = {
        Path(name).name: (part["missing_lines"], part["missing_branches"])
        for name, part in found.items()
        if part["missing_lines"] or part["missing_branches"]
    }
    assert left == {}
