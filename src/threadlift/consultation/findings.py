"""What speaks against a thread lift in a record, and what a plan still lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from threadlift import evidence
from threadlift.consultation.models import Consultation, Contraindications

Severity = Literal["absolute", "relative"]


@dataclass(frozen=True)
class Finding:
    """A contraindication that holds: its name, how strong it is, why, and what can be done."""

    name: str
    severity: Severity
    reason: str
    remedy: str


@dataclass(frozen=True)
class Missing:
    """Something that was not measured or asked, and what follows from that."""

    item: str
    why: str
    needed_for_plan: bool


def contraindications(consultation: Consultation) -> list[Finding]:
    """Findings against a thread lift, absolute ones first (rules: register `consultation`)."""
    held = [
        name
        for name in Contraindications.model_fields
        if getattr(consultation.contraindications, name) is True
    ]
    if "facial_nerve_palsy" not in held and consultation.movement.weakness not in (None, "none"):
        held.append("facial_nerve_palsy")
    held += _from_history(consultation) + _from_body(consultation)
    found = [_finding(name) for name in dict.fromkeys(held)]
    return sorted(found, key=lambda f: f.severity != "absolute")


def _finding(name: str) -> Finding:
    row = _rules()[name]
    return Finding(name, cast("Severity", row["severity"]), row["reason"], row["remedy"])


def _rules() -> dict[str, dict[str, Any]]:
    return evidence.table("consultation")["finding"]


def _limit(name: str) -> float:
    return evidence.value(f"consultation.limit.{name}")


def _from_history(consultation: Consultation) -> list[str]:
    h = consultation.history
    held = ["smoker"] if h.smoker else []
    waits = (
        ("recent_filler", h.filler_months_ago, _limit("filler_months")),
        ("recent_botulinum", h.botulinum_months_ago, _limit("botulinum_months")),
        ("recent_energy_device", h.energy_device_months_ago, _limit("energy_device_months")),
        ("event_soon", h.event_in_weeks, _limit("event_weeks")),
    )
    held += [name for name, since, wait in waits if since is not None and since < wait]
    if h.facial_surgery == "planes_lost":
        held.append("facial_surgery_planes_lost")
    change = h.weight_change_kg_last_year
    if change is not None and abs(change) > _limit("weight_change_kg"):
        held.append("weight_change")
    return held


def _from_body(consultation: Consultation) -> list[str]:
    held: list[str] = []
    bmi = consultation.patient.bmi_kg_m2
    if bmi is not None and bmi > _limit("bmi_kg_m2"):
        held.append("high_bmi")
    jowls = [s.grade for z, s in consultation.sagging.items() if z.startswith("jowl")]
    if jowls and max(jowls) > _limit("jowl_grade"):
        held.append("heavy_jowls")
    skin = [m.value for m in consultation.measurements.skin_thickness_mm.values()]
    if skin and min(skin) < _limit("thin_skin_mm"):
        held.append("very_thin_skin")
    return held


def completeness(consultation: Consultation) -> list[Missing]:
    """What the record lacks, what a plan needs first; empty for a complete record."""
    return _needed(consultation) + _useful(consultation)


def _needed(consultation: Consultation) -> list[Missing]:
    p, missing = consultation.patient, []
    if p.age_years is None:
        missing.append(Missing("patient.age_years", "adults only; tissue depends on age", True))
    if p.sex is None:
        missing.append(Missing("patient.sex", "skin and fat thickness depend on it", True))
    if not consultation.sagging:
        missing.append(
            Missing("sagging", "without a graded zone no goal of the lift can be stated", True)
        )
    unasked = [
        name
        for name in Contraindications.model_fields
        if getattr(consultation.contraindications, name) is None
        and _rules()[name]["severity"] == "absolute"
        and not (p.sex == "male" and name in ("pregnancy", "lactation"))
    ]
    if unasked:
        missing.append(
            Missing(
                "contraindications: " + ", ".join(unasked),
                "a thread lift must not be planned before these were asked",
                True,
            )
        )
    return missing


def _useful(consultation: Consultation) -> list[Missing]:
    m, missing = consultation.measurements, []
    rows = (
        ("patient.bmi_kg_m2", consultation.patient.bmi_kg_m2 is None,
         "the fat thickness is taken from a population mean, which widens every interval"),
        ("measurements.interpupillary_distance_mm", m.interpupillary_distance_mm is None,
         "a photograph has no scale without it: millimetres carry about 4 % more error"),
        ("measurements.skin_thickness_mm", not m.skin_thickness_mm,
         "skin thickness is a population value by age, sex and zone"),
        ("measurements.fat_thickness_mm", not (m.fat_thickness_mm or m.smas_depth_mm or m.pinch_mm),
         "fat thickness, hence the depth of a thread in its layer, is a population value"),
        ("measurements.elasticity", m.elasticity is None,
         "skin stiffness keeps its full population spread"),
        ("movement.smile", consultation.movement.smile is None,
         "the travel of the mouth corner is taken from the face model"),
        ("goals.priorities", not consultation.goals.priorities,
         "all sagging zones count the same"),
    )  # fmt: skip
    missing += [Missing(item, why, False) for item, absent, why in rows if absent]
    directions = [s.direction for s in consultation.sagging.values() if s.grade > 0]
    if directions and None in directions:
        missing.append(
            Missing(
                "sagging.*.direction",
                "the usual direction of the zone is assumed where none was noted",
                False,
            )
        )
    return missing
