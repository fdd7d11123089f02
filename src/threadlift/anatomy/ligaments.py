"""Retaining ligaments: rows of attachment points with stiffness and toe, placed on a face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift import evidence
from threadlift.anatomy.placement import SIDES, HalfFace, chain
from threadlift.evidence import value
from threadlift.evidence.register import source_keys
from threadlift.face.template import template

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ligament:
    """One ligament of one side.

    `points_mm` (k, 3): where it reaches the skin, evenly along its row (patient frame); it holds
    the skin and SMAS there to the bone beneath. `stiffness_n_mm` is the whole row's stiffness
    beyond the slack of `toe_mm`.
    """

    name: str
    side: str
    points_mm: Array
    stiffness_n_mm: float
    toe_mm: float
    basis: tuple[str, ...]


def ligaments(face: Any) -> list[Ligament]:
    """Every ligament of the register on both sides of a face (offsets scale with its size)."""
    out = []
    for side in SIDES:
        half = HalfFace(face, template().skin_triangles, side)
        for name, row in evidence.table("ligaments")["ligament"].items():
            on_skin, _ = half.curve(
                chain(half, row["points"], half.size), value("ligaments.row.spacing")
            )
            out.append(
                Ligament(
                    name=name,
                    side=side,
                    points_mm=half.to_patient(on_skin.points),
                    stiffness_n_mm=value(f"ligaments.stiffness.{row['stiffness']}"),
                    toe_mm=value("ligaments.row.toe"),
                    basis=(f"ligaments.stiffness.{row['stiffness']}", *source_keys(row)),
                )
            )
    return out
