"""What holds for the whole suite: long files first, and big things made once for all workers."""

from __future__ import annotations

import fcntl
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent
#: Files that take minutes, the longest first.
LONGEST_FIRST = (
    "end_to_end/test_job_from_photo.py",
    "end_to_end/test_job_from_scan.py",
    "planning/test_plan.py",
    "planning/test_checking.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, then those that hold a slow test, then the others as collected.

    Workers take files in this order (`make test` keeps it), so that none is left with a long one
    when the others have ended.
    """
    rank = {ROOT / name: place for place, name in enumerate(LONGEST_FIRST)}
    slow = {item.path for item in items if item.get_closest_marker("slow")}

    def place(item: pytest.Item) -> int:
        return rank.get(item.path, len(rank) + (item.path not in slow))

    items.sort(key=place)


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[], Any]], Any]:
    """Makes a thing once per run of the suite: ``made_once(name, make)``.

    The first worker that asks makes it and stores it; others wait, and read it. It must survive
    pickling. A worker that dies meanwhile frees the lock.
    """
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def once(name: str, make: Callable[[], Any]) -> Any:
        stored = shared / f"{name}.pickle"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not stored.exists():
                made = make()
                partial = stored.with_suffix(".partial")
                partial.write_bytes(pickle.dumps(made, protocol=pickle.HIGHEST_PROTOCOL))
                partial.replace(stored)
                return made
        return pickle.loads(stored.read_bytes())

    return once
