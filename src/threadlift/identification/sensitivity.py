"""How the change of a posture answers every coordinate of the tissue: prediction and slopes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.identification.observed import Observations
from threadlift.tissue import Equilibrium, Tissue
from threadlift.tissue.adjoint import Adjoint
from threadlift.tissue.knowledge import COORDINATES
from threadlift.tissue.parameters import SAMPLED

Array = NDArray[np.float64]

#: Solves of the posture and of its adjoint fields: far below what a capture tells.
_TOLERANCE, _ADJOINT_TOLERANCE = 1e-5, 1e-4
#: Step of a coordinate, in its own standard deviations.
_STEP = 1e-3


def at(tissue: Tissue, x: Array) -> Tissue:
    """The tissue moved by coordinates x (28,)."""
    n = len(SAMPLED)
    return tissue.varied(tissue.parameters.shifted(x[:n]), regional=tissue.regional + x[n:])


@dataclass(frozen=True)
class Posture:
    """A change of posture: from the captured one to another."""

    name: str
    captured: str

    def solved(self, tissue: Tissue, start: Array | None = None) -> Equilibrium:
        """Where the tissue goes. Raises SolverError where it has no equilibrium."""
        return tissue.equilibrium(
            [], posture=self.name, captured=self.captured, tolerance=_TOLERANCE, start=start
        )


def slopes(tissue: Tissue, found: Equilibrium, observed: Observations) -> Array:
    """Slopes (m,28) of the observed means with every coordinate, at an equilibrium."""
    nodal = np.zeros((observed.count, *found.displacement.shape))
    nodal[:, :: tissue.mesh.nl] = observed.weights
    adjoint = Adjoint(tissue, found, (), nodal, tolerance=_ADJOINT_TOLERANCE)
    unit = np.eye(len(COORDINATES))
    return np.stack([adjoint.change(lambda h, e=e: at(tissue, h * e), _STEP) for e in unit], axis=1)
