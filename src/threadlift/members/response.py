"""How the skin answers every coordinate of a member, to first order about the plan as such.

At the plan's displacement u0 a member's tissue and threads are out of balance by r(u0); the answer
is -H^-1 r with the plan's own stiffness H. The unbalanced force costs no solve, so that a field
for each coordinate costs less than a tenth of a member. Cogs that have let go stay so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.members.coordinates import names
from threadlift.members.ensemble import Member, member_at, member_cables, varied_tissue
from threadlift.threads.thread import Thread
from threadlift.tissue.bonded import BondCable
from threadlift.tissue.cables import CableSet
from threadlift.tissue.equilibrium import Equilibrium
from threadlift.tissue.linearised import Linearised
from threadlift.tissue.loaded import Loaded
from threadlift.tissue.tissue import Tissue

Array = NDArray[np.float64]

#: Half the step of the differences, in standard deviations: small against the curvature of the
#: laws, large against the roughness of paths that are embedded anew.
_STEP = 0.1
#: Relative residual of the solves.
_TOLERANCE = 1e-3


@dataclass(frozen=True, eq=False)
class Response:
    """names (d,) of the coordinates; skin (d, V, 3) [mm]: displacement of the skin per standard
    deviation of each, beyond the plan's.
    """

    names: tuple[str, ...]
    skin: Array

    @classmethod
    def of(
        cls,
        tissue: Tissue,
        threads: Sequence[Thread],
        plan: Equilibrium,
    ) -> Response:
        """The fields about a plan's equilibrium on a tissue.

        Raises InputError where the equilibrium is not that of these threads, SolverError where it
        is close to buckling.
        """
        problem = plan.problem
        if problem is None or len(problem.cables.cables) != len(threads):
            raise InputError(
                "The equilibrium was not solved with these threads.",
                "Give the threads in the order of the equilibrium.",
            )
        u = plan.displacement
        known = names(len(threads))
        loads = np.empty((len(known), *u.shape))
        for j, unit in enumerate(np.eye(len(known))):
            more, less = (
                _unbalanced(tissue, threads, member_at(tissue, len(threads), s * _STEP * unit),
                            problem, u)
                for s in (1.0, -1.0)
            )  # fmt: skip
            loads[j] = (less - more) / (2.0 * _STEP)
        fields = Linearised(tissue, problem, u).solve(loads, _TOLERANCE)
        return cls(known, fields[:, :: tissue.mesh.nl])


def _unbalanced(
    tissue: Tissue, threads: Sequence[Thread], member: Member, plan: Loaded, u: Array
) -> Array:
    """Force (N,3) [N] that is left over where a member is displaced like the plan."""
    own = varied_tissue(tissue, member)
    # Cogs that have let go in the plan have done so in its neighbours.
    cables = [
        cable.let_go_like(planned) if isinstance(planned, BondCable) else cable
        for cable, planned in zip(
            member_cables(own, threads, member), plan.cables.cables, strict=True
        )
    ]
    held = CableSet(cables, own.solid.nodes)
    return Loaded(own.solid, held, plan.external).evaluate(u).gradient
