"""Prescribed displacements for exact boundary data: elimination, no penalty springs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.tissue import newton
from threadlift.tissue.assembly import Solid
from threadlift.tissue.cables import CableSet
from threadlift.tissue.linear_solver import Factor, factorise
from threadlift.tissue.loaded import Loaded


@dataclass(frozen=True)
class Held:
    """A `newton.Problem` in which only the dofs marked in ``free`` (N,3) may move."""

    problem: newton.Problem
    free: NDArray

    def evaluate(self, u: NDArray) -> newton.Point:
        """Energy terms, forces on the free dofs and smallest det F at u (N,3)."""
        point = self.problem.evaluate(u)
        gradient = np.where(self.free, point.gradient, 0.0)
        return newton.Point(point.energy, gradient, point.min_jacobian)

    def hessian(self, u: NDArray, safe: bool) -> Callable[[NDArray], NDArray]:
        """Stiffness between the free dofs as an operator on (N,3)."""
        times = self.problem.hessian(u, safe)
        return lambda p: np.where(self.free, times(np.where(self.free, p, 0.0)), 0.0)


def between_free(matrix: sp.csr_matrix, free: NDArray) -> Factor:
    """Factor of a stiffness (3N,3N) with the rows and columns of held dofs replaced by one."""
    mask = free.ravel().astype(float)
    keep = sp.diags(mask)
    return factorise(sp.csr_matrix(keep @ matrix @ keep + sp.diags(1.0 - mask)))


def linear(
    solid: Solid, free: NDArray, prescribed: NDArray | None = None, external: NDArray | None = None
) -> NDArray:
    """Small displacements (N,3) under nodal loads (N,3) with held dofs moved as prescribed."""
    zero = np.zeros_like(solid.points)
    moved = zero if prescribed is None else np.where(free, 0.0, prescribed)
    matrix = solid.tangent(zero).csr()
    load = zero if external is None else external
    rhs = np.where(free, load - (matrix @ moved.ravel()).reshape(-1, 3), 0.0)
    return moved + between_free(matrix, free).solve(rhs.ravel()).reshape(-1, 3)


def solve(
    solid: Solid,
    free: NDArray,
    prescribed: NDArray | None = None,
    external: NDArray | None = None,
    *,
    steps: int = 1,
    tolerance: float = 1e-9,
    away: NDArray | None = None,
) -> NDArray:
    """Finite displacements (N,3) in equilibrium, loads and held dofs applied in equal steps.

    tolerance: unbalanced force over applied force and reactions (Euclidean norms). away (N,3):
    moves the free dofs of every first guess off, so that a guess which is exact by itself (an
    affine field) still has to be found.
    """
    zero = np.zeros_like(solid.points)
    target = zero if prescribed is None else np.where(free, 0.0, prescribed)
    load = zero if external is None else external
    u = zero
    for step in range(1, steps + 1):
        problem = Loaded(solid, CableSet([], solid.nodes), load * (step / steps))
        matrix = solid.tangent(u, safe=True).csr()
        factor = between_free(matrix, free)
        # The first guess carries the held dofs to their new place and the free ones along.
        jump = np.where(free, 0.0, target * (step / steps) - u)
        out_of_balance = problem.evaluate(u).gradient + (matrix @ jump.ravel()).reshape(-1, 3)
        move = factor.solve(np.where(free, -out_of_balance, 0.0).ravel()).reshape(-1, 3)
        guess = u + jump + move
        if away is not None:
            guess = guess + np.where(free, away, 0.0)
        size = float(np.linalg.norm(problem.external)) + float(
            np.linalg.norm(np.where(free, 0.0, solid.evaluate(guess).force))
        )
        held = Held(problem, free)

        def refresh(u: NDArray, inner: int, safe: bool) -> Factor | None:
            return between_free(solid.tangent(u, safe=True).csr(), free) if inner > 20 else None

        u = newton.minimise(
            held, guess, factor, load=size, tolerance=tolerance, rounding=solid.rounding_n,
            energy_rounding=solid.energy_rounding, refresh=refresh,
        ).u  # fmt: skip
    return u
