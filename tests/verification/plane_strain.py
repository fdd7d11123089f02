"""Cook's panel by elements of high order in the plane: an independent reference.

Tensor-product Lagrange elements on Gauss-Lobatto points, graded towards the corners of the panel
(two of which are singular). At high order the plain displacement form does not lock.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.sparse.linalg import spsolve

from threadlift.selftest.cook import CORNERS_MM, TRACTION_MPA, lame


def _nodes(degree: int) -> NDArray:
    inner = legendre.legroots(legendre.legder(np.eye(degree + 1)[degree])).real
    return np.concatenate([[-1.0], np.sort(inner), [1.0]])


def _basis(nodes: NDArray, at: NDArray) -> tuple[NDArray, NDArray]:
    """Values and slopes (q,n) of the Lagrange polynomials on nodes (n,) at points (q,)."""
    n = len(nodes)
    inverse = np.linalg.inv(legendre.legvander(nodes, n - 1))
    slopes = np.stack(
        [legendre.legval(at, legendre.legder(np.eye(n)[k])) for k in range(n)], axis=1
    )
    return legendre.legvander(at, n - 1) @ inverse, slopes @ inverse


def _graded(levels: int, ratio: float = 0.15) -> NDArray:
    half = [0.5 * ratio**k for k in range(levels, 0, -1)]
    return np.array([0.0, *half, 0.5, *(1.0 - h for h in half[::-1]), 1.0])


def tip_lift_mm(nu: float, degree: int = 6, levels: int = 3) -> float:
    """Lift of the upper right corner [mm] for Poisson's ratio nu."""
    mu, lam = lame(nu)
    grid, nodes = _graded(levels), _nodes(degree)
    at, weight = legendre.leggauss(degree + 3)
    value, slope = _basis(nodes, at)
    line = np.concatenate(
        [a + 0.5 * (nodes[:-1] + 1.0) * (b - a) for a, b in pairwise(grid)] + [[1.0]]
    )
    n, m = len(line), len(grid) - 1
    s_slope = np.einsum("ai,bj->abij", slope, value).reshape(len(at) ** 2, -1)
    t_slope = np.einsum("ai,bj->abij", value, slope).reshape(len(at) ** 2, -1)
    both = np.outer(weight, weight).ravel()
    rows, columns, data = [], [], []
    load = np.zeros(2 * n * n)
    local = np.arange(degree + 1)
    for i in range(m):
        for j in range(m):
            ids = ((i * degree + local)[:, None] * n + (j * degree + local)).ravel()
            s, t = line[ids // n], line[ids % n]
            shape = np.stack([(1 - s) * (1 - t), s * (1 - t), s * t, (1 - s) * t], axis=1)
            x = shape @ CORNERS_MM
            jacobian = np.stack([s_slope @ x, t_slope @ x], axis=-1)
            volume = both * np.linalg.det(jacobian)
            grad = np.einsum(
                "qja,qji->qai", np.stack([s_slope, t_slope], 1), np.linalg.inv(jacobian)
            )
            block = lam * np.einsum("q,qai,qbj->aibj", volume, grad, grad)
            block += mu * np.einsum("q,qaj,qbi->aibj", volume, grad, grad)
            plain = mu * np.einsum("q,qak,qbk->ab", volume, grad, grad)
            for c in range(2):
                block[:, c, :, c] += plain
            dof = (2 * ids[:, None] + np.arange(2)).ravel()
            rows.append(np.repeat(dof, len(dof)))
            columns.append(np.tile(dof, len(dof)))
            data.append(block.ravel())
            if i == m - 1:
                edge = ids.reshape(degree + 1, degree + 1)[-1]
                height = (
                    0.5 * (grid[j + 1] - grid[j]) * np.linalg.norm(CORNERS_MM[2] - CORNERS_MM[1])
                )
                np.add.at(load, 2 * edge + 1, height * TRACTION_MPA * (value.T @ weight))
    matrix = sp.csr_matrix((np.concatenate(data), (np.concatenate(rows), np.concatenate(columns))))
    free = np.arange(2 * n, 2 * n * n)
    u = np.zeros(2 * n * n)
    u[free] = spsolve(matrix[free][:, free].tocsc(), load[free])
    return float(u[-1])
