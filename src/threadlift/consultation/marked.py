"""Structures that the clinician found and marked: one entry per course, side and method.

Part of `threadlift.consultation/1`. Where a point lies is kept as it was said, in words or in
millimetres; :mod:`threadlift.anatomy.marking` finds it on the face. What can be known without a
face is refused here: an unknown structure, a method that does not find it, an accuracy that no
mark has or that the atlas beats, a depth that nobody can have measured.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator

from threadlift import evidence, strict_yaml
from threadlift.consultation.marking_methods import (
    Method,
    atlas_depth_sd_mm,
    atlas_lateral_sd_mm,
    ligament_names,
    markable,
    methods,
    radius_mm,
)
from threadlift.consultation.record import Record
from threadlift.errors import InputError
from threadlift.quantities import Z90

Side = Literal["left", "right"]
M = TypeVar("M", bound=Record)
#: Name of the field in the consultation record.
FIELD = "marked_structures"
_SWAP: dict[str, Side] = {"left": "right", "right": "left"}


class MarkedPoint(Record):
    """A point of the course: in words (`at`) or in the patient frame (`at_mm`, x, y, z [mm]).

    `depth_mm`: of the structure's middle below the skin there.
    """

    at: str | None = Field(default=None, min_length=1, max_length=200)
    at_mm: Annotated[list[float], Field(min_length=3, max_length=3)] | None = None
    depth_mm: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _place_alone(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"at": data}
        return {"at_mm": data} if isinstance(data, list) else data

    @model_validator(mode="after")
    def _one_place(self) -> MarkedPoint:
        if (self.at is None) == (self.at_mm is None):
            raise InputError(
                "A point needs a place in words (at) or in millimetres (at_mm), and only one.",
                "Write '12 mm in front of the tragus', or [x, y, z] in the patient frame.",
            )
        return self


class MarkedStructure(Record):
    """One marked course.

    `structure`: its name in the atlas; `found_by`: a method of the register; `points` in any
    order; `depth_mm`: of all points that state none. `accuracy_mm` and `depth_accuracy_mm`: nine
    marks in ten lie within so many millimetres (default: the method's of the register).
    """

    structure: str
    side: Side
    found_by: str
    points: list[MarkedPoint] = Field(min_length=1, max_length=60)
    depth_mm: float | None = None
    accuracy_mm: float | None = None
    depth_accuracy_mm: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _side_of_one_course(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("side") not in (*_SWAP, None):
            raise InputError(
                f"side is '{data['side']}', but every course has a side of its own.",
                "Write left or right (the patient's), and one entry for each side.",
            )
        return data

    @field_validator("points", mode="before")
    @classmethod
    def _each(cls, data: Any) -> Any:
        if not isinstance(data, list):
            return data
        return [_point(item, f"point {i}") for i, item in enumerate(data, 1)]

    @model_validator(mode="after")
    def _can_have_been_marked(self) -> MarkedStructure:
        _known(self.structure, markable(), "structure", "a structure of the atlas")
        _known(self.found_by, tuple(methods()), "found_by", "a way of finding structures")
        if self.structure not in self.method.finds:
            others = [m.name for m in methods().values() if self.structure in m.finds]
            raise InputError(
                f"{self.found_by.replace('_', ' ')} does not find the "
                f"{self.structure.replace('_', ' ')}.",
                f"It can be marked by {', '.join(others)}."
                if others
                else "It cannot be marked; the atlas places it.",
            )
        self._depth_was_measurable()
        _plausible_accuracy(
            "accuracy_mm", self.accuracy_mm, "lateral", atlas_lateral_sd_mm(self.structure)
        )
        _plausible_accuracy(
            "depth_accuracy_mm", self.depth_accuracy_mm, "depth", atlas_depth_sd_mm(self.structure)
        )
        return self

    def _depth_was_measurable(self) -> None:
        stated = [p.depth_mm for p in self.points if p.depth_mm is not None]
        stated += [] if self.depth_mm is None else [self.depth_mm]
        if not stated and self.depth_accuracy_mm is None:
            return
        if self.structure in ligament_names():
            raise InputError(
                f"The {self.structure.replace('_', ' ')} ligament has no depth: it goes from the "
                "bone to the skin.",
                "Leave the depth out.",
            )
        if self.method.depth_sd_mm is None:
            deep = [m.name for m in methods().values() if m.depth_sd_mm is not None]
            raise InputError(
                f"depth_mm is stated, but {self.found_by.replace('_', ' ')} measures no depth.",
                f"Leave it out, or mark the structure by {', '.join(deep)}.",
            )
        if self.depth_accuracy_mm is not None and not stated:
            raise InputError(
                "depth_accuracy_mm is stated, but no point has a depth.", "Leave it out."
            )
        least = radius_mm(self.structure)
        for depth in stated:
            if depth <= least:
                raise InputError(
                    f"depth_mm is {depth:g}, but the middle of the "
                    f"{self.structure.replace('_', ' ')} lies deeper than its own radius "
                    f"({least:g} mm).",
                    "Give millimetres from the skin's surface down to the middle of the structure.",
                )

    @property
    def method(self) -> Method:
        """How it was found."""
        return methods()[self.found_by]

    @property
    def lateral_sd_mm(self) -> float:
        """Standard deviation [mm] of its points along the skin."""
        return self.method.lateral_sd_mm if self.accuracy_mm is None else self.accuracy_mm / Z90

    @property
    def depth_sd_mm(self) -> float:
        """Standard deviation [mm] of its depths. Only where depths are stated."""
        if self.depth_accuracy_mm is not None:
            return self.depth_accuracy_mm / Z90
        assert self.method.depth_sd_mm is not None
        return self.method.depth_sd_mm

    def depth_of(self, point: MarkedPoint) -> float | None:
        """The depth [mm] that is stated for a point, by itself or for all."""
        return self.depth_mm if point.depth_mm is None else point.depth_mm

    def mirrored(self) -> MarkedStructure:
        """The same on the mirror-image patient; words have no side of their own."""
        points = [
            p if p.at_mm is None else p.model_copy(update={"at_mm": [-p.at_mm[0], *p.at_mm[1:]]})
            for p in self.points
        ]
        return self.model_copy(update={"side": _SWAP[self.side], "points": points})


def _known(name: str, names: tuple[str, ...], field: str, what: str) -> None:
    if name in names:
        return
    near = strict_yaml.nearest(name, names)
    meant = f"Did you mean '{near}'? " if near else ""
    raise InputError(f"{field} is '{name}', which is not {what}.", f"{meant}Known: "
                     f"{', '.join(names)}.")  # fmt: skip


def _plausible_accuracy(
    field: str, within_mm: float | None, which: str, atlas_sd_mm: float | None
) -> None:
    """Neither finer than a mark can be, nor so coarse that the atlas knows better."""
    if within_mm is None or atlas_sd_mm is None:
        return
    least, most = Z90 * evidence.value(f"marking.limit.least_{which}"), Z90 * atlas_sd_mm
    if within_mm < least:
        raise InputError(
            f"{field} is {within_mm:g} mm, but no such mark is surer than {least:.2g} mm.",
            "Say within how many millimetres nine of ten marks lie, or leave it out.",
        )
    if within_mm > most:
        raise InputError(
            f"{field} is {within_mm:g} mm, but the atlas alone is right within {most:.2g} mm in "
            "nine people of ten.",
            "Leave out a mark that is less sure than that.",
        )


def entries(data: Any) -> list[MarkedStructure]:
    """The list `marked_structures` as a user writes it. Raises InputError that names the entry."""
    if data is None:
        return []
    if not isinstance(data, list):
        raise InputError(
            f"{FIELD} is not a list.", "Begin each marked structure with '- structure:'."
        )
    return [_entry(item, f"{FIELD}, entry {i}") for i, item in enumerate(data, 1)]


def _entry(item: Any, name: str) -> MarkedStructure:
    if isinstance(item, MarkedStructure):
        return item
    if not isinstance(item, dict):
        raise InputError(
            f"{name}, is not a structure with its fields.",
            "Write structure, side, found_by and points.",
        )
    return _validated(MarkedStructure, item, name)


def _point(item: Any, name: str) -> MarkedPoint:
    if not isinstance(item, MarkedPoint | dict | str | list):
        raise InputError(
            f"{name} is {item!r}, not a place.",
            "Write it in words, as [x, y, z], or as {at: ..., depth_mm: ...}.",
        )
    return item if isinstance(item, MarkedPoint) else _validated(MarkedPoint, item, name)


def _validated(model: type[M], item: Any, name: str) -> M:
    """`item` as a model. Raises InputError that says in which entry or point what is wrong."""
    try:
        return model.model_validate(item)
    except InputError as error:
        raise InputError(f"{name}: {error.problem}", error.remedy) from error
    except ValidationError as error:
        raise strict_yaml.explain(error, "entry", name, model) from error
