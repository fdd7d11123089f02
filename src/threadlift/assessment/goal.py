"""The goal: by how many millimetres, and where to, each zone ought to move."""

from __future__ import annotations

from collections.abc import Mapping

from threadlift import evidence
from threadlift.assessment.model import Goal, ZoneSag
from threadlift.assessment.sagging import zone_rules
from threadlift.consultation import Consultation, base_name, side_of
from threadlift.quantities import Z90, Estimate


def need_mm(zone: str, grade: float) -> float:
    """Lift [mm] that a grade asks for, capped at what threads realistically give."""
    return min(zone_rules(zone)["mm_per_grade"] * grade, evidence.value("assessment.goal.cap_mm"))


def goals(
    consultation: Consultation, sag: Mapping[str, ZoneSag], lower: Mapping[str, Estimate]
) -> dict[str, Goal]:
    """Goal of every sagging zone, against its sag direction.

    Zones that nobody graded have a goal only while nothing was graded at all. `lower` says by
    how much the left zone hangs lower than the right [mm]; the lower side gets more, shrunk by
    the measurement's own error.
    """
    any_graded = any(s.graded for s in sag.values())
    cap = evidence.value("assessment.goal.cap_mm")
    found: dict[str, Goal] = {}
    for zone, s in sag.items():
        priority = _priority(zone, consultation)
        wanted = s.graded or not any_graded
        weight = zone_rules(zone)["goal_weight"] * priority
        if not wanted or s.degree.value <= 0.0 or weight <= 0.0:
            continue
        floor = evidence.value("assessment.goal.priority_floor")
        mm = need_mm(zone, s.degree.value) * (floor + (1.0 - floor) * priority)
        mm = min(mm + _extra_for_the_lower_side(zone, lower), cap)
        found[zone] = Goal(mm, -s.direction, weight)
    return found


def _priority(zone: str, consultation: Consultation) -> float:
    named = consultation.goals.priorities
    if not named:
        return 1.0
    return named.get(zone, evidence.value("assessment.goal.unnamed_priority"))


def _extra_for_the_lower_side(zone: str, lower: Mapping[str, Estimate]) -> float:
    difference = lower.get(base_name(zone))
    if difference is None:
        return 0.0
    gap = difference.value if side_of(zone) == "left" else -difference.value
    if gap <= 0.0:
        return 0.0
    variance = ((difference.high - difference.low) / 2.0 / Z90) ** 2
    believed = gap * gap**2 / (gap**2 + variance)
    return min(believed, evidence.value("assessment.goal.asymmetry_cap_mm"))
