"""The 6-node wedge: shape functions, quadrature and reference gradients.

Local nodes 0-2 are the outer triangle, 3-5 the inner one in the same order; the parent
coordinates are (xi, eta) on the triangle and zeta in [-1, 1] from outside in. Three triangle
points times two Gauss points integrate the stiffness of a straight-sided wedge fully; volume
locking is removed by the element-mean dilatation (see ``kernels``), not by fewer points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from threadlift.errors import InputError

NODES = 6
POINTS = 6

_TRIANGLE = np.array([[1 / 6, 1 / 6], [2 / 3, 1 / 6], [1 / 6, 2 / 3]])
_GAUSS = 1.0 / np.sqrt(3.0)


def shape(xi: NDArray, eta: NDArray, zeta: NDArray) -> NDArray:
    """Shape functions (..., 6) at parent coordinates."""
    flat = np.stack([1.0 - xi - eta, xi, eta], axis=-1)
    outer, inner = 0.5 * (1.0 - zeta), 0.5 * (1.0 + zeta)
    return np.concatenate([flat * outer[..., None], flat * inner[..., None]], axis=-1)


def parent_gradients(xi: NDArray, eta: NDArray, zeta: NDArray) -> NDArray:
    """Derivatives (..., 6, 3) of the shape functions with respect to (xi, eta, zeta)."""
    flat = np.stack([1.0 - xi - eta, xi, eta], axis=-1)
    plane = np.array([[-1.0, -1.0], [1.0, 0.0], [0.0, 1.0]])
    outer, inner = (0.5 * (1.0 + sign * np.asarray(zeta)) for sign in (-1.0, 1.0))
    out = np.zeros((*flat.shape[:-1], 6, 3))
    out[..., :3, :2] = plane * outer[..., None, None]
    out[..., 3:, :2] = plane * inner[..., None, None]
    out[..., :3, 2], out[..., 3:, 2] = -0.5 * flat, 0.5 * flat
    return out


@dataclass(frozen=True)
class WedgeGeometry:
    """Reference gradients and weights of all wedges.

    Attributes
    ----------
    gradients: (E, 6 points, 6 nodes, 3) shape gradients in the reference state [1/mm].
    weights: (E, 6 points) quadrature weight times Jacobian [mm3].
    volume: (E,) [mm3].
    nodal_share: (E, 6) integral of each shape function [mm3] (for body forces).
    """

    gradients: NDArray
    weights: NDArray
    volume: NDArray
    nodal_share: NDArray


def wedge_geometry(points: NDArray, wedges: NDArray) -> WedgeGeometry:
    """Precompute `WedgeGeometry` for points (N,3) [mm] and wedges (E,6).

    Raises InputError when a coordinate is not finite or a wedge is inverted.
    """
    if not np.isfinite(points).all():
        raise InputError(
            "The tissue mesh has coordinates that are not numbers.",
            "Check the face: every vertex needs three finite coordinates in millimetres.",
        )
    count = len(wedges)
    gradients = np.empty((count, POINTS, NODES, 3))
    weights = np.empty((count, POINTS))
    at = np.asarray(points, dtype=float)
    _geometry(at, wedges, _PARENT, gradients, weights)
    inverted = int((weights <= 0.0).any(axis=1).sum())
    if inverted:
        raise InputError(
            f"{inverted} elements of the tissue mesh are inverted.",
            "Check the face for folded surfaces or the layer thicknesses for negative values.",
        )
    return WedgeGeometry(gradients, weights, weights.sum(axis=1), weights @ _SHAPE)


# Shape functions (6 points, 6 nodes) and their parent gradients (6 points, 6 nodes, 3).
_XI, _ETA = np.tile(_TRIANGLE, (2, 1)).T
_ZETA = np.repeat([-_GAUSS, _GAUSS], 3)
_SHAPE = shape(_XI, _ETA, _ZETA)
_PARENT = parent_gradients(_XI, _ETA, _ZETA)


@njit(cache=True, nogil=True, error_model="numpy")
def _geometry(points, wedges, parent, gradients, weights):
    """Set the gradients (E,6,6,3) and weights (E,6); a weight that is not positive: inverted."""
    J, C = np.empty((3, 3)), np.empty((3, 3))
    for e in range(len(wedges)):
        for q in range(6):
            for i in range(3):
                for j in range(3):
                    J[i, j] = 0.0
            for a in range(6):
                n = wedges[e, a]
                for i in range(3):
                    for j in range(3):
                        J[i, j] += points[n, i] * parent[q, a, j]
            for i in range(3):
                k, m = (i + 1) % 3, (i + 2) % 3
                for j in range(3):
                    p, r = (j + 1) % 3, (j + 2) % 3
                    C[i, j] = J[k, p] * J[m, r] - J[k, r] * J[m, p]
            det = J[0, 0] * C[0, 0] + J[0, 1] * C[0, 1] + J[0, 2] * C[0, 2]
            weights[e, q] = det / 6.0
            # A wedge without volume is refused by the caller; it must not stop the division here.
            over = 1.0 / det if det != 0.0 else 0.0
            for a in range(6):
                for i in range(3):
                    total = 0.0
                    for j in range(3):
                        total += C[i, j] * parent[q, a, j]
                    gradients[e, q, a, i] = total * over
