"""The consultation record as validated models (None everywhere means: not measured, not asked)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, TypeGuard

from pydantic import Field, field_validator, model_serializer, model_validator

from threadlift import evidence
from threadlift.consultation.marked import FIELD as MARKED
from threadlift.consultation.marked import MarkedStructure, entries
from threadlift.consultation.measurements import RANGES_MM, Measurements
from threadlift.consultation.record import Record
from threadlift.consultation.zones import ZONES, expand, mirrored_zone
from threadlift.errors import InputError

Sex = Literal["female", "male"]
Direction = Literal["down", "down_medial", "down_lateral"]


def _positive(x: Any) -> TypeGuard[float]:
    return isinstance(x, int | float) and not isinstance(x, bool) and x > 0


class Patient(Record):
    """Who is treated; adults only."""

    id: str | None = Field(default=None, max_length=64)
    age_years: float | None = None
    sex: Sex | None = None
    height_cm: float | None = Field(default=None, ge=120.0, le=230.0)
    weight_kg: float | None = Field(default=None, ge=30.0, le=300.0)
    bmi_kg_m2: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _bmi_from_height_and_weight(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        height, weight = data.get("height_cm"), data.get("weight_kg")
        if data.get("bmi_kg_m2") is None and _positive(height) and _positive(weight):
            return {**data, "bmi_kg_m2": round(weight / (height / 100.0) ** 2, 2)}
        return data

    @model_validator(mode="after")
    def _adult_and_plausible(self) -> Patient:
        if self.age_years is not None and self.age_years < 18.0:
            raise InputError(
                f"patient.age_years is {self.age_years:g}, but thread lifts are planned for "
                "adults only.",
                "Correct the age if it is mistyped; below 18 no plan is made.",
            )
        if self.age_years is not None and self.age_years > 110.0:
            raise InputError(
                f"patient.age_years is {self.age_years:g}, which no patient reaches.",
                "Give the age in years (18 to 110).",
            )
        low, high = evidence.value("consultation.bmi.low"), evidence.value("consultation.bmi.high")
        if self.bmi_kg_m2 is not None and not low <= self.bmi_kg_m2 <= high:
            raise InputError(
                f"patient.bmi_kg_m2 is {self.bmi_kg_m2:g}, outside {low:g} to {high:g} kg/m².",
                "Check height (cm) and weight (kg) and give weight / height² in kg/m².",
            )
        if self.bmi_kg_m2 and self.height_cm and self.weight_kg:
            computed = self.weight_kg / (self.height_cm / 100.0) ** 2
            if abs(computed - self.bmi_kg_m2) > 1.0:
                raise InputError(
                    f"patient.bmi_kg_m2 is {self.bmi_kg_m2:g}, but height and weight give "
                    f"{computed:.1f}.",
                    "Leave bmi_kg_m2 out or correct one of the three.",
                )
        return self


class Sag(Record):
    """Sagging of a zone: grade 0 (none) to 4 (very marked) and the direction it went."""

    grade: float = Field(ge=0.0, le=4.0)
    direction: Direction | None = None

    @model_validator(mode="before")
    @classmethod
    def _grade_alone(cls, data: Any) -> Any:
        plain = isinstance(data, int | float) and not isinstance(data, bool)
        return {"grade": data} if plain else data


class Excursion(Record):
    """Measured travel of the commissure from rest to full expression, per side, in mm."""

    left_mm: float | None = Field(default=None, ge=0.0, le=40.0)
    right_mm: float | None = Field(default=None, ge=0.0, le=40.0)


class Movement(Record):
    """What was seen when the face moves."""

    smile: Excursion | None = None
    pucker: Excursion | None = None
    jaw_open: Excursion | None = None
    weakness: Literal["none", "left", "right", "both"] | None = None


class History(Record):
    """Earlier treatments and habits (months since the last one)."""

    smoker: bool | None = None
    filler_months_ago: float | None = Field(default=None, ge=0.0)
    botulinum_months_ago: float | None = Field(default=None, ge=0.0)
    energy_device_months_ago: float | None = Field(default=None, ge=0.0)
    threads_months_ago: float | None = Field(default=None, ge=0.0)
    facial_surgery: Literal["none", "planes_intact", "planes_lost"] | None = None
    weight_change_kg_last_year: float | None = Field(default=None, ge=-100.0, le=100.0)
    event_in_weeks: float | None = Field(default=None, ge=0.0)
    notes: str | None = Field(default=None, max_length=4000)


class Contraindications(Record):
    """Answers to the questions that can rule a thread lift out (None = not asked yet)."""

    pregnancy: bool | None = None
    lactation: bool | None = None
    active_infection: bool | None = None
    autoimmune_flare: bool | None = None
    anticoagulation: bool | None = None
    immunosuppression: bool | None = None
    keloid_history: bool | None = None
    polymer_allergy: bool | None = None
    anaesthetic_allergy: bool | None = None
    permanent_filler_in_path: bool | None = None
    facial_nerve_palsy: bool | None = None
    radiotherapy: bool | None = None
    untreated_body_dysmorphic_disorder: bool | None = None


class Goals(Record):
    """What the patient wants: words and a priority 0 to 1 by zone."""

    priorities: dict[str, float] = Field(default_factory=dict)
    words: str | None = Field(default=None, max_length=4000)

    @field_validator("priorities", mode="before")
    @classmethod
    def _zones(cls, data: Any) -> Any:
        if data is None:
            return {}
        if not isinstance(data, dict):
            return data
        for key, number in data.items():
            is_number = isinstance(number, int | float) and not isinstance(number, bool)
            if not is_number or not 0.0 <= number <= 1.0:
                raise InputError(
                    f"goals.priorities.{key} is not a number between 0 and 1.",
                    "Write 0 for 'does not matter' up to 1 for 'matters most'.",
                )
        return expand({k: float(v) for k, v in data.items()}, "goals.priorities")


class Consultation(Record):
    """A consultation record; every part may be absent and absence widens the prediction."""

    format: Literal["threadlift.consultation/1"] = "threadlift.consultation/1"
    patient: Patient = Field(default_factory=Patient)
    measurements: Measurements = Field(default_factory=Measurements)
    sagging: dict[str, Sag] = Field(default_factory=dict)
    movement: Movement = Field(default_factory=Movement)
    history: History = Field(default_factory=History)
    contraindications: Contraindications = Field(default_factory=Contraindications)
    goals: Goals = Field(default_factory=Goals)
    marked_structures: list[MarkedStructure] = Field(default_factory=list)

    @field_validator(MARKED, mode="before")
    @classmethod
    def _marks(cls, data: Any) -> Any:
        return entries(data)

    @model_serializer(mode="wrap")
    def _as_before_without_marks(self, inner: Any) -> dict[str, Any]:
        # A record without marks keeps the text, and so the hash, that it had before there were any.
        data: dict[str, Any] = inner(self)
        if not self.marked_structures:
            data.pop(MARKED, None)
        return data

    @field_validator(
        "patient",
        "measurements",
        "movement",
        "history",
        "contraindications",
        "goals",
        mode="before",
    )
    @classmethod
    def _absent_section(cls, data: Any) -> Any:
        # A heading without content (`history:`) is an empty section, not an error.
        return {} if data is None else data

    @field_validator("sagging", mode="before")
    @classmethod
    def _zones(cls, data: Any) -> Any:
        if data is None:
            return {}
        return expand(data, "sagging") if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _no_contradictions(self) -> Consultation:
        answers = self.contraindications
        if self.patient.sex == "male" and (answers.pregnancy or answers.lactation):
            named = "pregnancy" if answers.pregnancy else "lactation"
            raise InputError(
                f"contraindications.{named} is true, but patient.sex is male.",
                "Correct one of the two.",
            )
        if answers.facial_nerve_palsy is False and self.movement.weakness not in (None, "none"):
            raise InputError(
                f"movement.weakness is '{self.movement.weakness}', but "
                "contraindications.facial_nerve_palsy is false.",
                "Correct one of the two.",
            )
        for zone, sag in self.sagging.items():
            if sag.grade == 0.0 and sag.direction is not None:
                raise InputError(
                    f"sagging.{zone} has grade 0 and the direction '{sag.direction}', but what "
                    "does not sag has no direction.",
                    "Give a grade above 0 or leave the direction out.",
                )
            if sag.grade == 0.0 and self.goals.priorities.get(zone, 0.0) > 0.0:
                raise InputError(
                    f"goals.priorities.{zone} asks for a lift where sagging.{zone} has grade 0.",
                    "Set the priority to 0 or grade the sagging.",
                )
        return self

    def sag(self, zone: str) -> Sag | None:
        """Sagging of one of the 21 zones, None where it was not graded."""
        if zone not in ZONES:
            raise KeyError(zone)
        return self.sagging.get(zone)

    @classmethod
    def load(cls, path: str | Path) -> Consultation:
        """Read a YAML record. Raises InputError that names the field and the remedy."""
        from threadlift.consultation.load import load

        return load(Path(path))

    def mirrored(self) -> Consultation:
        """The record of the mirror-image patient (left and right exchanged)."""
        m, move = self.measurements, self.movement
        swap = {"left": "right", "right": "left"}
        excursions = {
            name: Excursion(left_mm=e.right_mm, right_mm=e.left_mm)
            for name in ("smile", "pucker", "jaw_open")
            if (e := getattr(move, name)) is not None
        }
        weakness = None if move.weakness is None else swap.get(move.weakness, move.weakness)
        return self.model_copy(
            update={
                "measurements": m.model_copy(
                    update={f: _mirror_zones(getattr(m, f)) for f in RANGES_MM}
                ),
                "sagging": _mirror_zones(self.sagging),
                "movement": move.model_copy(update={**excursions, "weakness": weakness}),
                "goals": self.goals.model_copy(
                    update={"priorities": _mirror_zones(self.goals.priorities)}
                ),
                MARKED: [m.mirrored() for m in self.marked_structures],
            }
        )


def _mirror_zones(given: Mapping[str, Any]) -> dict[str, Any]:
    swapped = {mirrored_zone(zone): entry for zone, entry in given.items()}
    return {zone: swapped[zone] for zone in ZONES if zone in swapped}
