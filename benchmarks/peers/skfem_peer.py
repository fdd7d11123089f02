"""scikit-fem with the same wedge, law and mean dilatation as the project.

The pressure is constant per element and condensed: the element's volume change drives it, and its
stiffness K/V q q^T (q = dV/du) is added to the local matrices, which scikit-fem lets one do. The
tangent is assembled by component, from scalar forms on spatial gradients: a form on the vector
element, most of whose gradients are zeros, takes many times as long.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

from copy import copy
from importlib.metadata import version
from typing import Any

import drive
import numpy as np
import scipy.sparse as sp
from scipy_peer import ScipyPeer
from skfem import Basis, BilinearForm, ElementVector, ElementWedge1, LinearForm, MeshWedge1
from skfem.assembly.form.coo_data import COOData
from skfem.element import DiscreteField
from wedge import POINTS, WEIGHTS

#: Threads on which scikit-fem evaluates pairs of shape functions.
THREADS = 2


def _virtual_work(v: Any, w: Any) -> Any:
    return np.einsum("ij...,ij...->...", w.P, v.grad)


_FORCE = LinearForm(_virtual_work)


def _isotropic(u: Any, v: Any, w: Any) -> Any:
    a, b = u.grad, v.grad
    return w.mu * (a[0] * b[0] + a[1] * b[1] + a[2] * b[2])


def _pair(i: int, j: int) -> Any:
    """Stiffness between component i of the test function and j of the trial function."""

    def form(u: Any, v: Any, w: Any) -> Any:
        a, b = v.grad, u.grad
        if i == j:
            return w.both * a[i] * b[i]
        return w.one * a[j] * b[i] + w.two * a[i] * b[j]

    return form


class ScikitFem(ScipyPeer):
    """Vectors hold the free components, in the order 3 * node + component."""

    name = "scikit-fem"
    version = version("scikit-fem")

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(data)
        mesh = MeshWedge1(data["nodes"].T.copy(), data["wedges"].T.astype(np.int32).copy())
        rule = (POINTS.T, WEIGHTS)
        self.basis = Basis(mesh, ElementVector(ElementWedge1()), quadrature=rule)
        self.scalar = Basis(mesh, ElementWedge1(), quadrature=rule)
        self.mu, self.bulk = data["mu"][:, None], data["bulk"]
        self.volume = self.basis.dx.sum(axis=1)
        dofs = self.basis.element_dofs
        shape = (18, 18, dofs.shape[1])
        rows = np.broadcast_to(dofs[None, :, :], shape).ravel()
        columns = np.broadcast_to(dofs[:, None, :], shape).ravel()
        size = (self.basis.N, self.basis.N)
        self._pattern = COOData(np.array([rows, columns]), np.zeros(0), size, (18, 18))

    def _deformation(self, u: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """F, F^-T, det F and pressure times det F at all quadrature points."""
        full = np.zeros(3 * self.count)
        full[self.free] = u
        F = np.array(self.basis.interpolate(full).grad)
        for i in range(3):
            F[i, i] += 1.0
        rows = [np.cross(F[1], F[2], axis=0), np.cross(F[2], F[0], axis=0)]
        cofactor = np.stack([*rows, np.cross(F[0], F[1], axis=0)])
        det = np.einsum("i...,i...->...", F[0], cofactor[0])
        mean = (det * self.basis.dx).sum(axis=1) / self.volume
        return F, cofactor / det, det, (self.bulk * (mean - 1.0))[:, None] * det

    def residual(self, u: np.ndarray) -> np.ndarray:
        """Unbalanced force; not a number where an element folds."""
        F, inverse, det, pj = self._deformation(u)
        if det.min() <= 0.0:
            return np.full_like(u, np.nan)
        P = self.mu * F + (pj - self.mu) * inverse
        return _FORCE.assemble(self.basis, P=P)[self.free] - self.loads

    def tangent(self, u: np.ndarray) -> sp.csr_matrix:
        """Stiffness of the free components."""
        _, inverse, det, pj = self._deformation(u)
        moved = copy(self.scalar)
        moved.basis = [
            (DiscreteField(np.asarray(b[0]), np.einsum("ij...,j...->i...", inverse, b[0].grad)),)
            for b in self.scalar.basis
        ]
        fields = {"one": self.mu - pj, "two": pj, "both": np.broadcast_to(self.mu, pj.shape)}
        same = self._local(_isotropic, self.scalar, mu=fields["both"])
        local = np.zeros((len(self.volume), 6, 3, 6, 3))
        for i in range(3):
            local[:, :, i, :, i] += same
            for j in range(i, 3):
                part = self._local(_pair(i, j), moved, **fields)
                local[:, :, i, :, j] += part
                if j > i:
                    local[:, :, j, :, i] += part.transpose(0, 2, 1)
        q = _FORCE.coo_data(self.basis, P=det * inverse).tolocal()
        local = local.reshape(-1, 18, 18)
        local += (self.bulk / self.volume)[:, None, None] * q[:, :, None] * q[:, None, :]
        # Local matrices are stored trial function first.
        entries = self._pattern.fromlocal(local.transpose(0, 2, 1))
        # Its own conversion drops entries that happen to be zero; the factor's ordering needs one
        # pattern.
        matrix = sp.coo_matrix((entries.data, tuple(entries.indices)), entries.shape).tocsr()
        return matrix[self.free][:, self.free]

    @staticmethod
    def _local(form: Any, basis: Basis, **fields: np.ndarray) -> np.ndarray:
        """Local matrices (E, 6 test, 6 trial)."""
        data = BilinearForm(form, nthreads=THREADS).coo_data(basis, **fields)
        return data.tolocal().transpose(0, 2, 1)


if __name__ == "__main__":
    drive.run(ScikitFem)
