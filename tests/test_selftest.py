"""The self-test passes here, and notices when the mechanics is wrong."""

from __future__ import annotations

import pytest

from threadlift import selftest


@pytest.mark.parametrize("case", selftest.run_selftest(), ids=lambda c: c.name)
def test_exact_solutions(case: selftest.Case) -> None:
    assert case.passed, f"{case.name}: {case.computed} instead of {case.expected}"


def test_a_wrong_material_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    right = selftest.gravity_shear()
    monkeypatch.setattr(selftest, "_DENSITY", 1100.0)
    heavier = selftest.gravity_shear()
    assert heavier.computed == pytest.approx(1.1 * right.computed, rel=1e-6)
    assert not selftest.Case("x", right.expected, heavier.computed, right.tolerance).passed
