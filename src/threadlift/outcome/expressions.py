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
from scipy.sparse.linalg import LinearOperator, cg

from threadlift.errors import SolverError
from threadlift.evidence import parameter, value
from threadlift.outcome.model import Expression
from threadlift.quantities import Estimate
from threadlift.threads.thread import Thread
from threadlift.tissue.cables import CableSet
from threadlift.tissue.linear_solver import Factor, factorise
from threadlift.tissue.tissue import Tissue

Array = NDArray[np.float64]

EXPRESSIONS = ("smile", "pucker", "frown", "jaw_open", "eyes_closed")
#: Layer-node on which the mimetic muscles act: the underside of the SMAS.
_SMAS_NODE = 4
#: Relative residual of the threaded solves; excursions are then exact to micrometres.
_RTOL = 1e-8
#: Rounds of letting pushed threads go slack; each round can only add slack threads.
_SLACK_ROUNDS = 4
_BASIS = ("model", "risks.expression.muscle", "risks.expression.tether_low")


@dataclass(frozen=True)
class _Case:
    """One assumption: muscle stiffness per area [N/mm3] and transmitted axial share."""

    muscle: float
    tether: float


def predict_expressions(
    tissue: Tissue,
    threads: Sequence[Thread],
    fields: Mapping[str, Array],
    displacement: Array,
) -> dict[str, Expression]:
    """Every expression with a field, without and with the threads.

    tissue: on the coarse mesh; fields: displacement (V, 3) [mm] of the skin nodes by name;
    displacement: (N, 3) of the plan's equilibrium on that mesh, in which the threads were tied.
    """
    names = [n for n in EXPRESSIONS if n in fields]
    if not names or not threads:
        return {}
    matrix, area = tissue.rest.matrix, tissue.mesh.nodal_area(_SMAS_NODE)
    nodes = np.arange(tissue.mesh.columns) * tissue.mesh.nl + _SMAS_NODE
    track = _springs(tissue, nodes, value("risks.expression.tracking") * area)
    targets = np.zeros((tissue.ndof, len(names)))
    for i, name in enumerate(names):
        for c in range(3):
            targets[3 * nodes + c, i] = fields[name][:, c]
    driven = factorise(sp.csr_matrix(matrix + sp.diags(track)), backend=tissue.backend)
    free = driven.solve(track[:, None] * targets)
    force = track[:, None] * (targets - free)

    muscle = parameter("risks.expression.muscle")
    middle, low, high = muscle.value, muscle.low or muscle.value, muscle.high or muscle.value
    half = value("risks.expression.tether_low")
    cases = [_Case(middle, 1.0), _Case(low, 1.0), _Case(high, 1.0), _Case(middle, half)]
    runs = [_held(tissue, threads, displacement, free, force, nodes, area, c) for c in cases]
    return {
        name: _expression(tissue, name, free[:, i], [(u[:, i], s[i]) for u, s in runs])
        for i, name in enumerate(names)
    }


def _springs(tissue: Tissue, nodes: NDArray[np.integer], per_node: Array) -> Array:
    """Diagonal (ndof,) [N/mm] of equal springs in all directions at nodes."""
    out = np.zeros(tissue.ndof)
    for c in range(3):
        out[3 * nodes + c] = per_node
    return out


def _held(
    tissue: Tissue,
    threads: Sequence[Thread],
    displacement: Array,
    free: Array,
    force: Array,
    nodes: NDArray[np.integer],
    area: Array,
    case: _Case,
) -> tuple[Array, list[tuple[float, float]]]:
    """Displacement (ndof, k) around the lifted rest, and (length change, peak tension) of each."""
    hold = _springs(tissue, nodes, case.muscle * area)
    base = factorise(sp.csr_matrix(tissue.rest.matrix + sp.diags(hold)), backend=tissue.backend)
    ties = _Ties(tissue, threads, displacement, case.tether)
    out, states = np.empty_like(free), []
    for i in range(free.shape[1]):
        load = force[:, i] + hold * free[:, i]
        slack = np.zeros(len(threads), dtype=bool)
        u = free[:, i]
        for _ in range(_SLACK_ROUNDS):
            u = _solve(base, ties.operator(slack), load, u)
            pushed = ties.tension(u, slack) < 0.0
            if not (pushed & ~slack).any():
                break
            slack |= pushed
        out[:, i] = u
        states.append(ties.worst(u, slack))
    return out, states


