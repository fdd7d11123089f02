"""How far places on the skin travel in each expression, in millimetres with intervals."""

from __future__ import annotations

from typing import Any

import numpy as np

from threadlift.evidence import value
from threadlift.quantities import Z90, Estimate

#: Where movement is read; the bilateral ones on both sides.
_MIDLINE = ("labiale_superius", "labiale_inferius", "menton")
_BILATERAL = (
    "brow_medial",
    "brow_mid",
    "palpebrale_superius",
    "malar_eminence",
    "nasolabial_mid",
    "cheilion",
    "jowl_point",
)
PLACES = (*_MIDLINE, *(f"{name}_{side}" for name in _BILATERAL for side in "LR"))
MEASURED, MODEL = ("measured",), ("model", "expression.model.relative_sd")


def travel(face: Any, name: str, vertex: int) -> Estimate:
    """Excursion [mm] of a vertex of a `Face` in the expression `name`.

    Captured expressions have the spread of their capture along the direction of travel, with
    basis 'measured'; the model's have that of people about it, with basis 'model'.
    """
    field = face.expressions[name][vertex]
    mm = float(np.linalg.norm(field))
    if name not in face.capture.measured_expressions:
        return _positive(mm, value("expression.model.relative_sd") * mm, MODEL)
    numbers = face.capture.numbers
    across_sd = numbers.get(f"{name}_sd_normal_mm", value("expression.photo.normal_sd"))
    along_sd = numbers.get(f"{name}_sd_along_mm", value("expression.photo.along_sd"))
    share = 0.01 * numbers.get(f"{name}_sd_percent", 100.0 * value("expression.photo.relative_sd"))
    normal = float(face.normals[vertex] @ field) / mm if mm > 0.0 else 0.0
    own = np.hypot(across_sd * normal, along_sd * np.sqrt(max(1.0 - normal**2, 0.0)))
    return _positive(mm, float(np.hypot(own, share * mm)), MEASURED)


def excursions(face: Any) -> dict[str, dict[str, Estimate]]:
    """Expression -> landmark of `PLACES` -> how far it travels [mm], for a `Face`."""
    index = face.template.landmarks
    return {
        name: {place: travel(face, name, index[place]) for place in PLACES if place in index}
        for name in face.expressions
    }


def _positive(mm: float, sd: float, basis: tuple[str, ...]) -> Estimate:
    return Estimate(mm, max(0.0, mm - Z90 * sd), mm + Z90 * sd, "mm", basis)
