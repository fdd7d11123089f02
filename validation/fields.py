"""Equivalent strain and stress of elements, for reading 'local' values beside a cone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.tissue.assembly import Solid
from threadlift.tissue.materials import EXPONENT_CAP

_KPA_PER_MPA = 1e3


def deformation(solid: Solid, u: NDArray) -> NDArray:
    """Volume-mean deformation gradient (E,3,3) of every element."""
    g = solid.geometry
    x = (solid.points + u)[solid.wedges]
    mean = np.einsum("eq,eqaj->eaj", g.weights, g.gradients) / g.volume[:, None, None]
    return np.einsum("eai,eaj->eij", x, mean)


def equivalent_strain(solid: Solid, u: NDArray) -> NDArray:
    """Von Mises equivalent of the logarithmic strain (E,)."""
    F = deformation(solid, u)
    log = 0.5 * np.log(np.linalg.eigvalsh(F.swapaxes(1, 2) @ F))
    deviator = log - log.mean(axis=1, keepdims=True)
    return np.sqrt(2.0 / 3.0 * np.sum(deviator**2, axis=1))


def equivalent_stress_kpa(solid: Solid, u: NDArray) -> NDArray:
    """Von Mises Cauchy stress (E,) [kPa] of matrix and fibres at the mean deformation."""
    m = solid.materials
    F = deformation(solid, u)
    J = np.linalg.det(F)
    B = F @ m.G @ F.swapaxes(1, 2)
    shape = np.trace(B, axis1=1, axis2=2) - 3.0 - 2.0 * np.log(J)
    stress = (m.mu * (1.0 + m.b * shape))[:, None, None] * B
    fibres = F[:, None] @ m.H @ F.swapaxes(1, 2)[:, None]
    stretch = np.maximum(np.trace(fibres, axis1=2, axis2=3) - 1.0, 0.0)
    growth = np.exp(np.minimum(m.k2 * stretch**2, EXPONENT_CAP))
    stress += np.einsum("ef,efij->eij", 2.0 * m.k1 * stretch * growth, fibres)
    stress /= J[:, None, None]
    stress -= np.trace(stress, axis1=1, axis2=2)[:, None, None] / 3.0 * np.eye(3)
    return _KPA_PER_MPA * np.sqrt(1.5 * np.einsum("eij,eij->e", stress, stress))
