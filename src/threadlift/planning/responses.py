"""What every candidate does to every row, with its own string stiffness, from one factorisation.

Two ingredients: the compliance of the tissue between the mesh nodes that candidates touch (a dense
Green's matrix, so that each thread's own solve is exact and small), and the adjoint fields of the
rows (one solve per row serves all threads). The response of row q to a thread's load lambda is
lambda' R GQ: nothing is solved per candidate on the mesh.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.planning.candidates import Candidate
from threadlift.planning.rows import Rows
from threadlift.planning.strings import (
    gathered_compliance,
    read_load,
    string_load,
    string_stiffness,
    tissue_load,
)
from threadlift.threads import Thread, product, tension_profile
from threadlift.tissue.linear_solver import Factor, factorise
from threadlift.tissue.tissue import RestOperator

# Right-hand sides per block solve: bounds the memory of a block.
_BLOCK = 384


@dataclass(frozen=True)
class Body:
    """Compliance of the tissue where threads lie, and the adjoint fields of the rows.

    nodes (r,) mesh nodes; green (3r,3r) float32 [mm/N]; wide (w,) mesh nodes, those and more;
    adjoint (3w,q) rows' response per unit load on them [share/N].
    """

    rows: Rows
    nodes: NDArray
    green: NDArray
    wide: NDArray
    adjoint: NDArray

    @classmethod
    def of(
        cls,
        rest: RestOperator,
        rows: Rows,
        candidates: Sequence[Candidate],
        progress: Callable[[float], None] | None = None,
        also: NDArray | None = None,
    ) -> Body:
        """Solve for all nodes that any candidate touches; also: nodes that bear loads besides."""
        touched = np.unique(
            np.concatenate(
                [c.nodes[free_points(c)][c.weights[free_points(c)] > 0.0] for c in candidates]
            )
        ).astype(np.int64)
        dof = (3 * touched[:, None] + np.arange(3)).ravel()
        green = _green(rest, dof, progress)
        wide = touched if also is None else np.union1d(touched, also)
        bearing = (3 * wide[:, None] + np.arange(3)).ravel()
        adjoint = np.empty((len(bearing), rows.count))
        for start in range(0, adjoint.shape[1], _BLOCK):
            part = sp.csr_matrix(rows.matrix[start : start + _BLOCK])
            field = rest.solve(np.ascontiguousarray(part.toarray().T))
            adjoint[:, start : start + _BLOCK] = field[bearing]
        return cls(rows, touched, green, wide, adjoint)

    def limited(self, limit_mm: Mapping[str, float]) -> Body:
        """The same body, its rows in shares of other nominal limits."""
        factor = self.rows.scale_to(limit_mm)
        return replace(self, rows=self.rows.limited(limit_mm), adjoint=self.adjoint * factor)

    def embedding(self, candidate: Candidate) -> tuple[NDArray, NDArray]:
        """Mesh nodes (k,6) and weights (k,6) of a path; an anchored end is held: weight zero."""
        weights = np.where(free_points(candidate)[:, None], candidate.weights, 0.0)
        return candidate.nodes, weights

    def compliance(self, nodes: NDArray, weights: NDArray) -> NDArray:
        """Compliance (3k,3k) [mm/N] between points that are embedded like a candidate's."""
        # A held point may touch no node of the table; its weights are zero.
        at = np.minimum(np.searchsorted(self.nodes, nodes), len(self.nodes) - 1)
        return gathered_compliance(self.green, at, weights, at, weights)

    def response(self, nodes: NDArray, weights: NDArray, load: NDArray) -> NDArray:
        """Rows (q,) under forces (k,3) on path points at these mesh nodes (k,6)."""
        at = np.minimum(np.searchsorted(self.wide, nodes), len(self.wide) - 1)
        return read_load(self.adjoint, at, weights, load)


