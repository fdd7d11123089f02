"""The rules that the threads of a plan have to keep together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from threadlift.planning.safety.report import Violation
from threadlift.planning.safety.rulebook import Rulebook
from threadlift.planning.safety.rules import Way, at
from threadlift.threads import Thread
from threadlift.threads.thread import SIDES

#: Tension [N] that adding up may err by.
_ROUNDING_N = 1e-9


def sums(threads: Sequence[Thread], p_hit: float, rules: Rulebook) -> list[Violation]:
    """Limits of a side and of the whole plan."""
    found = []
    nowhere = (0.0, 0.0, 0.0)
    for side in SIDES:
        mine = [t for t in threads if t.side == side]
        spare = rules.tension_side - sum(t.pull_n for t in mine)
        if spare < -_ROUNDING_N:
            found.append(Violation("", "side-tension", side, nowhere, spare, "N"))
        room = rules.threads_side - len(mine)
        if room < 0.0:
            found.append(Violation("", "side-count", side, nowhere, room, "1"))
    spare = rules.p_hit_plan - p_hit
    if spare < 0.0:
        found.append(Violation("", "plan-probability", "", nowhere, spare, "1"))
    names = [t.id for t in threads]
    for name in sorted({n for n in names if names.count(n) > 1}):
        found.append(Violation("", "same-name", name, nowhere, 1.0 - names.count(name), "1"))
    return found


def spacing(ways: Sequence[Way], rules: Rulebook) -> list[Violation]:
    """Threads of one side that come too close to each other in one layer.

    Near a common entry the threads of a fan necessarily run together: the first part of each path
    is excused.
    """
    bodies = [_body(w, rules.free_length) for w in ways]
    found = []
    for (one, (a, layer_a)), (two, (b, layer_b)) in combinations(zip(ways, bodies, strict=True), 2):
        if one.thread.side != two.thread.side or not len(a) or not len(b):
            continue
        apart = np.sqrt(((a[:, None] - b[None]) ** 2).sum(axis=2))
        apart = np.where(layer_a[:, None] == layer_b[None], apart, np.inf)
        i = int(apart.argmin()) // len(b)
        margin = float(apart.min()) - rules.thread_spacing
        if margin < 0.0:
            found.append(
                Violation(one.thread.id, "thread-spacing", two.thread.id, at(a[i]), margin, "mm")
            )
    return found


def _body(way: Way, free_mm: float) -> tuple[NDArray, NDArray]:
    """Samples (k,3) of a path beyond its free length, and the number (k,) of their layer."""
    path, points = way.place.part(slice(way.body, None)), way.points[way.body :]
    arc = way.from_entry_mm()
    beyond = arc[way.body :] - arc[way.body - 1] >= free_mm
    return points[beyond], path.layer_numbers()[beyond]
