"""FElupe with its mean-dilatation body on a wedge that is added through its element interface.

FElupe ships no wedge; an element there is a class with shape functions and gradients, so the same
wedge and quadrature as the project's are given to it. Its nearly incompressible body has the same
element-mean volume ratio; the rest of the law is its compressible neo-Hookean without the
logarithmic volume term.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import drive
import felupe as fem
import numpy as np
import scipy.sparse as sp
from scipy_peer import ScipyPeer
from wedge import POINTS, WEIGHTS

RULE = SimpleNamespace(points=POINTS, weights=WEIGHTS, npoints=len(WEIGHTS), dim=3)


class Wedge(fem.Element):
    """Linear triangle times linear segment, all coordinates in [0, 1]."""

    def __init__(self) -> None:
        flat = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
        self.points = np.array([[*p, z] for z in (0.0, 1.0) for p in flat])
        self.cells = np.arange(6).reshape(1, -1)
        self.cell_type = "wedge"

    def function(self, rst: np.ndarray) -> np.ndarray:
        """Shape functions (6,)."""
        r, s, t = rst
        flat = np.array([1.0 - r - s, r, s])
        return np.concatenate([flat * (1.0 - t), flat * t])

    def gradient(self, rst: np.ndarray) -> np.ndarray:
        """Derivatives (6,3)."""
        r, s, t = rst
        flat, plane = np.array([1.0 - r - s, r, s]), np.array([[-1.0, -1.0], [1, 0], [0, 1]])
        out = np.empty((6, 3))
        out[:3, :2], out[3:, :2] = plane * (1.0 - t), plane * t
        out[:3, 2], out[3:, 2] = -flat, flat
        return out


class Felupe(ScipyPeer):
    """Vectors hold the free components, in the order 3 * node + component."""

    name = "FElupe"
    version = version("felupe")

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(data)
        # Laws take one modulus each (they are evaluated in chunks of cells): one body per layer.
        pairs, layer = np.unique(np.stack([data["mu"], data["bulk"]]), axis=1, return_inverse=True)
        self.bodies = []
        for i, (mu, bulk) in enumerate(pairs.T):
            cells = data["wedges"][layer.ravel() == i].astype(np.int64)
            region = fem.Region(fem.Mesh(data["nodes"], cells, "wedge"), Wedge(), RULE)
            field = fem.FieldContainer([fem.Field(region, dim=3)])
            law = fem.NeoHookeCompressible(mu=float(mu), parallel=True)
            self.bodies.append(fem.SolidBodyNearlyIncompressible(law, field, bulk=float(bulk)))

    def _forces(self, u: np.ndarray) -> np.ndarray:
        full = np.zeros((self.count, 3))
        full.ravel()[self.free] = u
        total = np.zeros(full.size)
        for body in self.bodies:
            body.field[0].values[:] = full
            with np.errstate(invalid="ignore"):
                part = body.assemble.vector(body.field, parallel=True)
            total += np.asarray(part.todense()).ravel()
        return total[self.free]

    def residual(self, u: np.ndarray) -> np.ndarray:
        """Unbalanced force; not a number where an element folds."""
        return self._forces(u) - self.loads

    def tangent(self, u: np.ndarray) -> sp.csr_matrix:
        """Stiffness of the free components."""
        # FElupe moves its pressures along the tangent of the last state; an evaluation without a
        # change of displacement brings them to the present one.
        self._forces(u)
        parts = [body.assemble.matrix(body.field, parallel=True) for body in self.bodies]
        # A sum of sparse matrices drops entries that happen to be zero; the factor's ordering
        # needs one pattern.
        parts = [part.tocoo() for part in parts]
        data = np.concatenate([part.data for part in parts])
        at = tuple(np.concatenate([p.coords[k] for p in parts]) for k in (0, 1))
        matrix = sp.coo_matrix((data, at), shape=parts[0].shape).tocsr()
        return matrix[self.free][:, self.free]


if __name__ == "__main__":
    drive.run(Felupe)
