"""How the suite is run: long files first, shared things made once."""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


def test_the_long_files_exist_and_are_marked_slow() -> None:
    spec = spec_from_file_location("conftest_of_all", HERE / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in module.LONGEST_FIRST:
        assert re.search(r"pytest\.mark\.slow", (HERE / name).read_text("utf-8")), name


def test_a_shared_thing_is_made_once_and_read_back_as_it_was(
    made_once: Callable[[str, Callable[[], Any]], Any],
) -> None:
    made: list[int] = []

    def make() -> dict[str, Any]:
        made.append(1)
        return {"numbers": np.arange(5.0), "name": "x"}

    first = made_once("test-of-made-once", make)
    again = made_once("test-of-made-once", make)
    assert made == [1]
    assert again is not first
    assert again["name"] == first["name"]
    np.testing.assert_array_equal(again["numbers"], first["numbers"])


def test_what_cannot_be_made_is_not_stored(
    made_once: Callable[[str, Callable[[], Any]], Any],
) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    for make, expected in ((fail, None), (lambda: 7, 7)):
        try:
            found = made_once("test-of-failure", make)
        except ZeroDivisionError:
            found = None
        assert found == expected
