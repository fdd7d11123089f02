"""Tissues and hands of one face as they may be, on which every plan for it is tried.

Every drawn tissue meets two hands that are mirror images of each other: what one does on the left,
the other does on the right. The set is its own mirror image, so that a mirrored face gets the
mirrored plan. Errors belong to places in a plan (side and number from the top), so that plans are
compared under the same hands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.members import Member, Task, Workers, design
from threadlift.planning.rows import Rows
from threadlift.threads import Thread
from threadlift.threads.thread import SIDES
from threadlift.tissue import Tissue
from threadlift.tissue.regions import mirrored_regions


@dataclass(frozen=True)
class Trials:
    """A plan under scenarios: rows (n,q) as read; solved (n,): false where there is no equilibrium.

    Rows of unsolved scenarios are not numbers.
    """

    read: NDArray
    solved: NDArray


@dataclass(frozen=True)
class _SkinRows:
    """Rows (q,3V) of the skin's displacement, as a member's reader."""

    matrix: sp.csr_matrix

    @classmethod
    def of(cls, rows: Rows, nl: int) -> _SkinRows:
        _, dof = rows.matrix.get_shape()
        skin = np.arange(0, dof // 3, nl)
        columns = (3 * skin[:, None] + np.arange(3)).ravel()
        return cls(sp.csr_matrix(sp.csc_matrix(rows.matrix)[:, columns]))

    def read(self, u: NDArray) -> NDArray:
        """Shares (q,) of goals and limits under the skin's displacement (V,3) [mm]."""
        return self.matrix @ u.ravel()


@dataclass(frozen=True)
class Scenarios:
    """Scenarios of one face: tissue (on the mesh of the search), members with an error per place.

    A member's errors belong to the places left 1, 2, ... and right 1, 2, ...; members 2i and 2i+1
    are one tissue under mirrored hands. workers: the processes that solve them (results do not
    depend on how many).
    """

    tissue: Tissue
    members: tuple[Member, ...]
    workers: Workers

    @classmethod
    def of(cls, tissue: Tissue, count: int, seed: int, workers: Workers | None = None) -> Scenarios:
        """`count` scenarios (even) of a tissue; the same seed gives the same ones."""
        places = 2 * int(value("planning.safety.threads_side"))
        drawn = design(tissue, places, count // 2, seed)
        regions = tissue.knowledge.symmetric
        both = [m for one in drawn for m in (one, mirrored(one, regions))]
        return cls(tissue, tuple(both), Workers() if workers is None else workers)

    def part(self, which: slice) -> Scenarios:
        """Some of the scenarios."""
        return replace(self, members=self.members[which])

    def tried(
        self,
        rows: Rows,
        threads: Sequence[Thread],
        near: NDArray,
        progress: Callable[[float], None] | None = None,
    ) -> Trials:
        """A plan's threads, in the order of :func:`verify.named`, under every scenario.

        rows: of this tissue's mesh; near (N,3) [mm]: the plan as such on it.
        """
        places = _places(threads)
        members = [_for(m, places) for m in self.members]
        done = None if progress is None else lambda n: progress(n / len(members))
        task = Task(
            self.tissue.varied(), _SkinRows.of(rows, self.tissue.mesh.nl), tuple(threads), near
        )
        results = self.workers.run(task, members, done)
        read = np.full((len(members), rows.count), np.nan)
        for i, (m, r) in enumerate(zip(members, results, strict=True)):
            if r.reading is not None:
                # A larger face under the same force moves less in proportion to its size.
                read[i] = r.reading * (m.model / m.scale)
        return Trials(read, np.asarray(np.isfinite(read).all(axis=1)))


def mirrored(member: Member, regions: bool = True) -> Member:
    """The same tissue under the mirrored hand: errors of left and right places exchanged.

    regions: so is the stiffness of regions, as long as nothing is known that tells left from right.
    """

    def swapped(errors: tuple[float, ...]) -> tuple[float, ...]:
        half = len(errors) // 2
        return errors[half:] + errors[:half]

    return replace(
        member,
        name=f"{member.name}-mirrored",
        regional=tuple(mirrored_regions(np.array(member.regional)).tolist())
        if regions
        else member.regional,
        tension=swapped(member.tension),
        depth_mm=swapped(member.depth_mm),
        aside_mm=swapped(member.aside_mm),
    )


def _places(threads: Sequence[Thread]) -> list[int]:
    """Place of every thread among those that a member has errors for."""
    most = int(value("planning.safety.threads_side"))
    used = dict.fromkeys(SIDES, 0)
    out = []
    for thread in threads:
        out.append(SIDES.index(thread.side) * most + used[thread.side])
        used[thread.side] += 1
    return out


def _for(member: Member, places: Sequence[int]) -> Member:
    """A member with the errors of these places."""
    return replace(
        member,
        tension=tuple(member.tension[p] for p in places),
        depth_mm=tuple(member.depth_mm[p] for p in places),
        aside_mm=tuple(member.aside_mm[p] for p in places),
    )
