"""A block under a uniform deformation: the law as the elements carry it, without boundary effects."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.tissue.assembly import Solid
from threadlift.tissue.box_mesh import box_mesh
from validation.blocks import LAYERS, cheek

_KPA_PER_MPA = 1e3
# Step of the finite differences; the energy is smooth and this is small against its scale.
_STEP = 1e-3


def block_of(layer: str) -> Solid:
    """A small block that consists of one layer of the cheek."""
    mesh = box_mesh(
        2, 2, size_mm=(10.0, 10.0), sublayer_mm=(5.0, 5.0), sublayers=(LAYERS.index(layer),) * 2
    )
    return cheek(mesh)


def energy(solid: Solid, F: NDArray) -> float:
    """Energy per volume [MPa] of a block under the uniform deformation gradient F (3,3)."""
    u = solid.points @ (F - np.eye(3)).T
    internal = solid.evaluate(u).energy.sum() + np.einsum("nc,nc->", solid.reference_load, u)
    return float(internal / solid.geometry.volume.sum())


def stretched(axis: int, stretch: float) -> NDArray:
    """Deformation gradient of an extension along one axis at constant volume."""
    F = np.eye(3) * stretch**-0.5
    F[axis, axis] = stretch
    return F


def shear_modulus_kpa(solid: Solid, axis: int, stretch: float) -> float:
    """Modulus [kPa] for a small shear on top of an extension or compression.

    The shear acts between the loaded axis and the next one, in reference coordinates.
    """
    base = stretched(axis, stretch)
    shear = np.zeros((3, 3))
    shear[axis - 1, axis] = _STEP
    ahead, here, behind = (energy(solid, base + s * shear) for s in (1.0, 0.0, -1.0))
    return _KPA_PER_MPA * (ahead - 2.0 * here + behind) / _STEP**2


def nominal_stress_kpa(solid: Solid, axis: int, stretch: float) -> float:
    """Force over undeformed section [kPa] of a strip that is free to narrow."""
    ahead, behind = (energy(solid, stretched(axis, stretch + s * _STEP)) for s in (1.0, -1.0))
    return _KPA_PER_MPA * (ahead - behind) / (2.0 * _STEP)
