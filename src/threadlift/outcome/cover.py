"""How much tissue covers the threads: below some of it a thread shows through or can be felt.

Cover is counted from the underside of the dermis, along every thread beyond the first quarter of
its length, where it dives from its entry. What varies is the depth at which the hand places the
thread and the thickness of the skin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from threadlift.members import Member
from threadlift.members.ensemble import LAYERS
from threadlift.threads.thread import Thread
from threadlift.tissue import Tissue

Array = NDArray[np.float64]

#: Share of a thread's length behind its entry that is not asked.
_ENTRY = 0.25


@dataclass(frozen=True, eq=False)
class Cover:
    """Points of all threads beyond their entries.

    thread (k,): its number; depth_mm, skin_mm (k,): below the surface, and thickness of the skin
    there; vertex (k,): nearest skin vertex; cv: relative sd of the skin's thickness.
    """

    thread: NDArray[np.intp]
    depth_mm: Array
    skin_mm: Array
    vertex: NDArray[np.intp]
    cv: float

    @classmethod
    def of(cls, tissue: Tissue, threads: Sequence[Thread]) -> Cover:
        """The threads in a tissue, as planned."""
        tree = KDTree(tissue.mesh.surface)
        rows = []
        for i, thread in enumerate(threads):
            inner = thread.from_entry_mm > _ENTRY * thread.from_entry_mm.max()
            skin = np.asarray(tissue.bed(thread).skin_mm)
            near = tree.query(thread.path_mm[inner])[1]
            rows.append((np.full(int(inner.sum()), i), thread.depth_mm[inner], skin[inner], near))
        parts = [np.concatenate(x) for x in zip(*rows, strict=True)]
        cv = 0.0 if tissue.stack is None else float(np.mean(tissue.stack.cv("skin")))
        return cls(
            parts[0].astype(np.intp), parts[1].astype(float), parts[2].astype(float),
            parts[3].astype(np.intp), cv,
        )  # fmt: skip

    def least(self, member: Member) -> float:
        """Least cover [mm] of any thread under a member's hand and skin; below zero in the skin."""
        deeper = np.asarray(member.depth_mm)[self.thread]
        z = member.thickness_z[LAYERS.index("skin")]
        return float((self.depth_mm + deeper - self.skin_mm * np.exp(self.cv * z)).min())

    def place(self) -> int:
        """Skin vertex over the point with the least cover as planned."""
        return int(self.vertex[np.argmin(self.depth_mm - self.skin_mm)])
