"""`Solid`: elements, supports and reference load of one tissue, with energy, force and tangent.

The captured state is the reference and is in equilibrium by definition: residual stress of the
pre-tensioned skin, pre-loaded ligaments and gravity of the captured posture are balanced by a
constant load ``f0`` equal to the internal force at zero displacement.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.tissue import chunks, kernels
from threadlift.tissue.element import WedgeGeometry, wedge_geometry
from threadlift.tissue.materials import ElementMaterials
from threadlift.tissue.supports import Supports


@dataclass(frozen=True)
class BlockSparsity:
    """Where the 3 x 3 blocks of a matrix lie: compressed rows, indptr (N+1,), indices sorted."""

    indptr: NDArray
    indices: NDArray

    def find(self, rows: NDArray, columns: NDArray) -> NDArray:
        """Block numbers of node pairs, -1 for those that are not in the pattern."""
        wanted = rows.astype(np.int64) * (len(self.indptr) - 1) + columns
        at = np.searchsorted(self._keys, wanted)
        return np.where(self._keys[np.minimum(at, len(self._keys) - 1)] == wanted, at, -1)

    @cached_property
    def rows(self) -> NDArray:
        """Row (nb,) of every block."""
        return np.repeat(np.arange(len(self.indptr) - 1, dtype=np.int64), np.diff(self.indptr))

    @cached_property
    def _keys(self) -> NDArray:
        return self.rows * (len(self.indptr) - 1) + self.indices

    def csr(self, data: NDArray) -> sp.csr_matrix:
        """Blocks (nb,3,3) as compressed sparse rows, dof = 3 * node + component."""
        size = 3 * (len(self.indptr) - 1)
        blocks = sp.bsr_matrix((data, self.indices, self.indptr), shape=(size, size))
        matrix = sp.csr_matrix(blocks.tocsr())
        matrix.sort_indices()
        return matrix


@dataclass(frozen=True)
class BlockPattern(BlockSparsity):
    """Fixed pattern of the stiffness of elements.

    slots (E,6,6) block of each element node pair, -1 for pairs with a held node; diagonal (N,)
    block of each node with itself. pairs (P,2) elements that share a pressure, and cross
    (P,2,6,6) the blocks of the nodes of the first with those of the second, and back. held (N,)
    nodes that cannot move: in their rows and columns nothing but the diagonal block is left.
    """

    slots: NDArray
    diagonal: NDArray
    pairs: NDArray
    cross: NDArray
    held: NDArray

    @staticmethod
    def of(
        wedges: NDArray, nodes: int, partner: NDArray | None = None, held: NDArray | None = None
    ) -> BlockPattern:
        """Pattern of node pairs that share a wedge, or wedges that share a pressure.

        partner (E,): the other wedge of each pair, -1 for none; held (N,): mask of nodes that
        cannot move (default: none).
        """
        rigid = np.zeros(nodes, dtype=bool) if held is None else np.asarray(held, dtype=bool)
        w = wedges.astype(np.int64)
        count = len(w)
        other = np.full(count, -1) if partner is None else np.asarray(partner)
        first = np.flatnonzero(other > np.arange(count))
        pairs = np.stack([first, other[first]], axis=1)
        one, two = w[pairs[:, 0]], w[pairs[:, 1]]
        keys = np.concatenate(
            [
                (w[:, :, None] * nodes + w[:, None, :]).ravel(),
                (one[:, :, None] * nodes + two[:, None, :]).ravel(),
                (two[:, :, None] * nodes + one[:, None, :]).ravel(),
            ]
        )
        kept = ~(rigid[keys // nodes] | rigid[keys % nodes])
        own = np.flatnonzero(rigid) * (nodes + 1)
        unique, place = np.unique(np.concatenate([keys[kept], own]), return_inverse=True)
        slots = np.full(len(keys), -1, dtype=np.int32)
        slots[kept] = place[: len(place) - len(own)]
        rows, columns = unique // nodes, unique % nodes
        indptr = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=nodes))])
        diagonal = np.searchsorted(unique, np.arange(nodes, dtype=np.int64) * (nodes + 1))
        inside = 36 * count
        return BlockPattern(
            indptr.astype(np.int32),
            columns.astype(np.int32),
            slots[:inside].reshape(count, 6, 6),
            diagonal.astype(np.int32),
            pairs,
            slots[inside:].reshape(2, len(pairs), 6, 6).swapaxes(0, 1).copy(),
            rigid,
        )

    @cached_property
    def partner(self) -> NDArray:
        """The other wedge (E,) of each pair, the wedge itself where there is none."""
        out = np.arange(len(self.slots))
        out[self.pairs[:, 0]], out[self.pairs[:, 1]] = self.pairs[:, 1], self.pairs[:, 0]
        return out


@dataclass(frozen=True)
class Blocks:
    """A block matrix on a pattern: data (nb,3,3) [N/mm]."""

    pattern: BlockPattern
    data: NDArray

    def times(self, u: NDArray) -> NDArray:
        """K u for u (N,3)."""
        out = np.zeros_like(u)
        p = self.pattern
        kernels.block_matvec(0, len(u), p.indptr, p.indices, self.data, u, out)
        return out

    def csr(self) -> sp.csr_matrix:
        """The same matrix in compressed sparse rows, dof = 3 * node + component."""
        return self.pattern.csr(self.data)


@dataclass(frozen=True)
class Evaluation:
    """Energy terms (m,) [N mm], internal force minus reference load (N,3) [N], smallest det F.

    pressure (E,) [MPa]: volume pressure of every element.
    """

    energy: NDArray
    force: NDArray
    min_jacobian: float
    pressure: NDArray


class Solid:
    """Elements with materials and supports on a fixed pattern.

    points (N,3) [mm], wedges (E,6), materials per element, supports; partner (E,) the wedge with
    which each shares its pressure, -1 (or None for all) for none. All methods take displacements u
    (N,3) [mm] from the captured state, zero at the held nodes of the supports.
    """

    def __init__(
        self,
        points: NDArray,
        wedges: NDArray,
        materials: ElementMaterials,
        supports: Supports,
        *,
        geometry: WedgeGeometry | None = None,
        partner: NDArray | None = None,
        pattern: BlockPattern | None = None,
        parts: tuple[NDArray, ...] | None = None,
    ) -> None:
        self.points = np.ascontiguousarray(points, dtype=float)
        self.wedges = np.ascontiguousarray(wedges, dtype=np.int32)
        self.materials = materials
        self.supports = supports
        self.geometry = geometry or wedge_geometry(self.points, self.wedges)
        self.pattern = pattern or BlockPattern.of(
            self.wedges, len(self.points), partner, supports.held
        )
        m, g = materials, self.geometry
        law = (m.mu, m.b, m.k1, m.k2, m.mu0, m.G, m.H, m.sheet, m.slack)
        self._data: tuple[Any, ...] = tuple(
            np.ascontiguousarray(a) for a in (g.gradients, g.weights, *law)
        )
        self._parts = parts or chunks.element_parts(
            self.points[self.wedges].mean(axis=1), self.wedges, len(self.points)
        )
        other = self.pattern.partner
        alone = other == np.arange(len(other))
        self._volume = g.volume + np.where(alone, 0.0, g.volume[other])
        spring = g.volume * m.bulk
        self._bulk = (spring + np.where(alone, 0.0, spring[other])) / self._volume
        self._alone = alone

    @property
    def nodes(self) -> int:
        """Number of mesh nodes N."""
        return len(self.points)

    @property
    def held(self) -> NDArray:
        """Mask (N,) of the nodes that cannot move."""
        return self.pattern.held

    def admissible(self, field: NDArray) -> NDArray:
        """A field (N,3) with zeros at the held nodes: what displacements and residuals must be."""
        return np.where(self.held[:, None], 0.0, field) if self.held.any() else field

    @cached_property
    def reference_load(self) -> NDArray:
        """f0 (N,3) [N]: internal force of the captured state."""
        return self._internal(np.zeros_like(self.points))[1]

    @cached_property
    def rounding_n(self) -> float:
        """Norm [N] of the nodal forces that rounding alone leaves.

        The volume ratio carries one rounding error; times the bulk modulus it is the largest.
        Displacements of millimetres add theirs, below it while strains stay below one.
        """
        g = self.geometry
        reach = np.einsum("eq,eqa->ea", g.weights, np.linalg.norm(g.gradients, axis=3))
        share = self.materials.bulk[:, None] * reach
        force = np.bincount(self.wedges.ravel(), share.ravel(), minlength=self.nodes)
        return 4.0 * float(np.finfo(float).eps * np.linalg.norm(force))

    @cached_property
    def _pair_parts(self) -> tuple[NDArray, ...]:
        """Pairs that may be worked on side by side: those within one part of the elements."""
        part = np.full(len(self.wedges), len(self._parts) - 1)
        for number, elements in enumerate(self._parts):
            part[elements] = number
        one, two = part[self.pattern.pairs].T
        home = np.where(one == two, one, len(self._parts) - 1)
        return tuple(np.flatnonzero(home == number) for number in range(len(self._parts)))

    @property
    def parts(self) -> tuple[NDArray, ...]:
        """Element numbers that may be worked on side by side (see ``chunks``)."""
        return self._parts

    @cached_property
    def energy_rounding(self) -> float:
        """Error [N mm] that rounding of invariants near three leaves in the energy."""
        eps = float(np.finfo(float).eps)
        return 4.0 * eps * float(np.sum(self.materials.mu * self.geometry.volume))

    def evaluate(self, u: NDArray) -> Evaluation:
        """Energy (of supports, elements and reference load), residual force, smallest det F.

        The force at a held node is the change of its reaction.
        """
        energy, force, smallest, pressure = self._internal(u)
        work = -np.einsum("nc,nc->n", self.reference_load, u)
        energy = np.concatenate([energy, work])
        return Evaluation(energy, force - self.reference_load, smallest, pressure)

    def _internal(self, u: NDArray) -> tuple[NDArray, NDArray, float, NDArray]:
        u = np.ascontiguousarray(u, dtype=float)
        x = self.points + u
        count = len(self.wedges)
        energy, now, least = np.zeros(count), np.zeros(count), np.zeros(count)
        swell, force = np.zeros((count, 6, 3)), np.zeros_like(x)
        out = (energy, now, swell, least, force)
        chunks.run(
            self._parts, lambda part: kernels.energy_force(part, u, self.wedges, *out, *self._data)
        )
        mu0, volume = self.materials.mu0, self.geometry.volume
        both = now + np.where(self._alone, 0.0, now[self.pattern.partner])
        dilation = both / self._volume - 1.0
        pressure = self._bulk * dilation - mu0
        energy += 0.5 * volume * self._bulk * dilation**2 - mu0 * (now - volume)
        chunks.run(
            self._parts,
            lambda part: kernels.pressure_force(part, self.wedges, pressure, swell, force),
        )
        springs = self.supports.springs[:, None] * u
        terms = [energy, 0.5 * np.einsum("nc,nc->n", springs, u)]
        force += springs
        if self.supports.bars is not None:
            bar_energy, bar_force = self.supports.bars.energy_force(x)
            terms.append(bar_energy)
            force += bar_force
        return np.concatenate(terms), force, float(least.min()), pressure

    def tangent(self, u: NDArray, *, safe: bool = False, pressure: NDArray | None = None) -> Blocks:
        """Second derivative of the energy at u: exact, or ``safe``, i.e. positive semidefinite.

        That between the free nodes; a held node has a unit block on the diagonal and no other.
        pressure (E,) [MPa]: that of u, where it is known from ``evaluate``.
        """
        u = np.ascontiguousarray(u, dtype=float)
        x = self.points + u
        data = np.zeros((len(self.pattern.indices), 3, 3))
        push = self._internal(u)[3] if pressure is None else pressure
        p, rise = self.pattern, self._bulk / self._volume
        swell = np.zeros((len(self.wedges), 6, 3))
        chunks.run(
            self._parts,
            lambda part: kernels.tangent(
                part, u, self.wedges, push, rise, safe, p.slots, swell, data, *self._data
            ),
        )
        chunks.run(
            self._pair_parts,
            lambda part: kernels.pair_blocks(part, p.pairs, rise, swell, p.cross, data),
        )
        data[self.pattern.diagonal] += self.supports.springs[:, None, None] * np.eye(3)
        bars = self.supports.bars
        if bars is not None:
            stiffness = bars.tangent(x)
            pair = bars.weights[:, :, None] * bars.weights[:, None, :]
            added, inside = pair[..., None, None] * stiffness[:, None, None], self._bar_slots >= 0
            np.add.at(data, self._bar_slots[inside], added[inside])
        data[self.pattern.diagonal[self.held]] = np.eye(3)
        return Blocks(self.pattern, data)

    @cached_property
    def _bar_slots(self) -> NDArray:
        bars = self.supports.bars
        assert bars is not None
        rows = np.repeat(bars.nodes[:, :, None], 3, axis=2)
        return self.pattern.find(rows, rows.transpose(0, 2, 1))
