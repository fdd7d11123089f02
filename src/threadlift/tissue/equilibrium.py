"""`Equilibrium`: what the tissue does under threads and posture, with how it was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from threadlift.threads.cogs import CogLoads

if TYPE_CHECKING:
    from threadlift.tissue.loaded import Loaded


@dataclass(frozen=True)
class ThreadState:
    """One thread in equilibrium.

    Attributes
    ----------
    name: the thread's id.
    tension_n: tension at its anchor (of a floating thread: at its middle) [N]: what takes effect.
    requested_n: the tension that was asked for [N]; of a take-up, the tension that came of it.
    segment_tension_n: (k-1,) tension of each segment [N].
    path_mm: (k,3) path nodes after the lift [mm].
    length_change_mm: change of the path's length (negative: the tissue is gathered).
    takeup_mm: thread drawn through the anchor: tissue gathered plus elastic stretch of the thread
        (only its first part where the axial stiffness is not known).
    transfer_n: (k-2,) load handed to the tissue at each inner path node [N].
    slip_n: requested tension that the cogs cannot hold [N]; slipped: number of cogs that slid.
    cogs: what every cog holds and carries and how far it slid (None for a fixed profile). Of a
        thread that is drawn through altogether the slide is a lower bound.
    line_pressure_kpa: largest sideways pressure of the strand on the tissue: tension times
        curvature over diameter.
    warnings: 'slip' (cogs slid), 'cut-through' (they slid far or without end, or the strand presses
        harder than the register's limit), 'strength' (more than the core bears).
    """

    name: str
    tension_n: float
    segment_tension_n: NDArray
    path_mm: NDArray
    length_change_mm: float
    takeup_mm: float
    transfer_n: NDArray
    requested_n: float = 0.0
    slip_n: float = 0.0
    slipped: int = 0
    cogs: CogLoads | None = None
    line_pressure_kpa: float = 0.0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Equilibrium:
    """Displacements from the captured state in equilibrium with threads, posture and loads.

    Attributes
    ----------
    displacement: (N,3) of the mesh nodes [mm]; surface: (V,3) of the skin [mm].
    reason: 'converged' (anything else raises SolverError instead).
    iterations, cg_iterations: Newton steps and inner iterations.
    residual: unbalanced force over applied force (Euclidean norms of nodal forces).
    min_jacobian: smallest local volume ratio (<= 0 never occurs).
    history: residual at every Newton step.
    seconds: wall time (for display only; not part of any hash).
    threads: state of every thread.
    problem: what was solved, with the cogs as they hold in equilibrium; for sensitivities.
    """

    displacement: NDArray
    surface: NDArray
    reason: str
    iterations: int
    cg_iterations: int
    residual: float
    min_jacobian: float
    history: tuple[float, ...]
    seconds: float
    threads: tuple[ThreadState, ...] = ()
    problem: Loaded | None = field(default=None, repr=False, compare=False)

    @property
    def max_displacement_mm(self) -> float:
        """Largest displacement of the skin [mm]."""
        return float(np.linalg.norm(self.surface, axis=1).max())
