"""Work on elements side by side, with the same bits on any number of processors.

Elements are cut into a fixed number of compact parts; those that share a node with another part
wait for a last, serial part. Parts then add to different nodes and blocks, so they may run at the
same time in any order, and every sum keeps one order.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
from numpy.typing import NDArray

PARTS = 4
# Below this many elements a part is done before a thread has woken up.
_WORTH_SHARING = 4000


@cache
def pool() -> ThreadPoolExecutor | None:
    """Threads for compiled work that releases the interpreter, or None with one processor.

    OMP_NUM_THREADS limits them, as it does the linear algebra.
    """
    count = min(PARTS, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
    limit = os.environ.get("OMP_NUM_THREADS", "")
    if limit.isdigit():
        count = min(count, int(limit))
    return ThreadPoolExecutor(count, "elements") if count > 1 else None


def element_parts(centres: NDArray, wedges: NDArray, nodes: int) -> tuple[NDArray, ...]:
    """Element numbers of each part, the shared ones last: centres (E,3), wedges (E,6)."""
    count = len(wedges)
    if count < _WORTH_SHARING:
        return (np.arange(count),)
    part = np.zeros(count, dtype=np.int64)
    # Bisect along the longer extent, twice: compact parts with few shared nodes.
    groups = [np.arange(count)]
    while len(groups) < PARTS:
        halves = []
        for g in groups:
            axis = int(np.ptp(centres[g], axis=0).argmax())
            rank = g[np.argsort(centres[g, axis], kind="stable")]
            halves += [rank[: len(g) // 2], rank[len(g) // 2 :]]
        groups = halves
    for number, g in enumerate(groups):
        part[g] = number
    least, most = np.full(nodes, PARTS), np.full(nodes, -1)
    np.minimum.at(least, wedges, part[:, None])
    np.maximum.at(most, wedges, part[:, None])
    shared = (least[wedges] != most[wedges]).any(axis=1)
    mine = [np.flatnonzero((part == number) & ~shared) for number in range(PARTS)]
    return (*mine, np.flatnonzero(shared))


def run(parts: tuple[NDArray, ...], work: Callable[[NDArray], None]) -> None:
    """Call work(elements) for every part: all but the last at the same time, then the last."""
    workers = pool()
    if workers is None or len(parts) == 1:
        for part in parts:
            work(part)
        return
    for done in [workers.submit(work, part) for part in parts[:-1]]:
        done.result()
    work(parts[-1])
