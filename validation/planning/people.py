"""Who is planned for: synthetic people of the age of thread lifts, with a consultation record.

Faces are random people; what they sag by is drawn from their age in three patterns, with and
without one lower side. All of it follows from the person's number.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, islice

import numpy as np

from threadlift.consultation import BILATERAL, Consultation
from threadlift.consultation.models import Contraindications
from threadlift.evidence import value
from threadlift.face import Face
from threadlift.face.synthetic.people import drawn_person, random_person

#: Ages [years] that take part.
YOUNGEST, OLDEST = 35.0, 75.0
#: Grade of each zone as a share of the person's severity, by pattern of sagging.
PATTERNS: dict[str, dict[str, float]] = {
    "jowl": {"jowl": 1.0, "marionette": 0.7, "jawline": 0.7, "malar": 0.3, "nasolabial": 0.4},
    "midface": {"malar": 1.0, "nasolabial": 0.9, "buccal": 0.6, "infraorbital": 0.5, "jowl": 0.3},
    "mixed": {"jowl": 0.8, "marionette": 0.6, "jawline": 0.6, "malar": 0.8, "nasolabial": 0.8},
}
#: Severity: so much above the register's mean grade for the age, since who asks for a lift sags
#: more than others; with this spread, within these bounds [grade].
ABOVE = 0.7
_SPREAD, _LEAST, _MOST = 0.6, 1.5, 3.5
#: Where one side is lower, its zones of at least this share sag by so many grades more.
_MAIN_SHARE, _MORE = 0.6, 1.0
_HIGHEST = 4.0


@dataclass(frozen=True)
class Person:
    """Number in the trial (from 1), seed of the face, pattern of sagging, lower side or ''."""

    number: int
    seed: int
    pattern: str
    lower: str
    face: Face
    record: Consultation


def seeds(people: int) -> list[int]:
    """Seeds of the first people whose age takes part."""
    fits = (s for s in count(1) if YOUNGEST <= drawn_person(s).age_years <= OLDEST)
    return list(islice(fits, people))


def person(number: int) -> Person:
    """Person `number` (from 1): every pattern in turn, every other three with a lower side."""
    seed = seeds(number)[-1]
    pattern = list(PATTERNS)[(number - 1) % len(PATTERNS)]
    uneven = (number - 1) // len(PATTERNS) % 2 == 1
    face, age, sex, _ = random_person(seed)
    rng = np.random.default_rng([seed, 5])
    severity = severity_at(age, float(rng.standard_normal()))
    lower = ("left", "right")[int(rng.integers(2))] if uneven else ""
    record = Consultation.model_validate(
        {
            "patient": {"age_years": float(int(age)), "sex": sex},
            "contraindications": dict.fromkeys(Contraindications.model_fields, False),
            "sagging": grades(pattern, severity, lower),
        }
    )
    return Person(number, seed, pattern, lower, face, record)


def severity_at(age_years: float, deviate: float) -> float:
    """Grade of the zone that sags most at an age, `deviate` standard deviations from the mean."""
    years = age_years - value("assessment.grade.prior_start_age")
    mean = value("assessment.grade.prior_per_decade") * years / 10.0 + ABOVE
    return float(np.clip(mean + _SPREAD * deviate, _LEAST, _MOST))


def grades(pattern: str, severity: float, lower: str) -> dict[str, float]:
    """Grades by sided zone, in halves as a clinician gives them."""
    found = {}
    for zone, share in PATTERNS[pattern].items():
        assert zone in BILATERAL
        for side in ("left", "right"):
            grade = severity * share + (_MORE if side == lower and share >= _MAIN_SHARE else 0.0)
            found[f"{zone}_{side}"] = min(max(round(2.0 * grade) / 2.0, 0.5), _HIGHEST)
    return found
