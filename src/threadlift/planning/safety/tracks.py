"""The whole way of threads, finely sampled: the tract from the skin, then the path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.planning.hazards import pieces_of
from threadlift.planning.safety.rulebook import TechniqueRules
from threadlift.threads import Thread


@dataclass(frozen=True)
class Tracks:
    """Samples of all threads, tract first, then path.

    points (n,3) [mm]; starts (t+1,) where each thread begins; bodies (t,) where its path begins;
    entered (t,) which path point the tract leads to; stated (n,) which samples are path points as
    given.
    """

    points: NDArray
    starts: NDArray
    bodies: NDArray
    entered: NDArray
    stated: NDArray

    @property
    def pieces(self) -> NDArray:
        """Where each unbroken piece begins: tract, path, tract, path, ... (2t+1,)."""
        return np.append(np.column_stack([self.starts[:-1], self.bodies]).ravel(), self.starts[-1])

    def of(self, thread: int) -> slice:
        """The samples of a thread, tract included."""
        return slice(self.starts[thread], self.starts[thread + 1])


def tracks(threads: Sequence[Thread], rules: Sequence[TechniqueRules]) -> Tracks:
    """Sample threads so that neighbours lie at most SAMPLE_MM apart; at least one thread."""
    entered = np.array(
        [
            0 if r.entry == "start" else int(_squares(t.path_mm - t.entry_mm).argmin())
            for t, r in zip(threads, rules, strict=True)
        ]
    )
    # The tract: entry, and the path point that it leads to; then the path from its first point.
    ways = [
        np.vstack([t.entry_mm[None], t.path_mm[k][None], t.path_mm])
        for t, k in zip(threads, entered, strict=True)
    ]
    counts = np.array([len(w) for w in ways])
    vertices = np.concatenate(ways)
    first = np.concatenate([[0], np.cumsum(counts)])
    pieces = np.append(pieces_of(np.sqrt(_squares(np.diff(vertices, axis=0)))), 1)
    # No samples between the end of a tract and the start of the path, nor between threads.
    pieces[first[:-1] + 1] = 1
    pieces[first[1:] - 1] = 1
    begins = np.concatenate([[0], np.cumsum(pieces)])
    owner = np.repeat(np.arange(len(vertices)), pieces)
    share = (np.arange(begins[-1]) - begins[owner]) / pieces[owner]
    after = np.minimum(owner + 1, len(vertices) - 1)
    points = vertices[owner] + share[:, None] * (vertices[after] - vertices[owner])
    thread = np.repeat(np.arange(len(ways)), counts)[owner]
    stated = (share == 0.0) & (owner - first[thread] >= 2)
    return Tracks(points, begins[first], begins[first[:-1] + 2], entered, stated)


def _squares(vectors: NDArray) -> NDArray:
    return np.einsum("kc,kc->k", vectors, vectors)
