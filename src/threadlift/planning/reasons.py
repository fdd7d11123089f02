"""Why every thread of a plan lies where it lies: what it adds, and what stops it from moving.

Each thread is left out, moved, sunk, raised, tightened and loosened, one change at a time
(:mod:`threadlift.planning.moves`). A moved thread is a real one: its path is made anew on this
face, the safety kernel judges the whole plan with it, and its effect is solved in a model that is
linear about the nonlinear equilibrium of the plan, all string stiffnesses coupled
(:mod:`threadlift.planning.few`). What the mesh of the verification showed beyond that of the search
is taken over as factors. The thread that adds most is also left out in the nonlinear model, which
shows how far the differences can be trusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import SolverError
from threadlift.evidence import value
from threadlift.planning.few import FewThreads
from threadlift.planning.moves import Move, moved, moves
from threadlift.planning.reading import Factors, Reader, Reading, ratio
from threadlift.planning.reason_data import Change, LeftOut, Reasons, Stop, ThreadReason
from threadlift.planning.rows import Rows
from threadlift.planning.safety import SafetyCase, Violation
from threadlift.threads import Thread
from threadlift.tissue import Tissue

Array = NDArray[np.float64]

# Relative residual of the nonlinear check.
_TOLERANCE = 1e-4
# A thousandth of a newton is below what tension is stated to (as in the safety kernel).
_LEAST_SLIP_N = 1e-3


@dataclass(frozen=True)
class Ground:
    """What moved threads are judged on: tissue and rows of the search, and the safety case."""

    tissue: Tissue
    rows: Rows
    case: SafetyCase


@dataclass(frozen=True)
class Variant:
    """A plan with thread number `index` changed; `thread` is None where it is left out."""

    index: int
    move: Move
    thread: Thread | None


@dataclass(frozen=True)
class Shown:
    """What the verification of a plan showed.

    lift_mm by zone; used: shares of limits that count, by kind and side, and of `overshoot`; size:
    largest side effects as shares of their limits in the nominal tissue (as `used`, where that is
    the same); strain of the skin [%].
    """

    lift_mm: Mapping[str, float]
    used: Mapping[str, float]
    size: Mapping[str, float]
    strain: float | None = None


def reasons(
    ground: Ground, threads: Sequence[Thread], shown: Shown, start: Array | None = None
) -> Reasons:
    """The reason of every thread.

    start (N,3) [mm]: a nearby solution on the mesh of the search. Deterministic; no thread, no
    reasons.
    """
    if not threads:
        return Reasons((), None)
    variants, gone = _variants(ground, threads)
    state = _equilibrium(ground, threads, start)
    moving = [*threads, *(v.thread for v in variants if v.thread)]
    few = FewThreads.of(ground.tissue, moving, threads, state)
    reader = Reader(ground.tissue.mesh, ground.rows, threads)
    solved = few.displacements(_loads(few, threads, variants))
    factors = _factors(reader, solved[0], threads, shown)
    base = reader.of(solved[0], threads, factors)
    own = {(v.thread, v.rule, v.structure) for v in _judged(ground, threads)}
    changes: list[list[Change]] = [[] for _ in threads]
    for variant, u in zip(variants, solved[1:], strict=True):
        new = _plan_with(threads, variant)
        found = [v for v in _judged(ground, new) if (v.thread, v.rule, v.structure) not in own]
        read = reader.of(u, new, factors)
        slip = 0.0 if variant.thread is None else few.excess_n(variant.thread)
        changes[variant.index].append(_change(variant, base, read, found, slip, threads))
    for index, move in gone:
        changes[index].append(_impossible(move))
    order = {m: i for i, m in enumerate(m.kind + str(m.by) for m in moves())}
    out = []
    for thread, mine in zip(threads, changes, strict=True):
        mine.sort(key=lambda c: order[c.move.kind + str(c.move.by)])
        out.append(_reason(thread, base, mine))
    return Reasons(tuple(out), _checked(ground, threads, out, state))


def _variants(
    ground: Ground, threads: Sequence[Thread]
) -> tuple[list[Variant], list[tuple[int, Move]]]:
    """Every thread's variants, and the moves that the skin has no room for."""
    variants, gone = [], []
    for index, thread in enumerate(threads):
        for move in moves():
            if move.kind == "left-out":
                variants.append(Variant(index, move, None))
                continue
            found = moved(ground.tissue.mesh, ground.case.skin, thread, move)
            if found is None:
                gone.append((index, move))
            else:
                variants.append(Variant(index, found[1], found[0]))
    return variants, gone


