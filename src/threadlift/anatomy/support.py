"""What lies under the deep layer: bone, buccal cavity, lip, floor of the mouth and neck, or orbit.

Regions are drawn once on the template, between landmarks, on the face unrolled about a vertical
axis; every face has them by correspondence.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift import evidence
from threadlift.anatomy.layers import template_face
from threadlift.anatomy.placement import BORDER, SIDES, HalfFace
from threadlift.face.template import template

Array = NDArray[np.float64]

#: Support codes: the value at a vertex is an index into this tuple.
SUPPORTS: tuple[str, ...] = ("bone", "buccal", "lip", "submental", "orbit")


def base_support(face: Any = None) -> NDArray[np.int8]:
    """Support codes (n,) on the template vertices, indices into :data:`SUPPORTS`.

    The same for every face: regions belong to the template's vertices.
    """
    return _support().copy()


@cache
def _support() -> NDArray[np.int8]:
    t = template()
    half = HalfFace(template_face(), t.skin_triangles, SIDES[0])
    # The left side decides for both, so that the codes are exactly symmetric.
    unrolled = unroll(t.vertices * np.where(t.vertices[:, :1] < 0.0, [-1.0, 1.0, 1.0], 1.0))
    codes = np.zeros(len(t.vertices), dtype=np.int8)
    codes[_below_border(half, unrolled)] = SUPPORTS.index("submental")
    for name, row in evidence.table("anatomy")["outline"].items():
        outline = unroll(np.array([half.target(place) for place in row["points"]]))
        codes[inside(unrolled, outline)] = SUPPORTS.index(name)
    return np.where(t.vertices[:, 0] < 0.0, codes[t.mirror], codes)


def unroll(points: Array) -> Array:
    """Angle from straight ahead [rad] about the axis through both tragia, and height [mm]."""
    angle = np.arctan2(points[:, 0], points[:, 2])
    return np.column_stack([angle, points[:, 1]])


def border_height(half: HalfFace, angle: Array) -> Array:
    """Height (k,) [mm] of the mandibular border at unrolled angles (k,); behind: the ear lobe."""
    names = [*BORDER[::-1], "otobasion_inferius"]
    line = unroll(np.array([half.landmark(name) for name in names]))
    order = np.argsort(line[:, 0])
    return np.interp(angle, line[order, 0], line[order, 1])


def _below_border(half: HalfFace, unrolled: Array) -> NDArray[np.bool_]:
    return unrolled[:, 1] < border_height(half, unrolled[:, 0])


def inside(points: Array, outline: Array) -> NDArray[np.bool_]:
    """Even-odd test of points (n, 2) in a closed outline (k, 2)."""
    inside = np.zeros(len(points), dtype=bool)
    for (x0, y0), (x1, y1) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        spans = (points[:, 1] < y0) != (points[:, 1] < y1)
        cross = x0 + (points[:, 1] - y0) * (x1 - x0) / (y1 - y0)
        inside ^= spans & (points[:, 0] < cross)
    return inside
