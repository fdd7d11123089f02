"""What becomes of a lift as the tissue relaxes under threads that were tied.

A tied thread keeps its length: what was drawn through its anchor stays drawn through. The tissue
answers with the stiffness that is left after a time (``relaxation``), so the threads lose tension
and the lift hardly changes until bonds or the thread itself give way. Fading of threads over
months is not in this (``threads.durability``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from threadlift.errors import InputError
from threadlift.threads.thread import Thread
from threadlift.tissue.bonded import BondCable
from threadlift.tissue.equilibrium import Equilibrium
from threadlift.tissue.relaxation import State

if TYPE_CHECKING:
    from threadlift.tissue.tissue import Tissue


def settled(
    tissue: Tissue,
    threads: Sequence[Thread],
    placed: Equilibrium,
    state: State,
    *,
    tolerance: float,
) -> Equilibrium:
    """Equilibrium in a later state of relaxation of threads that were tied in ``placed``.

    threads: those of ``placed``, in its order. Cogs that had let go stay so. Raises InputError when
    they do not belong together, SolverError when nothing converges.
    """
    known = () if placed.problem is None else placed.problem.cables.cables
    if len(known) != len(threads):
        raise InputError(
            "The equilibrium was not solved with these threads.",
            "Give the threads of Tissue.equilibrium in the same order.",
        )
    later = tissue.varied(tissue.parameters.relaxed(state))
    tied = []
    for thread, before, at in zip(threads, known, placed.threads, strict=True):
        cable = later.bonded(thread, shortening_mm=max(at.takeup_mm, 0.0))
        if isinstance(before, BondCable):
            cable = replace(cable, peak_n=before.peak_n, capacity_n=before.capacity_n)
        tied.append(cable)
    return later.equilibrium(tied, tolerance=tolerance, start=placed.displacement)
