"""Threads as cables embedded in the mesh: energy, forces, string and axial stiffness.

A cable's nodes are interpolated from the mesh (x_c = x0 + R u). Segment i carries the tension
``share_i * tau``: the profile ``share`` (1 at the anchor, falling where cogs hand load to the
tissue) is fixed, the level tau is either

* prescribed (the surgeon pulls to a tension and ties), or
* elastic: ``tau = k (shortening - contraction)``, never below zero, with the contraction of the
  weighted length ``sum share_i l_i`` and ``k = EA / sum share_i^2 L_i`` (the exact axial
  compliance of a thread with that profile).

Both have an energy, so forces are its gradient and the string stiffness (tension over length,
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

# Segments shorter than this [mm] have no direction; a path with such a segment is refused.
_SHORTEST = 1e-6


@dataclass(frozen=True)
class Cable:
    """One thread in the mesh.

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
        if self.segment_mm.min() < _SHORTEST:
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

    direction (s,3), length (s,), level (c,), stretch tension (s,), slope (c,), energy (2c,).
    """

    direction: NDArray
    length: NDArray
    level: NDArray
    tension: NDArray
    slope: NDArray
    energy: NDArray


class CableSet:
    """All cables of one plan, stacked. u is (N,3); path arrays are (K,3) over all cables."""

    def __init__(self, cables: Sequence[Cable], nodes: int) -> None:
        self.cables = tuple(cables)
        sizes = [len(c.reference) for c in self.cables]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.node_slices = [slice(int(a), int(b)) for a, b in pairwise(starts)]
        count = len(self.cables)
        parts = [c.embedding for c in self.cables]
        stacked = sp.vstack(parts) if parts else sp.csr_matrix((0, 3 * nodes))
        self.R = sp.csr_matrix(stacked)
        self.RT = sp.csr_matrix(self.R.T)
        self._reference = (
            np.concatenate([c.reference for c in self.cables]) if parts else np.zeros((0, 3))
        )
        self._first = np.concatenate(
            [np.arange(a, b - 1) for a, b in pairwise(starts)] or [[]]
        ).astype(np.int64)
        self._owner = np.repeat(np.arange(count), [n - 1 for n in sizes])
        self._share = (
            np.concatenate([np.asarray(c.share, float) for c in self.cables])
            if parts
            else np.zeros(0)
        )
        self._prescribed = np.array([c.tension_n for c in self.cables])
        self._axial = np.array([c.axial_n_mm for c in self.cables])
        self._takeup = np.array([c.shortening_mm or 0.0 for c in self.cables])
        self._elastic = np.array([c.shortening_mm is not None for c in self.cables], dtype=bool)
        rest = (
            np.linalg.norm(np.diff(self._reference, axis=0), axis=1)[self._first] if parts else []
        )
        self._rest = np.asarray(rest, float)
        self._rest_length = self._weighted(self._rest)

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
        length = np.linalg.norm(arm, axis=1)
        direction = arm / np.maximum(length, _SHORTEST)[:, None]
        # Differences of single segments keep the digits that a sum of lengths would lose.
        change = self._weighted(length - self._rest)
        pulled = self._axial * (scale * self._takeup + change)
        taut = np.maximum(pulled, 0.0)
        level = np.where(self._elastic, taut, scale * self._prescribed)
        slope = np.where(self._elastic & (pulled > 0.0), self._axial, 0.0)
        elastic = 0.5 * taut**2 / np.where(self._elastic, self._axial, 1.0)
        energy = np.where(self._elastic, elastic, level * change)
        return CableState(direction, length, level, level[self._owner] * self._share, slope, energy)

    def force(self, state: CableState) -> NDArray:
        """Gradient (N,3) of the cable energy with respect to u."""
        return (self.RT @ self._path_gradient(state.tension, state.direction).ravel()).reshape(
            -1, 3
        )

    def _path_gradient(self, pull: NDArray, direction: NDArray) -> NDArray:
        out = np.zeros_like(self._reference)
        vector = pull[:, None] * direction
        np.add.at(out, self._first + 1, vector)
        np.subtract.at(out, self._first, vector)
        return out

    def times(self, state: CableState, p: NDArray) -> NDArray:
        """Second derivative of the cable energy times p (N,3)."""
        if not self.cables:
            return np.zeros_like(p)
        dq = (self.R @ p.ravel()).reshape(-1, 3)
        de = dq[self._first + 1] - dq[self._first]
        along = np.einsum("sc,sc->s", state.direction, de)
        string = (state.tension / np.maximum(state.length, _SHORTEST))[:, None]
        rate = state.slope * np.bincount(
            self._owner, self._share * along, minlength=len(self.cables)
        )
        vector = string * (de - along[:, None] * state.direction)
        vector += (rate[self._owner] * self._share)[:, None] * state.direction
        out = np.zeros_like(self._reference)
        np.add.at(out, self._first + 1, vector)
        np.subtract.at(out, self._first, vector)
        return (self.RT @ out.ravel()).reshape(-1, 3)

    def string_stiffness(self, state: CableState) -> sp.csr_matrix:
        """String part R^T S R (3N,3N) of the second derivative (positive semidefinite)."""
        s = self.path_string_stiffness(state)
        return sp.csr_matrix(self.RT @ s @ self.R)

    def path_string_stiffness(self, state: CableState) -> sp.csr_matrix:
        """String stiffness S (3K,3K) between path nodes."""
        count = len(self._reference)
        tt = state.direction[:, :, None] * state.direction[:, None, :]
        block = (state.tension / np.maximum(state.length, _SHORTEST))[:, None, None] * (
            np.eye(3) - tt
        )
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
