"""A block of tissue with zones of a lower face, quick to solve in any posture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from threadlift.tissue import Tissue
from threadlift.tissue.box_mesh import box_mesh

#: Centres (x > 0 half) of the zones on the block [mm]; y is up.
_ZONES = {"malar": (22.0, 30.0), "buccal": (25.0, 0.0), "jowl": (14.0, -32.0)}


@pytest.fixture(scope="session")
def block() -> Tissue:
    mesh = box_mesh(10, 12, size_mm=(90.0, 110.0))
    weights = {}
    for name, (x, y) in _ZONES.items():
        for side, sign in (("left", 1.0), ("right", -1.0)):
            away = mesh.surface[:, :2] - (sign * x, y)
            weights[f"{name}_{side}"] = np.exp(-0.5 * (away**2).sum(axis=1) / 9.0**2)
    return Tissue(replace(mesh, zone_weights=weights))
