"""The lift of a face on nested meshes, and the extrapolation that judges it."""

from __future__ import annotations

import numpy as np
import pytest

from threadlift.face import Face
from threadlift.selftest.face_lift import (
    LEVELS,
    REGIONS,
    finest,
    four_threads,
    lifts,
    zone_mean,
    zone_weights,
)
from threadlift.selftest.richardson import extrapolated
from threadlift.tissue import Tissue
from threadlift.tissue.levels import prolongation


@pytest.mark.parametrize("order", [1.0, 1.5, 2.0])
def test_the_extrapolation_finds_limit_and_order_of_a_power_law(order: float) -> None:
    limit = 3.0
    values = [limit - 0.4 * h**order for h in (4.0, 2.0, 1.0)]
    found = extrapolated(*values)
    assert found.order == pytest.approx(order)
    assert found.limit == pytest.approx(limit)
    assert found.error_middle == pytest.approx(0.4 * 2.0**order / limit)
    assert found.error_fine == pytest.approx(0.4 / limit)


def test_the_extrapolation_takes_a_whole_order_where_the_formula_does_not_hold() -> None:
    growing = extrapolated(1.0, 1.1, 1.3)
    assert growing.order < 0.0
    # First order is assumed from the two finer meshes, not a tiny error from a negative order.
    assert growing.limit == pytest.approx(1.5)
    swinging = extrapolated(1.0, 1.2, 1.1)
    assert np.isnan(swinging.order)
    assert swinging.limit == pytest.approx(1.0)
    fast = extrapolated(1.0, 1.9, 1.91)
    assert fast.order > 2.0
    assert fast.limit == pytest.approx(1.91 + 0.01 / 3.0)


@pytest.mark.slow
def test_every_level_has_the_same_body() -> None:
    """Otherwise the levels solve different problems, and extrapolation means nothing."""
    face = Face.synthetic(seed=1)
    meshes = [Tissue.of(face, level=level).mesh for level in LEVELS]
    for zones in [*REGIONS.values(), ("marionette",)]:
        coarse, default, reference = (zone_mean(m, m.sublayer_mm, zones) for m in meshes)
        assert coarse == pytest.approx(default, rel=0.02)
        assert reference == pytest.approx(default, rel=0.02)


def test_one_field_has_one_mean_on_every_level() -> None:
    """The measure must not depend on the mesh; with zones of each level's own it is 2 % off."""
    coarse = Tissue.of(Face.synthetic(seed=1), level="coarse").mesh
    field = coarse.surface**2
    default = prolongation("default") @ field
    for weight in zone_weights(Face.synthetic(seed=1)).values():
        mean = weight @ finest("coarse", field)
        assert mean == pytest.approx(weight @ finest("default", default), rel=1e-12)
        assert mean == pytest.approx(
            weight @ finest("reference", prolongation("reference") @ default)
        )


def test_the_four_threads_lie_in_the_smas_of_both_sides() -> None:
    mesh = Tissue.of(Face.synthetic(seed=1), level="coarse").mesh
    threads = four_threads(mesh)
    assert [t.side for t in threads] == ["left", "left", "right", "right"]
    for thread in threads:
        wedge, _ = mesh.locate(thread.path_mm)
        assert np.mean(mesh.layer[wedge] == 2) > 0.9


@pytest.mark.slow
def test_coarse_and_default_lift_a_face_alike() -> None:
    """The coarse mesh serves ensembles: within 15 % of the default one, and stiffer, not softer.

    How far the default one is from the limit is in docs/verification.md (three levels).
    """
    for values in lifts(("coarse", "default")).values():
        assert 0.2 < values[1] < 3.0
        assert 0.85 < values[0] / values[1] < 1.01