def _green(rest: RestOperator, dof: NDArray, progress: Callable[[float], None] | None) -> NDArray:
    """Rows and columns `dof` of the inverse stiffness (r,r) float32 [mm/N].

    Two workers with a factor each: a factor solves on one thread so that its bits repeat, and a
    block comes out the same whoever solves it.
    """
    n = rest.factor.n
    green = np.empty((len(dof), len(dof)), dtype=np.float32)
    starts = range(0, len(dof), _BLOCK)
    done = itertools.count(1)

    def work(factor: Factor, mine: Sequence[int]) -> None:
        for start in mine:
            part = dof[start : start + _BLOCK]
            unit = np.zeros((n, len(part)))
            unit[part, np.arange(len(part))] = ~rest.held[part]  # bone takes what acts on it
            green[start : start + len(part)] = factor.solve(unit)[dof].T
            if progress is not None:
                progress(min(1.0, next(done) / len(starts)))

    second = factorise(rest.matrix, backend="auto")
    with ThreadPoolExecutor(max_workers=2) as pool:
        for task in (
            pool.submit(work, rest.factor, starts[::2]),
            pool.submit(work, second, starts[1::2]),
        ):
            task.result()
    return green


def free_points(candidate: Candidate) -> NDArray:
    """Path points that move with the tissue (k,)."""
    free = np.ones(len(candidate.nodes), dtype=bool)
    if candidate.thread.anchor is not None:
        free[candidate.thread.anchor] = False
    return free


@dataclass(frozen=True)
class Columns:
    """Responses (m,q) of candidate `candidate[i]` (position in the list) at `tension_n[i]`."""

    candidate: NDArray
    tension_n: NDArray
    response: NDArray

    def scaled(self, factor: NDArray) -> Columns:
        """The columns with factors (q,) on the rows."""
        return replace(self, response=self.response * factor)


def columns(body: Body, candidates: Sequence[Candidate]) -> Columns:
    """One column per candidate and tension level, its own string stiffness included."""
    who, level, found = [], [], []
    for i, candidate in enumerate(candidates):
        nodes, weights = body.embedding(candidate)
        compliance = body.compliance(nodes, weights)
        for tension in candidate.levels_n:
            points, segment = taut(candidate.thread, tension)
            _, load = tissue_load(
                compliance, string_load(points, segment).ravel(), string_stiffness(points, segment)
            )
            found.append(body.response(nodes, weights, load.reshape(-1, 3)))
            who.append(i)
            level.append(tension)
    response = np.array(found) if found else np.zeros((0, body.rows.count))
    return Columns(np.array(who, dtype=np.int64), np.array(level, dtype=float), response)


def taut(thread: Thread, tension_n: float) -> tuple[NDArray, NDArray]:
    """Path points (k,3) [mm] and segment tensions (k-1,) [N] of a thread at a tension."""
    profile = tension_profile(thread, product(thread.product), tension_n=tension_n)
    return np.asarray(thread.path_mm, dtype=float), profile.segment_tension_n


def coupled(body: Body, chosen: Sequence[tuple[Candidate, float]]) -> NDArray:
    """Rows (q,) under several threads at their tensions [N], all string stiffnesses at once."""
    if not chosen:
        return np.zeros(body.rows.count)
    parts = [body.embedding(c) for c, _ in chosen]
    nodes = np.concatenate([p[0] for p in parts])
    weights = np.concatenate([p[1] for p in parts])
    compliance = body.compliance(nodes, weights)
    force = np.zeros(3 * len(nodes))
    stiffness = np.zeros((3 * len(nodes), 3 * len(nodes)))
    start = 0
    for candidate, tension in chosen:
        points, segment = taut(candidate.thread, tension)
        mine = slice(start, start + 3 * len(points))
        start = mine.stop
        force[mine] = string_load(points, segment).ravel()
        stiffness[mine, mine] = string_stiffness(points, segment)
    _, load = tissue_load(compliance, force, stiffness)
    return body.response(nodes, weights, load.reshape(-1, 3))
