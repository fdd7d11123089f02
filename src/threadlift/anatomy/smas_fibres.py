"""Fibres of the SMAS and of the muscles that lie in it, and its stiffer upper part."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift import evidence
from threadlift.anatomy.directions import carried, drawn
from threadlift.anatomy.layers import template_face
from threadlift.anatomy.mobility import ramp
from threadlift.anatomy.placement import SIDES, HalfFace
from threadlift.evidence import value
from threadlift.face.template import template

Array = NDArray[np.float64]


def smas_fibres(face: Any = None) -> Array:
    """Unit directions (n, 3), tangent to the skin, on the vertices of a face (None: the template).

    Cranio-lateral on cheek and jowl, along frontalis, platysma, and around eye and mouth
    elsewhere. Zero off the outer skin.
    """
    lines = _template_fibres()
    if face is None:
        return lines.copy()
    return carried(lines, np.asarray(face.vertices, float))


def upper_smas(face: Any = None) -> Array:
    """Share (n,) 0..1 of the upper, stiffer SMAS on the template vertices: 1 above the ear lobe.

    The same for every face: it belongs to the template's vertices.
    """
    t = template()
    half = HalfFace(template_face(), t.skin_triangles, SIDES[0])
    level = half.landmark("otobasion_inferius")[1]
    band = value("anatomy.smas_fibres.upper_band")
    return ramp(t.vertices[:, 1] - level, -0.5 * band, 0.5 * band)


@cache
def _template_fibres() -> Array:
    return drawn(evidence.table("anatomy")["smas_fibres"], {})