def _plan_with(threads: Sequence[Thread], variant: Variant) -> list[Thread]:
    new = [variant.thread] if variant.thread is not None else []
    return [*threads[: variant.index], *new, *threads[variant.index + 1 :]]


def _loads(few: FewThreads, threads: Sequence[Thread], variants: Sequence[Variant]) -> list[Array]:
    """Nodal loads of the plan and of every variant.

    The other side's threads keep the loads that they have in the plan: sides hardly couple, and
    what is left out is of second order in that.
    """
    strings = [few.strings(t) for t in threads]
    planned = few.loads(strings)
    out = [np.sum(planned, axis=0)]
    for variant in variants:
        side = threads[variant.index].side
        mine = [
            s
            for i, (s, t) in enumerate(zip(strings, threads, strict=True))
            if t.side == side and i != variant.index
        ]
        if variant.thread is not None:
            mine.append(few.strings(variant.thread))
        zero = np.zeros(few.compliance.shape[0])
        others = sum((p for p, t in zip(planned, threads, strict=True) if t.side != side), zero)
        out.append(others + sum(few.loads(mine, others), zero))
    return out


def _factors(reader: Reader, u: Array, threads: Sequence[Thread], shown: Shown) -> Factors:
    """What turns readings of the mesh of the search into those of the verification."""
    plain = reader.of(u, threads)
    zone = {z: ratio(shown.lift_mm.get(z, 0.0), mm) for z, mm in plain.lift_mm.items()}
    size = {k: ratio(shown.size.get(k, 0.0), x) for k, x in plain.used.items()}
    strain = 1.0 if shown.strain is None else ratio(shown.strain, plain.risks["overpull"])
    # Over-correction is read from shares of goals that are brought to the verified level first.
    used = reader.of(u, threads, Factors(zone)).used
    limit = {k: ratio(shown.used.get(k, 0.0), x) for k, x in used.items()}
    return Factors(zone, size, limit, strain)


def _judged(ground: Ground, threads: Sequence[Thread]) -> list[Violation]:
    return list(ground.case.check(threads).violations)


def _change(
    variant: Variant,
    base: Reading,
    read: Reading,
    found: Sequence[Violation],
    slip_n: float,
    threads: Sequence[Thread],
) -> Change:
    goal = read.goal_attained - base.goal_attained
    objective = read.objective - base.objective
    stop, what, structure, margin, unit = stopped_by(
        variant, read, objective, found, slip_n, threads
    )
    return Change(
        variant.move,
        goal,
        objective,
        {z: mm - base.lift_mm[z] for z, mm in read.lift_mm.items()},
        read.risks,
        {k: x - base.risks[k] for k, x in read.risks.items()},
        tuple(found),
        stop,
        what,
        structure,
        margin,
        unit,
    )


def _impossible(move: Move) -> Change:
    return Change(move, 0.0, 0.0, {}, {}, {}, (), "leaves-skin")


