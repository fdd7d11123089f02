"""How near each thread comes to each nerve, vessel, duct and gland, as rows of a table."""

from __future__ import annotations

from typing import Any

from threadlift.reporting.pages import number
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
            "structure": t.structure(c["structure"], c["side"]),
            "clearance": number(c["min_clearance_mm"]),
            "per_100": number(100.0 * c["p_contact"]),
            "arc": number(c["arc_mm"], 0),
            "depth": number(c["depth_mm"]),
            "known_from": _known_from(c, t),
        }
        for c in ordered
    ]


def marked_rows(plan: Json, t: Texts) -> list[Json]:
    """What the clinician marked on this face, by structure and side."""
    return [
        {
            "structure": t.structure(m["structure"], m["side"]),
            "found_by": ", ".join(t(f"found_by.{name}") for name in m["methods"]),
            "points": len(m["points"]),
            "off": number(m["off_atlas_mm"]),
            "unusual": m["unusual"],
        }
        for m in plan["safety"].get("marked", [])
    ]


def _known_from(contact: Json, t: Texts) -> str:
    """How the structure's place is known where the clearance was measured."""
    marked = contact.get("marked")
    if marked is None:
        return t("plan.known_atlas")
    weight = marked["weight"]
    own = f"{t('found_by.' + marked['method'])} {number(100.0 * weight, 0)} %"
    return own if weight >= 1.0 else f"{own}, {t('plan.known_atlas')}"
