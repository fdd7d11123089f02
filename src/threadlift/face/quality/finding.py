"""`Finding`: one criterion that a capture met or failed, with what mends it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

#: 'good': as it should be; 'poor': usable, the result is less certain; 'unusable': refused.
Verdict = Literal["good", "poor", "unusable"]


@dataclass(frozen=True)
class Finding:
    """One criterion of the quality of a capture.

    name: of the criterion (sharpness, yaw …). picture: what was looked at (front, left, scan …).
    value and limit in `unit`; limit is where 'good' ends. remedy: what the person at the camera
    does about it, empty when the verdict is 'good'. basis: keys of the evidence register.

    Raises ValueError for a finding that is not good and names no remedy, or without a number.
    """

    name: str
    picture: str
    value: float
    limit: float
    unit: str
    verdict: Verdict
    remedy: str = ""
    basis: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.value) and math.isfinite(self.limit)):
            raise ValueError(f"finding '{self.name}' of {self.picture} is not a number")
        if (self.verdict == "good") != (self.remedy == ""):
            raise ValueError(f"finding '{self.name}': exactly the poor ones need a remedy")

    def to_json(self) -> dict[str, Any]:
        """Plain data for the result files."""
        return {
            "name": self.name,
            "picture": self.picture,
            "value": self.value,
            "limit": self.limit,
            "unit": self.unit,
            "verdict": self.verdict,
            "remedy": self.remedy,
            "basis": list(self.basis),
        }
