"""Random people and scans of them, for trials with a known truth."""

from __future__ import annotations

from typing import Literal

import numpy as np

from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.face.capture import Capture
from threadlift.face.expression.composites import expression_fields
from threadlift.face.face import Face, frame_of
from threadlift.face.synthetic.ageing import JOWL, MIDFACE, NECK, sag_field
from threadlift.face.synthetic.scan import synthetic_scan, write_scan
from threadlift.face.template import Array, Template, template

__all__ = ["synthetic_face", "synthetic_scan", "without_axes", "write_scan"]

Sex = Literal["female", "male"]

#: Age of the neutral template [years]; the age axis spans 25 to 90 years.
TEMPLATE_AGE = 45.0
AXIS_YEARS = 65.0
#: Coefficients beyond this many standard deviations are drawn again (caricatures).
CLIP_SD = 2.5


def synthetic_face(
    seed: int = 0,
    *,
    age_years: float = 45.0,
    sex: Sex | None = None,
    weight: float = 0.0,
    asymmetry: float = 0.3,
    jowl_mm: float | None = None,
    identity: float = 1.0,
) -> Face:
    """A random person in the patient frame, without capture error.

    seed: who it is (age, weight and jowls do not change the identity drawn). age_years 18..95.
    sex: drawn when None. weight: -1 lean to 1 heavy. asymmetry: 0 exactly symmetric, 1 typical
    upper end. jowl_mm: drop of the jowl [mm], 0..12; from the age when None. identity: factor on
    how far the person departs from the mean face (0 = the mean person of that age and sex).

    Raises InputError for values outside these ranges.
    """
    _range("age_years", age_years, 18.0, 95.0)
    _range("weight", weight, -1.0, 1.0)
    _range("asymmetry", asymmetry, 0.0, 1.0)
    _range("identity", identity, 0.0, 1.5)
    if sex not in (None, "female", "male"):
        raise InputError(f"sex is '{sex}'.", "Use female or male.")
    if jowl_mm is None:
        jowl_mm = value("face.synthetic.jowl_rate") * max(
            age_years - value("face.synthetic.jowl_onset"), 0.0
        )
    _range("jowl_mm", jowl_mm, 0.0, 12.0)
    t = template()
    rng = np.random.default_rng(seed)
    drawn_sex = "female" if rng.random() < 0.5 else "male"
    coefficients = _truncated_normal(rng, len(t.modes))
    lopsided = float(np.clip(rng.standard_normal(), -CLIP_SD, CLIP_SD))
    coefficients *= np.where(
        t.mode_signs > 0.0, identity * value("face.synthetic.identity_spread"), asymmetry
    )
    person = without_axes(np.tensordot(coefficients, t.modes, axes=1), t)
    person += (age_years - TEMPLATE_AGE) / AXIS_YEARS * t.axes["age"]
    person += (0.5 if (sex or drawn_sex) == "male" else -0.5) * t.axes["sex"]
    person += weight * t.axes["weight"]
    vertices = t.vertices + t.fine(person)
    vertices += _sag(t, age_years, jowl_mm, asymmetry * lopsided)
    capture = Capture(
        source=f"synthetic person, seed {seed}",
        numbers={
            "age_years": age_years,
            "jowl_mm": jowl_mm,
            "weight": weight,
            "asymmetry": asymmetry,
        },
        notes=("synthetic: a drawn person, no patient",),
        scale="exact by construction",
    )
    vertices = frame_of(vertices).apply(vertices)
    return Face(
        vertices, np.zeros(len(vertices)), "synthetic", capture, expression_fields(vertices)
    )


def without_axes(field: Array, t: Template) -> Array:
    """Take the part along the age, sex and weight axes out of an identity (n_coarse, 3)."""
    axes = np.stack([t.axes[name].ravel() for name in ("age", "sex", "weight")], axis=1)
    shares = np.linalg.lstsq(axes, field.ravel(), rcond=None)[0]
    return field - (axes @ shares).reshape(field.shape)


def _sag(t: Template, age_years: float, jowl_mm: float, lopsided: float) -> Array:
    """Sagging (n, 3) [mm] of both sides; `lopsided` > 0 lets the left jowl drop more."""
    difference = value("face.synthetic.jowl_lopsided") * lopsided
    jowl = sag_field(JOWL) * jowl_mm
    both = jowl * (1.0 + 0.5 * difference) + t.mirrored(jowl) * (1.0 - 0.5 * difference)
    # Midface and neck follow the age, and half of it the jowl, as they do in people.
    years = max(age_years - value("face.synthetic.jowl_onset"), 0.0)
    elsewhere = 0.5 * value("face.synthetic.jowl_rate") * years + 0.5 * jowl_mm
    rest = (sag_field(MIDFACE) + sag_field(NECK)) * elsewhere
    return both + rest + t.mirrored(rest)


def _truncated_normal(rng: np.random.Generator, count: int) -> Array:
    x = rng.standard_normal(count)
    while np.any(far := np.abs(x) > CLIP_SD):
        x[far] = rng.standard_normal(int(far.sum()))
    return x


def _range(name: str, number: float, low: float, high: float) -> None:
    if not low <= number <= high:
        raise InputError(f"{name} is {number}.", f"Use a number from {low:g} to {high:g}.")
