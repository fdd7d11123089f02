"""Lengths of path segments with their derivatives, blunted where a segment is nearly gone.

Tissue that a thread draws as far as its anchor cannot pass it. There the length of a segment has a
kink and its second derivative no bound, and no Newton method comes to rest on it. Below a quarter
of its first length, where a polyline of interpolated nodes says little anyway, a segment's length
is therefore a polynomial of its squared extent, twice differentiable at the seam.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Share of its first length below which a segment is blunted.
_BLUNT = 0.25


def segment_lengths(arm: NDArray, rest: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Lengths (s,), gradients (s,3) and second derivatives (s,3,3) of segments.

    arm (s,3): from near to far end [mm]; rest (s,): lengths in the captured state [mm]. Gradients
    are unit vectors unless the segment is shorter than a quarter of rest.
    """
    extent = np.sqrt(np.einsum("sc,sc->s", arm, arm))
    blunt = _BLUNT * rest
    free = extent >= blunt
    s = np.where(free, 1.0, extent / blunt)
    length = np.where(free, extent, blunt * (0.375 + 0.75 * s**2 - 0.125 * s**4))
    across = np.where(free, 1.0 / np.where(free, extent, 1.0), (1.5 - 0.5 * s**2) / blunt)
    along = np.where(free, 0.0, 1.5 * (1.0 - s**2) / blunt)
    unit = arm / np.where(extent > 0.0, extent, 1.0)[:, None]
    bend = (along - across)[:, None, None] * (unit[:, :, None] * unit[:, None, :])
    bend += across[:, None, None] * np.eye(3)
    return length, across[:, None] * arm, bend
