"""Composite facial expressions as sums of ARKit-named units.

Weights are those of a marked but natural expression; they are a choice, not a measurement, and
everything derived from them says "model expression" unless a second capture replaces them.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from threadlift.face.scan.model import face_region
from threadlift.face.template import Template, template

Array = NDArray[np.float64]

#: Unit weights of each expression; "…" stands for both sides (Left, Right).
COMPOSITES: MappingProxyType[str, dict[str, float]] = MappingProxyType(
    {
        "smile": {
            "mouthSmile…": 0.85,
            "cheekSquint…": 0.6,
            "eyeSquint…": 0.3,
            "mouthUpperUp…": 0.15,
        },
        "pucker": {"mouthPucker": 0.9, "mouthFunnel": 0.1},
        "frown": {"browDown…": 0.8, "mouthFrown…": 0.8, "noseSneer…": 0.15, "mouthShrugLower": 0.3},
        "jaw_open": {"jawOpen": 0.7},
        "eyes_closed": {"eyeBlink…": 0.8},  # where the lids of the template meet
    }
)
#: Side of the lids by their unit.
_LIDS = {"eyeBlinkLeft": "L", "eyeBlinkRight": "R"}


def weights(name: str) -> dict[str, float]:
    """ARKit unit weights of a composite expression."""
    out: dict[str, float] = {}
    for unit, w in COMPOSITES[name].items():
        names = [unit.replace("…", s) for s in ("Left", "Right")] if "…" in unit else [unit]
        out.update(dict.fromkeys(names, w))
    return out


def combine(unit_weights: dict[str, float], head: Template | None = None) -> Array:
    """Coarse displacement (n_coarse, 3) [mm] of a weighted sum of units."""
    t = head or template()
    total = np.zeros_like(t.coarse)
    for unit, w in unit_weights.items():
        total += w * t.expressions[unit]
    return total


def proportions(vertices: Array) -> Array:
    """Breadth, height and depth (3,) of the visible face of `vertices` (n, 3) over the template's.

    `vertices` [mm], upright and facing forward. Least squares over the whole face, so that no
    single landmark decides.
    """
    t = template()
    face = face_region(t)
    own, mean = vertices[face], t.vertices[face]
    own, mean = own - own.mean(axis=0), mean - mean.mean(axis=0)
    return np.asarray((own * mean).sum(axis=0) / (mean**2).sum(axis=0))


def person_units(names: Sequence[str], vertices: Array) -> Array:
    """Units (m, n_coarse, 3) [mm at weight 1] of the template in the proportions of a face.

    vertices (n, 3) [mm], upright and facing forward. Every axis is scaled by the face's own
    proportion: what touches on the template (lips) then still touches. The upper lid crosses this
    person's own lid fissure, which varies more than the face.
    """
    t = template()
    out = proportions(vertices) * np.array([t.expressions[name] for name in names])
    for i, name in enumerate(names):
        if name in _LIDS:
            upper, lower = (
                t.landmarks[f"palpebrale_{x}_{_LIDS[name]}"] for x in ("superius", "inferius")
            )
            own = np.linalg.norm(vertices[upper] - vertices[lower])
            mean = np.linalg.norm(t.vertices[upper] - t.vertices[lower])
            out[i] = own / mean * t.expressions[name]
    return out


def expression_fields(vertices: Array) -> dict[str, Array]:
    """Displacement (n, 3) [mm] of each composite for a face of `vertices` (n, 3) [mm].

    The frame is that of the vertices, which must be upright and face forward (as in the patient
    frame, to within some degrees): the template's units in this person's
    proportions (`person_units`).
    """
    t = template()
    used = sorted({unit for name in COMPOSITES for unit in weights(name)})
    units = dict(zip(used, person_units(used, vertices), strict=True))
    return {
        name: t.fine(np.sum([w * units[unit] for unit, w in weights(name).items()], axis=0))
        for name in COMPOSITES
    }
