"""A wedge of its own: high-order quadrature for loads and errors, not shared with the solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Degree-5 rule on the triangle (Radon 1948): centre and two orbits, weights of the unit triangle.
_S = np.sqrt(15.0)
_ORBITS = (((6.0 - _S) / 21.0, (155.0 - _S) / 2400.0), ((6.0 + _S) / 21.0, (155.0 + _S) / 2400.0))


def _triangle_rule() -> tuple[NDArray, NDArray]:
    points, weights = [[1 / 3, 1 / 3]], [9.0 / 80.0]
    for a, weight in _ORBITS:
        points += [[a, a], [1.0 - 2.0 * a, a], [a, 1.0 - 2.0 * a]]
        weights += [weight] * 3
    return np.array(points), np.array(weights)


@dataclass(frozen=True)
class WedgeRule:
    """Quadrature over all wedges: x (E,q,3) places, w (E,q) weights, N (q,6), grad (E,q,6,3)."""

    x: NDArray
    w: NDArray
    N: NDArray
    grad: NDArray


def wedge_rule(points: NDArray, wedges: NDArray) -> WedgeRule:
    """Seven triangle points times three Gauss points in every wedge of points (N,3) [mm]."""
    flat, area = _triangle_rule()
    zeta, length = np.polynomial.legendre.leggauss(3)
    xi = np.repeat(flat[:, 0], 3)
    eta = np.repeat(flat[:, 1], 3)
    z = np.tile(zeta, len(flat))
    weight = np.repeat(area, 3) * np.tile(length, len(flat))
    top, bottom = (1.0 - z) / 2.0, (1.0 + z) / 2.0
    corner = np.stack([1.0 - xi - eta, xi, eta], axis=1)
    shape = np.concatenate([corner * top[:, None], corner * bottom[:, None]], axis=1)
    slope = np.array([[-1.0, -1.0], [1.0, 0.0], [0.0, 1.0]])
    parent = np.zeros((len(z), 6, 3))
    parent[:, :3, :2] = slope[None] * top[:, None, None]
    parent[:, 3:, :2] = slope[None] * bottom[:, None, None]
    parent[:, :3, 2], parent[:, 3:, 2] = -corner / 2.0, corner / 2.0
    nodes = points[wedges]
    jacobian = np.einsum("eai,qaj->eqij", nodes, parent)
    inverse = np.linalg.inv(jacobian)
    return WedgeRule(
        np.einsum("qa,eai->eqi", shape, nodes),
        weight * np.linalg.det(jacobian),
        shape,
        np.einsum("qaj,eqji->eqai", parent, inverse),
    )
