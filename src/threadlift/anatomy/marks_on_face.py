"""Where a clinician's marks lie on a face, and whether they can be what they are said to be.

The consultation keeps what was written; here its words and millimetres become points on the skin of
one face, held against the course that the atlas gives the structure there.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift import evidence
from threadlift.anatomy.course import Course
from threadlift.anatomy.depths import course_depth, deepest
from threadlift.anatomy.layers import LayerStack, layer_stack
from threadlift.anatomy.marking import DIGITS, Mark, Marking
from threadlift.anatomy.place_terms import parse_place
from threadlift.anatomy.placement import SIDES, HalfFace
from threadlift.anatomy.places import Places
from threadlift.consultation import MarkedPoint, MarkedStructure
from threadlift.consultation.marked import FIELD
from threadlift.consultation.marking_methods import (
    atlas_depth_sd_mm,
    atlas_lateral_sd_mm,
    ligament_names,
)
from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.face.template import template

Array = NDArray[np.float64]


def understood(entries: Sequence[MarkedStructure]) -> None:
    """Pass, or raise InputError that names a place in words that no face has.

    It needs no face, so a run can refuse before it looks for one.
    """
    for i, entry in enumerate(entries, 1):
        for k, point in enumerate(entry.points, 1):
            if point.at is not None:
                with _Named(_name(i, k)):
                    parse_place(point.at)


def markings(
    face: Any, consultation: Any = None, stack: LayerStack | None = None
) -> tuple[Marking, ...]:
    """What the consultation marked on this face; nothing where it marked nothing.

    stack: this person's layers (None: those of the consultation). Raises InputError that names the
    entry and point for a mark that is not on this face, lies on the other side, too far from where
    the structure can be, deeper than bone, or contradicts another.
    """
    entries: Sequence[MarkedStructure] = getattr(consultation, FIELD, None) or ()
    if not entries:
        return ()
    understood(entries)
    layers = layer_stack(face, consultation) if stack is None else stack
    places = Places(face)
    found: dict[tuple[str, str], list[tuple[str, Mark]]] = {}
    grounds = {side: HalfFace(face, template().skin_triangles, side) for side in SIDES}
    for i, entry in enumerate(entries, 1):
        key = (entry.structure, entry.side)
        ground = _Ground(entry.structure, grounds[entry.side], layers)
        for k, point in enumerate(entry.points, 1):
            with _Named(_name(i, k)):
                mark = ground.mark(entry, point, places)
            found.setdefault(key, []).append((_name(i, k), mark))
    for (structure, side), marks in found.items():
        _Ground(structure, grounds[side], layers).agree(marks)
    return tuple(Marking(*key, tuple(m for _, m in marks)) for key, marks in found.items())


def _name(entry: int, point: int) -> str:
    return f"{FIELD}, entry {entry}, point {point}"


class _Named:
    """Puts the name of an entry before what is wrong with it."""

    def __init__(self, name: str) -> None:
        self._at = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, InputError):
            raise InputError(f"{self._at}: {error.problem}", error.remedy) from error


@dataclass(frozen=True)
class _Ground:
    """What the marks of one structure are held against: its atlas course on one half of a face."""

    structure: str
    half: HalfFace
    stack: LayerStack

    @cached_property
    def row(self) -> dict[str, Any]:
        if self._is_ligament:
            return evidence.table("ligaments")["ligament"][self.structure]
        return evidence.table("hazards")["structure"][self.structure]

    @property
    def _is_ligament(self) -> bool:
        return self.structure in ligament_names()

    @cached_property
    def course(self) -> Course:
        if self._is_ligament:
            return Course.of_ligament(self.row, self.half)
        return Course.of_structure(self.row, self.half)

    @property
    def words(self) -> str:
        return f"the {self.structure.replace('_', ' ')}"

    def mark(self, entry: MarkedStructure, point: MarkedPoint, places: Places) -> Mark:
        """A point of an entry, where it lies; InputError where it cannot lie."""
        at = self._on_skin(entry, point, places)
        _, distance = self.course.locate(at[None])
        off = float(distance[0])
        farthest = value("marking.limit.farthest")
        if off > farthest:
            raise InputError(
                f"The point lies {off:.0f} mm from where {self.words} runs on this face; marks "
                f"further off than {farthest:g} mm are taken for a mistake.",
                "Check the structure, the side and the place; a course that strange is none that "
                "this atlas can follow.",
            )
        depth = entry.depth_of(point)
        sd = entry.lateral_sd_mm
        unusual = off > value("marking.limit.unusual") * np.hypot(
            sd, atlas_lateral_sd_mm(self.structure)
        )
        if depth is not None:
            unusual = self._depth_is_unusual(at, depth, entry.depth_sd_mm) or unusual
        x, y, z = (round(float(v), DIGITS) + 0.0 for v in self.half.to_patient(at))
        return Mark(
            (x, y, z),
            depth,
            sd,
            None if depth is None else entry.depth_sd_mm,
            entry.found_by,
            point.at or f"[{', '.join(f'{v:g}' for v in point.at_mm or ())}]",
            off,
            bool(unusual),
        )

    def _on_skin(self, entry: MarkedStructure, point: MarkedPoint, places: Places) -> Array:
        """The point (3,) on the skin in the half's frame."""
        if point.at is not None:
            at = self.half.to_patient(places.at(parse_place(point.at), entry.side).point_mm)
        else:
            given = self.half.to_patient(np.array(point.at_mm, dtype=float))
            at = self.half.closest(given[None]).points[0]
            off, most = float(np.linalg.norm(given - at)), value("marking.limit.off_skin")
            if off > most:
                raise InputError(
                    f"The point lies {off:.0f} mm from this face's skin, more than {most:g} mm.",
                    "Give millimetres of the patient frame of this capture (x to the patient's "
                    "left, y up, z forward, origin midway between the tragi), or words.",
                )
        if at[0] < 0.0:
            raise InputError(
                f"The point lies on the other side of the face, {-at[0]:.0f} mm past the midline, "
                f"but the side is {entry.side}.",
                "Correct the side or the place (sides are the patient's; left has positive x).",
            )
        return at

    def _depth_is_unusual(self, at: Array, depth: float, sd: float) -> bool:
        """Whether a depth surprises; InputError below bone."""
        found = self.half.closest(at[None])
        bone, spread = (float(x[0]) for x in deepest(self.half, found, self.stack))
        if depth > bone + value("marking.limit.depth") * spread:
            raise InputError(
                f"depth_mm is {depth:g}, but bone or the mouth's cavity lies {bone:.1f} mm under "
                f"the skin there (give or take {spread:.1f}).",
                "Give millimetres from the skin's surface; measured layers (consultation: "
                "measurements) correct the map.",
            )
        arc, _ = self.course.locate(at[None])
        own = float(
            course_depth(self.row, self.half, found, self.course.position_at(arc), self.stack)[0]
        )
        atlas_sd = atlas_depth_sd_mm(self.structure) or 0.0
        likely = np.sqrt(sd**2 + atlas_sd**2 + (spread * min(own / bone, 1.0)) ** 2)
        return bool(abs(depth - own) > value("marking.limit.unusual") * likely)

    def agree(self, marks: Sequence[tuple[str, Mark]]) -> None:
        """Pass, or raise InputError: neighbouring marks cannot belong to one course."""
        points = self.half.to_patient(np.array([m.at_mm for _, m in marks]))
        arc, _ = self.course.locate(points)
        off = points - self.course.at(arc)
        order = np.argsort(arc, kind="stable")
        for i, k in itertools.pairwise(order):
            (one, a), (two, b) = marks[i], marks[k]
            along = float(arc[k] - arc[i])
            apart = float(np.linalg.norm(off[k] - off[i]))
            if apart > self._allowed(a.sd_lateral_mm, b.sd_lateral_mm, along):
                raise InputError(
                    f"{two}: The point contradicts {one}: they lie {along:.0f} mm from each other "
                    f"along {self.words}, but {apart:.0f} mm across it.",
                    "A course has one place; correct or leave out one of the two.",
                )
            if a.depth_mm is None or b.depth_mm is None:
                continue
            deeper = abs(a.depth_mm - b.depth_mm)
            if deeper > self._allowed(a.sd_depth_mm or 0.0, b.sd_depth_mm or 0.0, along):
                raise InputError(
                    f"{two}: depth_mm contradicts {one}: {b.depth_mm:g} and {a.depth_mm:g} mm, "
                    f"only {along:.0f} mm from each other along {self.words}.",
                    "Correct or leave out one of the two.",
                )

    def _allowed(self, sd_a: float, sd_b: float, along_mm: float) -> float:
        """How much two neighbouring marks may differ [mm]."""
        error = value("marking.limit.contradiction") * float(np.hypot(sd_a, sd_b))
        return error + value("marking.course.turn") * along_mm
