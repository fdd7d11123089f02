"""The tissue under load: energy of body, threads and external forces, and the threads' state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.threads.cogs import CogLoads
from threadlift.tissue import newton
from threadlift.tissue.assembly import Blocks, Solid
from threadlift.tissue.bonded import SHORTEST_MM, BondCable
from threadlift.tissue.cables import Cable, CableSet, CableState
from threadlift.tissue.equilibrium import ThreadState

_KPA_PER_MPA = 1000.0
# Chord over which the curvature of a thread is taken.
_CHORD_MM = 8.0


@dataclass(frozen=True)
class Loaded:
    """Energy of tissue, cables and external loads, as `newton.Problem`."""

    solid: Solid
    cables: CableSet
    external: NDArray
    # Last point, its pressures and last tangent with the displacement that they belong to: the
    # solver asks for several things at one displacement.
    _last: dict[str, tuple[Any, ...]] = field(default_factory=dict, repr=False, compare=False)

    def load_size(self) -> float:
        """Norm of the applied nodal forces in the captured state [N], without those on bone."""
        zero = np.zeros_like(self.solid.points)
        applied = self.cables.force(self.cables.state(zero)) - self.external
        return float(np.linalg.norm(self.solid.admissible(applied)))

    def evaluate(self, u: NDArray) -> newton.Point:
        """Energy terms, unbalanced forces on the free nodes and smallest det F at u."""
        known = self._last.get("point")
        if known is not None and known[0] is u:
            return known[2]
        body = self.solid.evaluate(u)
        state = self.cables.state(u)
        work = -np.einsum("nc,nc->n", self.external, u)
        point = newton.Point(
            np.concatenate([body.energy, state.energy, work]),
            self.solid.admissible(body.force + self.cables.force(state) - self.external),
            body.min_jacobian,
        )
        self._last["point"] = (u, body.pressure, point)
        return point

    def hessian(self, u: NDArray, safe: bool) -> Callable[[NDArray], NDArray]:
        """Stiffness of body and threads at u as an operator; ``safe``: semidefinite body."""
        blocks, state = self.tangent(u, safe), self.cables.state(u)
        return lambda p: blocks.times(p) + self.cables.times(state, p)

    def tangent(self, u: NDArray, safe: bool) -> Blocks:
        """Stiffness of the body alone at u; the last one asked for is remembered."""
        known = self._last.get("tangent")
        if known is not None and known[0] is u and known[1] == safe:
            return known[2]
        self.evaluate(u)
        blocks = self.solid.tangent(u, safe=safe, pressure=self._last["point"][1])
        self._last["tangent"] = (u, safe, blocks)
        return blocks


def thread_states(cables: CableSet, u: NDArray) -> tuple[ThreadState, ...]:
    """State of every thread at u (N,3)."""
    state: CableState = cables.state(u)
    positions = cables.positions(u)
    out: list[ThreadState] = []
    for index, cable in enumerate(cables.cables):
        mine = cables.segment_owner == index
        tension = state.tension[mine]
        change = float(state.length[mine].sum() - cable.segment_mm.sum())
        stretch = float(np.sum(tension * cable.segment_mm) / cable.ea_n) if cable.ea_n else 0.0
        plain = ThreadState(
            name=cable.name,
            tension_n=float(tension.max(initial=0.0)),
            segment_tension_n=tension,
            path_mm=positions[cables.node_slices[index]],
            length_change_mm=change,
            takeup_mm=stretch - change,
            transfer_n=tension[:-1] - tension[1:],
            requested_n=float(tension.max(initial=0.0)),
        )
        out.append(plain if isinstance(cable, Cable) else _bonded(plain, cables, state, index))
    return tuple(out)


def _bonded(plain: ThreadState, cables: CableSet, state: CableState, index: int) -> ThreadState:
    """The state of a bonded cable: its cogs, its slip and what to warn of."""
    cable = cables.cables[index]
    assert isinstance(cable, BondCable)
    mine = cables.segment_owner == index
    movement = cables.movement(state, index)
    force = np.clip(cable.bond_n_mm * movement, cable.lower_n, cable.upper_n)
    slid = cable.slid_mm(movement)
    # Cogs that have let go slid even where they have come to rest on less load.
    slid = np.where(cable.capacity_n < cable.peak_n, np.maximum(slid, SHORTEST_MM), slid)
    tension = float(state.level[index])
    requested = tension if cable.shortening_mm is not None else cable.tension_n
    excess = max(requested - cable.holding_n, 0.0)
    pressure = _line_pressure_kpa(state.tension[mine], plain.path_mm, cable.diameter_mm)
    signs = {
        "slip": excess > 0.0 or bool((slid > 0.0).any()),
        "cut-through": excess > 0.0
        or bool((slid > value("threads.cut_through.slide")).any())
        or pressure > value("threads.cut_through.line_pressure"),
        "strength": tension > cable.strength_n,
    }
    return replace(
        plain,
        tension_n=tension,
        requested_n=requested,
        takeup_mm=cables.takeup_mm(state, index),
        slip_n=excess,
        slipped=int((slid > 0.0).sum()),
        cogs=CogLoads(cable.cog_arc_mm, cable.capacity_n, force, slid),
        line_pressure_kpa=pressure,
        warnings=tuple(name for name, is_so in signs.items() if is_so),
    )


def _line_pressure_kpa(tension: NDArray, path: NDArray, diameter_mm: float) -> float:
    """Largest tension (s,) times curvature of the path (s+1,3) [mm] over diameter.

    Curvature is the turn between the chords over `_CHORD_MM` before and after a node: what turns
    within less is the facets of the mesh, which a strand with bending stiffness does not follow.
    """
    step = float(np.linalg.norm(np.diff(path, axis=0), axis=1).mean())
    reach = max(1, round(_CHORD_MM / step))
    if len(path) <= 2 * reach:
        return 0.0
    chords = path[reach:] - path[:-reach]
    length = np.linalg.norm(chords, axis=1)
    unit = chords / length[:, None]
    turn = np.linalg.norm(unit[reach:] - unit[:-reach], axis=1)
    curvature = turn / (0.5 * (length[reach:] + length[:-reach]))
    middle = np.minimum(tension[reach - 1 : -reach], tension[reach : len(tension) - reach + 1])
    return float(np.max(middle * curvature)) / diameter_mm * _KPA_PER_MPA
