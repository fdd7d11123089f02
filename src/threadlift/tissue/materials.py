r"""Constitutive data per element, and the skin's pre-tension.

Energy per reference volume, with the captured state as reference and G = F0 F0^T from the growth
F0 that pre-stretches the skin in its plane:

    W = mu/2 [(I1 - 3) + b/2 y^2] + sum_f k1_f/(2 k2_f) [exp(k2_f <I4_f - 1>^2) - 1]
        + K/2 (J - 1)^2 - mu0 (J - 1) + mu (j - 1 - ln j) - (1 - slack) mu/2 R
    I1 = tr(C G),   y = I1 - 3 - 2 ln j,   I4_f = C : H_f

with the element-mean volume ratio J and the local one j. Fat stiffens through b (Yeoh's law; for
j = 1, y is his I1 - 3; without the logarithm a point that is compressed would soften until its
stiffness is negative). The last term, of no weight against K, keeps single points of an element
from folding, which the mean alone does not see. Skin stiffens through the exponential of its mean
in-plane stretch along two families of fibres; beyond `EXPONENT_CAP` the fibre stress goes on
linearly with the slope that it has there (an exponential without a cap overflows in the first
Newton step of a tight thread). R is what a sheet gives back when it wrinkles instead of being
compressed in its plane (tension field, see ``law.relaxation``); a taut sheet has R = 0.
``mu0 = mu * lz**2`` makes the skin free of stress across its thickness, so a flat pre-stressed
patch is an exact equilibrium; on a curved face what remains is balanced by a constant load (see
``assembly``). Units: mm, N, MPa.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: k2 <I4 - 1>^2 beyond which the fibre law is continued linearly (stress 150 times the toe's).
EXPONENT_CAP = 5.0


@dataclass(frozen=True)
class ElementMaterials:
    """Material constants of every element.

    Attributes
    ----------
    mu, bulk, mu0: (E,) [MPa]; b: (E,) [-].
    k1 (E,2) [MPa], k2 (E,2) [-], H (E,2,3,3): two families of fibres with their metrics.
    G: (E,3,3) pre-strain metric (identity without pre-stretch).
    sheet: (E,3,3) axes in rows of a sheet that can wrinkle, two in its plane and its normal, each
    times its pre-stretch, so that G is the sum of their squares.
    slack: (E,) share of the stiffness under in-plane compression that is left when the sheet
    wrinkles; 1 where there is no such rule.
    density: (E,) [kg/m3].
    """

    mu: NDArray
    b: NDArray
    k1: NDArray
    k2: NDArray
    bulk: NDArray
    mu0: NDArray
    G: NDArray
    H: NDArray
    sheet: NDArray
    slack: NDArray
    density: NDArray

    @staticmethod
    def plain(
        mu: NDArray, *, bulk: NDArray, b: NDArray | float = 0.0, density: NDArray | float = 1000.0
    ) -> ElementMaterials:
        """Elements without pre-stretch and fibres: mu, bulk (E,) [MPa], b [-], density [kg/m3]."""
        count = len(mu)
        eye = np.tile(np.eye(3), (count, 1, 1))
        return ElementMaterials(
            mu=np.asarray(mu, float),
            b=np.broadcast_to(np.asarray(b, float), count).copy(),
            k1=np.zeros((count, 2)),
            k2=np.ones((count, 2)),
            bulk=np.asarray(bulk, float),
            mu0=np.asarray(mu, float),
            G=eye,
            H=np.zeros((count, 2, 3, 3)),
            sheet=np.zeros((count, 3, 3)),
            slack=np.ones(count),
            density=np.broadcast_to(np.asarray(density, float), count).copy(),
        )


def membrane_metrics(normal: NDArray, stretch: NDArray) -> tuple[NDArray, NDArray]:
    """Pre-strain and fibre metrics (E,3,3) of a sheet with unit normals (E,3).

    The sheet is stretched by ``stretch`` (E,) in every direction of its plane at constant volume;
    the fibre metric is isotropic in the plane, so that I4 is the mean squared in-plane stretch.
    """
    nn = normal[:, :, None] * normal[:, None, :]
    plane = np.eye(3) - nn
    square = (stretch**2)[:, None, None]
    return square * plane + nn / square**2, 0.5 * square * plane


def in_plane_prestress(mu: float, k1: float, k2: float, stretch: float) -> float:
    """Equibiaxial pre-stress of the skin in the captured state (unit of mu and k1)."""
    e = stretch**2 - 1.0
    exponent = min(k2 * e * e, EXPONENT_CAP)
    return mu * (stretch**2 - stretch**-4) + k1 * e * float(np.exp(exponent)) * stretch**2
