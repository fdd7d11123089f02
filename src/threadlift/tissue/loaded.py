"""The tissue under load: energy of body, threads and external forces, and the threads' state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.threads.cogs import TensionProfile
from threadlift.tissue import newton
from threadlift.tissue.assembly import Solid
from threadlift.tissue.cables import CableSet, CableState
from threadlift.tissue.equilibrium import ThreadState


@dataclass(frozen=True)
class Loaded:
    """Energy of tissue, cables and external loads, as `newton.Problem`."""

    solid: Solid
    cables: CableSet
    external: NDArray

    def load_size(self) -> float:
        """Norm of the applied nodal forces in the captured state [N]."""
        zero = np.zeros_like(self.solid.points)
        return float(np.linalg.norm(self.cables.force(self.cables.state(zero)) - self.external))

    def evaluate(self, u: NDArray) -> newton.Point:
        """Energy terms, unbalanced nodal forces and smallest det F at u."""
        body = self.solid.evaluate(u)
        state = self.cables.state(u)
        work = -np.einsum("nc,nc->n", self.external, u)
        return newton.Point(
            np.concatenate([body.energy, state.energy, work]),
            body.force + self.cables.force(state) - self.external,
            body.min_jacobian,
        )

    def hessian(self, u: NDArray, safe: bool) -> Callable[[NDArray], NDArray]:
        """Stiffness of body and threads at u as an operator; ``safe``: semidefinite body."""
        blocks, state = self.solid.tangent(u, safe=safe), self.cables.state(u)
        return lambda p: blocks.times(p) + self.cables.times(state, p)


def thread_states(
    cables: CableSet, u: NDArray, profiles: Sequence[TensionProfile | None]
) -> tuple[ThreadState, ...]:
    """State of every thread at u (N,3); profiles as far as the threads came with one."""
    state: CableState = cables.state(u)
    positions = cables.positions(u)
    out: list[ThreadState] = []
    for index, (cable, profile) in enumerate(zip(cables.cables, profiles, strict=True)):
        mine = cables.segment_owner == index
        tension = state.tension[mine]
        change = float(state.length[mine].sum() - cable.segment_mm.sum())
        stretch = float(np.sum(tension * cable.segment_mm) / cable.ea_n) if cable.ea_n else 0.0
        out.append(
            ThreadState(
                name=cable.name,
                tension_n=float(tension.max(initial=0.0)),
                segment_tension_n=tension,
                path_mm=positions[cables.node_slices[index]],
                length_change_mm=change,
                takeup_mm=stretch - change,
                transfer_n=tension[:-1] - tension[1:],
                slip_n=profile.excess_n if profile is not None else 0.0,
                slipped=int(profile.cogs.slipped.sum()) if profile is not None else 0,
            )
        )
    return tuple(out)
