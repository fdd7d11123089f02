"""How long a lift lasts: the threads' curves, shared by tension, over an ensemble."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from threadlift.evidence import value
from threadlift.quantities import Estimate
from threadlift.threads.catalogue import product
from threadlift.threads.durability import DurabilityCurve, durability
from threadlift.threads.thread import Thread

Array = NDArray[np.float64]

#: Months at which the share of the first lift is tabulated.
MONTHS = (0.0, 1.0, 3.0, 6.0, 12.0, 18.0, 24.0)
#: Resolution [months] of the search for the end of the effect.
_STEP = 0.1


class Fading:
    """The share of the first lift that is left, for threads of one or several products."""

    def __init__(self, threads: Sequence[Thread]) -> None:
        tension: dict[str, float] = {}
        for thread in threads:
            profile = product(thread.product).durability
            tension[profile] = tension.get(profile, 0.0) + thread.tension_n
        total = sum(tension.values())
        self._parts: list[tuple[float, DurabilityCurve]] = [
            (t / total if total > 0 else 1.0 / len(tension), durability(profile))
            for profile, t in sorted(tension.items())
        ]

    @property
    def basis(self) -> tuple[str, ...]:
        """Register keys of the curves."""
        return tuple(key for _, curve in self._parts for key in curve.basis)

    def fraction(self, months: ArrayLike, z: float) -> Array:
        """Share left after `months` for a patient `z` standard deviations from the middle."""
        t = np.asarray(months, dtype=float)
        return np.sum(
            [share * curve.at_quantile(z).fraction(t) for share, curve in self._parts], axis=0
        )

    def table(self, z: ArrayLike) -> tuple[tuple[float, Estimate], ...]:
        """Share left at :data:`MONTHS` over the members' quantiles z (m,)."""
        rows = np.array([self.fraction(MONTHS, float(q)) for q in np.atleast_1d(z)])
        return tuple(
            (month, Estimate.from_samples(rows[:, i], "1", self.basis))
            for i, month in enumerate(MONTHS)
        )

    def months(self, lift_mm: float, z: float) -> float:
        """Months until a lift is no longer felt or less than a third of it is left."""
        felt = value("risks.short_duration.felt_mm")
        if lift_mm < felt:
            return 0.0
        horizon = value("risks.short_duration.horizon")
        t = np.arange(0.0, horizon + 0.5 * _STEP, _STEP)
        left = self.fraction(t, z)
        gone = (lift_mm * left < felt) | (left < value("risks.short_duration.share"))
        return float(t[np.argmax(gone)]) if gone.any() else horizon
