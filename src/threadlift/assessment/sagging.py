"""Degree and direction of sagging by zone, and which region is the main issue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift import evidence
from threadlift.assessment.model import MainIssue, ZoneSag
from threadlift.consultation import BILATERAL, ZONES, Consultation, base_name, side_of
from threadlift.quantities import Z90, Estimate

Array = NDArray[np.float64]

#: Draws of the grades; the class probabilities then carry about 1 % Monte Carlo error.
DRAWS = 4096
#: Below this length of its tangential part "down" is no direction along the skin (submental).
MIN_TANGENTIAL = 0.35


def zone_rules(zone: str) -> dict[str, Any]:
    """The register's row of a zone (with or without side)."""
    return evidence.table("assessment")["zone"][base_name(zone)]


def zone_frame(vertices: Array, normals: Array, weights: Array) -> tuple[Array, Array]:
    """Weighted centre (3,) [mm] and unit normal (3,) of a zone with weights (n,)."""
    w = weights / weights.sum()
    normal = w @ normals
    return w @ vertices, normal / np.linalg.norm(normal)


def skin_direction(name: str, zone: str, normal: Array) -> Array:
    """Unit vector (3,) along the skin for ``down``, ``down_medial`` or ``down_lateral``.

    `normal` (3,) is the zone's outward unit normal in the patient frame. Under the chin, where
    straight down points out of the skin, loose skin travels forward instead.
    """
    down = _tangential(np.array([0.0, -1.0, 0.0]), normal)
    if np.linalg.norm(down) < MIN_TANGENTIAL:
        down = _tangential(np.array([0.0, 0.0, 1.0]), normal)
    down = down / np.linalg.norm(down)
    side = {"left": 1.0, "right": -1.0, "midline": 0.0}[side_of(zone)]
    if name == "down" or side == 0.0:
        return down
    # Medial along the skin: perpendicular to `down` within the tangent plane, towards x = 0.
    medial = np.cross(normal, down)
    medial = medial * (-np.sign(medial[0]) * side if medial[0] != 0.0 else 1.0)
    lean = np.deg2rad(evidence.value("assessment.direction.oblique_deg"))
    sign = 1.0 if name == "down_medial" else -1.0
    return np.cos(lean) * down + sign * np.sin(lean) * medial


def _tangential(vector: Array, normal: Array) -> Array:
    return vector - (vector @ normal) * normal


def degree(zone: str, consultation: Consultation) -> tuple[Estimate, bool]:
    """Grade 0 to 4 with its interval, and whether somebody graded the zone."""
    sag = consultation.sag(zone)
    if sag is not None:
        p = evidence.parameter("assessment.grade.rater_sd")
        basis = (f"consultation.sagging.{zone}", *p.basis)
        return _bounded(sag.grade, p.value, basis), True
    mean, sd = prior_grade(zone, consultation.patient.age_years)
    return _bounded(mean, sd, ("assessment.grade.prior_per_decade",)), False


def prior_grade(zone: str, age_years: float | None) -> tuple[float, float]:
    """Mean and sd of the grade of a zone that nobody graded."""
    g = "assessment.grade"
    age = evidence.value(f"{g}.prior_age") if age_years is None else age_years
    rate = evidence.value(f"{g}.prior_per_decade") * zone_rules(zone)["ageing"]
    mean = np.clip(rate * (age - evidence.value(f"{g}.prior_start_age")) / 10.0, 0.0, 4.0)
    name = "prior_sd_unknown_age" if age_years is None else "prior_sd"
    return float(mean), evidence.value(f"{g}.{name}")


def _bounded(mean: float, sd: float, basis: tuple[str, ...]) -> Estimate:
    low, high = max(0.0, mean - Z90 * sd), min(4.0, mean + Z90 * sd)
    return Estimate(mean, low, high, "grade", basis)


def zone_sag(consultation: Consultation, normals: dict[str, Array]) -> dict[str, ZoneSag]:
    """Sagging of every zone with a normal: degree (graded or prior) and direction."""
    found: dict[str, ZoneSag] = {}
    for zone in ZONES:
        if zone not in normals:
            continue
        grade, graded = degree(zone, consultation)
        sag = consultation.sag(zone)
        name = (sag.direction if sag else None) or zone_rules(zone)["direction"]
        found[zone] = ZoneSag(grade, skin_direction(name, zone, normals[zone]), graded)
    return found


@dataclass(frozen=True)
class Issue:
    """Main issue with the probability of each class, the shares and what they rest on."""

    main: MainIssue
    probability: dict[str, float]
    shares: dict[str, Estimate]
    evidence: tuple[str, ...]


def main_issue(consultation: Consultation, seed: int = 0) -> Issue:
    """Midface, jawline, both or neither: grades drawn within their uncertainty, then counted.

    Left and right are averaged first, so a mirrored record has the same answer. Within a region
    only graded zones count; a region without any falls back on the age prior.
    """
    rng = np.random.default_rng(seed)
    scores, lines = {}, []
    for region in ("midface", "jawline"):
        scores[region], line = _region_score(region, consultation, rng)
        lines.append(line)
    mid, jaw = scores["midface"], scores["jawline"]
    present = evidence.value("assessment.issue.present")
    dominates = evidence.value("assessment.issue.dominates")
    total = np.maximum(mid + jaw, 1e-9)
    share = mid / total
    none = (mid < present) & (jaw < present)
    classes = {
        "midface": ~none & (share >= dominates),
        "jawline": ~none & (1.0 - share >= dominates),
        "both": ~none & (share < dominates) & (1.0 - share < dominates),
        "neither": none,
    }
    probability = {name: float(mask.mean()) for name, mask in classes.items()}
    main = max(probability, key=lambda name: probability[name])
    basis = ("consultation.sagging", "assessment.grade.rater_sd", "assessment.issue.dominates")
    shares = {
        "midface": Estimate.from_samples(share, "1", basis),
        "jawline": Estimate.from_samples(1.0 - share, "1", basis),
    }
    return Issue(main, probability, shares, tuple(lines))  # type: ignore[arg-type]


def _region_score(
    region: str, consultation: Consultation, rng: np.random.Generator
) -> tuple[Array, str]:
    names = [n for n in BILATERAL if zone_rules(n)["region"] == region]
    graded = [n for n in names if any(base_name(z) == n for z in consultation.sagging)]
    score, weight, words = np.zeros(DRAWS), 0.0, []
    for name in graded or names:
        sides = [degree(f"{name}_{side}", consultation) for side in ("left", "right")]
        known = [e for e, is_graded in sides if is_graded] or [e for e, _ in sides]
        mean = float(np.mean([e.value for e in known]))
        sd = (
            evidence.value("assessment.grade.rater_sd") if graded
            else prior_grade(f"{name}_left", consultation.patient.age_years)[1]
        )  # fmt: skip
        w = float(zone_rules(name)["region_weight"])
        score += w * np.clip(mean + sd * rng.standard_normal(DRAWS), 0.0, 4.0)
        weight += w
        words.append(f"{name} {mean:g}")
    source = "graded" if graded else "not graded, expected from age"
    return score / weight, f"{region}: {', '.join(words)} of 4 ({source})"
