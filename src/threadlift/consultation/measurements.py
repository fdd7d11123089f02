"""What was measured on the patient: thicknesses by zone, elasticity, distance of the pupils."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from threadlift import evidence
from threadlift.consultation.record import Measured, Record
from threadlift.consultation.zones import expand
from threadlift.errors import InputError
from threadlift.quantities import Z90

Grade = Literal["good", "fair", "poor"]


class Elasticity(Record):
    """Skin elasticity: a clinical grade (snap test) or cutometer parameters of a 2 mm probe."""

    grade: Grade | None = None
    r0_mm: float | None = Field(default=None, gt=0.0, le=2.0)
    r2: float | None = Field(default=None, gt=0.0, le=1.0)
    r5: float | None = Field(default=None, gt=0.0, le=2.0)
    r7: float | None = Field(default=None, gt=0.0, le=1.0)

    @model_validator(mode="before")
    @classmethod
    def _grade_alone(cls, data: Any) -> Any:
        return {"grade": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _consistent(self) -> Elasticity:
        if self.r2 is not None and self.r7 is not None and self.r7 > self.r2:
            raise InputError(
                f"measurements.elasticity has r7 = {self.r7:g} above r2 = {self.r2:g}, but the "
                "immediate recovery (R7) is part of the whole recovery (R2).",
                "Check which cutometer value is which.",
            )
        return self


#: Plausible ranges [mm] of the measurements by zone, and what a value outside usually is.
RANGES_MM: dict[str, tuple[float, float]] = {
    "skin_thickness_mm": (0.3, 5.0),
    "fat_thickness_mm": (0.2, 25.0),
    "smas_depth_mm": (0.8, 30.0),
    "pinch_mm": (1.0, 60.0),
}


class Measurements(Record):
    """What was measured; zone keys are always the 21 sided ones after validation."""

    interpupillary_distance_mm: float | None = None
    skin_thickness_mm: dict[str, Measured] = Field(default_factory=dict)
    fat_thickness_mm: dict[str, Measured] = Field(default_factory=dict)
    smas_depth_mm: dict[str, Measured] = Field(default_factory=dict)
    pinch_mm: dict[str, Measured] = Field(default_factory=dict)
    elasticity: Elasticity | None = None

    @field_validator(
        "skin_thickness_mm", "fat_thickness_mm", "smas_depth_mm", "pinch_mm", mode="before"
    )
    @classmethod
    def _zones(cls, data: Any, info: Any) -> Any:
        if data is None:
            return {}
        if not isinstance(data, dict):
            return data
        name = f"measurements.{info.field_name}"
        given = {k: _measured(v, f"{name}.{k}", info.field_name) for k, v in data.items()}
        return expand(given, name)

    @model_validator(mode="after")
    def _consistent(self) -> Measurements:
        ipd = self.interpupillary_distance_mm
        if ipd is not None and not 45.0 <= ipd <= 80.0:
            raise InputError(
                f"measurements.interpupillary_distance_mm is {ipd:g}, outside 45 to 80 mm.",
                "Give the distance between the pupils in millimetres.",
            )
        for zone, depth in self.smas_depth_mm.items():
            skin, fat = self.skin_thickness_mm.get(zone), self.fat_thickness_mm.get(zone)
            if skin is not None and depth.value <= skin.value:
                raise InputError(
                    f"measurements.smas_depth_mm.{zone} is {depth.value:g} mm, but the skin alone "
                    f"is {skin.value:g} mm thick there.",
                    "Give the depth of the SMAS below the skin's surface.",
                )
            if skin is not None and fat is not None:
                gap = abs(depth.value - skin.value - fat.value)
                noise = (depth.sd**2 + skin.sd**2 + fat.sd**2) ** 0.5
                if gap > 1.5 + 3.0 * noise:
                    raise InputError(
                        f"measurements.smas_depth_mm.{zone} is {depth.value:g} mm, but skin and "
                        f"fat add up to {skin.value + fat.value:g} mm.",
                        "Correct one of the three (the SMAS lies under skin and superficial fat).",
                    )
        return self


def _measured(raw: Any, path: str, field: str) -> Any:
    """A number, {value, sd} or {min, max} → the form of :class:`Measured`, range-checked."""
    if raw is None or isinstance(raw, Measured):
        return raw
    default_sd = evidence.value(f"consultation.measurement_sd.{field.removesuffix('_mm')}")
    entry: Any = raw
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        entry = {"value": float(raw), "sd": default_sd}
    elif isinstance(raw, dict) and {"min", "max"} <= set(raw) and len(raw) == 2:
        low, high = raw["min"], raw["max"]
        if not all(isinstance(x, int | float) and not isinstance(x, bool) for x in (low, high)):
            raise InputError(f"{path} needs numbers for min and max.", "Give both in mm.")
        if low > high:
            raise InputError(f"{path} has min {low:g} above max {high:g}.", "Swap the two values.")
        entry = {
            "value": 0.5 * (low + high),
            "sd": max(0.5 * (high - low) / Z90, 0.5 * default_sd),
        }
    elif isinstance(raw, dict) and "value" in raw and raw.get("sd") is None:
        entry = {**raw, "sd": default_sd}
    number = entry.get("value") if isinstance(entry, dict) else None
    if isinstance(number, int | float) and not isinstance(number, bool):
        low, high = RANGES_MM[field]
        if not low <= number <= high:
            hint = (
                "It looks like micrometres; divide by 1000."
                if low <= number / 1000.0 <= high
                else "Give millimetres."
            )
            raise InputError(f"{path} is {number:g}, outside {low:g} to {high:g} mm.", hint)
    return entry
