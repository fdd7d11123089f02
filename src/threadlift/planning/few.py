"""The linear model of a few threads, any of which may be placed differently.

The same model as :mod:`threadlift.planning.responses` (linear tissue, every thread with its own
string stiffness, all of them coupled), for threads that are not candidates and may lie where their
cogs hold less, and about any state: about the equilibrium of a plan the fat is as stiff as the plan
has made it. The compliance is solved for the mesh nodes that the threads and their variants touch,
and one solve per variant gives the whole displacement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.planning.strings import string_load, string_stiffness
from threadlift.threads import Thread, product, tension_profile
from threadlift.threads.cogs import TensionProfile
from threadlift.tissue.pardiso import NotPositiveDefiniteError
from threadlift.tissue.rest import RestOperator
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
    """A body that is linear about a state, between the nodes (r,) that given threads touch.

    compliance (3r, 3r) [mm/N]; state (N, 3) [mm] where it would be without any thread (zero about
    the captured state): about a plan's equilibrium the body is as stiff as it is there.
    """

    tissue: Tissue
    body: RestOperator
    nodes: NDArray
    compliance: Array
    state: Array

    @classmethod
    def of(
        cls,
        tissue: Tissue,
        threads: Sequence[Thread],
        planned: Sequence[Thread] = (),
        equilibrium: Array | None = None,
    ) -> FewThreads:
        """Solve for every node that any of the threads touches.

        equilibrium (N,3) [mm]: of the planned threads, about which the body is linear; without
        it, it is linear about the captured state.
        """
        touched = [np.unique(tissue.embed(t).indices // 3) for t in threads]
        nodes = np.unique(np.concatenate(touched)) if touched else np.zeros(0, dtype=np.int64)
        body = tissue.rest if equilibrium is None else _loaded(tissue, equilibrium)
        dof = (3 * nodes[:, None] + np.arange(3)).ravel()
        unit = sp.csc_matrix(
            (np.ones(len(dof)), (dof, np.arange(len(dof)))), shape=(tissue.ndof, len(dof))
        )
        found = body.basis(unit, dof).astype(np.float64)
        still = np.zeros((tissue.mesh.dof // 3, 3))
        # Symmetric but for the rounding of single precision.
        here = cls(tissue, body, nodes, 0.5 * (found + found.T), still)
        if equilibrium is None:
            return here
        # The planned threads' loads at the equilibrium are taken off again.
        at = equilibrium[nodes].ravel()
        load = np.zeros(len(dof))
        for t in (here.strings(t) for t in planned):
            load += t.embedding.T @ (t.force - t.stiffness @ (t.embedding @ at))
        return replace(here, state=equilibrium - here.displacements([load])[0])

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
        free = within @ force + embed @ self.state[self.nodes].ravel()
        if outside is not None:
            free += at_points @ outside
        # (I + C S) q = q0 + C f, as in planning.strings.
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
        found = self.body.basis(at, np.arange(self.tissue.ndof))
        return self.state + found.astype(np.float64).reshape(len(loads), -1, 3)


def _loaded(tissue: Tissue, displacement: Array) -> RestOperator:
    """The tissue's stiffness at a displacement (N,3) [mm], without that of any thread."""
    held = np.repeat(tissue.solid.held, 3)
    body = RestOperator(tissue.solid.tangent(displacement).csr(), held, tissue.backend)
    try:
        body.precondition(np.zeros(tissue.ndof))
    except NotPositiveDefiniteError:
        safe = tissue.solid.tangent(displacement, safe=True)
        body = RestOperator(safe.csr(), held, tissue.backend)
    return body
