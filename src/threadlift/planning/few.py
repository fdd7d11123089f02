"""The linear model of a few threads, any of which may be placed differently.

The same model as :mod:`threadlift.planning.responses` (tissue linear about the captured state,
every thread with its own string stiffness, all of them coupled), for threads that are not
candidates and may lie where their cogs hold less: the compliance is solved for the mesh nodes that
these threads and their variants touch, and one solve per variant gives the whole displacement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.planning.strings import string_load, string_stiffness
from threadlift.threads import Thread, product, tension_profile
from threadlift.threads.cogs import TensionProfile
from threadlift.tissue.tissue import Tissue

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Strings:
    """A taut thread in the mesh: embedding (3k, 3r) into `FewThreads.nodes`, load (3k,) [N],
    stiffness (3k, 3k) [N/mm].
    """

    embedding: sp.csr_matrix
    force: Array
    stiffness: Array


@dataclass(frozen=True)
class FewThreads:
    """Compliance (3r, 3r) [mm/N] of the tissue between the nodes (r,) that given threads touch."""

    tissue: Tissue
    nodes: NDArray
    compliance: Array

    @classmethod
    def of(cls, tissue: Tissue, threads: Sequence[Thread]) -> FewThreads:
        """Solve for every node that any of the threads touches."""
        touched = [np.unique(tissue.embed(t).indices // 3) for t in threads]
        nodes = np.unique(np.concatenate(touched)) if touched else np.zeros(0, dtype=np.int64)
        dof = (3 * nodes[:, None] + np.arange(3)).ravel()
        unit = sp.csc_matrix(
            (np.ones(len(dof)), (dof, np.arange(len(dof)))), shape=(tissue.ndof, len(dof))
        )
        found = tissue.rest.basis(unit, dof).astype(np.float64)
        # Symmetric but for the rounding of single precision.
        return cls(tissue, nodes, 0.5 * (found + found.T))

    def strings(self, thread: Thread) -> Strings:
        """A thread at its tension, with cogs that hold what the bed allows in still tissue."""
        whole = self.tissue.embed(thread)
        dof = (3 * self.nodes[:, None] + np.arange(3)).ravel()
        profile = self._profile(thread)
        points, segment = np.asarray(thread.path_mm, dtype=float), profile.segment_tension_n
        return Strings(
            sp.csr_matrix(whole[:, dof]),
            string_load(points, segment).ravel(),
            string_stiffness(points, segment),
        )

    def excess_n(self, thread: Thread) -> float:
        """Tension [N] of a thread that its cogs cannot hold on this path: they would let go."""
        return self._profile(thread).excess_n

    def _profile(self, thread: Thread) -> TensionProfile:
        return tension_profile(thread, product(thread.product), bed=self.tissue.bed(thread))

    def loads(self, threads: Sequence[Strings], outside: Array | None = None) -> list[Array]:
        """What each thread does to the nodes (3r,) [N], all string stiffnesses together.

        outside (3r,) [N]: load of threads that are not among these and are taken as given.
        """
        if not threads:
            return []
        embed = sp.csr_matrix(sp.vstack([t.embedding for t in threads]))
        force = np.concatenate([t.force for t in threads])
        stiffness = sp.block_diag([t.stiffness for t in threads], format="csr")
        at_points = embed @ self.compliance
        within = (embed @ at_points.T).T
        free = within @ force if outside is None else within @ force + at_points @ outside
        # (I + C S) q = C f, as in planning.strings.
        system = np.eye(len(force)) + (stiffness.T @ within.T).T
        q = np.linalg.solve(system, free)
        load = force - stiffness @ q
        out, start = [], 0
        for t in threads:
            mine = slice(start, start + len(t.force))
            start = mine.stop
            out.append(t.embedding.T @ load[mine])
        return out

    def displacements(self, loads: Sequence[Array]) -> Array:
        """Displacements (n, N, 3) [mm] of the whole mesh under nodal loads (3r,) [N] each."""
        dof = (3 * self.nodes[:, None] + np.arange(3)).ravel()
        matrix = sp.csc_matrix(np.stack(loads, axis=1))
        # Columns of the small matrix stand at the threads' nodes in the whole one.
        at = sp.csc_matrix(
            (matrix.data, dof[matrix.indices], matrix.indptr),
            shape=(self.tissue.ndof, len(loads)),
        )
        found = self.tissue.rest.basis(at, np.arange(self.tissue.ndof))
        return found.astype(np.float64).reshape(len(loads), -1, 3)
