"""`Finding`: one criterion that a capture or a pair met or failed, with what mends it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

#: 'good': as it should be; 'poor': usable, the result is less certain; 'unusable': refused;
#: 'unjudged': could not be measured.
Verdict = Literal["good", "poor", "unusable", "unjudged"]


@dataclass(frozen=True)
class Finding:
    """One criterion of the quality of a capture, or of the likeness of two.

    name: of the criterion (sharpness, yaw …). picture: what was looked at (front, left, scan,
    pair …). value and limit in `unit`; limit is where 'good' ends; value is None where it could
    not be judged. remedy: what the person at the camera does about it, exactly where the verdict
    is 'poor' or 'unusable'. basis: keys of the evidence register. statement: what was found, in a
    sentence.

    Raises ValueError for a failed finding that names no remedy, or a judged one without a number.
    """

    name: str
    picture: str
    value: float | None
    limit: float
    unit: str
    verdict: Verdict
    remedy: str = ""
    basis: tuple[str, ...] = ()
    statement: str = ""

    def __post_init__(self) -> None:
        numbers = (self.limit,) if self.value is None else (self.value, self.limit)
        if not all(math.isfinite(x) for x in numbers):
            raise ValueError(f"finding '{self.name}' of {self.picture} is not a number")
        if (self.value is None) != (self.verdict == "unjudged"):
            raise ValueError(f"finding '{self.name}': exactly the unjudged ones have no value")
        if (self.verdict in ("poor", "unusable")) != (self.remedy != ""):
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
            "statement": self.statement,
        }
