"""Nerves, vessels, ducts and glands that a thread must not meet, placed on a face.

Every structure is a chain of places in ``hazards.toml`` (landmark + offset, with the published
millimetres), joined by a smooth curve on the skin; under each of its points it lies at a depth that
follows this person's layers. The spreads are those of the published series. Where the clinician
marked a structure it lies where the marks are, as surely as they are (record 0027).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from threadlift import evidence
from threadlift.anatomy.course import Course
from threadlift.anatomy.depths import course_depth, deepest, layer_of
from threadlift.anatomy.following import Followed, Knots, Spots, follow, scatter
from threadlift.anatomy.layers import LAYERS, LayerStack, layer_stack
from threadlift.anatomy.marking import Marking, by_course
from threadlift.anatomy.placement import SIDES, HalfFace
from threadlift.evidence import value
from threadlift.evidence.register import source_keys
from threadlift.face.template import template

Array = NDArray[np.float64]
Kind = Literal["nerve", "artery", "vein", "duct", "gland"]


@dataclass(frozen=True)
class Marked:
    """What the clinician's marks make of a structure, at the points (k,) of its curve.

    `weight`: 1 at a mark, 0 where the atlas alone places it; `sd_lateral_mm`: of the marks there.
    """

    marking: Marking
    weight: Array
    sd_lateral_mm: Array


@dataclass(frozen=True)
class Structure:
    """One structure of one side.

    `curve_mm` (k, 3) runs on the skin surface above it (patient frame); `depth_mm` (k,) is the
    depth of its centre below the skin. `layer` is the layer in which most of it lies. A gland is a
    closed outline (first point = last) that covers everything inside at that depth.
    `sd_lateral_mm` and `sd_depth_mm` are standard deviations of its position: one for the whole
    course, or (k,) along it where the clinician marked it (`marked`).
    """

    name: str
    kind: Kind
    side: str
    curve_mm: Array
    depth_mm: Array
    layer: str
    sd_lateral_mm: float | Array
    sd_depth_mm: float | Array
    radius_mm: float
    basis: tuple[str, ...]
    marked: Marked | None = None


def structures(
    face: Any, stack: LayerStack | None = None, markings: Sequence[Marking] = ()
) -> list[Structure]:
    """Every structure of the register on both sides of a face.

    `stack`: this person's layers (None: those of the reference person); `markings`: what the
    clinician marked (:func:`threadlift.anatomy.markings`), which overrides the atlas.
    """
    layers = layer_stack(face) if stack is None else stack
    halves = [HalfFace(face, template().skin_triangles, side) for side in SIDES]
    rows = evidence.table("hazards")["structure"]
    marked = by_course(markings)
    out = []
    for name, row in rows.items():
        for half in halves:
            course = Course.of_structure(row, half)
            made = _build(name, row, half, course, layers)
            own = marked.get((name, half.side))
            out.append(made if own is None else _overridden(made, own, row, half, course, layers))
    return out


def _build(
    name: str, row: Mapping[str, Any], half: HalfFace, course: Course, stack: LayerStack
) -> Structure:
    names = [spec["layer"] for spec in row["points"]]
    return Structure(
        name=name,
        kind=cast("Kind", row["kind"]),
        side=half.side,
        curve_mm=half.to_patient(course.on_skin.points),
        depth_mm=course_depth(row, half, course.on_skin, course.position, stack),
        layer=max(LAYERS, key=names.count),
        sd_lateral_mm=float(row["sd_lateral_mm"]),
        sd_depth_mm=float(row["sd_depth_mm"]),
        radius_mm=float(row["radius_mm"]),
        basis=(f"hazards.structure.{name}", *source_keys(dict(row))),
    )


def _overridden(
    atlas: Structure,
    marking: Marking,
    row: Mapping[str, Any],
    half: HalfFace,
    course: Course,
    stack: LayerStack,
) -> Structure:
    """The structure where the clinician marked it; elsewhere as the atlas has it."""
    spots = marking.spots(course, half)
    on = follow(course, half, spots)
    # The same layer as in the atlas, at the new place, unless the depth itself was measured.
    depth = course_depth(row, half, on.on_skin, on.position, stack)
    depth_sd = np.full(len(depth), float(row["sd_depth_mm"]))
    layer = atlas.layer
    known = np.isfinite(spots.depth_mm)
    if known.any():
        depth, depth_sd = _deepened(depth, depth_sd, on, spots.part(known), course)
        bone, spread = deepest(half, on.on_skin, stack)
        depth = np.clip(depth, atlas.radius_mm, bone + value("marking.limit.depth") * spread)
        layer = layer_of(half, on.on_skin, depth, stack)
    return replace(
        atlas,
        curve_mm=half.to_patient(on.on_skin.points),
        depth_mm=depth,
        layer=layer,
        sd_lateral_mm=scatter(on.weight, on.sd_lateral_mm, float(row["sd_lateral_mm"])),
        sd_depth_mm=depth_sd,
        basis=(*marking.basis, *atlas.basis),
        marked=Marked(marking, on.weight, on.sd_lateral_mm),
    )


def _deepened(
    depth: Array, depth_sd: Array, on: Followed, spots: Spots, course: Course
) -> tuple[Array, Array]:
    """Depth and its standard deviation (k,) with measured depths, from those of the atlas."""
    knots = Knots.of(spots.arc_mm, course)
    weight = knots.weight(on.arc_mm, value("marking.course.blend"))
    off = knots.smooth(spots.depth_mm - np.interp(spots.arc_mm, on.arc_mm, depth), on.arc_mm)
    sd = scatter(weight, knots.linear(spots.sd_depth_mm, on.arc_mm), float(depth_sd[0]))
    return depth + weight * off, sd
