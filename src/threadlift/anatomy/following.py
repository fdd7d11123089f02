"""A course that follows marks: through them, and from the last one back to where the atlas puts it.

Between two marks, and beyond the last, a course is the less known the further it goes on without a
mark. It is followed with a weight from 1 (at a mark) to 0: the correlation of what is abreast of a
point with what the marks show (record 0027). The weight decides how much of the marks' distance
from the atlas is kept, and how much of the atlas's scatter comes back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from threadlift.anatomy.course import STEP_MM, Course
from threadlift.anatomy.placement import HalfFace, OnSkin
from threadlift.evidence import value

Array = NDArray[np.float64]

#: Points nearer to each other along a course than this are one [mm].
_SAME_MM = 1e-2


@dataclass(frozen=True)
class Spots:
    """Marks abreast of a course, in the order of their arc length (m,) [mm].

    `points` (m, 3) on the skin in the half's frame; `depth_mm` and `sd_depth_mm` (m,) are NaN
    where no depth was measured; `sd_lateral_mm` (m,).
    """

    arc_mm: Array
    points: Array
    depth_mm: Array
    sd_lateral_mm: Array
    sd_depth_mm: Array

    def sorted(self) -> Spots:
        """The same in order."""
        return self.part(np.argsort(self.arc_mm, kind="stable"))

    def part(self, which: NDArray) -> Spots:
        """Some of them."""
        return Spots(
            self.arc_mm[which],
            self.points[which],
            self.depth_mm[which],
            self.sd_lateral_mm[which],
            self.sd_depth_mm[which],
        )

    def merged(self, within_mm: float, around_mm: float = np.inf) -> Spots:
        """Marks that lie within a length of the first of them as one: their mean by certainty.

        They were made of the same place, so their mean is no surer than the surest of them.
        around_mm: length of a closed course, whose end lies beside its start.
        """
        order = self.sorted()
        arcs = order.arc_mm
        if np.isfinite(around_mm):
            # Begin after the widest gap, so that no place is cut in two.
            gaps = np.diff(np.append(arcs, arcs[0] + around_mm))
            cut = int(gaps.argmax()) + 1
            arcs = np.concatenate([arcs[cut:] - around_mm, arcs[:cut]])
            order = order.part(np.roll(np.arange(len(arcs)), -cut))
        groups: list[list[int]] = []
        for i, arc in enumerate(arcs):
            if groups and arc - arcs[groups[-1][0]] < within_mm:
                groups[-1].append(i)
            else:
                groups.append([i])
        found = Spots(
            np.array([_mean(arcs[g], order.sd_lateral_mm[g]) for g in groups]),
            np.array([_mean(order.points[g], order.sd_lateral_mm[g]) for g in groups]),
            np.array([_mean(order.depth_mm[g], order.sd_depth_mm[g]) for g in groups]),
            np.array([order.sd_lateral_mm[g].min() for g in groups]),
            np.array([_least(order.sd_depth_mm[g]) for g in groups]),
        )
        if not np.isfinite(around_mm):
            return found
        return replace(found, arc_mm=np.mod(found.arc_mm, around_mm)).sorted()


def _mean(values: Array, sd: Array) -> Array:
    """Mean over the first axis by 1/sd^2; what has no sd does not count; NaN if nothing does."""
    known = np.isfinite(sd)
    if not known.any():
        return np.full(values.shape[1:], np.nan)
    return np.average(values[known], axis=0, weights=sd[known] ** -2.0)


def _least(sd: Array) -> float:
    known = sd[np.isfinite(sd)]
    return float(known.min()) if len(known) else np.nan


@dataclass(frozen=True)
class Knots:
    """Arc lengths (m,) of marks along a course, repeated to both sides of a closed one."""

    arc_mm: Array
    which: NDArray[np.int64]

    @classmethod
    def of(cls, arc_mm: Array, course: Course) -> Knots:
        """Of marks in the order of their arc length."""
        each = np.arange(len(arc_mm))
        if not course.closed:
            return cls(arc_mm, each)
        around = course.length_mm
        return cls(
            np.concatenate([arc_mm - around, arc_mm, arc_mm + around]), np.concatenate([each] * 3)
        )

    def weight(self, arc_mm: Array, blend_mm: float) -> Array:
        """How closely (k,) the course follows the marks at arc lengths (k,): 1 at a mark, to 0.

        By the distance to the marks before and after, put together as a Brownian bridge does: one
        alone counts as it is, halfway between two a quarter of their distance.
        """
        after = np.searchsorted(self.arc_mm, arc_mm)
        padded = np.concatenate([[-np.inf], self.arc_mm, [np.inf]])
        with np.errstate(divide="ignore"):
            nearness = 1.0 / (arc_mm - padded[after]) + 1.0 / (padded[after + 1] - arc_mm)
            apart = 1.0 / nearness
        t = np.clip(apart / blend_mm, 0.0, 1.0)
        return 1.0 - t * t * (3.0 - 2.0 * t)

    def smooth(self, values: Array, arc_mm: Array) -> Array:
        """Values (m, ...) of the marks carried along: smooth, without overshoot, level outside."""
        own = values[self.which]
        # A knot outside makes it level off at the last mark instead of breaking there.
        level = np.concatenate([[self.arc_mm[0] - 1.0], self.arc_mm, [self.arc_mm[-1] + 1.0]])
        held = np.concatenate([own[:1], own, own[-1:]])
        at = np.clip(arc_mm, level[0], level[-1])
        return np.asarray(PchipInterpolator(level, held, axis=0)(at), dtype=float)

    def linear(self, values: Array, arc_mm: Array) -> Array:
        """Values (m,) of the marks, linear in between, level outside."""
        return np.interp(arc_mm, self.arc_mm, values[self.which])


@dataclass(frozen=True)
class Followed:
    """A course that follows marks: points, positions and arc lengths (k) along the atlas course.

    `weight` (k,): see :class:`Knots`; `sd_lateral_mm` (k,): what the marks tell there.
    """

    on_skin: OnSkin
    position: Array
    arc_mm: Array
    weight: Array
    sd_lateral_mm: Array


def follow(course: Course, half: HalfFace, spots: Spots) -> Followed:
    """The course through marks (in order, merged), on the skin of its half.

    Marks beyond an open end lengthen it up to the last of them.
    """
    arc = _samples(course, spots.arc_mm)
    knots = Knots.of(spots.arc_mm, course)
    weight = knots.weight(arc, value("marking.course.blend"))
    off = knots.smooth(spots.points - course.at(spots.arc_mm), arc)
    return Followed(
        half.closest(course.at(arc) + weight[:, None] * off),
        course.position_at(arc),
        arc,
        weight,
        knots.linear(spots.sd_lateral_mm, arc),
    )


def _samples(course: Course, marks_mm: Array) -> Array:
    """Arc lengths (k,): those of the course, of the marks, and of what they lengthen it by."""
    own = np.concatenate(
        [
            _between(float(marks_mm[0]), 0.0),
            course.arc_mm,
            _between(course.length_mm, float(marks_mm[-1])),
        ]
    )
    ends = own[[0, -1]]
    new = marks_mm[np.abs(marks_mm[:, None] - ends).min(axis=1) > _SAME_MM]
    if len(new):
        # A mark takes the place of what lies right beside it.
        own = own[np.abs(own[:, None] - new).min(axis=1) > 0.25 * STEP_MM]
    return np.unique(np.concatenate([ends, own, new]))


def _between(start_mm: float, end_mm: float) -> Array:
    """Evenly spaced arc lengths from one to the other; none where that would go back."""
    if end_mm - start_mm < _SAME_MM:
        return np.zeros(0)
    return np.linspace(start_mm, end_mm, int(np.ceil((end_mm - start_mm) / STEP_MM)) + 1)


def scatter(weight: Array, marks_sd_mm: Array, atlas_sd_mm: float) -> Array:
    """Standard deviation (k,) [mm] of a course that follows marks with weights (k,).

    The marks' own error where it follows them, the atlas's scatter as far as they tell nothing.
    """
    known = weight * weight
    return np.sqrt(known * marks_sd_mm**2 + (1.0 - known) * atlas_sd_mm**2)
