"""Stiffness of a zone: the force that lifts it evenly by a millimetre, and how well it is known.

A force spread over the zone's skin, upwards, against the mean upward movement of the same skin:
k = 1 / (q' K^-1 q) with q the zone's weights. One solve says how it answers every coordinate of
the tissue: dk = k^2 u' dK u with u = K^-1 q. The force starts from the captured state; large pulls
meet stiffer tissue.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.identification.observed import zone_rows
from threadlift.identification.sensitivity import at
from threadlift.quantities import Z90, Estimate
from threadlift.tissue import Tissue
from threadlift.tissue.knowledge import COORDINATES

Array = NDArray[np.float64]

_STEP = 1e-3


@dataclass(frozen=True, eq=False)
class ZoneStiffness:
    """Stiffness of zones [N/mm] and its slopes: zone (Z,), n_mm (Z,), and of its logarithm with
    every coordinate (Z,28).
    """

    zone: tuple[str, ...]
    n_mm: Array
    log_slopes: Array

    def sd(self, root: Array) -> Array:
        """Standard deviation (Z,) of the logarithm for a spread of the coordinates."""
        return np.linalg.norm(self.log_slopes @ root, axis=1)

    def estimates(self, root: Array, basis: tuple[str, ...]) -> Mapping[str, Estimate]:
        """Stiffness of every zone with its 90 % interval for a spread of the coordinates."""
        factor = np.exp(Z90 * self.sd(root))
        return {
            zone: Estimate(float(k), float(k / f), float(k * f), "N/mm", basis)
            for zone, k, f in zip(self.zone, self.n_mm, factor, strict=True)
        }


def zone_stiffness(tissue: Tissue) -> ZoneStiffness:
    """Stiffness of every zone of a tissue about its captured state."""
    zones = tuple(tissue.mesh.zone_weights)
    skin = zone_rows(tissue.mesh, [(zone, "up") for zone in zones])
    q = np.zeros((len(zones), *tissue.solid.points.shape))
    q[:, :: tissue.mesh.nl] = skin
    flat = np.where(np.repeat(tissue.solid.held, 3), 0.0, q.reshape(len(zones), -1))
    u = tissue.rest.solve(np.ascontiguousarray(flat.T)).T
    k = 1.0 / np.einsum("zi,zi->z", flat, u)
    still = np.zeros_like(tissue.solid.points)
    slopes = np.empty((len(zones), len(COORDINATES)))

    def works(other: Tissue) -> Array:
        matrix = other.solid.tangent(still).csr()
        return np.einsum("zi,zi->z", u, (matrix @ u.T).T)

    for j, unit in enumerate(np.eye(len(COORDINATES))):
        more, less = (works(at(tissue, s * _STEP * unit)) for s in (1.0, -1.0))
        slopes[:, j] = k * (more - less) / (2.0 * _STEP)
    return ZoneStiffness(zones, k, slopes)
