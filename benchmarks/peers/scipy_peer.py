"""What peers whose matrices are SciPy's have in common: free components, Cholesky, responses."""

# pyright: reportMissingImports=false
from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import scipy.sparse as sp
from cholesky import VERSION, Factor
from wedge import ELEMENT


class ScipyPeer(ABC):
    """Vectors hold the free components, in the order 3 * node + component."""

    element = ELEMENT

    def __init__(self, data: dict[str, Any]) -> None:
        self.count, self.skin = len(data["nodes"]), data["skin"]
        free = np.ones((self.count, 3), dtype=bool)
        free[data["clamped"]] = False
        self.free = np.flatnonzero(free)
        self.loads = data["loads"].ravel()[self.free]

    @abstractmethod
    def tangent(self, u: np.ndarray) -> sp.csr_matrix:
        """Stiffness of the free components."""

    def tangent_at_rest(self) -> sp.csr_matrix:
        """Stiffness of the captured state."""
        return self.tangent(np.zeros_like(self.loads))

    @staticmethod
    def factor(matrix: sp.csr_matrix, indefinite: bool = False) -> Factor:
        """Cholesky or LDL^T factor."""
        return Factor(matrix, indefinite)

    @staticmethod
    def solver_of(factor: Factor) -> str:
        """Name of the direct solver."""
        return f"MKL PARDISO {factor.kind} ({VERSION})"

    @staticmethod
    def times(matrix: sp.csr_matrix, v: np.ndarray) -> np.ndarray:
        """K v."""
        return matrix @ v

    @staticmethod
    def dot(a: np.ndarray, b: np.ndarray) -> float:
        """Scalar product."""
        return float(a @ b)

    def nodal(self, u: np.ndarray) -> np.ndarray:
        """Displacements (N,3)."""
        full = np.zeros(3 * self.count)
        full[self.free] = u
        return full.reshape(-1, 3)

    def responses(self, factor: Factor, columns: sp.csc_matrix) -> np.ndarray:
        """Skin displacements (k, 3V) under load columns (3N, k)."""
        x = factor.solve(columns.tocsr()[self.free].toarray(order="F"))
        full = np.zeros((3 * self.count, x.shape[1]), dtype=np.float32)
        full[self.free] = x
        skin = (3 * self.skin[:, None] + np.arange(3)).ravel()
        return full[skin].T.copy()

    @staticmethod
    def total(value: float) -> float:
        """Sum over the processes of the peer."""
        return value

    @staticmethod
    def agreed(choice: bool) -> bool:
        """The first process's choice."""
        return choice
