"""Postures: the change of gravity between the captured posture and another one, as nodal loads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift import evidence
from threadlift.errors import InputError
from threadlift.tissue.element import WedgeGeometry

#: Unit direction of gravity in the patient frame (x left, y up, z forward, fixed to the head) for
#: the postures without an angle; weightless has none.
_DIRECTIONS: dict[str, tuple[float, float, float]] = {
    "upright": (0.0, -1.0, 0.0),
    "supine": (0.0, 0.0, -1.0),
    "prone": (0.0, 0.0, 1.0),
    "left_side": (1.0, 0.0, 0.0),
    "right_side": (-1.0, 0.0, 0.0),
    "inverted": (0.0, 1.0, 0.0),
    "weightless": (0.0, 0.0, 0.0),
}

#: Names of postures; "captured" is the one the face was captured in, "head_forward" the head bent
#: towards the chest, and "weightless" leads to the gravity-free rest shape.
POSTURES: tuple[str, ...] = ("captured", *_DIRECTIONS, "head_forward")

# kg/m3 * m/s2 * mm3 -> N
_NEWTON = 1e-9


def body_load(
    geometry: WedgeGeometry, wedges: NDArray, density: NDArray, acceleration: NDArray, nodes: int
) -> NDArray:
    """Consistent nodal loads (N,3) [N] of an acceleration (3,) [m/s2] on densities (E,) [kg/m3]."""
    mass = np.zeros(nodes)
    np.add.at(mass, wedges, geometry.nodal_share * density[:, None])
    return _NEWTON * mass[:, None] * np.asarray(acceleration, float)


def gravity_direction(posture: str, forward_deg: float | None = None) -> NDArray:
    """Direction of gravity (3,) in the patient frame: a unit vector, zero when weightless.

    forward_deg: bend of the head in "head_forward" [deg] (None: the register's); 0 is upright and
    90 face down. Raises InputError when the posture is unknown or the angle not a number.
    """
    if posture == "head_forward":
        angle = (
            evidence.value("tissue.posture.head_forward") if forward_deg is None else forward_deg
        )
        if not np.isfinite(angle):
            raise InputError("The bend of the head is not a number.", "Give it in degrees.")
        bend = np.radians(angle)
        return np.array([0.0, -np.cos(bend), np.sin(bend)])
    if posture not in _DIRECTIONS:
        raise InputError(f"Unknown posture '{posture}'.", f"Use one of: {', '.join(POSTURES)}.")
    return np.array(_DIRECTIONS[posture])


def posture_change(
    posture: str, captured: str = "upright", forward_deg: float | None = None
) -> NDArray:
    """Change of acceleration (3,) [m/s2] from the captured posture to another one.

    forward_deg: bend of the head where one of the two is "head_forward". Raises InputError when a
    posture is unknown.
    """
    target = captured if posture == "captured" else posture
    change = gravity_direction(target, forward_deg) - gravity_direction(captured, forward_deg)
    return evidence.value("tissue.posture.gravity") * change
