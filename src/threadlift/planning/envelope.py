"""Whether the model describes this person's tissue: age, body mass, thickness, stiffness.

Outside the envelope a number would still come out; it would mean nothing, so no plan is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.anatomy.layers import LayerStack, layer_stack
from threadlift.consultation import Consultation, Measured, Measurements
from threadlift.evidence import value
from threadlift.face import Face
from threadlift.planning.sentences import Sentence, sentence

_LAYERS = (("skin_thickness_mm", "skin"), ("fat_thickness_mm", "fat"))


@dataclass(frozen=True)
class Outside:
    """One quantity beyond what the model holds for: what, its value, the bounds, their unit.

    measured: a measurement, which may be a mistake, in contrast to a fact such as the age.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str
    measured: bool

    @property
    def sentence(self) -> Sentence:
        """What lies outside."""
        bounds = {"low": self.low, "high": self.high}
        numbers = {name: float(f"{x:.3g}") for name, x in ({"value": self.value} | bounds).items()}
        return sentence("outside", name=self.name, unit=self.unit, **numbers)

    @property
    def remedy(self) -> Sentence:
        """What would change it."""
        if self.measured:
            return sentence("measure-again", name=self.name)
        low, high = (float(f"{x:.3g}") for x in (self.low, self.high))
        return sentence("outside-remedy", low=low, high=high, unit=self.unit)


def outside_envelope(face: Face, consultation: Consultation) -> list[Outside]:
    """Everything about this person that lies outside; empty when the model may be used."""
    return [
        *_person(consultation),
        *_thickness(face, consultation),
        *_stiffness(consultation),
    ]


def _person(consultation: Consultation) -> list[Outside]:
    p, found = consultation.patient, []
    oldest = value("check.envelope.age")
    if p.age_years is not None and p.age_years > oldest:
        found.append(Outside("patient.age_years", p.age_years, 18.0, oldest, "years", False))
    low, high = value("check.envelope.bmi_low"), value("check.envelope.bmi_high")
    if p.bmi_kg_m2 is not None and not low <= p.bmi_kg_m2 <= high:
        found.append(Outside("patient.bmi_kg_m2", p.bmi_kg_m2, low, high, "kg/m²", False))
    return found


def _thickness(face: Face, consultation: Consultation) -> list[Outside]:
    """Measured layers against the map for the same person without any measurement."""
    m = consultation.measurements
    if not any(getattr(m, name) for name, _ in _LAYERS) and not m.smas_depth_mm:
        return []
    blind = layer_stack(face, consultation.model_copy(update={"measurements": Measurements()}))
    found = []
    for name, layer in _LAYERS:
        given: Mapping[str, Measured] = getattr(m, name)
        found += [
            x
            for zone, measured in sorted(given.items())
            if (x := _against_map(blind, (layer,), face.zones[zone], measured, f"{name}.{zone}"))
        ]
    found += [
        x
        for zone, measured in sorted(m.smas_depth_mm.items())
        if (
            x := _against_map(
                blind, ("skin", "fat"), face.zones[zone], measured, f"smas_depth_mm.{zone}"
            )
        )
    ]
    return found


def _against_map(
    blind: LayerStack, layers: tuple[str, ...], weight: NDArray, measured: Measured, name: str
) -> Outside | None:
    core = weight**2 / (weight**2).sum()
    each = np.array([core @ blind.thickness(layer) for layer in layers])
    cv = np.array([core @ blind.cv(layer) for layer in layers])
    expected = float(each.sum())
    people = float(np.linalg.norm(each * cv)) / expected
    spread = value("check.envelope.thickness") * float(
        np.hypot(people, measured.sd / measured.value)
    )
    low, high = expected * np.exp(-spread), expected * np.exp(spread)
    if low <= measured.value <= high:
        return None
    return Outside(
        f"measurements.{name}", measured.value, float(low), float(high), "mm", measured=True
    )


def _stiffness(consultation: Consultation) -> list[Outside]:
    """Suction that asks for a skin stiffer or softer than the calibrated law reaches."""
    elasticity = consultation.measurements.elasticity
    if elasticity is None or elasticity.r0_mm is None:
        return []
    reach = value("tissue.suction.limit") ** value("tissue.suction.modulus_exponent")
    middle = value("tissue.suction.r0")
    low, high = middle / reach, middle * reach
    if low <= elasticity.r0_mm <= high:
        return []
    return [
        Outside("measurements.elasticity.r0_mm", elasticity.r0_mm, low, high, "mm", measured=True)
    ]
