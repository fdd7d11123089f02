"""Where a face came from and how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Capture:
    """How a face was captured.

    source: file names or 'seed 3'. numbers: measured quality by name, the unit at the name's end
    (reprojection_px, surface_mean_mm). scale: one sentence on where millimetres come from.
    notes: what the reader of a result must know. measured_expressions: names of the expressions
    that were captured of this person; the others are the template's, scaled.
    """

    source: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    scale: str = ""
    measured_expressions: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data for the result files."""
        return {
            "source": self.source,
            "scale": self.scale,
            "notes": list(self.notes),
            "numbers": {k: float(v) for k, v in self.numbers.items()},
            "measured_expressions": list(self.measured_expressions),
        }
