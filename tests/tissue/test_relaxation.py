"""Relaxation: limits, the published losses, and what a relaxed set of parameters answers."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from threadlift.errors import InputError
from threadlift.tissue import Tissue, TissueParameters
from threadlift.tissue.assembly import Solid
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.constitution import layer_materials
from threadlift.tissue.relaxation import (
    MONTH_S,
    Medium,
    State,
    prony,
    share,
    state_seconds,
    state_share,
)
from threadlift.tissue.supports import Supports

MEDIA = pytest.mark.parametrize("layer", get_args(Medium))
STATES: tuple[State, ...] = get_args(State)


@MEDIA
def test_nothing_is_lost_at_once_and_loss_only_grows(layer):
    time = np.concatenate([[0.0], np.logspace(-2, 9, 200)])
    left = share(layer, time)
    assert left[0] == 1.0
    assert (np.diff(left) <= 0.0).all()
    assert left[-1] > 0.0


@MEDIA
def test_viscous_loss_ends_at_the_sum_of_its_terms_within_a_day(layer):
    lasting = 1.0 - sum(part for part, _ in prony(layer))
    # The day's remodelling is below a percent.
    assert share(layer, state_seconds("24h")) == pytest.approx(lasting, rel=0.01)
    assert share(layer, np.inf) == pytest.approx(0.5 * lasting)


def test_fat_held_at_a_strain_loses_39_percent():
    assert share("fat", 20.0 * 700.0) == pytest.approx(0.61, abs=0.003)
    assert share("fat", 700.0) == pytest.approx(1.0 - 0.39 * (1.0 - np.exp(-1.0)), abs=1e-4)


def test_smas_under_a_constant_load_creeps_by_14_percent():
    """Creep is the inverse of relaxation for a linear material at long times."""
    assert 1.0 / share("smas", 86400.0) - 1.0 == pytest.approx(0.14, abs=0.01)


def test_composite_is_the_published_table_after_five_minutes():
    t = 300.0
    table = 0.45 + 0.2 * np.exp(-t / 2) + 0.15 * np.exp(-t / 100) + 0.2 * np.exp(-t / 700)
    assert state_share("composite", "posture") == pytest.approx(table, rel=1e-4)


def test_skin_relaxes_more_than_smas():
    for state in ("posture", "24h", "long-term"):
        assert state_share("skin", state) < state_share("smas", state)


def test_remodelling_halves_in_its_half_life_and_only_matters_after_weeks():
    viscous = 1.0 - sum(part for part, _ in prony("fat"))
    assert share("fat", 3.0 * MONTH_S) == pytest.approx(viscous * 0.75, rel=1e-6)
    assert share("fat", 3600.0 * 24 * 7) > 0.95 * viscous


def test_states_follow_each_other_in_time():
    times = [state_seconds(s) for s in STATES]
    assert times == sorted(times)
    assert times[0] == 0.0
    assert times[-1] == pytest.approx(12.0 * MONTH_S)


def test_relaxed_parameters_scale_the_moduli_and_nothing_else():
    p = TissueParameters()
    assert p.relaxed("immediate") == p
    late = p.relaxed("24h")
    assert late.skin_k1_kpa / p.skin_k1_kpa == pytest.approx(state_share("skin", "24h"))
    assert late.layer_mu_kpa / p.layer_mu_kpa == pytest.approx(
        [state_share(x, "24h") for x in ("skin", "fat", "smas", "deep")]
    )
    moduli = ("skin_mu_kpa", "skin_k1_kpa", "fat_mu_kpa", "smas_mu_kpa", "deep_mu_kpa")
    assert replace(late, **{name: getattr(p, name) for name in moduli}) == p


def test_block_of_fat_held_in_shear_gives_up_39_percent_of_its_force():
    """Ramp and hold: the same displacement, at once and a day later, septa and all."""
    mesh = box_mesh(4, 4, sublayer_mm=(2.0,) * 4, sublayers=(1,) * 4)
    held = mesh.points[:, 2:3] * [0.0, 0.8, 0.05]
    forces = []
    for state in ("immediate", "24h"):
        materials = layer_materials(mesh, TissueParameters().relaxed(state))
        solid = Solid(mesh.points, mesh.wedges, materials, Supports(np.zeros(len(mesh.points))))
        forces.append(solid.evaluate(held).force)
    assert np.abs(forces[0]).max() > 1e-4
    assert forces[1] == pytest.approx(0.61 * forces[0], abs=0.005 * np.abs(forces[0]).max())


def test_captured_face_stays_where_it_is_and_added_loads_go_on_moving_it():
    mesh = box_mesh(6, 6, size_mm=(60.0, 60.0))
    load = np.zeros((len(mesh.points), 3))
    load[:: mesh.nl, 1] = 2e-5 * mesh.nodal_area(0)
    moved = []
    for state in STATES:
        tissue = Tissue(mesh, TissueParameters().relaxed(state))
        assert np.abs(tissue.equilibrium([]).displacement).max() == 0.0
        moved.append(tissue.equilibrium([], loads=load).surface[:, 1].max())
    assert moved == sorted(moved)
    assert moved[-1] > 1.5 * moved[0]


def test_unknown_names_and_times_before_the_load_are_refused():
    with pytest.raises(InputError, match="no state 'tomorrow'"):
        state_seconds("tomorrow")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="layer 'bone'"):
        share("bone", 1.0)  # type: ignore[arg-type]
    for bad in (-1.0, float("nan")):
        with pytest.raises(InputError, match="seconds >= 0"):
            share("fat", bad)
