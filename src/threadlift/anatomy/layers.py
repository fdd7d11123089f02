"""Layer thicknesses of a person over the template vertices.

Site values of the register (skin, superficial fat, SMAS, deep tissue) are adapted to age, sex and
body mass, carried smoothly over the template's skin, and pulled to what was measured in the
consultation. Layers, outside in: "skin", "fat", "smas", "deep".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from threadlift import evidence
from threadlift.anatomy.placement import SIDES, HalfFace
from threadlift.evidence import value
from threadlift.face.template import template

Array = NDArray[np.float64]

LAYERS: tuple[str, ...] = ("skin", "fat", "smas", "deep")

#: Below this zone weight a measurement has no say; it keeps far tails from summing up.
_LEAST_WEIGHT = 1e-3


@dataclass(frozen=True)
class LayerStack:
    """Thickness [mm] and coefficient of variation of each layer on the template vertices (n,).

    `deep_mm` is everything under the SMAS down to bone or cavity. The spreads say how far this
    person may differ from the map where nothing was measured, and how far the measurement may
    err where something was.
    """

    skin_mm: Array
    fat_mm: Array
    smas_mm: Array
    deep_mm: Array
    skin_cv: Array
    fat_cv: Array
    smas_cv: Array
    deep_cv: Array
    basis: tuple[str, ...]

    def thickness(self, layer: str) -> Array:
        """Thickness (n,) [mm] of a layer by name."""
        return getattr(self, f"{layer}_mm")

    def cv(self, layer: str) -> Array:
        """Coefficient of variation (n,) of a layer by name."""
        return getattr(self, f"{layer}_cv")

    def top_mm(self, layer: str) -> Array:
        """Depth (n,) [mm] below the skin surface at which a layer begins."""
        above = [self.thickness(name) for name in LAYERS[: LAYERS.index(layer)]]
        return np.sum(above, axis=0) if above else np.zeros_like(self.skin_mm)

    @property
    def total_mm(self) -> Array:
        """Soft tissue from the skin surface to bone or cavity (n,) [mm]."""
        return self.skin_mm + self.fat_mm + self.smas_mm + self.deep_mm

    def scaled(self, factors: Mapping[str, ArrayLike]) -> LayerStack:
        """Thicknesses times `factors` (per layer: a number or (n,)), never below the floors."""
        changed = {
            f"{layer}_mm": np.maximum(
                self.thickness(layer) * np.asarray(factors[layer], dtype=float), _floor(layer)
            )
            for layer in LAYERS
            if layer in factors
        }
        return replace(self, **changed)


def layer_stack(face: Any, consultation: Any = None) -> LayerStack:
    """The layers of a person.

    face: a Face (zones, the template's vertex numbering); consultation: a Consultation or None.
    What is not known about the person is taken from the reference (woman, 45 years, body mass
    index 23) with wider spreads.
    """
    person = _Person.of(consultation)
    sites = evidence.table("layers")["site"]
    reference = np.array([[float(row[f"{layer}_mm"]) for layer in LAYERS] for row in sites])
    own = np.array([person.site(row) for row in sites])
    plain, sharp = _weights()
    # Thickness is positive and varies by factors: interpolate its logarithm. What a person differs
    # by goes through the positive weights, so that a thicker site makes no place thinner.
    fields = np.exp(sharp @ np.log(reference) + plain @ np.log(own / reference))
    # A product of matrices may sum the rows of a vertex and of its twin in another order.
    fields = 0.5 * (fields + fields[template().mirror])
    mm = {layer: np.maximum(fields[:, i], _floor(layer)) for i, layer in enumerate(LAYERS)}
    width = 1.0 if person.known else value("layers.cv.unknown_person")
    cv = {layer: np.full(len(fields), width * value(f"layers.cv.{layer}")) for layer in LAYERS}
    used = _apply_measurements(mm, cv, face, consultation)
    return LayerStack(
        **{f"{layer}_mm": mm[layer] for layer in LAYERS},
        **{f"{layer}_cv": cv[layer] for layer in LAYERS},
        basis=_basis() + used,
    )


def _floor(layer: str) -> float:
    return value(f"layers.floor.{layer}")


@cache
def _basis() -> tuple[str, ...]:
    keys = [k for k in evidence.all_parameters() if k.startswith(("layers.modifier", "layers.cv"))]
    sources = {s for row in evidence.table("layers")["site"] for s in row.get("source", ())}
    return (*keys, *sorted(sources))


@dataclass(frozen=True)
class _Person:
    """Deviation of a person from the reference, as far as it is known."""

    decades: float
    decades_after_40: float
    male: bool
    bmi: float
    known: bool

    @classmethod
    def of(cls, consultation: Any) -> _Person:
        patient = getattr(consultation, "patient", None)
        age = getattr(patient, "age_years", None)
        sex = getattr(patient, "sex", None)
        bmi = getattr(patient, "bmi_kg_m2", None)
        reference = value("layers.reference.age")
        years = reference if age is None else float(age)
        return cls(
            decades=(years - reference) / 10.0,
            decades_after_40=(max(years, 40.0) - max(reference, 40.0)) / 10.0,
            male=sex == "male",
            bmi=0.0 if bmi is None else float(bmi) - value("layers.reference.bmi"),
            known=None not in (age, sex, bmi),
        )

    def site(self, row: Mapping[str, Any]) -> list[float]:
        """Thicknesses [mm] of one site for this person, not below the floors."""

        def per_decade(name: str, decades: float) -> float:
            # Geometric, so that no age makes a layer vanish.
            return (1.0 + value(f"layers.modifier.{name}")) ** decades

        skin = float(row["skin_mm"])
        if self.male:
            skin *= value("layers.modifier.skin_male")
        else:
            skin *= per_decade("skin_per_decade_female", self.decades_after_40)
        fat, kind = float(row["fat_mm"]), row["fat_kind"]
        if kind == "cheek":
            fat *= per_decade("cheek_fat_per_decade", self.decades)
            fat *= value("layers.modifier.cheek_fat_male") if self.male else 1.0
        if kind in ("cheek", "jowl"):
            fat += value("layers.modifier.cheek_fat_per_bmi") * self.bmi
        if kind == "submental":
            fat += value("layers.modifier.submental_fat_per_bmi") * self.bmi
        smas = float(row["smas_mm"]) * per_decade("smas_per_decade", self.decades)
        deep = float(row["deep_mm"])
        if row["deep_kind"] == "suborbital":
            deep *= per_decade("suborbital_per_decade", self.decades)
        mm = (skin, fat, smas, deep)
        return [max(x, _floor(name)) for x, name in zip(mm, LAYERS, strict=True)]


@cache
def _weights() -> tuple[Array, Array]:
    """Two sets of weights (n, sites) that carry site values over the template, rows sum to one.

    The first are normalised Gaussians of the distance to the nearer of a site and its mirror
    image. The second add one residual correction: what the smoothing took off at the sites is
    given back, so that thin and thick neighbours keep their contrast (some weights are negative).
    """
    t = template()
    reach = value("layers.interpolation.reach")
    halves = [HalfFace(template_face(), t.skin_triangles, side) for side in SIDES]
    spots = [
        [h.to_patient(h.place(row).points[0]) for h in halves]
        for row in evidence.table("layers")["site"]
    ]

    def smoothing(points: Array) -> Array:
        d = np.array(
            [
                np.min([np.linalg.norm(points - spot, axis=1) for spot in pair], axis=0)
                for pair in spots
            ]
        ).T
        # Subtracting the least distance first keeps far points from underflowing to 0 / 0.
        w = np.exp(-0.5 * (d**2 - d.min(axis=1, keepdims=True) ** 2) / reach**2)
        return w / w.sum(axis=1, keepdims=True)

    at_sites = smoothing(np.array([pair[0] for pair in spots]))
    plain = smoothing(t.vertices)
    plain = 0.5 * (plain + plain[t.mirror])
    return plain, plain @ (2.0 * np.eye(len(at_sites)) - at_sites)


@dataclass(frozen=True)
class TemplateFace:
    """The template's vertices (n, 3) with its landmarks as positions."""

    vertices: Array
    landmarks: dict[str, Array]


@cache
def template_face() -> TemplateFace:
    """The template as a face."""
    t = template()
    return TemplateFace(t.vertices, {name: t.vertices[i] for name, i in t.landmarks.items()})


def _apply_measurements(
    mm: dict[str, Array], cv: dict[str, Array], face: Any, consultation: Any
) -> tuple[str, ...]:
    """Pull `mm` to the measured zone means and narrow `cv` there; returns measurement ids."""
    measurements = getattr(consultation, "measurements", None)
    if measurements is None:
        return ()
    used: list[str] = []
    for layer, name in (("skin", "skin_thickness_mm"), ("fat", "fat_thickness_mm")):
        given = _by_zone(getattr(measurements, name, None), face.zones)
        used += _pull(mm, cv, layer, given, face.zones, name)
    depth = _by_zone(getattr(measurements, "smas_depth_mm", None), face.zones)
    direct = _by_zone(getattr(measurements, "fat_thickness_mm", None), face.zones)
    fat = {}
    for zone, (top, sd) in depth.items():
        # The depth of the SMAS says how thick the fat is, unless the fat itself was measured.
        if zone not in direct:
            skin = _zone_mean(mm["skin"], face.zones[zone])
            fat[zone] = (max(top - skin, _floor("fat")), sd)
    used += _pull(mm, cv, "fat", fat, face.zones, "smas_depth_mm")
    return tuple(used)


def _by_zone(given: Any, zones: Mapping[str, Array]) -> dict[str, tuple[float, float]]:
    """Measured (value, sd) per zone key; a key without side stands for both."""
    out: dict[str, tuple[float, float]] = {}
    for key, measured in (given or {}).items():
        for zone in (key, f"{key}_left", f"{key}_right"):
            if zone in zones:
                out[zone] = (float(measured.value), float(measured.sd))
    return out


def _zone_mean(field: Array, weight: Array) -> float:
    """Mean of a field over the core of a zone (weights squared, so that the rim counts little)."""
    return float((weight**2 @ field) / (weight**2).sum())


def _pull(
    mm: dict[str, Array],
    cv: dict[str, Array],
    layer: str,
    given: dict[str, tuple[float, float]],
    zones: Mapping[str, Array],
    name: str,
) -> list[str]:
    if not given:
        return []
    keys = list(given)
    share = np.array([zones[k] / zones[k].max() for k in keys])
    share[share < _LEAST_WEIGHT] = 0.0
    # Where measured zones overlap they share the vertex instead of adding up.
    share = share / np.maximum(share.sum(axis=0), 1.0)
    log = np.zeros_like(mm[layer])
    error = np.zeros_like(mm[layer])
    for zone, weight in zip(keys, share, strict=True):
        target, sd = given[zone]
        log += weight * np.log(target / _zone_mean(mm[layer], zones[zone]))
        error += weight * (sd / target)
    total = share.sum(axis=0)
    mm[layer] = np.maximum(mm[layer] * np.exp(log), _floor(layer))
    narrowed = np.sqrt(((1.0 - total) * cv[layer]) ** 2 + error**2)
    least = np.minimum(cv[layer], value("layers.cv.least"))
    cv[layer] = np.where(total > 0.0, np.clip(narrowed, least, cv[layer]), cv[layer])
    return [f"measurements.{name}.{zone}" for zone in keys]
