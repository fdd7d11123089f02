"""What the deep layer is made of where it is not plain fat: glide spaces and mimetic muscle.

Soft masks, drawn once on the template between landmarks like the base supports; every face has
them by correspondence.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift import evidence
from threadlift.anatomy.layers import template_face
from threadlift.anatomy.mobility import ramp
from threadlift.anatomy.placement import SIDES, HalfFace
from threadlift.anatomy.support import inside, unroll
from threadlift.evidence import value
from threadlift.face.template import template

Array = NDArray[np.float64]

#: Names of the regions, as in the register.
DEEP_SPACES: tuple[str, ...] = ("premasseteric", "prezygomatic", "mimetic")

#: Angle [rad] by which outlines reach over the midline: more than any soft edge.
_ACROSS = 0.2


def deep_space(name: str, face: Any = None) -> Array:
    """Mask (n,) in 0..1 on the template vertices of one of :data:`DEEP_SPACES`.

    "premasseteric" and "prezygomatic" are glide spaces directly under the SMAS; "mimetic" is where
    mimetic muscle makes up the floor. The same for every face: regions belong to the template's
    vertices. KeyError for other names.
    """
    return _mask(name).copy()


def glide(face: Any = None) -> Array:
    """Mask (n,) in 0..1 of both glide spaces together."""
    return np.maximum(_mask("premasseteric"), _mask("prezygomatic"))


@cache
def _mask(name: str) -> Array:
    t = template()
    half = HalfFace(template_face(), t.skin_triangles, SIDES[0])
    row = evidence.table("anatomy")["deep_space"][name]
    corners = np.array([half.place(spec).points[0] for spec in row["points"]])
    outline = unroll(corners)
    # A region that reaches the midline goes on at the other side, so it has no edge there.
    outline[np.abs(corners[:, 0]) < 1.0, 0] = -_ACROSS
    # The left side decides for both, so that the masks are exactly symmetric.
    left = t.vertices * np.where(t.vertices[:, :1] < 0.0, [-1.0, 1.0, 1.0], 1.0)
    flat = unroll(left)
    scale = np.array([float(np.hypot(corners[:, 0], corners[:, 2]).mean()), 1.0])
    distance = _distance(flat * scale, outline * scale)
    depth = np.where(inside(flat, outline), distance, -distance)
    band = value("anatomy.deep_spaces.band")
    out = np.where(t.skin, ramp(depth, -0.5 * band, 0.5 * band), 0.0)
    return 0.5 * (out + out[t.mirror])


def _distance(points: Array, outline: Array) -> Array:
    """Distance (n,) of points (n, 2) from a closed outline (k, 2)."""
    piece = np.roll(outline, -1, axis=0) - outline
    away = points[:, None, :] - outline
    share = np.einsum("nkc,kc->nk", away, piece) / np.maximum((piece**2).sum(axis=1), 1e-12)
    foot = outline + np.clip(share, 0.0, 1.0)[:, :, None] * piece
    return np.linalg.norm(points[:, None, :] - foot, axis=2).min(axis=1)
