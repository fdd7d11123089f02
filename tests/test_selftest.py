"""The self-test passes here, and notices when the mechanics is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from threadlift import selftest
from threadlift.selftest import cylinder, layers, patch
from threadlift.selftest.case import Case
from threadlift.tissue.materials import ElementMaterials


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    """Solved when a test asks, not at import: every worker imports every file."""
    return selftest.run_selftest()


def test_exact_solutions(cases: list[Case]) -> None:
    wrong = [f"{c.name}: {c.computed} instead of {c.expected}" for c in cases if not c.passed]
    assert not wrong


def test_a_wrong_density_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    right = layers.gravity_shear(True)
    monkeypatch.setattr(layers, "DENSITY", 1100.0)
    heavier = layers.gravity_shear(True)
    assert heavier.computed == pytest.approx(1.1 * right.computed, rel=1e-6)
    assert not replace(right, computed=heavier.computed).passed


@pytest.mark.parametrize("term", ["mu", "bulk", "b", "mu0", "k1", "k2", "H", "G", "slack"])
def test_a_constant_that_is_one_percent_off_fails_the_patch_test(
    monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    law, F = patch.laws()["all terms"]
    right = type(law).elements

    def wrong(self: Any, count: int) -> ElementMaterials:
        materials = right(self, count)
        return replace(materials, **{term: 1.01 * getattr(materials, term)})

    monkeypatch.setattr(type(law), "elements", wrong)
    assert patch.stress_error(law, F) > 1e-6


def test_half_the_pressure_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = cylinder.exact_pressure
    monkeypatch.setattr(cylinder, "exact_pressure", lambda stretch: 0.5 * exact(stretch))
    assert cylinder.finite_growth(4, 1.5) < 0.8 * 0.5 * cylinder.INNER_MM


def test_not_a_number_never_passes() -> None:
    assert not Case("x", 1.0, float("nan"), 0.1).passed
    assert not Case("x", 0.0, float("inf"), 0.1, scale=1.0).passed
    assert Case("x", 0.0, 0.05, 0.1, scale=1.0).passed
    assert not Case("x", 0.0, 1e-300, 0.1).passed


def test_the_table_names_every_family_and_no_case_twice(cases: list[Case]) -> None:
    assert len({case.name for case in cases}) == len(cases)
    families = {case.family for case in cases}
    assert families == {"patch", "energy", "layers", "manufactured", "benchmark", "threads"}
    assert all(0.0 < case.tolerance <= 0.2 for case in cases)
