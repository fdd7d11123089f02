"""Retaining ligaments: rows of attachment points with stiffness and toe, placed on a face.

Where the clinician marked a row it runs through the marks (record 0027).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift import evidence
from threadlift.anatomy.course import Course
from threadlift.anatomy.following import follow
from threadlift.anatomy.marking import Marking, by_course
from threadlift.anatomy.placement import SIDES, HalfFace
from threadlift.evidence import value
from threadlift.evidence.register import source_keys
from threadlift.face.template import template

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ligament:
    """One ligament of one side.

    `points_mm` (k, 3): where it reaches the skin, evenly along its row (patient frame); it holds
    the skin and SMAS there to the bone beneath. `stiffness_n_mm` is the whole row's stiffness
    beyond the slack of `toe_mm`.
    """

    name: str
    side: str
    points_mm: Array
    stiffness_n_mm: float
    toe_mm: float
    basis: tuple[str, ...]


def ligaments(face: Any, markings: Sequence[Marking] = ()) -> list[Ligament]:
    """Every ligament of the register on both sides of a face (offsets scale with its size).

    `markings`: what the clinician marked, which overrides the atlas.
    """
    marked = by_course(markings)
    out = []
    for side in SIDES:
        half = HalfFace(face, template().skin_triangles, side)
        for name, row in evidence.table("ligaments")["ligament"].items():
            course = Course.of_ligament(row, half)
            own = marked.get((name, side))
            points = course.on_skin.points if own is None else _through(own, course, half)
            out.append(
                Ligament(
                    name=name,
                    side=side,
                    points_mm=half.to_patient(points),
                    stiffness_n_mm=value(f"ligaments.stiffness.{row['stiffness']}"),
                    toe_mm=value("ligaments.row.toe"),
                    basis=(
                        *(() if own is None else own.basis),
                        f"ligaments.stiffness.{row['stiffness']}",
                        *source_keys(row),
                    ),
                )
            )
    return out


def _through(marking: Marking, course: Course, half: HalfFace) -> Array:
    """Points (k, 3) of a row through marks, as evenly spaced as those of the atlas."""
    line = follow(course, half, marking.spots(course, half)).on_skin.points
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    count = max(int(np.ceil(arc[-1] / value("ligaments.row.spacing"))), 1)
    even = np.linspace(0.0, arc[-1], count + 1)
    return half.closest(np.stack([np.interp(even, arc, c) for c in line.T], axis=1)).points