def stopped_by(
    variant: Variant,
    read: Reading,
    objective: float,
    found: Sequence[Violation],
    slip_n: float,
    threads: Sequence[Thread],
) -> tuple[Stop, str, str, float, str]:
    """The first constraint that a change breaks: safety, cogs, a limit, room; else the objective.

    slip_n: tension [N] that the cogs of the changed thread cannot hold there.

    A thread that is missed is worse, whatever else its absence does.
    """
    if variant.thread is None and objective < -value("planning.reasons.same"):
        return "worse", "objective", "", objective, "1"
    if found:
        worst = min(found, key=lambda v: (v.unit != "mm", v.margin, v.rule))
        moved_one = threads[variant.index].id
        # A rule about two threads names them in their order: the neighbour is the other one.
        other = worst.thread if worst.structure == moved_one else worst.structure
        return "safety", worst.rule, other, worst.margin, worst.unit
    if slip_n > _LEAST_SLIP_N:
        return "slip", "cogs-slip", "", -slip_n, "N"
    limit = max(read.used, key=lambda k: read.used[k])
    if read.used[limit] > 1.0 + value("planning.reasons.limit_tolerance"):
        return "limit", limit, "", 1.0 - read.used[limit], "1"
    uneven = value("planning.limits.asymmetry") - read.risks["asymmetry"]
    if uneven < 0.0:
        return "limit", "asymmetry", "", uneven, "mm"
    if variant.thread is not None:
        near = _spacing(variant, threads)
        if near is not None:
            return "spacing", near[0], "", near[1], "mm"
    if objective < -value("planning.reasons.same"):
        return "worse", "objective", "", objective, "1"
    return "nothing", "objective", "", objective, "1"


def _spacing(variant: Variant, threads: Sequence[Thread]) -> tuple[str, float] | None:
    """The thread that the changed one would come too close to, and by how much [mm]."""
    least = value("planning.conflict.distance")
    assert variant.thread is not None
    before, worst = threads[variant.index], None
    for other in threads:
        if other.id == before.id or other.side != before.side:
            continue
        gap = spacing_mm(variant.thread, other)
        # Threads that the plan lets run closer are held to what they have.
        margin = gap - min(least, spacing_mm(before, other))
        if margin < -0.05 and (worst is None or margin < worst[1]):
            worst = (other.id, margin)
    return worst


def spacing_mm(a: Thread, b: Thread) -> float:
    """Smallest distance [mm] of two threads beyond the length that a common entry excuses."""
    free = value("planning.conflict.free_length")
    one, two = (
        t.path_mm[t.from_entry_mm >= free] if t.from_entry_mm.max() > free else t.path_mm[-1:]
        for t in (a, b)
    )
    return float(np.linalg.norm(one[:, None] - two[None], axis=2).min())


def _reason(thread: Thread, base: Reading, changes: Sequence[Change]) -> ThreadReason:
    without = next(c for c in changes if c.move.kind == "left-out")
    contribution = {z: -mm for z, mm in without.lift_mm.items()}
    share = {z: mm / base.lift_mm[z] if base.lift_mm[z] > 0.05 else 0.0
             for z, mm in contribution.items()}  # fmt: skip
    zones = [z for z in contribution if z.endswith(thread.side)] or list(contribution)
    main = max(zones, key=lambda z: contribution[z])
    return ThreadReason(thread.id, contribution, share, main, -without.goal, tuple(changes))


def _equilibrium(ground: Ground, threads: Sequence[Thread], start: Array | None) -> Array | None:
    """Nonlinear displacements (N,3) [mm] on the mesh of the search; None where there are none."""
    try:
        return ground.tissue.equilibrium(threads, tolerance=_TOLERANCE, start=start).displacement
    except SolverError:
        return None


def _checked(
    ground: Ground, threads: Sequence[Thread], found: Sequence[ThreadReason], whole: Array | None
) -> LeftOut | None:
    """The thread that adds most left out in the nonlinear model, on the mesh of the search."""
    most = max(found, key=lambda r: r.contribution_mm[r.main_zone])
    row = ground.rows.zones.index(most.main_zone)
    less = _equilibrium(ground, [t for t in threads if t.id != most.thread], whole)
    if whole is None or less is None:
        return None
    lost = ground.rows.read(whole)[row] - ground.rows.read(less)[row]
    return LeftOut(
        most.thread,
        most.main_zone,
        most.contribution_mm[most.main_zone],
        float(lost * ground.rows.goal_mm[row]),
        ground.tissue.mesh.level,
    )
