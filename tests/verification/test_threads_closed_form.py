"""Threads without tissue: closed forms of strings, elastic threads and bonded chains."""

from __future__ import annotations

import numpy as np
import pytest

from threadlift.selftest import bond, strings


@pytest.mark.parametrize("case", strings.cases(), ids=lambda c: c.name)
def test_closed_forms(case) -> None:
    assert case.passed


def test_the_sag_of_a_string_converges_with_order_two() -> None:
    errors = [abs(s - exact) for exact, s in map(strings.sagging, (10, 20, 40))]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.1)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("pull", [0.05, 0.5, 1.2, 2.5, 3.9])
def test_tensions_of_a_bonded_chain_are_those_of_the_difference_equation(pull: float) -> None:
    exact, slipping = bond.shear_lag(pull)
    assert bond.chain_tensions(pull) == pytest.approx(exact, abs=1e-9)
    assert (slipping > 0) == (pull > 1.5)


def test_slipping_cogs_hand_over_exactly_their_holding_force() -> None:
    tension = np.append(bond.chain_tensions(2.5), 0.0)
    _, slipping = bond.shear_lag(2.5)
    assert -np.diff(tension)[:slipping] == pytest.approx(0.35, rel=1e-9)
    assert (-np.diff(tension)[slipping:] < 0.35).all()


def test_many_weak_bonds_become_the_continuous_shear_lag() -> None:
    """T = T0 sinh(b (L - x)) / sinh(b L), b^2 = bond per length over EA: error of second order."""
    length, axial_n, per_mm, pull = 30.0, 40.0, 0.05, 1.0
    rate = np.sqrt(per_mm / axial_n)
    errors = []
    for n in (10, 20, 40):
        step = length / n
        q = np.arccosh(1.0 + 0.5 * per_mm * step / (axial_n / step))
        middle = np.sinh(0.5 * n * q) / np.sinh(n * q)
        errors.append(
            abs(pull * middle - pull * np.sinh(0.5 * rate * length) / np.sinh(rate * length))
        )
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.1)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2.0, abs=0.1)
