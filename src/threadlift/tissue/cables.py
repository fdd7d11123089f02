"""Threads as cables embedded in the mesh: energy, forces, string and axial stiffness.

A cable's nodes are interpolated from the mesh (x_c = x0 + R u). In a `BondCable` the tensions come
from its cogs' bond law at the present path lengths (`threads.chain`). In a `Cable` segment i
carries the tension ``share_i * tau``: the profile ``share`` (1 at the anchor, falling where cogs
hand load to the tissue) is fixed, the level tau is either

* prescribed (the surgeon pulls to a tension and ties), or
* elastic: ``tau = k (shortening - contraction)``, never below zero, with the contraction of the
  weighted length ``sum share_i l_i`` and ``k = EA / sum share_i^2 L_i`` (the exact axial
  compliance of a thread with that profile).

All have an energy, so forces are its gradient and the string stiffness (tension over length,
which beats the fat's and must not be left out) is part of its second derivative.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.threads.chain import Chains, ChainState
from threadlift.tissue.bonded import SHORTEST_MM, BondCable
from threadlift.tissue.segments import segment_lengths


@dataclass(frozen=True)
class Cable:
    """One thread with a fixed profile of tension.

    Attributes
    ----------
    name: identifier for messages and results.
    embedding: (3k, 3N) CSR, displacement of the path nodes from that of the mesh; zero rows hold
        a node in space (an anchored end).
    reference: (k,3) path nodes in the captured state [mm].
    share: (k-1,) tension of each segment relative to the level, 0..1.
    tension_n: level [N] (prescribed tension), ignored when ``shortening_mm`` is given.
    shortening_mm, ea_n: prescribed take-up of thread [mm] and axial stiffness EA [N].
    """

    name: str
    embedding: sp.csr_matrix
    reference: NDArray
    share: NDArray
    tension_n: float = 0.0
    shortening_mm: float | None = None
    ea_n: float | None = None

    def __post_init__(self) -> None:
        points = np.asarray(self.reference, float)
        k = len(points)
        numbers = [self.tension_n, self.shortening_mm or 0.0, self.ea_n or 0.0]
        if k < 2 or not np.isfinite(points).all() or not np.isfinite(numbers).all():
            raise InputError(
                f"Thread '{self.name}' has a path or tension that is not a number.",
                "Give at least two finite path points and a finite tension.",
            )
        if len(self.embedding.indptr) != 3 * k + 1 or np.shape(self.share) != (k - 1,):
            raise InputError(
                f"Thread '{self.name}' has arrays of different lengths.",
                "Give one tension per path segment.",
            )
        if self.segment_mm.min() < SHORTEST_MM:
            raise InputError(
                f"Thread '{self.name}' has two path points in the same place.",
                "Remove the repeated point.",
            )
        if self.tension_n < 0.0 or (np.asarray(self.share) < 0.0).any():
            raise InputError(
                f"Thread '{self.name}' has a negative tension.", "A thread can only pull."
            )
        if self.shortening_mm is not None and not (self.ea_n or 0.0) > 0.0:
            raise InputError(
                f"Thread '{self.name}' is pulled by length but has no axial stiffness.",
                "Give ea_n [N] of the product.",
            )

    @property
    def segment_mm(self) -> NDArray:
        """Segment lengths (k-1,) in the captured state [mm]."""
        return np.linalg.norm(np.diff(self.reference, axis=0), axis=1)

    @property
    def axial_n_mm(self) -> float:
        """Stiffness of the level against take-up [N/mm]; 0 for a prescribed tension."""
        if self.shortening_mm is None or self.ea_n is None:
            return 0.0
        return self.ea_n / float(np.sum(self.share**2 * self.segment_mm))


@dataclass(frozen=True)
class CableState:
    """State of all cables at one displacement.

    direction (s,3), length (s,) and bend (s,3,3) second derivative of the segments' lengths,
    level (c,) tension where the thread is pulled, tension (s,), slope (c,) of fixed profiles,
    energy terms, and the chains of the bonded cables.
    """

    direction: NDArray
    length: NDArray
    bend: NDArray
    level: NDArray
    tension: NDArray
    slope: NDArray
    energy: NDArray
    chain: ChainState


class CableSet:
    """All cables of one plan, stacked. u is (N,3); path arrays are (K,3) over all cables."""

    def __init__(self, cables: Sequence[Cable | BondCable], nodes: int) -> None:
        self.cables = tuple(cables)
        self.nodes = nodes
        sizes = [len(c.reference) for c in self.cables]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.node_slices = [slice(int(a), int(b)) for a, b in pairwise(starts)]
        count = len(self.cables)
        parts = [c.embedding for c in self.cables]
        stacked = sp.vstack(parts) if parts else sp.csr_matrix((0, 3 * nodes))
        self.R = sp.csr_matrix(stacked)
        self.RT = sp.csr_matrix(self.R.T)
        self._reference = np.concatenate([np.zeros((0, 3)), *(c.reference for c in self.cables)])
        self._first = np.concatenate(
            [np.arange(a, b - 1) for a, b in pairwise(starts)] or [[]]
        ).astype(np.int64)
        self._owner = np.repeat(np.arange(count), [n - 1 for n in sizes])
        self._rest = np.concatenate([np.zeros(0), *(c.segment_mm for c in self.cables)])
        fixed = [c if isinstance(c, Cable) else None for c in self.cables]
        self._share = np.concatenate(
            [
                np.zeros(0),
                *(
                    np.zeros(n - 1) if c is None else np.asarray(c.share, float)
                    for c, n in zip(fixed, sizes, strict=True)
                ),
            ]
        )
        self._prescribed = np.array([c.tension_n if c else 0.0 for c in fixed])
        self._axial = np.array([c.axial_n_mm if c else 0.0 for c in fixed])
        self._takeup = np.array([(c.shortening_mm or 0.0) if c else 0.0 for c in fixed])
        self._elastic = np.array([c is not None and c.shortening_mm is not None for c in fixed])
        self._elastic = self._elastic.astype(bool)
        bonded = [(i, c) for i, c in enumerate(self.cables) if isinstance(c, BondCable)]
        self._bonds = _Bonds.of(bonded, [s - i for i, s in enumerate(starts[:-1])], len(self._rest))

    def _weighted(self, length: NDArray) -> NDArray:
        return np.bincount(self._owner, self._share * length, minlength=len(self.cables))

    @property
    def segment_owner(self) -> NDArray:
        """Cable index (s,) of every segment."""
        return self._owner

    def positions(self, u: NDArray) -> NDArray:
        """Path nodes (K,3) at displacement u (N,3)."""
        return self._reference + (self.R @ u.ravel()).reshape(-1, 3)

    def state(self, u: NDArray, scale: float = 1.0) -> CableState:
        """Directions, lengths, tensions, energies; ``scale`` is the load factor of continuation."""
        q = self.positions(u)
        arm = q[self._first + 1] - q[self._first]
        length, direction, bend = segment_lengths(arm, self._rest)
        # Differences of single segments keep the digits that a sum of lengths would lose.
        longer = length - self._rest
        change = self._weighted(longer)
        pulled = self._axial * (scale * self._takeup + change)
        taut = np.maximum(pulled, 0.0)
        level = np.where(self._elastic, taut, scale * self._prescribed)
        slope = np.where(self._elastic & (pulled > 0.0), self._axial, 0.0)
        elastic = 0.5 * taut**2 / np.where(self._elastic, self._axial, 1.0)
        energy = np.where(self._elastic, elastic, level * change)
        tension = level[self._owner] * self._share
        bonds = self._bonds
        chain = bonds.state(longer, scale)
        if len(bonds.index):
            level[bonds.index] = bonds.level(chain)
            tension += bonds.weights.T @ chain.tension
        energy = np.concatenate([energy, chain.energy])
        return CableState(direction, length, bend, level, tension, slope, energy, chain)

    def force(self, state: CableState) -> NDArray:
        """Gradient (N,3) of the cable energy with respect to u."""
        return self._on_mesh(state.tension[:, None] * state.direction)

    def _on_mesh(self, vector: NDArray) -> NDArray:
        """Nodal forces (N,3) of segments whose far ends carry vector (s,3), their near ends -."""
        out = np.zeros_like(self._reference)
        out[self._first + 1] = vector
        out[self._first] -= vector
        return (self.RT @ out.ravel()).reshape(-1, 3)

    def times(self, state: CableState, p: NDArray) -> NDArray:
        """Second derivative of the cable energy times p (N,3)."""
        if not self.cables:
            return np.zeros_like(p)
        dq = (self.R @ p.ravel()).reshape(-1, 3)
        de = dq[self._first + 1] - dq[self._first]
        along = np.einsum("sc,sc->s", state.direction, de)
        rate = state.slope * np.bincount(
            self._owner, self._share * along, minlength=len(self.cables)
        )
        vector = np.einsum("s,sab,sb->sa", state.tension, state.bend, de)
        rise = rate[self._owner] * self._share
        if len(self._bonds.index):
            w = self._bonds.weights
            rise = rise + w.T @ self._bonds.chains.times(state.chain, w @ along)
        return self._on_mesh(vector + rise[:, None] * state.direction)

    def load_derivative(self, state: CableState) -> NDArray:
        """Derivative (c,N,3) of `force` with the pull of each cable, at fixed u.

        Per newton of prescribed tension (nothing where the cogs hold less than was asked for),
        per millimetre of prescribed take-up. Valid for states at full load.
        """
        rise = np.where(self._elastic, state.slope, 1.0)[self._owner] * self._share
        if len(self._bonds.index):
            rise = rise + self._bonds.weights.T @ self._bonds.per_pull(state.chain)
        out = np.zeros((len(self.cables), self.nodes, 3))
        for i in range(len(self.cables)):
            mine = np.where(self._owner == i, rise, 0.0)
            out[i] = self._on_mesh(mine[:, None] * state.direction)
        return out

    def let_go(
        self, state: CableState | None = None, *, through: bool = False, slip_share: float = 1.0
    ) -> CableSet:
        """The cables after their cogs have let go (see `BondCable.let_go`), or this set."""
        cables = list(self.cables)
        for k, i in enumerate(self._bonds.index):
            movement = None if state is None else self.movement(state, i)
            cables[i] = self._bonds.cables[k].let_go(
                movement, through=through, slip_share=slip_share
            )
        same = all(a is b for a, b in zip(cables, self.cables, strict=True))
        return self if same else CableSet(cables, self.nodes)

    def movement(self, state: CableState, index: int) -> NDArray:
        """Movements (m,) [mm] of the cogs of a bonded cable towards the entry."""
        k = self._bonds.index.index(index)
        start = self._bonds.chains.start
        return state.chain.w[start[k] : start[k + 1]]

    def takeup_mm(self, state: CableState, index: int) -> float:
        """Take-up [mm] at which a bonded cable has its present tension."""
        k = self._bonds.index.index(index)
        return float(self._bonds.takeup(state.chain, state.length - self._rest)[k])

    def string_stiffness(self, state: CableState) -> sp.csr_matrix:
        """String part R^T S R (3N,3N) of the second derivative (positive semidefinite)."""
        s = self.path_string_stiffness(state)
        return sp.csr_matrix(self.RT @ s @ self.R)

    def path_string_stiffness(self, state: CableState) -> sp.csr_matrix:
        """String stiffness S (3K,3K) between path nodes."""
        count = len(self._reference)
        block = state.tension[:, None, None] * state.bend
        i, j = self._first, self._first + 1
        rows = np.concatenate([i, j, i, j])
        columns = np.concatenate([i, j, j, i])
        data = np.concatenate([block, block, -block, -block])
        c = np.arange(3)
        r3 = (3 * rows[:, None, None] + c[None, :, None]).repeat(3, axis=2)
        c3 = (3 * columns[:, None, None] + c[None, None, :]).repeat(3, axis=1)
        return sp.csr_matrix(
            sp.coo_matrix((data.ravel(), (r3.ravel(), c3.ravel())), shape=(3 * count, 3 * count))
        )


@dataclass(frozen=True)
class _Bonds:
    """The bonded cables of a set: their chains and where the sections lie on the segments.

    index: numbers of these cables in the set; weights (M, s) share of segments in sections.
    """

    cables: tuple[BondCable, ...]
    index: list[int]
    chains: Chains
    weights: sp.csr_matrix
    tension_n: NDArray
    takeup_mm: NDArray

    @staticmethod
    def of(cables: Sequence[tuple[int, BondCable]], first: Sequence[int], segments: int) -> _Bonds:
        """first: number of the first segment of every cable of the set."""
        parts = [c for _, c in cables]
        start = np.concatenate([[0], np.cumsum([len(c.peak_n) for c in parts])]).astype(np.int64)
        rows, columns, data = [], [], []
        for (i, cable), row in zip(cables, start[:-1], strict=True):
            weight = cable.section_weights
            r, s = np.nonzero(weight)
            rows.append(r + row)
            columns.append(s + first[i])
            data.append(weight[r, s])
        where = (np.concatenate([[], *rows]), np.concatenate([[], *columns]))
        values = np.concatenate([np.zeros(0), *data])
        sections = int(start[-1])

        def stacked(arrays: list[NDArray]) -> NDArray:
            return np.concatenate([np.zeros(0), *arrays])

        chains = Chains(
            start=start,
            axial=stacked([c.axial_n_mm for c in parts]),
            bond=stacked([np.full(len(c.peak_n), c.bond_n_mm) for c in parts]),
            lower=stacked([c.lower_n for c in parts]),
            upper=stacked([c.upper_n for c in parts]),
            pulled=start[:-1] + np.array([c.forward for c in parts], dtype=np.int64),
            given=np.array([c.shortening_mm is None for c in parts], dtype=bool),
        )
        return _Bonds(
            tuple(parts),
            [i for i, _ in cables],
            chains,
            sp.csr_matrix(sp.coo_matrix((values, where), shape=(sections, segments))),
            np.array([c.tension_n for c in parts]),
            np.array([c.shortening_mm or 0.0 for c in parts]),
        )

    @property
    def _holding(self) -> NDArray:
        """Chains (b,) that have cogs at all on both sides of the pull."""
        return self.chains.holding_n > 0.0

    def state(self, longer: NDArray, scale: float) -> ChainState:
        """State at segment changes longer (s,) [mm]."""
        change = self.weights @ longer
        pull = self._holding & ~self.chains.given
        change[self.chains.pulled[pull]] += scale * self.takeup_mm[pull]
        return self.chains.solve(change, self.chains.level(scale * self.tension_n))

    def level(self, chain: ChainState) -> NDArray:
        """Tension (b,) of the pulled sections."""
        out = np.zeros(len(self.cables))
        out[self._holding] = chain.tension[self.chains.pulled[self._holding]]
        return out

    def per_pull(self, chain: ChainState) -> NDArray:
        """Derivative (M,) of the sections' tensions with the pulls."""
        return self.chains.per_pull(chain, self.tension_n)

    def takeup(self, chain: ChainState, longer: NDArray) -> NDArray:
        """Take-up (b,) [mm] of the pulled sections."""
        change = self.weights @ longer
        out = np.zeros(len(self.cables))
        for k, g in enumerate(self.chains.pulled):
            if self._holding[k]:
                before = chain.w[g - 1] if g > self.chains.start[k] else 0.0
                slack = change[g] + before - chain.w[g]
                out[k] = chain.tension[g] / self.chains.axial[g] - slack
        return out
