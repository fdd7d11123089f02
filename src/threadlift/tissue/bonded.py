"""`BondCable`: a thread in the mesh whose cogs hold, slip and let go with the tissue's answer.

Between cogs the thread slides freely along its path; each cog hands its load to the tissue where it
was placed. How far it slides is small against the path, so that place is not moved along.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.threads.catalogue import Product
from threadlift.threads.chain import MARGIN
from threadlift.threads.cogs import Bed, cog_arcs, cog_capacity
from threadlift.threads.thread import Thread

# Segments shorter than this [mm] have no direction, sections shorter than this no compliance.
SHORTEST_MM = 1e-6


@dataclass(frozen=True)
class BondCable:
    """One thread with m cogs on a path of k nodes.

    Attributes
    ----------
    name: identifier for messages and results.
    embedding: (3k, 3N) CSR, displacement of the path nodes from that of the mesh; zero rows hold
        a node in space (an anchored end).
    reference: (k,3) path nodes in the captured state [mm].
    cog_arc_mm: (m,) arc lengths of the cogs, rising.
    peak_n: (m,) holding force of a cog that has not slid [N]; capacity_n: (m,) what it holds now.
    bond_n_mm: stiffness of a cog's bond [N/mm]; ea_n: axial stiffness EA [N].
    forward: number of the first cog that holds against the entry's pull: 0 for a thread that is
        anchored at the first path node; the cogs before it hold the other way (floating thread).
    anchored: whether the thread is held at the first path node. A loop is not: its held node lies
        in the section between its limbs, where it slides until both carry the same tension.
    tension_n: prescribed tension [N] of the anchored end or of the middle of a floating thread,
        ignored when ``shortening_mm``, the prescribed take-up there [mm], is given.
    strength_n, diameter_mm: of the core; for warnings.
    """

    name: str
    embedding: sp.csr_matrix
    reference: NDArray
    cog_arc_mm: NDArray
    peak_n: NDArray
    capacity_n: NDArray
    bond_n_mm: float
    ea_n: float
    forward: int = 0
    anchored: bool = True
    tension_n: float = 0.0
    shortening_mm: float | None = None
    strength_n: float = np.inf
    diameter_mm: float = np.inf

    def __post_init__(self) -> None:
        points = np.asarray(self.reference, float)
        k, m = len(points), len(self.cog_arc_mm)
        pull = np.array([self.tension_n, self.shortening_mm or 0.0, self.ea_n])
        if k < 2 or not np.isfinite(points).all() or not np.isfinite(pull).all():
            raise InputError(
                f"Thread '{self.name}' has a path or pull that is not a number.",
                "Give at least two finite path points and a finite tension or take-up.",
            )
        sizes = (len(self.embedding.indptr) - 1, np.shape(self.peak_n), np.shape(self.capacity_n))
        if sizes != (3 * k, (m,), (m,)):
            raise InputError(
                f"Thread '{self.name}' has arrays of different lengths.",
                "Give one holding force per cog and three rows of embedding per path point.",
            )
        if self.segment_mm.min() < SHORTEST_MM:
            raise InputError(
                f"Thread '{self.name}' has two path points in the same place.",
                "Remove the repeated point.",
            )
        if pull.min() < 0.0 or self.ea_n == 0.0:
            raise InputError(
                f"Thread '{self.name}' has a negative pull or no axial stiffness.",
                "A thread can only pull; give ea_n [N] of the product.",
            )
        arcs = np.concatenate([[0.0], self.cog_arc_mm, [self.segment_mm.sum() * (1.0 + 1e-9)]])
        if m and np.diff(arcs).min() < 0.0:
            raise InputError(
                f"Thread '{self.name}' has cogs that do not lie in order on its path.",
                "Give rising arc lengths within the path.",
            )

        if m and not self.anchored and not 0 < self.forward < m:
            raise InputError(
                f"Floating thread '{self.name}' has cogs on one half only.",
                "Give cogs on both halves: they hold each other.",
            )

    def let_go_like(self, other: BondCable) -> BondCable:
        """The thread with cogs that have let go as far as those of another, cog by cog."""
        left = other.capacity_n / np.maximum(other.peak_n, 1e-12)
        return replace(self, capacity_n=self.peak_n * left)

    @property
    def segment_mm(self) -> NDArray:
        """Segment lengths (k-1,) in the captured state [mm]."""
        return np.linalg.norm(np.diff(self.reference, axis=0), axis=1)

    @property
    def section_weights(self) -> NDArray:
        """Share (m, k-1) of every path segment that lies in the section before every cog."""
        segment = self.segment_mm
        s = np.concatenate([[0.0], np.cumsum(segment)])
        low = np.concatenate([[0.0], self.cog_arc_mm[:-1]])[:, None]
        inside = np.minimum(self.cog_arc_mm[:, None], s[1:]) - np.maximum(low, s[:-1])
        weights = np.maximum(inside, 0.0) / segment
        if not self.anchored:
            weights[:1] = 0.0
        return weights

    @property
    def axial_n_mm(self) -> NDArray:
        """Axial stiffness (m,) of the section before every cog; 0 for a missing one [N/mm]."""
        length = np.diff(self.cog_arc_mm, prepend=0.0)
        out = self.ea_n / np.maximum(length, SHORTEST_MM)
        if not self.anchored:
            out[:1] = 0.0
        return out

    @property
    def direction(self) -> NDArray:
        """1 (m,) for cogs that hold against the entry's pull, -1 for those that hold against it."""
        return np.where(np.arange(len(self.cog_arc_mm)) < self.forward, -1.0, 1.0)

    @property
    def lower_n(self) -> NDArray:
        """Least cog force (m,) [N]: slipping towards the far end."""
        backward = value("threads.bond.backward")
        return -np.where(self.direction > 0.0, backward * self.peak_n, self.capacity_n)

    @property
    def upper_n(self) -> NDArray:
        """Largest cog force (m,) [N]: slipping towards the entry."""
        backward = value("threads.bond.backward")
        return np.where(self.direction > 0.0, self.capacity_n, backward * self.peak_n)

    @property
    def holding_n(self) -> float:
        """The tension that the cogs (of the weaker half) hold now [N]."""
        far = float(self.capacity_n[self.forward :].sum())
        return far if self.anchored else min(far, float(self.capacity_n[: self.forward].sum()))

    def slid_mm(self, movement: NDArray) -> NDArray:
        """How far each cog (m,) has slid, from its movement relative to the tissue [mm]."""
        return np.maximum(self.direction * movement - self.peak_n / self.bond_n_mm, 0.0)

    def let_go(
        self, movement: NDArray | None = None, *, through: bool = False, slip_share: float = 1.0
    ) -> BondCable:
        """The cable after its cogs at these movements (m,) [mm] have let go, or itself.

        Cogs that slid further than the register's slip keep the residual share of their holding
        force (``through``: all cogs do if any does). A tension above what the cogs hold draws the
        whole weaker half along, whatever its movement. slip_share: factor on the register's slip.
        """
        w = np.zeros(len(self.peak_n)) if movement is None else movement
        gone = self.slid_mm(w) > slip_share * value("threads.bond.slip")
        if self.shortening_mm is None:
            far = np.arange(len(gone)) >= self.forward
            most = self.holding_n
            for half in (far, ~far):
                weaker = self.capacity_n[half].sum() <= most
                gone |= half & (weaker and self.tension_n * (1.0 - MARGIN) > most)
        residual = np.where(gone, value("threads.bond.residual") * self.peak_n, self.peak_n)
        left = np.minimum(self.capacity_n, residual)
        if through and (left < self.capacity_n).any():
            left = value("threads.bond.residual") * self.peak_n
        return self if np.array_equal(left, self.capacity_n) else replace(self, capacity_n=left)


def bond_cable(
    thread: Thread,
    product: Product,
    embedding: sp.csr_matrix,
    *,
    bed: Bed | None = None,
    holding_scale: float = 1.0,
    shortening_mm: float | None = None,
) -> BondCable:
    """A thread with its product's cogs.

    bed: tissue along the path; holding_scale: factor on all holding forces; shortening_mm:
    prescribe the take-up instead of the thread's tension.
    """
    arcs = cog_arcs(thread, product)
    peak = holding_scale * cog_capacity(thread, product, arcs, bed)
    return BondCable(
        name=thread.id,
        embedding=embedding,
        reference=thread.path_mm,
        cog_arc_mm=arcs,
        peak_n=peak,
        capacity_n=peak,
        bond_n_mm=product.cog_stiffness_n_mm,
        ea_n=product.ea_n,
        forward=int(np.sum(arcs < thread.middle_mm)),
        anchored=thread.middle_mm == 0.0,
        tension_n=thread.tension_n,
        shortening_mm=shortening_mm,
        strength_n=product.strength_n,
        diameter_mm=product.diameter_mm,
    )
