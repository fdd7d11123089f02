"""Whether a clearance was measured against a structure as the clinician marked it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.anatomy import Marked
from threadlift.planning.hazards import StructureLike

#: A weight that rounds to nothing in this many digits is none.
_DIGITS = 2


@dataclass(frozen=True)
class OnPatient:
    """How a place of a structure is known from the patient.

    `method`: that of the nearest mark; `weight`: 1 at a mark, near 0 where it is the atlas's.
    """

    method: str
    weight: float

    def to_json(self) -> dict[str, Any]:
        """The `marked` of a contact in plan.json."""
        return {"method": self.method, "weight": round(self.weight, _DIGITS)}

    @classmethod
    def from_json(cls, data: dict[str, Any] | None) -> OnPatient | None:
        """Inverse of :meth:`to_json`; None for none."""
        return None if data is None else cls(data["method"], data["weight"])


def on_patient(structure: StructureLike, foot_mm: NDArray, depth_mm: float) -> OnPatient | None:
    """How the place of a structure that is nearest to a point under the skin is known.

    foot_mm (3,), depth_mm: of the point. None where the atlas alone places the structure.
    """
    marked: Marked | None = getattr(structure, "marked", None)
    if marked is None:
        return None
    away = ((structure.curve_mm - foot_mm) ** 2).sum(axis=1) + (structure.depth_mm - depth_mm) ** 2
    i = int(away.argmin())
    weight = round(float(marked.weight[i]), _DIGITS)
    if weight == 0.0:
        return None
    marks = marked.marking.marks
    apart = [float(np.linalg.norm(structure.curve_mm[i] - np.array(m.at_mm))) for m in marks]
    return OnPatient(marks[int(np.argmin(apart))].method, weight)
