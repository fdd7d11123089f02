"""A symmetric flat block of tissue with two sides, zones on it, and a goal: fast to solve."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from block_case import UP, ZONES

from threadlift.assessment import Assessment, Goal, Symmetry, ZoneSag
from threadlift.quantities import Estimate
from threadlift.tissue import Tissue
from threadlift.tissue.box_mesh import box_mesh


@pytest.fixture(scope="session")
def block() -> Tissue:
    mesh = box_mesh(12, 14, size_mm=(90.0, 110.0))
    weights = {}
    for name, (x, y) in ZONES.items():
        for side, sign in (("left", 1.0), ("right", -1.0)):
            away = mesh.surface[:, :2] - (sign * x, y)
            weights[f"{name}_{side}"] = np.exp(-0.5 * (away**2).sum(axis=1) / 9.0**2)
    return Tissue(replace(mesh, zone_weights=weights))


@pytest.fixture(scope="session")
def assessment() -> Assessment:
    degree = Estimate.from_sd(2.0, 0.4, "grade")
    zones = [f"{z}_{s}" for z in ZONES for s in ("left", "right")]
    return Assessment(
        main_issue="jawline",
        probability={"jawline": 1.0},
        shares={},
        evidence=(),
        sag={z: ZoneSag(degree, -UP, True) for z in zones},
        proportions={},
        canons={},
        symmetry=Symmetry(Estimate.exact(0.0, "mm"), {}, {}),
        movement_mm={},
        goal={z: Goal(1.5, UP, 1.0) for z in zones if z.startswith("jowl")},
        missing=(),
    )