class _Ties:
    """Tied threads, linearised about the lifted rest."""

    def __init__(
        self, tissue: Tissue, threads: Sequence[Thread], displacement: Array, tether: float
    ) -> None:
        self._set = CableSet([tissue.cable(t) for t in threads], tissue.solid.nodes)
        state = self._set.state(displacement)
        self._string = self._set.string_stiffness(state)
        owner = self._set.segment_owner
        self.level = state.level
        rows, stiffness = [], []
        for i, cable in enumerate(self._set.cables):
            mine = owner == i
            gather = _gather(self._set.node_slices[i], state.direction[mine] * cable.share[:, None],
                             3 * self._set.node_slices[-1].stop)  # fmt: skip
            rows.append(np.asarray(gather @ self._set.R).ravel())
            weight = float(np.sum(cable.share**2 * cable.segment_mm))
            stiffness.append(tether * (cable.ea_n or 0.0) / weight if weight > 0.0 else 0.0)
        self._rows, self._stiffness = np.array(rows), np.array(stiffness)

    def operator(self, slack: NDArray[np.bool_]) -> Callable[[Array], Array]:
        """Product with the threads' stiffness; slack threads keep no axial stiffness."""
        active = np.where(slack, 0.0, self._stiffness)
        return lambda u: self._string @ u + self._rows.T @ (active * (self._rows @ u))

    def tension(self, u: Array, slack: NDArray[np.bool_]) -> Array:
        """Tension level (threads,) [N] of each thread in the expression."""
        change = self._rows @ u
        level = self.level + self._stiffness * change
        return np.where(slack, np.minimum(level, 0.0), level)

    def worst(self, u: Array, slack: NDArray[np.bool_]) -> tuple[float, float]:
        """Weighted length change [mm] and tension [N] of the thread with the highest tension."""
        tension = np.maximum(self.tension(u, slack), 0.0)
        i = int(np.argmax(tension))
        return float((self._rows @ u)[i]), float(tension[i])


def _gather(nodes: slice, pull: Array, size: int) -> sp.csr_matrix:
    """Row (1, size): change of the weighted length per displacement of the path nodes."""
    gradient = np.zeros((nodes.stop - nodes.start, 3))
    gradient[1:] += pull
    gradient[:-1] -= pull
    row = np.zeros(size)
    row[3 * nodes.start : 3 * nodes.stop] = gradient.ravel()
    return sp.csr_matrix(row)


class _Operator(LinearOperator):
    """A square operator given by its product with a vector."""

    def __init__(self, order: int, product: Callable[[Array], Array]) -> None:
        super().__init__(np.dtype(float), (order, order))
        self._product = product

    def _matvec(self, x: Array) -> Array:
        return self._product(x.ravel())


def _solve(base: Factor, ties: Callable[[Array], Array], load: Array, start: Array) -> Array:
    """(base + ties) u = load by conjugate gradients, preconditioned with the base's factor."""
    n = len(load)
    operator = _Operator(n, lambda u: base.matrix @ u + ties(u))
    before = _Operator(n, base.precondition)
    u, failed = cg(operator, load, x0=start, rtol=_RTOL, maxiter=400, M=before)
    if failed:
        raise SolverError(
            "An expression under threads did not converge.", "Lower the threads' tension."
        )
    return u


def _expression(
    tissue: Tissue,
    name: str,
    free: Array,
    runs: Sequence[tuple[Array, tuple[float, float]]],
) -> Expression:
    """Travel at the skin vertex that the unthreaded expression moves most."""
    nl = tissue.mesh.nl
    skin = free.reshape(-1, 3)[::nl]
    vertex = int(np.argmax(np.linalg.norm(skin, axis=1)))
    without = float(np.linalg.norm(skin[vertex]))
    with_threads = [float(np.linalg.norm(u.reshape(-1, 3)[::nl][vertex])) for u, _ in runs]
    return Expression(
        without_mm=Estimate.exact(without, "mm", ("face",)),
        with_mm=_span(with_threads, "mm"),
        change_mm=_span([w - without for w in with_threads], "mm"),
        length_change_mm=_span([change for _, (change, _) in runs], "mm"),
        peak_tension_n=_span([tension for _, (_, tension) in runs], "N"),
    )


def _span(values: Sequence[float], unit: str) -> Estimate:
    """First value with the range of all."""
    return Estimate(values[0], min(values), max(values), unit, _BASIS)
