"""Tension lines of the relaxed skin: the direction in which it is tightest and stiffest."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift import evidence
from threadlift.anatomy.directions import carried, drawn
from threadlift.evidence import value

Array = NDArray[np.float64]


def tension_lines(face: Any = None, age_years: float | None = None) -> Array:
    """Unit directions (n, 3), tangent to the skin, on the vertices of a face (None: the template).

    Zero off the outer skin. The lines of the cheek grow steeper with age (None: the register's
    reference age); ages beyond the published series count as its ends.
    """
    lines = _template_lines(cheek_angle(age_years))
    if face is None:
        return lines.copy()
    return carried(lines, np.asarray(face.vertices, float))


def cheek_angle(age_years: float | None = None) -> float:
    """Angle [deg] to the horizontal of the lines on the cheek at an age."""
    reference = value("anatomy.lines.reference_age")
    years = reference if age_years is None else float(age_years)
    years = min(max(years, value("anatomy.lines.youngest")), value("anatomy.lines.oldest"))
    slope = value("anatomy.lines.cheek_angle_per_year")
    return value("anatomy.lines.cheek_angle") + slope * (years - reference)


@cache
def _template_lines(cheek_deg: float) -> Array:
    return drawn(evidence.table("anatomy")["tension_lines"], {"cheek": cheek_deg})
