"""Richardson extrapolation of a number from three nested meshes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Extrapolation:
    """What three meshes say about the limit.

    values: on the coarse, middle and fine mesh, each edge ``ratio`` times the next finer one's.
    order: observed order of convergence; nan where the values do not approach a limit from one
    side. limit: the extrapolated value.
    """

    values: tuple[float, float, float]
    order: float
    limit: float

    @property
    def error_middle(self) -> float:
        """Relative error of the middle mesh."""
        return abs(self.values[1] - self.limit) / abs(self.limit)

    @property
    def error_fine(self) -> float:
        """Relative error of the fine mesh."""
        return abs(self.values[2] - self.limit) / abs(self.limit)


def extrapolated(coarse: float, middle: float, fine: float, ratio: float = 2.0) -> Extrapolation:
    """The limit by Richardson's formula with the observed order, kept between 1 and 2.

    An order below 1 or a change of sign between the differences means that the coarse mesh is not
    in the range where the formula holds; then order 1 is assumed from the two finer meshes. Below
    order 1 that is no bound: the error is larger if the observed order lasts. More than 2 is more
    than linear elements have, so 2 is assumed.
    """
    first, second = middle - coarse, fine - middle
    order = float("nan")
    if second != 0.0 and first / second > 0.0:
        order = float(np.log(first / second) / np.log(ratio))
    used = 1.0 if np.isnan(order) else float(np.clip(order, 1.0, 2.0))
    limit = fine + second / (ratio**used - 1.0)
    return Extrapolation((coarse, middle, fine), order, limit)
