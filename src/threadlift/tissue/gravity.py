"""Postures: the change of gravity between the captured posture and another one, as nodal loads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift import evidence
from threadlift.errors import InputError
from threadlift.tissue.element import WedgeGeometry

#: Unit direction of gravity in the patient frame (x left, y up, z forward) for each posture.
POSTURES: dict[str, tuple[float, float, float]] = {
    "captured": (0.0, -1.0, 0.0),
    "upright": (0.0, -1.0, 0.0),
    "supine": (0.0, 0.0, -1.0),
    "prone": (0.0, 0.0, 1.0),
    "left_side": (1.0, 0.0, 0.0),
    "right_side": (-1.0, 0.0, 0.0),
    "inverted": (0.0, 1.0, 0.0),
}

# kg/m3 * m/s2 * mm3 -> N
_NEWTON = 1e-9


def body_load(
    geometry: WedgeGeometry, wedges: NDArray, density: NDArray, acceleration: NDArray, nodes: int
) -> NDArray:
    """Consistent nodal loads (N,3) [N] of an acceleration (3,) [m/s2] on densities (E,) [kg/m3]."""
    mass = np.zeros(nodes)
    np.add.at(mass, wedges, geometry.nodal_share * density[:, None])
    return _NEWTON * mass[:, None] * np.asarray(acceleration, float)


def posture_change(posture: str, captured: str = "upright") -> NDArray:
    """Change of acceleration (3,) [m/s2] from the captured posture to another one.

    Raises InputError when a posture is unknown.
    """
    for name in (posture, captured):
        if name not in POSTURES:
            raise InputError(f"Unknown posture '{name}'.", f"Use one of: {', '.join(POSTURES)}.")
    target = captured if posture == "captured" else posture
    g = evidence.value("tissue.posture.gravity")
    return g * (np.array(POSTURES[target]) - np.array(POSTURES[captured]))
