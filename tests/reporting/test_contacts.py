"""The table of what each thread comes near: order, numbers, words."""

from __future__ import annotations

import pytest

from threadlift.reporting.contacts import contact_rows
from threadlift.reporting.texts import LANGUAGES, texts


def contact(thread: str, structure: str, side: str, clearance: float, p: float) -> dict:
    return {
        "thread": thread, "structure": structure, "kind": "nerve", "side": side,
        "min_clearance_mm": clearance, "p_contact": p, "arc_mm": 31.6,
        "place_mm": [60.0, -20.0, 30.0], "depth_mm": 4.25,
    }  # fmt: skip


FOUND = [
    contact("L1", "facial_artery", "left", 5.2, 0.004),
    contact("R1", "buccal_branch_right", "right", -0.4, 0.17),
    contact("L2", "facial_artery", "left", 3.1, 0.004),
    contact("L1", "parotid_gland", "", 1.0, 0.0),
]


def test_the_likeliest_contact_comes_first_then_the_nearest() -> None:
    rows = contact_rows({"safety": {"structures": FOUND}}, texts("en"))
    assert [r["thread"] for r in rows] == ["R1", "L2", "L1", "L1"]
    assert rows[0] == {
        "thread": "R1",
        "structure": "buccal branch (right)",
        "clearance": "−0.4",
        "per_100": "17.0",
        "arc": "32",
        "depth": "4.2",
        "known_from": "atlas",
    }
    assert rows[-1]["structure"] == "parotid gland"


@pytest.mark.parametrize("language", LANGUAGES)
def test_sides_are_said_in_the_language_of_the_page(language: str) -> None:
    t = texts(language)
    rows = contact_rows({"safety": {"structures": FOUND}}, t)
    assert rows[0]["structure"].endswith(f"({t('sides.right')})")


def test_a_plan_of_an_earlier_version_has_no_rows() -> None:
    assert contact_rows({"safety": {}}, texts("en")) == []
