"""Which skin an expression leaves where it is: by it captures of one head are laid together."""

from __future__ import annotations

import numpy as np

from threadlift.face.scan.model import face_region
from threadlift.face.template import Array, template

#: Movement [mm] at which a place counts half: less than a scan's noise.
STILL_MM = 0.4


def stillness(field: Array) -> Array:
    """How far (n,) 0..1 the upper face keeps its place during an expression `field` (n, 3) [mm].

    Forehead, temples and nose; 0 below the nostrils, where nothing lies on bone that an
    expression could not move.
    """
    t = template()
    low = t.vertices[t.landmarks["alare_L"]][1]
    above = face_region(t) & (t.vertices[:, 1] > low)
    return np.where(above, 1.0 / (1.0 + (np.linalg.norm(field, axis=1) / STILL_MM) ** 2), 0.0)
