"""Courses: the line on the skin that a row of places draws, and where points lie beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.anatomy.placement import HalfFace, OnSkin, chain
from threadlift.evidence import value

Array = NDArray[np.float64]

#: Distance between points of a course [mm]: a fifth of the smallest published spread is enough.
STEP_MM = 2.0


@dataclass(frozen=True)
class Course:
    """A line on one half of a face, in the half's reflected frame.

    `on_skin`: its points (k); `position` (k,): where they lie between the places that drew it, in
    numbers of places; `closed`: an outline, whose last point is its first.
    """

    on_skin: OnSkin
    position: Array
    closed: bool

    @classmethod
    def of_structure(cls, row: Mapping[str, Any], half: HalfFace) -> Course:
        """Of a nerve, vessel, duct or gland: a row of `hazards`."""
        closed = row["kind"] == "gland"
        on_skin, position = half.curve(chain(half, row["points"]), STEP_MM, closed)
        return cls(on_skin, position, closed)

    @classmethod
    def of_ligament(cls, row: Mapping[str, Any], half: HalfFace) -> Course:
        """Of a ligament: a row of `ligaments`, whose offsets grow with the face."""
        on_skin, position = half.curve(
            chain(half, row["points"], half.size), value("ligaments.row.spacing")
        )
        return cls(on_skin, position, False)

    @cached_property
    def arc_mm(self) -> Array:
        """Length (k,) along the course up to each of its points."""
        steps = np.linalg.norm(np.diff(self.on_skin.points, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def length_mm(self) -> float:
        """Length from end to end, or all around."""
        return float(self.arc_mm[-1])

    def locate(self, points: Array) -> tuple[Array, Array]:
        """Arc length (m,) abreast of points (m, 3), and their distance (m,) from the course.

        A point that lies beyond an open end counts by how far: below zero, or above the length.
        """
        line = self.on_skin.points
        start, piece = line[:-1], np.diff(line, axis=0)
        square = np.maximum((piece**2).sum(axis=1), 1e-12)
        away = points[:, None, :] - start
        share = np.clip(np.einsum("mkc,kc->mk", away, piece) / square, 0.0, 1.0)
        distance = np.linalg.norm(away - share[:, :, None] * piece, axis=2)
        nearest, each = distance.argmin(axis=1), np.arange(len(points))
        along = share[each, nearest]
        arc = self.arc_mm[nearest] + along * np.sqrt(square[nearest])
        if not self.closed:
            last = len(piece) - 1
            before = np.maximum((line[0] - points) @ self._heading(0), 0.0)
            after = np.maximum((points - line[-1]) @ self._heading(last), 0.0)
            arc = np.where((nearest == 0) & (along == 0.0), -before, arc)
            arc = np.where((nearest == last) & (along == 1.0), self.length_mm + after, arc)
        return arc, distance[each, nearest]

    def at(self, arc_mm: Array) -> Array:
        """Points (m, 3) at arc lengths (m,); beyond an open end it goes straight on."""
        line, arc = self.on_skin.points, self.arc_mm
        inside = np.clip(arc_mm, 0.0, self.length_mm)
        out = np.stack([np.interp(inside, arc, line[:, c]) for c in range(3)], axis=1)
        before, after = np.minimum(arc_mm, 0.0), np.maximum(arc_mm - self.length_mm, 0.0)
        out += before[:, None] * self._heading(0)
        return out + after[:, None] * self._heading(len(line) - 2)

    def position_at(self, arc_mm: Array) -> Array:
        """Position (m,) at arc lengths (m,), that of the end beyond it."""
        return np.interp(arc_mm, self.arc_mm, self.position)

    def _heading(self, piece: int) -> Array:
        step = self.on_skin.points[piece + 1] - self.on_skin.points[piece]
        return step / np.linalg.norm(step)
