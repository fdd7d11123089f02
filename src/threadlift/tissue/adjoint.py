"""How a result changes with the plan and the tissue: adjoint sensitivities of an equilibrium.

A result is a linear row q on the nodal displacements, such as the mean lift of a zone. With the
unbalanced force r(u, p) = 0 at equilibrium and H = dr/du symmetric, dJ/dp = -(H^-1 q) . dr/dp: one
linear solve per row serves every parameter. dr/dp at the fixed displacement costs no solve; it is
a central difference of the assembled forces, so everything that hangs on a parameter (holding of
the cogs, embedding, reference load) is in it. Slipped cogs stay slipped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.threads.thread import Thread
from threadlift.tissue.bonded import BondCable
from threadlift.tissue.cables import CableSet
from threadlift.tissue.equilibrium import Equilibrium
from threadlift.tissue.linearised import TOLERANCE, Linearised

if TYPE_CHECKING:
    from threadlift.tissue.tissue import Tissue

# Steps of the central differences: geometry [mm] and relative steps of parameters. Truncation and
# rounding both stay below 1e-8 of the slope.
_STEP_MM = 1e-4
_STEP_RELATIVE = 1e-5

End = Literal["entry", "tip"]


class Adjoint:
    """Sensitivities of m rows at one equilibrium.

    Parameters
    ----------
    tissue: the tissue that was solved.
    equilibrium: its solution; converge it tightly (1e-8) where slopes matter.
    threads: those of the equilibrium, in its order.
    rows: (m, N, 3) weights on the nodal displacements; units of the results are theirs times mm.
    tolerance: relative residual of the adjoint solves.

    Raises InputError when threads and equilibrium do not belong together, SolverError when the
    equilibrium is not stable enough for a linear solve.
    """

    def __init__(
        self,
        tissue: Tissue,
        equilibrium: Equilibrium,
        threads: Sequence[Thread],
        rows: NDArray,
        *,
        tolerance: float = TOLERANCE,
    ) -> None:
        problem = equilibrium.problem
        if problem is None or len(problem.cables.cables) != len(threads):
            raise InputError(
                "The equilibrium was not solved with these threads.",
                "Give the threads of Tissue.equilibrium in the same order.",
            )
        self._tissue, self._threads = tissue, tuple(threads)
        self._u, self._problem = equilibrium.displacement, problem
        self._state = problem.cables.state(self._u)
        asked = np.asarray(rows, float).reshape(-1, *self._u.shape)
        # Held nodes do not move, whatever weight a row gives them.
        self._rows = np.where(problem.solid.held[:, None], 0.0, asked)
        self.value = np.einsum("mnc,nc->m", self._rows, self._u)
        self.field = Linearised(tissue, problem, self._u).solve(self._rows, tolerance)

    def _slope(self, difference: NDArray) -> NDArray:
        """Slopes (m,) for a change of the unbalanced force (N,3) per unit of the parameter."""
        return -np.einsum("mnc,nc->m", self.field, difference)

    def tension(self) -> NDArray:
        """Slopes (m, threads) with the pull of each thread: per N, or per mm of take-up."""
        loads = self._problem.cables.load_derivative(self._state)
        return -np.einsum("mnc,tnc->mt", self.field, loads)

    def movement(self, index: int, velocity: NDArray, deeper: NDArray | None = None) -> NDArray:
        """Slopes (m,) for a motion of one thread's path in the captured face.

        velocity (k,3) [mm per unit] of the path nodes; deeper (k,) [mm per unit] what it adds to
        their depths.
        """
        thread, cable = self._threads[index], self._problem.cables.cables[index]
        sink = np.zeros(len(thread.path_mm)) if deeper is None else np.asarray(deeper, float)
        velocity = np.asarray(velocity, float)

        def force(h: float) -> NDArray:
            moved = replace(
                thread,
                path_mm=thread.path_mm + h * velocity,
                entry_mm=thread.entry_mm + h * velocity[thread.turn],
                depth_mm=thread.depth_mm + h * sink,
            )
            new = self._tissue.bonded(moved)
            if isinstance(cable, BondCable):
                # Cogs that have let go stay as they are.
                new = replace(
                    new.let_go_like(cable),
                    tension_n=cable.tension_n,
                    shortening_mm=cable.shortening_mm,
                )
            alone = CableSet([new], self._problem.cables.nodes)
            return alone.force(alone.state(self._u))

        h = _STEP_MM / max(float(np.abs(velocity).max(initial=0.0)), 1e-12)
        return self._slope((force(h) - force(-h)) / (2.0 * h))

    def depth(self) -> NDArray:
        """Slopes (m, threads) per mm by which a whole thread (but its anchor) lies deeper."""
        columns = []
        for index, thread in enumerate(self._threads):
            inward = self._inward(thread)
            free = self._free(thread)
            columns.append(self.movement(index, inward * free[:, None], free))
        return self._stacked(columns)

    def sideways(self, end: End) -> NDArray:
        """Slopes (m, threads) per mm by which an end moves across the thread within its plane.

        The rest of the path follows in proportion to its arc length from the other end; positive
        is towards the left of somebody who looks along the thread from outside the face.
        """
        columns = []
        for index, thread in enumerate(self._threads):
            s = thread.outwards
            share = s if end == "tip" else 1.0 - s
            along = np.gradient(thread.path_mm, axis=0)
            across = np.cross(-self._inward(thread), along)
            across /= np.linalg.norm(across, axis=1)[:, None]
            columns.append(self.movement(index, across * share[:, None]))
        return self._stacked(columns)

    def parameter(self, name: str) -> NDArray:
        """Slopes (m,) with a tissue parameter, per unit of it (see `TissueParameters`).

        Raises InputError for an unknown name.
        """
        known = {f.name for f in fields(self._tissue.parameters)}
        if name not in known:
            raise InputError(f"There is no tissue parameter '{name}'.", f"Use one of {known}.")
        size = float(getattr(self._tissue.parameters, name))
        h = _STEP_RELATIVE * (abs(size) or 1.0)

        def other(step: float) -> Tissue:
            return self._tissue.varied(replace(self._tissue.parameters, **{name: size + step}))

        return self.change(other, h, one_sided=size < h)

    def change(
        self, other: Callable[[float], Tissue], step: float, *, one_sided: bool = False
    ) -> NDArray:
        """Slopes (m,) with any change of the tissue on the same mesh, per unit of its size.

        other: the tissue after a change of a size; step: of the difference; one_sided: where the
        tissue allows no change the other way.
        """

        def force(h: float) -> NDArray:
            return other(h).solid.evaluate(self._u).force

        back = 0.0 if one_sided else -step
        return self._slope((force(step) - force(back)) / (step - back))

    def _inward(self, thread: Thread) -> NDArray:
        """Unit directions (k,3) from the skin to the base at the path nodes."""
        mesh = self._tissue.mesh
        tri, bary, _ = mesh.locator.columns(thread.path_mm)
        ends = [mesh.point_at(tri, bary, np.full(len(tri), z))[0] for z in (0.0, mesh.nl - 1.0)]
        arrow = ends[1] - ends[0]
        return arrow / np.linalg.norm(arrow, axis=1)[:, None]

    @staticmethod
    def _free(thread: Thread) -> NDArray:
        """Mask (k,) of the nodes that a change of depth moves: an anchor stays."""
        free = np.ones(len(thread.path_mm))
        if thread.anchor is not None:
            free[thread.anchor] = 0.0
        return free

    def _stacked(self, columns: list[NDArray]) -> NDArray:
        return np.stack(columns, axis=1) if columns else np.zeros((len(self._rows), 0))
