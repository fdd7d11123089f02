"""Which skin keeps its place: by it captures of one head are laid together.

Posture and treatment leave skin on bone in place (`stable_weight`, `anchor_weight`); an expression
leaves in place whatever of the upper face it does not move (`stillness`).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from threadlift.face.scan.model import face_region
from threadlift.face.template import Array, template
from threadlift.face.zones import Capsule, capsule_weight

#: What lies on bone: the forehead between the brows and the hairline, the bony bridge of the nose.
FOREHEAD = Capsule(
    (
        ("brow_lateral_R", "trichion", 0.45),
        ("glabella", "trichion", 0.45),
        ("brow_lateral_L", "trichion", 0.45),
    ),
    22.0,
)
BRIDGE = Capsule(("glabella", "sellion", ("sellion", "pronasale", 0.45)), 12.0)
NOSE = Capsule(("sellion", "pronasale"), 20.0)
#: Movement [mm] at which a place counts half: less than a scan's noise.
STILL_MM = 0.4


@cache
def stable_weight() -> Array:
    """How far (n,) 0..1 a template vertex belongs to the stable region."""
    t = template()
    at = {name: t.vertices[i] for name, i in t.landmarks.items()}
    both = np.maximum(
        capsule_weight(t.vertices, FOREHEAD, at), capsule_weight(t.vertices, BRIDGE, at)
    )
    return np.where(face_region(t), np.minimum(both, both[t.mirror]), 0.0)


@cache
def anchor_weight() -> Array:
    """Weight (n,) of a vertex in the first alignment: stable region, nose, brows and eyes."""
    t = template()
    at = {name: t.vertices[i] for name, i in t.landmarks.items()}
    eyes = t.vertices[:, 1] > at["orbitale_L"][1]
    nose = capsule_weight(t.vertices, NOSE, at) > 0.3
    return np.where(face_region(t), 0.4 * (eyes | nose) + 0.6 * stable_weight(), 0.0)


def stillness(field: Array) -> Array:
    """How far (n,) 0..1 the upper face keeps its place during an expression `field` (n, 3) [mm].

    Forehead, temples and nose; 0 below the nostrils, where nothing lies on bone that an
    expression could not move.
    """
    t = template()
    low = t.vertices[t.landmarks["alare_L"]][1]
    above = face_region(t) & (t.vertices[:, 1] > low)
    return np.where(above, 1.0 / (1.0 + (np.linalg.norm(field, axis=1) / STILL_MM) ** 2), 0.0)
