"""Patch tests: every term of the law, at finite strain, on distorted wedges."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from threadlift.selftest import patch
from threadlift.selftest.law import Law, determinant

TERMS = list(patch.laws())
# Rounding: the bulk term is 300 times the shear modulus, wrinkling divides by small differences.
ROUNDING = 1e-11


@pytest.mark.parametrize("term", TERMS)
def test_an_affine_displacement_gives_the_constant_stress_of_the_law(term: str) -> None:
    assert patch.stress_error(*patch.laws()[term]) < ROUNDING


@pytest.mark.parametrize("term", TERMS)
def test_forces_turn_with_the_body(term: str) -> None:
    assert patch.turned_error(*patch.laws()[term]) < ROUNDING


@pytest.mark.parametrize("term", TERMS)
def test_inner_nodes_find_the_affine_place_from_wherever_they_start(term: str) -> None:
    assert patch.solved_error(*patch.laws()[term]) < 1e-8


@pytest.mark.parametrize("layers", [0, 1])
def test_wedges_stacked_along_another_axis_pass_too(
    monkeypatch: pytest.MonkeyPatch, layers: int
) -> None:
    body = patch.block((3, 3, 3), lambda unit: 12.0 * unit, layers=layers, distortion=0.25, seed=4)
    monkeypatch.setattr(patch, "patch_block", lambda: body)
    assert patch.stress_error(*patch.laws()["all terms"]) < ROUNDING


def _without(law: Law, term: str) -> Law:
    """The law without what the term brings."""
    gone = {
        "volume": {"bulk": 0.0},
        "stiffening": {"b": 0.0},
        "pre-strain": {"G": np.eye(3), "mu0": law.mu},
        "fibres": {"fibres": ()},
        "wrinkled": {"slack": 1.0},
        "slack": {"slack": 1.0},
    }
    return replace(law, **gone[term])


@pytest.mark.parametrize("term", [t for t in TERMS if t not in ("matrix", "all terms")])
def test_the_deformation_of_each_patch_brings_its_term_out(term: str) -> None:
    """Otherwise the patch tests above would pass with that term missing from the elements."""
    law, F = patch.laws()[term]
    with_it, without = law.stress(F), _without(law, term).stress(F)
    assert np.abs(with_it - without).max() > 0.1 * np.abs(with_it).max()


def test_both_families_of_fibres_pull() -> None:
    law, F = patch.laws()["fibres"]
    whole = law.stress(F)
    for family in law.fibres:
        alone = replace(law, fibres=(family,))
        assert np.abs(whole - alone.stress(F)).max() > 0.02 * np.abs(whole).max()


def test_the_reference_law_is_free_of_stress_and_linear_at_rest() -> None:
    """Small strains: 2 mu e + bulk tr(e) I, as the linear reference solutions assume."""
    mu, bulk = 0.7, 2.3
    law = Law(mu, bulk, b=5.0)
    assert np.abs(law.stress(np.eye(3))).max() < 1e-14
    h = 1e-6
    e = np.array([[0.3, 0.1, -0.2], [0.1, -0.5, 0.4], [-0.2, 0.4, 0.7]])
    linear = 2.0 * mu * e + bulk * np.trace(e) * np.eye(3)
    slope = (law.stress(np.eye(3) + h * e) - law.stress(np.eye(3) - h * e)) / (2.0 * h)
    assert slope == pytest.approx(linear, abs=1e-8)


def test_wrinkling_takes_the_compression_but_leaves_the_pull() -> None:
    """Uniaxial tension of a thin sheet: what is left across is the slack share, along is taut."""
    sheet, mu = np.eye(3), 1.0
    along, across = 1.2, 0.7
    through = 1.0 / np.sqrt(along)
    F = np.diag([along, across, through])
    taut = Law(mu, 0.0, mu0=0.0)
    loose = Law(mu, 0.0, mu0=0.0, sheet=sheet, slack=0.0)
    # Relaxed: the sheet keeps its stretch along and shares the rest of its volume evenly.
    even = np.sqrt(across * through)
    difference = taut.energy(F) - loose.energy(F)
    expected = 0.5 * mu * (across**2 + through**2 - 2.0 * even**2)
    assert difference == pytest.approx(expected, rel=1e-12)
    assert determinant(F) == pytest.approx(along * across * through)
    assert loose.energy(np.diag([1.2, 1.1, 0.7])) == taut.energy(np.diag([1.2, 1.1, 0.7]))
