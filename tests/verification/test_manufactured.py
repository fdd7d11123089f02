"""Manufactured solutions: observed orders of convergence of displacement and gradient."""

from __future__ import annotations

import numpy as np
import pytest

from threadlift.selftest.law import determinant
from threadlift.selftest.manufactured import (
    REGIMES,
    SIZE,
    gradient,
    isochoric,
    order,
    refinement,
    wavy,
)


def _grid() -> np.ndarray:
    line = np.linspace(0.0, SIZE, 9)
    return np.stack(np.meshgrid(line, line, line), axis=-1).reshape(-1, 3)


def test_the_motions_are_finite_and_one_to_one() -> None:
    for motion in (wavy, isochoric(300.0), isochoric(1e4)):
        F = gradient(motion, _grid())
        assert determinant(F).min() > 0.5
        assert np.abs(F - np.eye(3)).max() > 0.15


def test_the_isochoric_motion_keeps_the_volume_but_has_a_pressure() -> None:
    J = determinant(gradient(isochoric(1e4), _grid()))
    assert np.abs(J - 1.0).max() < 3e-4
    # Times the bulk modulus, 1e4 mu, the pressure varies by more than mu.
    assert 1e4 * np.ptp(J) > 1.0
    assert determinant(gradient(wavy, _grid())).std() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("layers", [2, 0])
@pytest.mark.parametrize("regime", list(REGIMES))
def test_displacement_converges_with_order_two_and_its_gradient_with_order_one(
    regime: str, layers: int
) -> None:
    meshes = refinement(*REGIMES[regime], (4, 8, 16), layers=layers)
    first, last = order(meshes[0], meshes[1]), order(meshes[1], meshes[2])
    # Distorted meshes of a few elements per wave: the orders still rise (docs/verification.md).
    assert last[0] > 1.75
    assert last[1] > 0.9
    if regime != "almost incompressible":
        assert first[0] > 1.75
        assert first[1] > 0.85


@pytest.mark.slow
def test_the_error_does_not_grow_with_the_bulk_modulus() -> None:
    """Locking would make the error of a mesh approach 100 % as K / mu grows."""
    moderate = refinement(*REGIMES["nearly incompressible"], (12,))[0]
    almost = refinement(*REGIMES["almost incompressible"], (12,))[0]
    assert moderate.displacement < 0.012
    assert almost.displacement < 0.025
    assert almost.gradient < 0.2
