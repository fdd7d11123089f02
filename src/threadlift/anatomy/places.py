"""Places on a face in the words in which techniques are published.

"1 cm lateral of the mouth corner": an origin (a landmark, the middle of a zone, or a named place
of the register such as the temporal hairline) and steps along the skin in a direction or towards
another origin. Both sides are built by the same code, so the right is the mirror image of the left
(:class:`threadlift.anatomy.placement.HalfFace`). Used by the standard techniques and by the
language of proposed plans.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from threadlift.anatomy.placement import SIDES, FaceLike, HalfFace, at_points
from threadlift.errors import InputError
from threadlift.evidence import table
from threadlift.face import Face
from threadlift.face.template import template

#: Directions in the frame of a left side, x lateral, y up, z forward. Lateral and medial lead along
#: the skin at one height, away from the midline and towards it: sideways on the front of the face,
#: back and forward on its side.
DIRECTIONS: Mapping[str, tuple[float, float, float]] = {
    "lateral": (1.0, 0.0, 0.0),
    "medial": (-1.0, 0.0, 0.0),
    "up": (0.0, 1.0, 0.0),
    "down": (0.0, -1.0, 0.0),
    "forward": (0.0, 0.0, 1.0),
    "back": (0.0, 0.0, -1.0),
}
# A walk follows the skin in steps no longer than this [mm].
_STEP_MM = 2.0
# Skin whose normal is less horizontal than this (under the chin) has no way round at one height.
_LEAST_LEVEL = 0.3
# A direction that lies in the skin with less than this share of its length leads nowhere on it.
_LEAST_SHARE = 0.2


@dataclass(frozen=True)
class Step:
    """So many millimetres along the skin in one of DIRECTIONS, or towards an origin."""

    way: str
    distance_mm: float


@dataclass(frozen=True)
class Terms:
    """A place in words: where from, then which way and how far along the skin."""

    origin: str
    steps: tuple[Step, ...] = ()

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Terms:
        """From a register row {from = "cheilion", steps = [["lateral", 10.0]]}."""
        return cls(row["from"], tuple(Step(str(w), float(d)) for w, d in row.get("steps", ())))


@dataclass(frozen=True)
class Spot:
    """A point (3,) on the skin and the outward unit normal (3,) there. Patient frame, mm."""

    point_mm: NDArray
    normal: NDArray


def named_places() -> dict[str, dict[str, Any]]:
    """Places that are no landmark, by name: rows of the register, sources included."""
    return table("techniques")["place"]


class Places:
    """The places of one face.

    face: in the patient frame.
    """

    def __init__(self, face: Face) -> None:
        self._face = face
        self._triangles = template().skin_triangles
        placed = cast("FaceLike", face)  # its landmarks are a cached property
        self._halves = {s: HalfFace(placed, self._triangles, s) for s in SIDES}

    @cached_property
    def origins(self) -> tuple[str, ...]:
        """Every origin that can be named: landmarks (without their side), zones, named places."""
        marks = {n.removesuffix("_L") for n in self._face.landmarks if not n.endswith("_R")}
        return tuple(sorted(marks)) + tuple(self._zones) + tuple(named_places())

    @cached_property
    def _zones(self) -> tuple[str, ...]:
        sided = {n.removesuffix("_left").removesuffix("_right") for n in self._face.zones}
        return tuple(f"{n} zone" for n in sorted(sided))

    def at(self, terms: Terms, side: str) -> Spot:
        """The place on this side. Raises InputError for an unknown origin or way."""
        return self.spots([terms], side)[0]

    def spots(self, terms: Sequence[Terms], side: str) -> list[Spot]:
        """Several places on one side."""
        half = self._halves[side]
        points = [self._walked(half, t) for t in terms]
        found = half.closest(np.stack(points)) if points else None
        if found is None:
            return []
        normals = at_points(self._face.normals, self._triangles, found)
        normals = normals / np.linalg.norm(normals, axis=1)[:, None]
        return [Spot(p, n) for p, n in zip(half.to_patient(found.points), normals, strict=True)]

    def _origin(self, half: HalfFace, name: str) -> NDArray:
        """Point (3,) of an origin on the skin, in the frame of a left side."""
        rows = named_places()
        if name in rows:
            return half.place(rows[name]).points[0]
        if name in self._zones:
            zone = name.removesuffix(" zone")
            weights = self._face.zones.get(f"{zone}_{half.side}", self._face.zones.get(zone))
            assert weights is not None
            middle = np.average(self._face.vertices, axis=0, weights=weights)
            middle = np.asarray(middle, dtype=np.float64)
            return half.closest(half.to_patient(middle)[None]).points[0]
        if name not in self.origins:
            raise InputError(
                f"'{name}' is not a place on a face that is known here.",
                f"Use one of: {', '.join(self.origins)}.",
            )
        return half.closest(half.landmark(name)[None]).points[0]

    def _walked(self, half: HalfFace, terms: Terms) -> NDArray:
        point = self._origin(half, terms.origin)
        for step in terms.steps:
            end = None if step.way in DIRECTIONS else self._origin(half, step.way)
            count = max(1, int(np.ceil(abs(step.distance_mm) / _STEP_MM)))
            # The way between two places lies in the plane that holds both and their mean normal.
            upright = np.zeros(3)
            if end is not None:
                upright = self._normal(half, point) + self._normal(half, end)
            heading = np.zeros(3)
            for _ in range(count):
                if end is not None and np.linalg.norm(end - point) < step.distance_mm / count:
                    point = end
                    break
                normal = self._normal(half, point)
                if end is None:
                    along = _ahead(_way(step.way, normal), normal)
                else:
                    along = _section(end - point, upright, normal, heading)
                if along is None:
                    raise InputError(
                        f"From '{terms.origin}' the way '{step.way}' leads off the skin.",
                        f"Name another: {', '.join(DIRECTIONS)}, or towards another place.",
                    )
                heading = along
                ahead = point + along * (step.distance_mm / count)
                point = half.closest(np.asarray(ahead[None], dtype=np.float64)).points[0]
        return point

    def _normal(self, half: HalfFace, point: NDArray) -> NDArray:
        """Outward unit normal (3,) at a point on the skin, both in the frame of a left side."""
        here = half.closest(point[None])
        # Normals are in the patient frame; the reflection is its own inverse.
        normal = half.to_patient(at_points(self._face.normals, self._triangles, here))[0]
        return normal / np.linalg.norm(normal)


def _way(name: str, normal: NDArray) -> NDArray:
    """A direction (3,) at a place with this normal, in the frame of a left side."""
    way = np.array(DIRECTIONS[name])
    round_the_head = np.cross([0.0, way[0], 0.0], normal)
    return round_the_head if np.linalg.norm(round_the_head) > _LEAST_LEVEL else way


def _ahead(way: NDArray, normal: NDArray) -> NDArray | None:
    """Unit vector (3,) of a direction along skin with this normal; None where it leads off it."""
    along = way - normal * (way @ normal)
    length = float(np.linalg.norm(along))
    return along / length if length >= _LEAST_SHARE * float(np.linalg.norm(way)) else None


def _section(way: NDArray, upright: NDArray, normal: NDArray, heading: NDArray) -> NDArray | None:
    """Unit vector (3,) along skin with this normal in the plane of `way` and `upright`.

    It goes on over a fold, where the straight way would point into the skin; heading: of the step
    before, zero at first. None where the plane or its section is not defined.
    """
    across = np.cross(way, upright)
    length = float(np.linalg.norm(across))
    if length < _LEAST_SHARE * float(np.linalg.norm(way) * np.linalg.norm(upright)):
        return None
    along = np.cross(normal, across / length)
    if along @ (heading if heading.any() else way) < 0.0:
        along = -along
    size = float(np.linalg.norm(along))
    return along / size if size >= _LEAST_SHARE else None
