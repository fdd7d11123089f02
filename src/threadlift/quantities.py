"""`Estimate`: the only way in which a predicted or measured quantity leaves the core."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

#: Two-sided coverage that an interval claims unless it says otherwise.
DEFAULT_LEVEL = 0.9

#: Standard-normal quantile of the default two-sided 90 % interval.
Z90 = 1.6448536269514722


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its interval, unit and basis.

    `low` ≤ `value` ≤ `high`; `level` is the two-sided coverage of the interval;
    `basis` names evidence keys, measurement ids or ``"model"``.
    """

    value: float
    low: float
    high: float
    unit: str
    basis: tuple[str, ...] = ("model",)
    level: float = DEFAULT_LEVEL

    def __post_init__(self) -> None:
        numbers = (self.value, self.low, self.high)
        if not all(math.isfinite(x) for x in numbers):
            raise ValueError(f"an Estimate needs finite numbers, got {numbers}")
        if not self.low <= self.value <= self.high:
            raise ValueError(f"an Estimate needs low <= value <= high, got {numbers}")
        if not 0.0 < self.level < 1.0:
            raise ValueError(f"the level of an Estimate lies between 0 and 1, got {self.level}")

    @classmethod
    def from_samples(
        cls,
        samples: ArrayLike,
        unit: str,
        basis: Sequence[str] = ("model",),
        level: float = DEFAULT_LEVEL,
    ) -> Estimate:
        """Median and central quantiles of an ensemble (1-D, finite, at least one member)."""
        x = np.asarray(samples, dtype=float).ravel()
        if x.size == 0:
            raise ValueError("an Estimate from samples needs at least one sample")
        tail = (1.0 - level) / 2.0
        low, mid, high = np.quantile(x, [tail, 0.5, 1.0 - tail])
        return cls(float(mid), float(low), float(high), unit, tuple(basis), level)

    @classmethod
    def from_sd(
        cls, value: float, sd: float, unit: str, basis: Sequence[str] = ("model",)
    ) -> Estimate:
        """A normal 90 % interval: value ± 1.645 sd."""
        half = Z90 * abs(sd)
        return cls(value, value - half, value + half, unit, tuple(basis))

    @classmethod
    def exact(cls, value: float, unit: str, basis: Sequence[str] = ("model",)) -> Estimate:
        """A quantity without uncertainty (a count, a definition)."""
        return cls(value, value, value, unit, tuple(basis))

    def scaled(self, factor: float) -> Estimate:
        """The estimate times a number (intervals swap ends when it is negative)."""
        ends = sorted((self.low * factor, self.high * factor))
        return Estimate(self.value * factor, ends[0], ends[1], self.unit, self.basis, self.level)

    def to_json(self, digits: int = 4) -> dict[str, Any]:
        """Canonical JSON form (rounded so that hashes do not hang on the last bits)."""
        return {
            "value": round(self.value, digits),
            "low": round(self.low, digits),
            "high": round(self.high, digits),
            "level": self.level,
            "unit": self.unit,
            "basis": list(self.basis),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Estimate:
        """Inverse of :meth:`to_json`."""
        return cls(
            data["value"],
            data["low"],
            data["high"],
            data["unit"],
            tuple(data["basis"]),
            data["level"],
        )

    def __str__(self) -> str:
        return f"{self.value:.1f} {self.unit} ({self.low:.1f} to {self.high:.1f})"
