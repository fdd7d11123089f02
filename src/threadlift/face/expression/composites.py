"""Composite facial expressions as sums of ARKit-named units.

Weights are those of a marked but natural expression; they are a choice, not a measurement, and
everything derived from them says "model expression" unless a second capture replaces them.
"""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

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
        "eyes_closed": {"eyeBlink…": 1.0},
    }
)


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


def expression_fields(scale: float = 1.0) -> dict[str, Array]:
    """Displacement (n, 3) [mm] of each composite on the fine mesh, in the patient frame.

    scale: size of the face relative to the template.
    """
    t = template()
    return {name: scale * t.fine(combine(weights(name), t)) for name in COMPOSITES}
