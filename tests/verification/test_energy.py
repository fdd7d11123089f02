"""Energy: exact derivatives of every term, the balance of work, closed-form gravity."""

from __future__ import annotations

import numpy as np
import pytest

from threadlift.selftest import layers, patch, work
from threadlift.tissue.assembly import Solid
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.constitution import layer_materials
from threadlift.tissue.parameters import TissueParameters
from threadlift.tissue.supports import LigamentLine, Supports, ligament_bars, support_springs


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize("term", list(patch.laws()))
def test_force_and_stiffness_are_the_derivatives_of_every_term(term: str, seed: int) -> None:
    force, tangent = work.term_errors(term, seed=seed)
    assert force < 1e-8
    assert tangent < 1e-7


@pytest.mark.parametrize("squeeze", [(0.9, 1.0, 1.0), (0.8, 1.1, 1.05), (0.85, 0.9, 1.25)])
def test_derivatives_hold_in_all_layers_of_a_face_with_slack_skin(
    squeeze: tuple[float, float, float],
) -> None:
    """Layers, supports and ligaments of a face at once; the skin compressed in its plane."""
    mesh = box_mesh(3, 3)
    parameters = TissueParameters()
    line = LigamentLine("line", np.array([[3.0, 2.0, 0.0], [-8.0, 5.0, 0.0]]), 4.0, 1.5)
    supports = Supports(support_springs(mesh, parameters), ligament_bars(mesh, [line], 0.5))
    solid = Solid(mesh.points, mesh.wedges, layer_materials(mesh, parameters), supports)
    u = mesh.points * (np.array(squeeze) - 1.0)
    u = u + 0.02 * np.random.default_rng(5).normal(size=u.shape)
    force, tangent = work.derivative_errors(solid, u)
    assert force < 1e-7
    assert tangent < 1e-6


@pytest.mark.parametrize("term", ["wrinkled", "slack"])
def test_a_term_that_switches_is_continuous_across_the_switch(term: str) -> None:
    """Between taut and wrinkled, wrinkled and slack: stress has no jump."""
    law, _ = patch.laws()[term]
    path = {"wrinkled": (1.15, 0.80, 1.10), "slack": (0.85, 0.90, 1.30)}[term]
    axes = patch.laws()["wrinkled"][0].sheet
    assert axes is not None
    turn = axes / np.linalg.norm(axes, axis=1)[:, None]
    line = np.linspace(0.0, 1.0, 2001)
    F = np.stack([turn.T @ np.diag(1.0 + t * (np.array(path) - 1.0)) @ turn for t in line])
    stress = law.stress(F)
    step = np.abs(np.diff(stress, axis=0)).max(axis=(1, 2))
    assert step.max() < 20.0 * np.median(step)


def test_the_work_of_the_load_is_the_stored_energy() -> None:
    stored, done = work.energy_balance()
    assert done == pytest.approx(stored, rel=1e-6)
    assert stored > 0.0
    # The load is well beyond the linear range: twice the energy is not force times displacement.
    coarse = work.energy_balance(points=2)
    assert abs(coarse[1] / coarse[0] - 1.0) > 1e-4


@pytest.mark.parametrize("skin", [False, True])
def test_sideways_gravity_moves_fat_as_the_closed_form_says(skin: bool) -> None:
    case = layers.gravity_shear(skin)
    assert case.passed
    # Ten millimetres of fat at G = 750 Pa under two of skin: about 0.9 mm.
    assert case.expected == pytest.approx(0.92 if skin else 0.65, abs=0.01)
