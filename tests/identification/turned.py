"""Pairs of postures of a tissue that is known: what the skin did, with noise, zone by zone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.face.pair import Displacement
from threadlift.face.pair.displacement import DIRECTIONS, zone_change
from threadlift.face.template import template
from threadlift.identification.observed import zone_rows
from threadlift.identification.sensitivity import Posture, at
from threadlift.tissue import Tissue

#: Spread of a zone's mean change in a direction in which nothing was observed [mm].
BLIND_MM = 3.0


def turned(tissue: Tissue, x: NDArray) -> NDArray:
    """Where the skin (V,3) [mm] of a tissue moved by coordinates x (28,) goes lying down."""
    return Posture("supine", "upright").solved(at(tissue, x)).surface


def pair(
    tissue: Tissue,
    surface: NDArray,
    *,
    noise_mm: float = 0.08,
    tracked: bool = False,
    rng: np.random.Generator | None = None,
) -> Displacement:
    """What a pair of scans would report: contour alone, or everything where texture was tracked."""
    t = template()
    n = len(t.vertices)
    zones = {}
    for zone in tissue.mesh.zone_weights:
        rows = zone_rows(tissue.mesh, [(zone, d) for d in DIRECTIONS])
        mm = np.einsum("mvc,vc->m", rows, surface)
        if rng is not None:
            mm = mm + noise_mm * rng.standard_normal(len(mm))
        zones[zone] = {
            d: zone_change(
                float(x), noise_mm if tracked or d == "outward" else BLIND_MM, BLIND_MM, 1.0
            )
            for d, x in zip(DIRECTIONS, mm, strict=True)
        }
    ones = np.ones(n)
    known = np.ones(n, dtype=bool)
    return Displacement(t.vertices, np.zeros((n, 3)), ones, ones, known, known, zones)
