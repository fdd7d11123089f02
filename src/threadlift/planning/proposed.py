"""A proposed plan placed on one face: threads with every point, and what had to be assumed.

Courses in landmark terms become lines along the skin between their places, in the stated layer or
at the stated depth along their whole length. Threads of a fan share the entry; their ends lie
evenly between two places, or a register step lateral of each other. The right side is made like
the left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.anatomy.place_terms import parse_place, say_place
from threadlift.anatomy.places import Places, Spot, Step, Terms
from threadlift.errors import InputError
from threadlift.evidence import parameter, table, value
from threadlift.planning.candidates import DIGITS
from threadlift.planning.landmark_terms import layer_zeta
from threadlift.planning.paths import SkinLine, skin_lines
from threadlift.planning.request import CourseRequest, PathRequest, PlanRequest
from threadlift.planning.skin import Skin
from threadlift.threads import SIDES, Side, Thread, products
from threadlift.tissue.mesh import LayeredMesh

# Rounds by which a course is sunk until its distance from the skin is the depth that was stated.
_SINKINGS = 4
# A stated depth is met to this [mm].
_MET_MM = 0.02


@dataclass(frozen=True)
class Assumption:
    """What a line does not state: the field, what was taken, and the range it might have been."""

    thread: str
    field: str
    assumed: str
    low: str
    high: str

    def to_json(self) -> dict[str, str]:
        """One of the `assumptions` of a judgement."""
        return {
            "thread": self.thread,
            "field": self.field,
            "assumed": self.assumed,
            "low": self.low,
            "high": self.high,
        }


@dataclass(frozen=True)
class Proposed:
    """The threads of a proposal on one face, and the assumptions in the order of its lines."""

    threads: tuple[Thread, ...]
    assumptions: tuple[Assumption, ...] = ()

    @property
    def per_side(self) -> int:
        """Threads on the side that has most."""
        return max(sum(t.side == s for t in self.threads) for s in SIDES)


def place_on(
    proposal: PlanRequest | Sequence[Thread], mesh: LayeredMesh, skin: Skin, places: Places
) -> Proposed:
    """The threads of a proposal on one face.

    mesh: of the face's tissue, for lines and layers; skin: for depths. Threads of a plan.json stay
    as they are. Raises InputError for courses that leave the skin or end in bone.
    """
    if not isinstance(proposal, PlanRequest):
        return Proposed(tuple(proposal))
    made: dict[Side, list[dict[str, Any]]] = {s: [] for s in SIDES}
    assumed: list[Assumption] = []
    for number, line in enumerate(proposal.threads, 1):
        name = f"line {number}"
        common = _common(line, name, assumed)
        if isinstance(line, PathRequest):
            points = np.round(np.asarray(line.path_mm, dtype=float), DIGITS)
            entry = np.round(np.asarray(line.entry_mm, dtype=float), DIGITS)
            made[line.side].append(common | {"entry_mm": entry, "path_mm": points})
            continue
        for side, entry, points in _courses(line, name, mesh, skin, places, assumed):
            made[side].append(common | {"entry_mm": entry, "path_mm": points})
    threads = [
        _measured(skin, fields, side, f"{side[0].upper()}{i}")
        for side in SIDES
        for i, fields in enumerate(made[side], 1)
    ]
    return Proposed(tuple(threads), tuple(assumed))


def _common(
    line: CourseRequest | PathRequest, name: str, assumed: list[Assumption]
) -> dict[str, Any]:
    """Product, technique and tension of a line, with what had to be assumed of them."""
    kind, technique, tension = line.product, line.technique, line.tension_n
    if kind is None:
        kind = table("planning")["candidates"]["ways"][0]["product"]
        known = list(products())
        assumed.append(Assumption(name, "product", kind, known[0], known[-1]))
    if technique is None:
        technique = "anchored"
        assumed.append(Assumption(name, "technique", technique, "anchored", "floating"))
    if tension is None:
        p = parameter("check.assumed.tension")
        tension = p.value
        assumed.append(
            Assumption(name, "tension", f"{p.value:g} N", f"{p.low:g} N", f"{p.high:g} N")
        )
    return {"product": kind, "technique": technique, "tension_n": round(tension, DIGITS)}


def _courses(
    line: CourseRequest,
    name: str,
    mesh: LayeredMesh,
    skin: Skin,
    places: Places,
    assumed: list[Assumption],
) -> list[tuple[Side, NDArray, NDArray]]:
    """Side, entry (3,) and path (k,3) of every thread of a line."""
    count, layer = line.threads_per_side, line.layer
    if count is None:
        p = parameter("check.assumed.threads_per_side")
        count = int(p.value) if line.fan_to is None else 2
        assumed.append(
            Assumption(name, "threads_per_side", f"{count}", f"{p.low:g}", f"{p.high:g}")
        )
    if line.depth_mm is None and layer is None:
        row = table("check")["assumed"]["layer"]
        layer = str(row["name"])
        assumed.append(Assumption(name, "layer", layer, row["low"], row["high"]))
    if line.side is None:
        assumed.append(Assumption(name, "side", "both", "one", "both"))
    if count > 1 and line.fan_to is None:
        step = f"{value('check.assumed.fan_step'):g} mm lateral of each other"
        assumed.append(Assumption(name, "ends_of_the_fan", step, "side by side", "spread"))
    found = []
    for side in line.sides:
        start = places.at(parse_place(line.from_), side)
        for end in _ends(line, count, side, mesh, places):
            course = _line_between(mesh, start, end, line)
            feet, _, _ = mesh.point_at(course.tri, course.bary, np.zeros(len(course.tri)))
            if layer is not None:
                zeta = np.full(len(course.tri), layer_zeta(layer))
                points = mesh.point_at(course.tri, course.bary, zeta)[0]
            else:
                assert line.depth_mm is not None
                points = _at_depth(mesh, skin, course, line.depth_mm, name)
            found.append((side, np.round(feet[0], DIGITS), np.round(points, DIGITS)))
    return found


def _ends(
    line: CourseRequest, count: int, side: Side, mesh: LayeredMesh, places: Places
) -> list[Spot]:
    """Where the threads of a line end on one side."""
    first = parse_place(line.to)
    if line.fan_to is None:
        step = value("check.assumed.fan_step")
        fan = [
            Terms(first.origin, (*first.steps, *((Step("lateral", i * step),) if i else ())))
            for i in range(count)
        ]
        return places.spots(fan, side)
    a, b = places.spots([first, parse_place(line.fan_to)], side)
    arc = _line_between(mesh, a, b, line)
    feet, _, _ = mesh.point_at(arc.tri, arc.bary, np.zeros(len(arc.tri)))
    share = np.linspace(0.0, 1.0, len(feet))
    normals = np.array([(1.0 - s) * a.normal + s * b.normal for s in share])
    at = np.linspace(0.0, 1.0, count)
    return [
        Spot(
            np.array([np.interp(s, share, feet[:, c]) for c in range(3)]),
            np.array([np.interp(s, share, normals[:, c]) for c in range(3)]),
        )
        for s in at
    ]


def _line_between(mesh: LayeredMesh, start: Spot, end: Spot, line: CourseRequest) -> SkinLine:
    what = f"from {say_place(parse_place(line.from_))} to {say_place(parse_place(line.to))}"
    if np.linalg.norm(end.point_mm - start.point_mm) < value("check.request.step"):
        raise InputError(
            f"The course {what} is shorter than {value('check.request.step'):g} mm on this face.",
            "Name two places that lie apart.",
        )
    found = skin_lines(
        mesh.surface,
        mesh.surface_triangles,
        [(start.point_mm, start.normal, end.point_mm, end.normal)],
        value("check.request.step"),
    )[0]
    if found is None:
        raise InputError(
            f"The course {what} leaves the skin that is modelled (temple to chin, ear to nose).",
            "Name places on the side of the face.",
        )
    return found


def _at_depth(
    mesh: LayeredMesh, skin: Skin, course: SkinLine, depth_mm: float, name: str
) -> NDArray:
    """Points (k,3) at this distance below the skin; refused where bone is nearer."""
    nodes = np.stack(
        [
            mesh.point_at(course.tri, course.bary, np.full(len(course.tri), float(level)))[0]
            for level in range(mesh.nl)
        ],
        axis=1,
    )
    arc = np.concatenate(
        [
            np.zeros((len(nodes), 1)),
            np.cumsum(np.linalg.norm(np.diff(nodes, axis=1), axis=2), axis=1),
        ],
        axis=1,
    )
    thinnest = int(arc[:, -1].argmin())
    if depth_mm >= arc[thinnest, -1]:
        raise InputError(
            f"{name} is to run {depth_mm:g} mm deep, but bone or the mouth's cavity lies "
            f"{arc[thinnest, -1]:.1f} mm under the skin on its way.",
            "State a smaller depth, or a layer.",
        )
    wanted = np.full(len(nodes), depth_mm)
    points = nodes[:, 0]
    for _ in range(_SINKINGS):
        zeta = np.array(
            [np.interp(w, a, np.arange(mesh.nl)) for w, a in zip(wanted, arc, strict=True)]
        )
        points = mesh.point_at(course.tri, course.bary, zeta)[0]
        off = depth_mm - skin.place(points).depth_mm
        if np.abs(off).max() < _MET_MM:
            break
        # A column leans a little: along it the way is longer than the depth.
        wanted = np.clip(wanted + off, 0.0, arc[:, -1])
    return points


def _measured(skin: Skin, fields: dict[str, Any], side: Side, name: str) -> Thread:
    """The thread with the depths and layers that its points have in this face."""
    place = skin.place(fields["path_mm"])
    if (place.depth_mm < 0.0).any():
        i = int(place.depth_mm.argmin())
        raise InputError(
            f"Thread {name} lies {-place.depth_mm[i]:.1f} mm outside the skin of this face at its "
            f"point {i + 1}.",
            "Give path points inside the tissue, in the patient frame (x left, y up, z forward).",
        )
    return Thread(
        id=name,
        side=side,
        depth_mm=np.round(place.depth_mm.astype(np.float64), DIGITS),
        layer=place.layers(),
        **fields,
    )
