"""The skin as a sheet with tension lines: pre-stretch and fibres along and across them.

Calibrated is an isotropic sheet (``materials.membrane_metrics``): matrix mu, fibres k1, k2, one
pre-stretch. The sheet with lines has the same matrix and two families of fibres, mostly along and
mostly across the lines, H = (1 - d) s1^2 aa + d s2^2 bb and the other way round, that share k1.
One number, the anisotropy, is the ratio (along over across) of both the families' k1 and the
excess of the pre-stretches. Their common size is such that the mean in-plane pre-stress is the
calibrated one; equibiaxial stretch without pre-stretch gives the calibrated energy for any
anisotropy and dispersion d. With d = 1/2 and anisotropy 1 it is the calibrated law.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from threadlift.tissue.materials import EXPONENT_CAP, in_plane_prestress

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SkinSheet:
    """Pre-stretches (along, across) the lines, the k1 of both families, their dispersion.

    mu, k1 in any unit of stress; k2, dispersion, stretches dimensionless.
    """

    mu: float
    k1: tuple[float, float]
    k2: float
    stretch: tuple[float, float]
    dispersion: float

    @property
    def weights(self) -> Array:
        """Share (2,2) of the squared stretch along and across (columns) in each family (rows)."""
        d = self.dispersion
        return np.array([[1.0 - d, d], [d, 1.0 - d]])

    @property
    def thickness_stretch(self) -> float:
        """Pre-stretch across the sheet, at constant volume."""
        return 1.0 / (self.stretch[0] * self.stretch[1])

    def stress(self, along: float = 1.0, across: float = 1.0) -> Array:
        """Cauchy stress (2,) along and across the lines at stretches from the captured state.

        Constant volume, free of stress across the thickness.
        """
        square = (np.array(self.stretch) * [along, across]) ** 2
        strain = np.maximum(self.weights @ square - 1.0, 0.0)
        growth = np.exp(np.minimum(self.k2 * strain**2, EXPONENT_CAP))
        pull = np.array(self.k1) * strain * growth
        matrix = self.mu * (square - 1.0 / (square[0] * square[1]))
        return matrix + 2.0 * square * (pull @ self.weights)

    @property
    def sheet_modulus(self) -> float:
        """Rise of the stress along the lines per strain along them, held across (unit of mu)."""
        step = 1e-5
        ends = self.stress(1.0 + step)[0] - self.stress(1.0 - step)[0]
        return float(ends) / (2.0 * step)


def skin_sheet(
    mu: float, k1: float, k2: float, excess: float, anisotropy: float, dispersion: float
) -> SkinSheet:
    """The sheet with lines for the calibrated constants of the isotropic one.

    excess: in-plane pre-stretch minus one; anisotropy: along over across; dispersion 0..1/2.
    """
    along = anisotropy / (1.0 + anisotropy)

    def sheet(size: float) -> SkinSheet:
        stretch = (1.0 + 2.0 * size * along, 1.0 + 2.0 * size * (1.0 - along))
        return SkinSheet(mu, (along * k1, (1.0 - along) * k1), k2, stretch, dispersion)

    if excess == 0.0 or mu + k1 == 0.0:
        return sheet(excess)
    target = in_plane_prestress(mu, k1, k2, 1.0 + excess)

    def miss(size: float) -> float:
        return float(sheet(size).stress().mean()) - target

    # Without pre-stretch there is no stress; twice the isotropic one is always more than enough.
    size, _ = brentq(miss, 0.0, 2.0 * excess, xtol=1e-14, full_output=True)
    return sheet(size)
