"""How near each thread comes to each nerve, vessel, duct and gland, as rows of a table."""

from __future__ import annotations

from typing import Any

from threadlift.reporting.pages import number, words
from threadlift.reporting.texts import Texts

Json = dict[str, Any]

#: So many of the likeliest contacts stand on the page; the others are folded away.
SHOWN = 10


def contact_rows(plan: Json, t: Texts) -> list[Json]:
    """Every meeting of plan.json's `safety.structures`, the likeliest contact first."""
    found = plan["safety"].get("structures", [])
    ordered = sorted(
        found,
        key=lambda c: (-c["p_contact"], c["min_clearance_mm"], c["thread"], c["structure"]),
    )
    return [
        {
            "thread": c["thread"],
            "structure": structure_words(c["structure"], c["side"], t),
            "clearance": number(c["min_clearance_mm"]),
            "per_100": number(100.0 * c["p_contact"]),
            "arc": number(c["arc_mm"], 0),
            "depth": number(c["depth_mm"]),
        }
        for c in ordered
    ]


def structure_words(name: str, side: str, t: Texts) -> str:
    """A structure in words with its side, which its name may carry, too."""
    if not side:
        return words(name)
    return f"{words(name.removesuffix(f'_{side}'))} ({t(f'sides.{side}')})"
