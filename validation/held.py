"""A body with held, prescribed and tied degrees of freedom, solved by the model's own Newton.

Displacements are written as ``u = prescribed + Z q``: held degrees of freedom have no column in Z,
tied ones (a rigid punch, a rigid cone) share one. Everything else is the tissue's own assembly,
minimiser and linear solver.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.tissue import newton
from threadlift.tissue.assembly import Solid
from threadlift.tissue.linear_solver import Factor, factorise
from threadlift.tissue.pardiso import NotPositiveDefiniteError

# Relative residual of the equilibria: displacements to micrometres.
TOLERANCE = 1e-6
# Inner iterations after which the preconditioner is renewed.
_REFRESH_AFTER = 15


@dataclass(frozen=True)
class State:
    """An equilibrium: displacement u (N,3) [mm], reactions (N,3) [N], reduced unknowns q (m,)."""

    u: NDArray
    reaction: NDArray
    q: NDArray


class Held:
    """A solid of which some degrees of freedom are held or tied; a `newton.Problem` in q.

    hold (N,3): True where the displacement is prescribed; ties: node groups with a component each,
    whose free degrees of freedom move together.
    """

    def __init__(
        self, solid: Solid, hold: NDArray, ties: Sequence[tuple[NDArray, int]] = ()
    ) -> None:
        self.solid = solid
        count = hold.size
        owner = np.arange(count)
        for nodes, component in ties:
            dofs = 3 * np.asarray(nodes) + component
            owner[dofs] = dofs[0]
        free = ~hold.ravel()[owner]
        leaders, column = np.unique(owner[free], return_inverse=True)
        rows = np.flatnonzero(free)
        self.unknowns = len(leaders)
        shape = (count, len(leaders))
        self.Z = sp.csr_matrix((np.ones(len(rows)), (rows, column)), shape=shape)
        self._prescribed = np.zeros_like(solid.points)
        self._external = np.zeros_like(solid.points)

    def _u(self, q: NDArray) -> NDArray:
        return self._prescribed + (self.Z @ q).reshape(-1, 3)

    def evaluate(self, u: NDArray) -> newton.Point:
        """Energy terms, reduced gradient and smallest det F at reduced unknowns u = q (m,)."""
        full = self._u(u)
        body = self.solid.evaluate(full)
        work = -np.einsum("nc,nc->n", self._external, full)
        gradient = self.Z.T @ (body.force - self._external).ravel()
        return newton.Point(np.concatenate([body.energy, work]), gradient, body.min_jacobian)

    def hessian(self, u: NDArray, safe: bool) -> Callable[[NDArray], NDArray]:
        """The reduced tangent at q as an operator on (m,)."""
        blocks = self.solid.tangent(self._u(u), safe=safe)
        shape = self.solid.points.shape
        return lambda p: self.Z.T @ blocks.times((self.Z @ p).reshape(shape)).ravel()

    def _factor(self, q: NDArray, safe: bool) -> Factor:
        matrix = self.Z.T @ self.solid.tangent(self._u(q), safe=safe).csr() @ self.Z
        matrix = sp.csr_matrix(matrix)
        matrix.sort_indices()
        return factorise(matrix)

    def _load(self, external: NDArray | None, prescribed: NDArray | None) -> None:
        zero = np.zeros_like(self.solid.points)
        self._external = zero if external is None else external
        self._prescribed = zero if prescribed is None else prescribed

    def _factor_at_rest(self) -> Factor:
        self._load(None, None)
        return self._factor(np.zeros(self.unknowns), safe=False)

    def linear(self, external: NDArray | None = None, prescribed: NDArray | None = None) -> State:
        """Small-displacement answer to dead loads and prescribed displacements."""
        factor = self._factor_at_rest()
        self._load(external, prescribed)
        stiffness = self.solid.tangent(np.zeros_like(self.solid.points))
        pull = self._external - stiffness.times(self._prescribed)
        q = factor.solve(self.Z.T @ pull.ravel())
        u = self._u(q)
        return State(u, stiffness.times(u) - self._external, q)

    def solve(
        self,
        external: NDArray | None = None,
        prescribed: NDArray | None = None,
        start: State | None = None,
    ) -> State:
        """Equilibrium under dead loads (N,3) [N] and prescribed displacements (N,3) [mm].

        Started at a nearby state, else at the linear solution. Raises SolverError when none is
        found.
        """
        if start is None:
            start = self.linear(external, prescribed)
            factor = self._factor_at_rest()
        else:
            factor = self._factor(start.q, safe=True)
        self._load(external, prescribed)
        q = start.q
        # Reactions set the scale where nothing but displacement is prescribed.
        load = max(
            float(np.linalg.norm(self._external)),
            float(np.linalg.norm(self.solid.evaluate(self._u(q)).force)),
        )

        def refresh(at: NDArray, inner: int, safe: bool) -> newton.Preconditioner | None:
            if inner <= _REFRESH_AFTER:
                return None
            try:
                return self._factor(at, safe)
            except NotPositiveDefiniteError:
                return self._factor(at, True)

        best = newton.minimise(
            self,
            q,
            factor,
            load=load,
            tolerance=TOLERANCE,
            rounding=self.solid.rounding_n,
            energy_rounding=self.solid.energy_rounding,
            refresh=refresh,
        )
        u = self._u(best.u)
        return State(u, self.solid.evaluate(u).force - self._external, best.u)
