"""Where the SMAS is fixed (parotid, temple) and where it glides (cheek, jowl, neck)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.anatomy.layers import template_face
from threadlift.anatomy.placement import SIDES, HalfFace
from threadlift.anatomy.support import border_height, unroll
from threadlift.evidence import value
from threadlift.face.template import template

Array = NDArray[np.float64]


def mobility(face: Any = None) -> Array:
    """Mobility (n,) in 0..1 of the SMAS on the template vertices: 0 fixed, 1 gliding.

    The same for every face: it belongs to the template's vertices.
    """
    return _mobility().copy()


@cache
def _mobility() -> Array:
    t = template()
    half = HalfFace(template_face(), t.skin_triangles, SIDES[0])
    v = t.vertices
    y, z = v[:, 1], v[:, 2]
    tragus, canthus = half.landmark("tragus"), half.landmark("exocanthion")
    zygion, gonion = half.landmark("zygion"), half.landmark("gonion")

    fixed, mobile = (half.size * value(f"anatomy.mobility.{k}") for k in ("fixed", "mobile"))
    cheek = ramp(z - tragus[2], fixed, mobile)
    # Above the arch the temple is fixed back to the lateral orbital rim, where the brow begins.
    temple = ramp(z, canthus[2] - 15.0, canthus[2])
    back = value("anatomy.mobility.neck_back")
    neck = ramp(z, gonion[2] - back, gonion[2])

    band = value("anatomy.mobility.band")
    above = ramp(y - zygion[1], 0.0, band)
    left = unroll(v * np.where(v[:, :1] < 0.0, [-1.0, 1.0, 1.0], 1.0))
    below = ramp(border_height(half, left[:, 0]) - y, 0.0, band)
    face = cheek * (1.0 - above) + temple * above
    out = face * (1.0 - below) + neck * below
    return 0.5 * (out + out[t.mirror])


def ramp(x: Array, start: float, end: float) -> Array:
    """0 below `start`, 1 above `end`, smooth between."""
    s = np.clip((x - start) / (end - start), 0.0, 1.0)
    return s * s * (3.0 - 2.0 * s)
