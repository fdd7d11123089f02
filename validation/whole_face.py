"""The mean face as tissue, on the coarse mesh, shared by the rows that need a whole face."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from threadlift.face.synthetic.person import synthetic_face
from threadlift.tissue import Tissue

#: Zones of one side that make up the cheek.
CHEEK = ("infraorbital", "malar", "nasolabial", "buccal", "preauricular", "marionette", "jowl")
SIDES = ("left", "right")


@cache
def mean_face_tissue() -> Tissue:
    """Tissue of the mean face (symmetric, age of the calibrated set) on the coarse mesh."""
    return Tissue.of(synthetic_face(seed=1, identity=0.0, asymmetry=0.0), level="coarse")


def zone_mean(tissue: Tissue, values: NDArray, zones: Sequence[str]) -> NDArray:
    """Area mean over zones (keys with their side) of values (V, ...) on the skin nodes."""
    weight = cheek_weight(tissue, zones)
    return np.tensordot(weight, values, axes=1) / weight.sum()


def cheek_weight(tissue: Tissue, zones: Sequence[str]) -> NDArray:
    """Area (V,) [mm2] of every skin node that belongs to these zones."""
    mesh = tissue.mesh
    return mesh.nodal_area(0) * np.clip(sum(mesh.zone_weights[z] for z in zones), 0.0, 1.0)
