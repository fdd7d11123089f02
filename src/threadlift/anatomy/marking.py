"""Marks of a structure on a face: points on its skin, how they were found, how sure they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.anatomy.course import Course
from threadlift.anatomy.following import Spots
from threadlift.anatomy.placement import HalfFace
from threadlift.consultation.marked import FIELD
from threadlift.consultation.marking_methods import methods
from threadlift.evidence import value

Array = NDArray[np.float64]
Point = tuple[float, float, float]

#: Digits [mm] in which marks are kept, in the plan as in the file.
DIGITS = 3


@dataclass(frozen=True)
class Mark:
    """One marked point on a face (patient frame, on the skin).

    `depth_mm` and `sd_depth_mm` are None where no depth was measured; `method`: how it was found;
    `stated`: the place as it was written; `off_atlas_mm`: how far it lies from the atlas course;
    `unusual`: further than its scatter makes likely, or at such a depth.
    """

    at_mm: Point
    depth_mm: float | None
    sd_lateral_mm: float
    sd_depth_mm: float | None
    method: str
    stated: str
    off_atlas_mm: float
    unusual: bool

    def to_json(self) -> dict[str, Any]:
        """The form that plan.json holds."""
        return {
            "at_mm": list(self.at_mm),
            "depth_mm": self.depth_mm,
            "sd_lateral_mm": round(self.sd_lateral_mm, DIGITS),
            "sd_depth_mm": None if self.sd_depth_mm is None else round(self.sd_depth_mm, DIGITS),
            "method": self.method,
            "stated": self.stated,
            "off_atlas_mm": round(self.off_atlas_mm, 1) + 0.0,
            "unusual": self.unusual,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Mark:
        """Inverse of :meth:`to_json`."""
        x, y, z = (float(v) for v in data["at_mm"])
        return cls(
            (x, y, z),
            data["depth_mm"],
            data["sd_lateral_mm"],
            data["sd_depth_mm"],
            data["method"],
            data["stated"],
            data["off_atlas_mm"],
            data["unusual"],
        )


@dataclass(frozen=True)
class Marking:
    """Every mark of one structure or ligament of one side."""

    structure: str
    side: str
    marks: tuple[Mark, ...]

    @property
    def methods(self) -> tuple[str, ...]:
        """How it was found, each method once."""
        return tuple(dict.fromkeys(m.method for m in self.marks))

    @property
    def off_atlas_mm(self) -> float:
        """How far the furthest mark lies from the atlas course [mm]."""
        return max(m.off_atlas_mm for m in self.marks)

    @property
    def unusual(self) -> bool:
        """Whether a mark is further from the atlas than its scatter makes likely."""
        return any(m.unusual for m in self.marks)

    @property
    def basis(self) -> tuple[str, ...]:
        """The measurement, and the register's rows and sources of its methods."""
        keys = [key for name in self.methods for key in methods()[name].basis(self.structure)]
        return (f"{FIELD}.{self.structure}.{self.side}", *dict.fromkeys(keys))

    def spots(self, course: Course, half: HalfFace) -> Spots:
        """The marks abreast of the atlas course, one for each place."""
        points = half.to_patient(np.array([m.at_mm for m in self.marks]))
        arc, _ = course.locate(points)
        if course.closed:
            arc = np.mod(arc, course.length_mm)
        found = Spots(
            arc,
            points,
            np.array([np.nan if m.depth_mm is None else m.depth_mm for m in self.marks]),
            np.array([m.sd_lateral_mm for m in self.marks]),
            np.array([np.nan if m.sd_depth_mm is None else m.sd_depth_mm for m in self.marks]),
        )
        return found.merged(
            value("marking.course.merge"), course.length_mm if course.closed else np.inf
        )

    def to_json(self) -> dict[str, Any]:
        """One of the `marked` of plan.json's `safety`."""
        return {
            "structure": self.structure,
            "side": self.side,
            "methods": list(self.methods),
            "off_atlas_mm": round(self.off_atlas_mm, 1) + 0.0,
            "unusual": self.unusual,
            "points": [m.to_json() for m in self.marks],
            "basis": list(self.basis),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Marking:
        """Inverse of :meth:`to_json`."""
        points = tuple(Mark.from_json(p) for p in data["points"])
        return cls(data["structure"], data["side"], points)


def by_course(markings: Iterable[Marking]) -> dict[tuple[str, str], Marking]:
    """Markings by structure and side."""
    return {(m.structure, m.side): m for m in markings}
