"""How threads hold an expression back: excursions without and with the plan.

Muscles are loads on the SMAS. The loads of an expression are those that carry the SMAS of the
unthreaded face to the expression's own displacement; the same loads then act on the threaded face
around its lifted rest, where each tied thread adds its string stiffness (tension over length) and
its axial stiffness. A thread that would be pushed goes slack instead. Everything is linear about
the captured state, on the coarse mesh; the interval spans how firmly the muscle holds its course
and how much of the thread's axial stiffness cogs and knot transmit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.evidence import parameter, value
from threadlift.outcome.model import Expression
from threadlift.quantities import Z90, Estimate
from threadlift.threads import holding_n, product
from threadlift.threads.thread import Thread
from threadlift.tissue.cables import CableSet
from threadlift.tissue.linear_solver import factorise
from threadlift.tissue.tissue import Tissue

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Vertices = NDArray[np.integer]

EXPRESSIONS = ("smile", "pucker", "frown", "jaw_open", "eyes_closed")
#: Layer-node on which the mimetic muscles act: the underside of the SMAS.
_SMAS_NODE = 4
#: A field that moves its own place less than this [mm] is no expression there.
_LEAST_MM = 1e-6
_BASIS = ("model", "risks.expression.muscle", "risks.expression.tether_low")


@dataclass(frozen=True)
class _Held:
    """An expression with threads under one assumption.

    u: (ndof,) around the lifted rest; change_mm, tension_n: of the thread with the most tension;
    every_n (threads,): tension of each.
    """

    u: Array
    change_mm: float
    tension_n: float
    every_n: Array


def predict_expressions(
    tissue: Tissue,
    threads: Sequence[Thread],
    fields: Mapping[str, Array],
    displacement: Array,
    places: Mapping[str, Vertices] | None = None,
    travel: Mapping[str, Estimate] | None = None,
    dent: Callable[[Array], float] | None = None,
) -> dict[str, Expression]:
    """Every expression with a field, without and with the threads.

    tissue: on the coarse mesh; fields: displacement (V, 3) [mm] of the skin nodes by name;
    displacement: (N, 3) of the plan's equilibrium on that mesh, in which the threads were tied;
    places: skin vertices whose mean travel is the excursion (default: the one that moves most);
    travel: excursion without threads where it was assessed (default: the field's own). The
    muscles' loads are scaled until the unthreaded skin travels that far there. dent: deepest dent
    [mm] near a thread in a displacement (V, 3) of the skin, for dimples that only motion shows.
    """
    names = [n for n in EXPRESSIONS if n in fields]
    if not names or not threads:
        return {}
    nodes = np.arange(tissue.mesh.columns) * tissue.mesh.nl + _SMAS_NODE
    area = tissue.mesh.nodal_area(_SMAS_NODE)
    free, force = _driven(tissue, [fields[n] for n in names], nodes, area)
    where, without = [], []
    for i, name in enumerate(names):
        most = np.array([np.argmax(np.linalg.norm(fields[name], axis=1))])
        where.append((places or {}).get(name, most))
        own = _mean_travel(fields[name], where[i])
        without.append((travel or {}).get(name, _modelled(own)))
        scale = without[i].value / max(_mean_travel(_skin(tissue, free[:, i]), where[i]), _LEAST_MM)
        free[:, i] *= scale
        force[:, i] *= scale
    ties = _Ties(tissue, threads, displacement)
    muscle = parameter("risks.expression.muscle")
    middle, low, high = muscle.value, muscle.low or muscle.value, muscle.high or muscle.value
    half = value("risks.expression.tether_low")
    runs: list[list[_Held]] = []
    for stiffness, tethers in ((middle, (1.0, half)), (low, (1.0,)), (high, (1.0,))):
        muscles = _springs(tissue, nodes, stiffness * area)
        runs += ties.held(tissue, muscles, force + muscles[:, None] * free, tethers)
    hold = np.array([holding_n(t, product(t.product), tissue.bed(t)) for t in threads])
    return {
        name: _expression(
            tissue, free[:, i], where[i], without[i], [run[i] for run in runs], hold, dent
        )
        for i, name in enumerate(names)
    }


def _skin(tissue: Tissue, u: Array) -> Array:
    """Displacement (V, 3) of the skin in nodal displacements (ndof,)."""
    return u.reshape(-1, 3)[:: tissue.mesh.nl]


def _mean_travel(skin: Array, where: Vertices) -> float:
    return float(np.linalg.norm(skin[where], axis=1).mean())


def _springs(tissue: Tissue, nodes: Vertices, per_node: Array) -> Array:
    """Diagonal (ndof,) [N/mm] of equal springs in all directions at nodes."""
    out = np.zeros(tissue.ndof)
    for c in range(3):
        out[3 * nodes + c] = per_node
    return out


def _driven(
    tissue: Tissue, fields: Sequence[Array], nodes: Vertices, area: Array
) -> tuple[Array, Array]:
    """Displacements (ndof, k) without threads and the muscles' loads (ndof, k) [N] behind them."""
    track = _springs(tissue, nodes, value("risks.expression.tracking") * area)
    targets = np.zeros((tissue.ndof, len(fields)))
    for i, field in enumerate(fields):
        for c in range(3):
            targets[3 * nodes + c, i] = field[:, c]
    factor = factorise(sp.csr_matrix(tissue.rest.matrix + sp.diags(track)), backend=tissue.backend)
    free = factor.solve(track[:, None] * targets)
    return free, track[:, None] * (targets - free)


class _Ties:
    """Tied threads, linearised about the lifted rest: strings, and one axial spring each."""

    def __init__(self, tissue: Tissue, threads: Sequence[Thread], displacement: Array) -> None:
        parts = [tissue.cable(t) for t in threads]
        cables = CableSet(parts, tissue.solid.nodes)
        state = cables.state(displacement)
        self.string = cables.string_stiffness(state)
        self.level = state.level
        rows, stiffness = [], []
        for i, cable in enumerate(parts):
            pull = state.direction[cables.segment_owner == i] * cable.share[:, None]
            gradient = np.zeros_like(cables.positions(displacement))
            block = gradient[cables.node_slices[i]]
            block[1:] += pull
            block[:-1] -= pull
            rows.append(cables.RT @ gradient.ravel())
            weight = float(np.sum(cable.share**2 * cable.segment_mm))
            stiffness.append((cable.ea_n or 0.0) / weight if weight > 0.0 else 0.0)
        #: (threads, ndof) change of each thread's weighted length; (threads,) its stiffness.
        self.rows, self.stiffness = np.array(rows), np.array(stiffness)

    def held(
        self, tissue: Tissue, hold: Array, load: Array, tethers: Sequence[float]
    ) -> list[list[_Held]]:
        """For each transmitted axial share, every load's answer (columns of load (ndof, k))."""
        matrix = sp.csr_matrix(tissue.rest.matrix + sp.diags(hold) + self.string)
        factor = factorise(matrix, backend=tissue.backend)
        fields = factor.solve(self.rows.T)
        base = factor.solve(load)
        between = self.rows @ fields
        return [
            [self._one(base[:, i], fields, between, share) for i in range(base.shape[1])]
            for share in tethers
        ]

    def _one(self, base: Array, fields: Array, between: Array, tether: float) -> _Held:
        """Axial springs by the Woodbury identity; those that would push are let go, one by one."""
        stiffness = tether * self.stiffness
        free_change = self.rows @ base
        taut = stiffness > 0.0
        while True:
            pull = np.zeros(len(taut))
            if taut.any():
                system = np.diag(1.0 / stiffness[taut]) + between[np.ix_(taut, taut)]
                pull[taut] = np.linalg.solve(system, free_change[taut])
            # A slack thread has lost its whole level, which pushes the tissue back by as much.
            gone = ~taut & (stiffness > 0.0)
            pull[gone] = -self.level[gone]
            pushed = taut & (self.level + pull < 0.0)
            if not pushed.any():
                break
            taut &= ~(np.arange(len(taut)) == np.argmin(np.where(pushed, self.level + pull, 0.0)))
        change = free_change - between @ pull
        tension = self.level + pull
        worst = int(np.argmax(tension))
        return _Held(base - fields @ pull, float(change[worst]), float(tension[worst]), tension)


def _expression(
    tissue: Tissue,
    free: Array,
    where: Vertices,
    without: Estimate,
    runs: Sequence[_Held],
    hold_n: Array,
    dent: Callable[[Array], float] | None,
) -> Expression:
    """Travel with threads, from nodal displacements free (ndof,) without and `runs` with them.

    hold_n (threads,): what the cogs of each thread hold [N].
    """
    bare = _skin(tissue, free)
    skins = [_skin(tissue, run.u) for run in runs]
    start = max(_mean_travel(bare, where), _LEAST_MM)
    ratio = [_mean_travel(skin, where) / start for skin in skins]
    tether = [float(np.linalg.norm(skin - bare, axis=1).max()) for skin in skins]
    return Expression(
        without_mm=without,
        with_mm=Estimate(
            without.value * ratio[0], without.low * min(ratio), without.high * max(ratio), "mm",
            (*_BASIS, *without.basis),
        ),
        change_mm=_span([without.value * (r - 1.0) for r in ratio], "mm"),
        tether_mm=_span(tether, "mm"),
        length_change_mm=_span([run.change_mm for run in runs], "mm"),
        peak_tension_n=_span([run.tension_n for run in runs], "N"),
        dimple_mm=_span([0.0 if dent is None else dent(skin - bare) for skin in skins], "mm"),
        hold_share=_span(
            [float((run.every_n / np.maximum(hold_n, 1e-9)).max()) for run in runs], "1"
        ),
    )  # fmt: skip


def _modelled(travel: float) -> Estimate:
    """A travel with the spread of the face model's own expressions."""
    p = "expression.model.relative_sd"
    half = Z90 * value(p)
    return Estimate(travel, travel * max(0.0, 1.0 - half), travel * (1.0 + half), "mm", (p,))


def _span(values: Sequence[float], unit: str) -> Estimate:
    """First value with the range of all."""
    return Estimate(values[0], min(values), max(values), unit, _BASIS)
