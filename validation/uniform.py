"""A layer under a uniform deformation: the law as its elements carry it, without boundaries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.tissue.assembly import Solid
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.fields import Fields
from validation.blocks import LAYERS, cheek

_KPA_PER_MPA = 1e3
# Step of the finite differences; the energy is smooth and this is small against its scale.
_STEP = 1e-3


@dataclass(frozen=True)
class Sample:
    """The elements of one layer within a small block of all layers."""

    solid: Solid
    elements: NDArray

    @staticmethod
    def of(layer: str) -> Sample:
        """Sample of a layer by name; the fibres of the SMAS run along x."""
        mesh = box_mesh(2, 2, size_mm=(10.0, 10.0))
        along = np.zeros((mesh.columns, 3, 3))
        along[:, 0, 0] = 1.0
        return Sample(
            cheek(mesh, Fields(smas_lines=along)), np.flatnonzero(mesh.layer == LAYERS.index(layer))
        )

    def energy(self, F: NDArray) -> float:
        """Energy per volume [MPa] under the uniform deformation gradient F (3,3)."""
        u = self.solid.points @ (F - np.eye(3)).T
        # The first terms are those of the elements.
        total = self.solid.evaluate(u).energy[self.elements].sum()
        return float(total / self.solid.geometry.volume[self.elements].sum())


def stretched(axis: int, stretch: float) -> NDArray:
    """Deformation gradient of an extension along one axis at constant volume."""
    F = np.eye(3) * stretch**-0.5
    F[axis, axis] = stretch
    return F


def shear_modulus_kpa(sample: Sample, axis: int, stretch: float) -> float:
    """Modulus [kPa] for a small shear on top of an extension or compression.

    The shear acts between the loaded axis and the next one, in reference coordinates.
    """
    base = stretched(axis, stretch)
    shear = np.zeros((3, 3))
    shear[axis - 1, axis] = _STEP
    ahead, here, behind = (sample.energy(base + s * shear) for s in (1.0, 0.0, -1.0))
    return _KPA_PER_MPA * (ahead - 2.0 * here + behind) / _STEP**2


def nominal_stress_kpa(sample: Sample, axis: int, stretch: float) -> float:
    """Force over undeformed section [kPa] of a strip that is free to narrow."""
    ahead, behind = (sample.energy(stretched(axis, stretch + s * _STEP)) for s in (1.0, -1.0))
    return _KPA_PER_MPA * (ahead - behind) / (2.0 * _STEP)
