"""One step of a refinement: slopes about a plan, the best change, and what kernel and model say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.errors import SolverError
from threadlift.evidence import value
from threadlift.planning.candidates import Candidate, replaced
from threadlift.planning.moves import Kind, Move, moved
from threadlift.planning.optimise import SideGrid, margin_of
from threadlift.planning.reading import uneven_mm
from threadlift.planning.refine_programme import Cut, Slopes, best_step
from threadlift.planning.rows import Rows
from threadlift.planning.safety import SafetyCase, examine
from threadlift.planning.verify import Verified, solve, value_of
from threadlift.threads import Thread
from threadlift.threads.thread import SIDES, Side
from threadlift.tissue import Tissue
from threadlift.tissue.adjoint import Adjoint

Array = NDArray[np.float64]
Chosen = tuple[tuple[Candidate, float], ...]

#: What is moved: the largest step of a round and the largest way from the grid [mm].
SHAPES: Mapping[Kind, tuple[float, float]] = {
    "target-along": (3.0, 8.0),
    "target-across": (3.0, 8.0),
    "depth": (0.6, 1.5),
}
_STEPS = np.array([step for step, _ in SHAPES.values()])
_WAYS = np.array([way for _, way in SHAPES.values()])
# A pull changes by this share of itself in a round at most.
_PULL = 0.3
# How much of a way that the kernel objected to may be gone in the next try.
_OBJECTED = 0.3
# By how much steps get shorter where the whole plan is objected to again.
_SHORTER = 0.5
# Limit rows that use less than this share of their limit cannot bind after one step.
_NEAR = 0.65
# Of rows of one kind so close to each other [mm] the one that uses most stands for all.
_APART_MM = 5.0
# Millimetres in which moves are stated.
_GRAIN_MM = 0.05
# Slopes of paths are differences of real moves of this size [mm].
_PROBE_MM = 1.0
# Relative residuals of the equilibria that slopes are taken at, and of the adjoint solves: what the
# linear programme takes from them is confirmed by the nonlinear model in any case.
_TOLERANCE = 1e-5
_ADJOINT = 1e-3
# A gain below this is roundoff [share of the full goal].
_GAIN = 1e-4


@dataclass(frozen=True)
class Ground:
    """What a plan is refined on: tissue and rows of the search, its grids, the safety case."""

    tissue: Tissue
    rows: Rows
    grids: Mapping[Side, SideGrid | None]
    case: SafetyCase


@dataclass(frozen=True)
class Objections:
    """What the kernel's objections leave to the next try of a round.

    cuts: of steps; blamed: groups of threads that it objected to; far (threads,): share of a
    step's length that each may use.
    """

    cuts: tuple[Cut, ...]
    blamed: frozenset[bytes]
    far: Array

    @classmethod
    def none(cls, threads: int) -> Objections:
        """No objection yet."""
        return cls((), frozenset(), np.ones(threads))

    def after(self, by: Array, groups: Sequence[NDArray]) -> Objections:
        """After a step (threads, shapes) [mm] with objections to groups of threads (threads,).

        First a group may go only part of that way; blamed again, its threads stay: a path along the
        edge of what is allowed has no step so small that it is, since its place is measured anew.
        The whole plan, blamed again, takes shorter steps.
        """
        cuts, far = list(self.cuts), self.far.copy()
        for who in groups:
            if who.tobytes() in self.blamed:
                far[who] *= _SHORTER if who.all() else 0.0
                continue
            scaled = np.where(who[:, None], by, 0.0) / _STEPS**2
            direction = np.concatenate([scaled.ravel(), np.zeros(len(by))])
            cuts.append(Cut(direction, _OBJECTED * float((scaled * by).sum())))
        return Objections(tuple(cuts), self.blamed | {w.tobytes() for w in groups}, far)


@dataclass(frozen=True)
class Step:
    """One round about a plan. gone (threads, shapes) [mm]: the way from the grid so far."""

    ground: Ground
    plan: Verified
    slopes: Slopes
    gone: Array

    @classmethod
    def of(cls, ground: Ground, plan: Verified, gone: Array) -> Step | None:
        """Slopes at a plan; None where its equilibrium allows none."""
        tissue, rows, case = ground.tissue, ground.rows, ground.case
        threads = _named(plan.chosen)
        try:
            state = tissue.equilibrium(threads, tolerance=_TOLERANCE, start=plan.displacement)
            used = rows.read(state.displacement) + _margin(ground, plan.chosen)
            near = rows.goals + _binding(ground, used[rows.goals :])
            kept = np.concatenate([np.arange(rows.goals), near])
            weights = sp.csr_matrix(rows.matrix[kept]).toarray().reshape(len(kept), -1, 3)
            adjoint = Adjoint(tissue, state, threads, weights, tolerance=_ADJOINT)
            probes = [_Probe.of(ground, t, kind) for t in threads for kind in SHAPES]
            moving = [
                adjoint.movement(i // len(SHAPES), p.velocity, p.deeper)
                for i, p in enumerate(probes)
            ]
        except SolverError:
            return None
        slope = np.column_stack([*moving, adjoint.tension()])
        ends = _touch(case, [t for p in probes for t in (p.up, p.down)]).reshape(-1, 2)
        touch = np.concatenate(
            [(ends[:, 0] - ends[:, 1]) / (2 * _PROBE_MM), np.zeros(len(threads))]
        )
        allowed = -np.log1p(-value("planning.safety.p_hit_plan"))
        slopes = Slopes(
            used[: rows.goals], used[near], slope[: rows.goals], slope[rows.goals :], touch,
            max(float(allowed - _touch(case, threads).sum()), 0.0),
        )  # fmt: skip
        return cls(ground, plan, slopes, gone)

    def tried(self, reach: float, limits: Objections) -> tuple[Chosen, Array, list[NDArray]] | None:
        """The best step of this reach (0..1): threads, moves (threads, shapes) [mm], and groups of
        threads that the kernel objects to together. None where no step promises a gain.
        """
        old = self.plan.chosen
        pulls = np.array([t for _, t in old])
        x = best_step(
            self.ground.rows, self.ground.grids, self.slopes, [c.side for c, _ in old], pulls,
            self._box(reach, limits.far), limits.cuts,
        )  # fmt: skip
        if x is None:
            return None
        by = np.round(x[: -len(old)].reshape(len(old), -1) / _GRAIN_MM) * _GRAIN_MM
        chosen, stuck = [], []
        for i, ((c, t), moves, pull) in enumerate(zip(old, by, x[-len(old) :], strict=True)):
            new = self._moved(c, moves)
            if new is None:
                stuck.append(np.arange(len(old)) == i)
            else:
                chosen.append((new, float(np.clip(t + pull, *_levels(new, t)))))
        return tuple(chosen), by, stuck or self._objections(chosen)

    def confirmed(self, chosen: Chosen) -> Verified | None:
        """The step in the nonlinear model; None where it gains nothing or breaks a limit."""
        rows, plan = self.ground.rows, self.plan
        try:
            found = solve(self.ground.tissue, rows, chosen, plan.displacement)
        except SolverError:
            return None
        allowed = max(value("planning.limits.asymmetry"), uneven_mm(plan.lift_mm, rows))
        even = uneven_mm(found.lift_mm, rows) <= allowed + 1e-9
        gain = value_of(self.ground.grids, found) - value_of(self.ground.grids, plan)
        return found if found.within and even and gain > _GAIN else None

    def _moved(self, candidate: Candidate, moves: Array) -> Candidate | None:
        """A candidate after its moves; None where the skin or the cogs leave it no room."""
        thread, mesh = candidate.thread, self.ground.tissue.mesh
        for kind, by in zip(SHAPES, moves.tolist(), strict=True):
            if by != 0.0:
                done = moved(mesh, self.ground.case.skin, thread, Move(kind, by, "mm"))
                if done is None:
                    return None
                thread = done[0]
        new = candidate if thread is candidate.thread else replaced(mesh, candidate, thread)
        return new if new.levels_n else None

    def _objections(self, chosen: Sequence[tuple[Candidate, float]]) -> list[NDArray]:
        """Groups of threads (threads,) that are named together in what the kernel objects to."""
        threads = _named(chosen)
        groups: dict[bytes, NDArray] = {}
        for v in self.ground.case.check(threads).violations:
            who = np.array([t.id in (v.thread, v.structure) for t in threads])
            # What is asked of a side or of the whole plan concerns every thread.
            who = who if who.any() else np.ones(len(threads), dtype=bool)
            groups[who.tobytes()] = who
        return list(groups.values())

    def _box(self, reach: float, share: Array) -> tuple[Array, Array]:
        """Bounds of moves [mm] and pulls [N]; no change is always among them."""
        far = reach * share[:, None] * _STEPS
        low, high = -np.minimum(far, _WAYS + self.gone), np.minimum(far, _WAYS - self.gone)
        less, more = [], []
        for c, t in self.plan.chosen:
            least, most = _levels(c, t)
            less.append(max(-_PULL * reach * t, least - t))
            more.append(min(_PULL * reach * t, most - t))
        return np.concatenate([low.ravel(), less]), np.concatenate([high.ravel(), more])


def _named(chosen: Sequence[tuple[Candidate, float]]) -> list[Thread]:
    """Threads by their position: a thread that moves keeps its name."""
    return [c.at(t, f"#{i}") for i, (c, t) in enumerate(chosen)]


def _levels(candidate: Candidate, tension_n: float) -> tuple[float, float]:
    """Least and most [N] of a thread, what it has at present among them unless its cogs slip."""
    least, most = candidate.levels_n[0], candidate.levels_n[-1]
    return min(least, tension_n, most), most


def _binding(ground: Ground, used: Array) -> NDArray:
    """Limit rows that a step may bring to their limit, the highest of each neighbourhood."""
    rows, kept = ground.rows, []
    where = ground.tissue.mesh.surface[rows.limit_vertex]
    kind = np.array(rows.limit_name)
    for i in np.argsort(-used, kind="stable"):
        if used[i] <= _NEAR:
            break
        same = [j for j in kept if kind[j] == kind[i]]
        apart = np.linalg.norm(where[same] - where[i], axis=1)
        if apart.min(initial=np.inf) > _APART_MM:
            kept.append(int(i))
    return np.array(sorted(kept), dtype=np.int64)


def _margin(ground: Ground, chosen: Chosen) -> Array:
    """What slips of the hand may add to every row (q,)."""
    out = np.zeros(ground.rows.count)
    for side in SIDES:
        grid = ground.grids[side]
        if grid is not None:
            out[grid.limits] = margin_of(grid, [(c, t) for c, t in chosen if c.side == side])
    return out


@dataclass(frozen=True)
class _Probe:
    """A thread moved either way by _PROBE_MM; where the skin has no room it stays."""

    up: Thread
    down: Thread

    @classmethod
    def of(cls, ground: Ground, thread: Thread, kind: Kind) -> _Probe:
        ends = [
            moved(ground.tissue.mesh, ground.case.skin, thread, Move(kind, by, "mm"))
            for by in (_PROBE_MM, -_PROBE_MM)
        ]
        if ends[0] is None or ends[1] is None:
            return cls(thread, thread)
        return cls(ends[0][0], ends[1][0])

    @property
    def velocity(self) -> Array:
        """Change of the path (k,3) per mm."""
        return (self.up.path_mm - self.down.path_mm) / (2.0 * _PROBE_MM)

    @property
    def deeper(self) -> Array:
        """Change of the depths (k,) per mm."""
        return (self.up.depth_mm - self.down.depth_mm) / (2.0 * _PROBE_MM)


def _touch(case: SafetyCase, threads: Sequence[Thread]) -> Array:
    """Minus the logarithm (n,) of every thread's chance to stay clear of all structures."""
    found = examine(threads, case.skin, case.marks, case.hazards)
    return -np.log1p(-np.minimum([e.p_hit for e in found], 0.999))
