"""The 6-node wedge: shape functions, quadrature and reference gradients.

Local nodes 0-2 are the outer triangle, 3-5 the inner one in the same order; the parent
coordinates are (xi, eta) on the triangle and zeta in [-1, 1] from outside in. Three triangle
points times two Gauss points integrate the stiffness of a straight-sided wedge fully; volume
locking is removed by the element-mean dilatation (see ``kernels``), not by fewer points.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
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
    corner = points[wedges]
    count = len(wedges)
    gradients = np.empty((count, POINTS, NODES, 3))
    weights = np.empty((count, POINTS))
    share = np.zeros((count, NODES))
    for q in range(POINTS):
        xi, eta = _TRIANGLE[q % 3]
        zeta = -_GAUSS if q < 3 else _GAUSS
        parent = parent_gradients(np.array(xi), np.array(eta), np.array(zeta))
        jacobian = np.einsum("eai,aj->eij", corner, parent)
        det = np.linalg.det(jacobian)
        if (det <= 0.0).any():
            raise InputError(
                f"{int((det <= 0).sum())} elements of the tissue mesh are inverted.",
                "Check the face for folded surfaces or the layer thicknesses for negative values.",
            )
        gradients[:, q] = np.einsum("aj,eji->eai", parent, np.linalg.inv(jacobian))
        weights[:, q] = det / 6.0
        share += weights[:, q, None] * shape(np.array(xi), np.array(eta), np.array(zeta))
    return WedgeGeometry(gradients, weights, weights.sum(axis=1), share)
