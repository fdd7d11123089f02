"""Cogs that hold and slip: by hand on rigid tissue, exact derivatives, and what is told."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.tissue.bed import bed_along
from threadlift.tissue.bonded import BondCable
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.cables import Cable, CableSet
from threadlift.tissue.loaded import thread_states

BOND, EA, HOLDING = 0.25, 96.5, 0.35
RESIDUAL, SLIP = value("threads.bond.residual"), value("threads.bond.slip")


def _bonded(arcs, length=60.0, nodes=31, holding=HOLDING, bond=BOND, rigid=True, **law: Any):
    """A straight bonded cable; its path nodes are the 'mesh' nodes, which do not move if rigid."""
    path = np.linspace([0.0, 0.0, 0.0], [length, 0.0, 0.0], nodes)
    size = 3 * nodes
    embedding = sp.csr_matrix((size, size)) if rigid else sp.identity(size, format="csr")
    peak = np.full(len(arcs), holding)
    return BondCable("t", embedding, path, np.asarray(arcs, float), peak, peak, bond, EA, **law)


def _rest(cable: BondCable):
    """The cables and their state where the tissue has not moved."""
    cables = CableSet([cable], len(cable.reference))
    return cables, cables.state(np.zeros_like(cable.reference))


def _settled(cable: BondCable):
    """The same after every cog that lets go has done so."""
    cables = _rest(cable)[0].let_go()
    while True:
        state = cables.state(np.zeros_like(cable.reference))
        weaker = cables.let_go(state)
        if weaker is cables:
            return cables, state
        cables = weaker


# --- rigid tissue ------------------------------------------------------------------------------


def test_one_cog_is_elastic_then_slips_then_keeps_its_residual():
    arc = 20.0
    series = 1.0 / (1.0 / BOND + arc / EA)
    reach = HOLDING / series
    for takeup, force in (
        (0.5 * reach, 0.5 * HOLDING),
        (reach, HOLDING),
        (reach + 0.9 * SLIP, HOLDING),
        (reach + 1.1 * SLIP, RESIDUAL * HOLDING),
    ):
        _, state = _settled(_bonded([arc], shortening_mm=takeup))
        assert state.level[0] == pytest.approx(force, rel=1e-9)


def test_elastic_chain_is_the_discrete_shear_lag_of_the_textbook():
    """By hand: w_i = A cosh(q (m - i + 1/2)) with 2 cosh q - 2 = k / c and T at the first cog."""
    m, spacing, tension = 9, 4.0, 1.2
    arcs = 10.0 + spacing * np.arange(m)
    cables, state = _rest(_bonded(arcs, tension_n=tension, holding=1e3))
    q = np.arccosh(1.0 + 0.5 * BOND * spacing / EA)
    shape = np.cosh(q * (m - np.arange(1, m + 1) + 0.5))
    w = shape * tension / (BOND * shape.sum())
    assert cables.movement(state, 0) == pytest.approx(w, rel=1e-12)


def test_many_small_cogs_converge_to_the_continuous_shear_lag_with_second_order():
    """By hand: w(x) = T cosh(a (L - x)) / (EA a sinh(a L)), a^2 = bond per length / EA."""
    length, tension, per_mm = 50.0, 1.0, 0.4
    a = np.sqrt(per_mm / EA)
    errors = []
    for m in (10, 20, 40):
        h = length / m
        arcs = 5.0 + h * (np.arange(m) + 0.5)
        cable = _bonded(arcs, tension_n=tension, holding=1e3, bond=per_mm * h)
        cables, state = _rest(cable)
        x = arcs - 5.0
        exact = tension * np.cosh(a * (length - x)) / (EA * a * np.sinh(a * length))
        errors.append(np.abs(cables.movement(state, 0) - exact).max())
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.15)
    assert errors[1] / errors[2] == pytest.approx(4.0, rel=0.1)


@pytest.mark.parametrize("tension", [0.7, 2.2])
def test_take_up_and_tension_are_two_ways_to_ask_the_same(tension):
    arcs = 10.0 + 5.0 * np.arange(8)
    cables, state = _rest(_bonded(arcs, tension_n=tension))
    takeup = cables.takeup_mm(state, 0)
    _, again = _rest(_bonded(arcs, shortening_mm=takeup))
    assert again.tension == pytest.approx(state.tension, rel=1e-9)


@pytest.mark.parametrize("tension", [1.0, 2.7])
def test_tissue_of_single_springs_is_a_softer_bond_in_series(tension):
    """By hand: a spring K behind every cog makes its bond 1 / (1/k + 1/K), slip or no slip."""
    spring, m = 0.4, 8
    arcs = 12.0 + 6.0 * np.arange(m)
    cable = _bonded(arcs, length=66.0, nodes=12, tension_n=tension, rigid=False)
    held = np.ones(36)
    held[:3] = 0.0
    cable = replace(cable, embedding=sp.csr_matrix(sp.diags(held)))
    cables = CableSet([cable], 12)
    u = np.zeros((12, 3))
    for _ in range(60):
        state = cables.state(u)
        columns = [cables.times(state, e.reshape(12, 3)).ravel() for e in np.eye(36)]
        stiffness = np.array(columns) + spring * np.eye(36)
        gradient = spring * u + cables.force(state)
        u = u - np.linalg.solve(stiffness, gradient.ravel()).reshape(12, 3)
    assert np.abs(gradient).max() < 1e-12
    series = 1.0 / (1.0 / BOND + 1.0 / spring)
    _, rigid = _rest(_bonded(arcs, length=66.0, nodes=12, tension_n=tension, bond=series))
    assert state.chain.tension == pytest.approx(rigid.chain.tension, rel=1e-10)
    (thread,) = thread_states(cables, u)
    assert (thread.slipped > 0) == (tension > 2.0)


def test_more_tension_never_gives_less_force_on_any_cog():
    arcs = 10.0 + 5.0 * np.arange(8)
    forces = []
    for tension in np.linspace(0.05, 8 * HOLDING, 30):
        _, state = _rest(_bonded(arcs, tension_n=float(tension)))
        forces.append(np.clip(BOND * state.chain.w, None, HOLDING))
    assert np.diff(np.array(forces), axis=0).min() >= -1e-12


def test_an_impossible_tension_draws_the_thread_through_and_is_reported():
    cable = _bonded(10.0 + 5.0 * np.arange(8), tension_n=10.0)
    cables, state = _settled(cable)
    (thread,) = thread_states(cables, np.zeros_like(cable.reference))
    assert thread.tension_n == pytest.approx(RESIDUAL * 8 * HOLDING, rel=1e-8)
    assert thread.slip_n == pytest.approx(10.0 - thread.tension_n, rel=1e-7)
    assert thread.requested_n == 10.0
    assert thread.slipped == 8
    assert {"slip", "cut-through"} <= set(thread.warnings)
    assert thread.cogs is not None
    assert thread.cogs.transfer_n.sum() == pytest.approx(thread.tension_n)
    assert state.chain.w.max() < 100.0


def test_what_holds_without_sliding_far_keeps_its_full_force():
    cable = _bonded(10.0 + 5.0 * np.arange(8), tension_n=0.999 * 8 * HOLDING)
    cables, _ = _settled(cable)
    (thread,) = thread_states(cables, np.zeros_like(cable.reference))
    assert thread.tension_n == pytest.approx(cable.tension_n)
    assert thread.slip_n == 0.0
    assert 0 < thread.slipped < 8
    assert thread.warnings == ("slip",)


def test_a_soft_thread_unzips_where_its_first_cogs_slide_too_far():
    """Cogs that let go hand their load on; whether the rest holds it is decided by all of them."""
    arcs = 10.0 + 20.0 * np.arange(3)
    soft = replace(_bonded(arcs, holding=0.5, bond=0.5), ea_n=5.0)
    held, _ = _settled(replace(soft, tension_n=1.0))
    through, _ = _settled(replace(soft, tension_n=1.45))
    assert (held.cables[0].capacity_n == [0.25, 0.5, 0.5]).all()
    assert (through.cables[0].capacity_n == 0.25).all()


def test_a_thread_that_keeps_unzipping_is_drawn_through():
    cable = _bonded(10.0 + 5.0 * np.arange(8), tension_n=1.0)
    movement = np.zeros(8)
    assert cable.let_go(movement, through=True) is cable
    movement[0] = HOLDING / BOND + 1.01 * SLIP
    one, every = cable.let_go(movement), cable.let_go(movement, through=True)
    assert one.capacity_n == pytest.approx([RESIDUAL * HOLDING] + [HOLDING] * 7)
    assert every.capacity_n == pytest.approx(RESIDUAL * HOLDING)


def test_only_the_weaker_half_of_a_floating_thread_is_drawn_through():
    arcs = np.array([5.0, 10.0, 15.0, 45.0, 50.0, 55.0])
    cable = _bonded(arcs, tension_n=5.0, forward=3, anchored=False)
    peak = np.where(arcs < 30.0, 0.3, 0.5)
    cables, state = _settled(replace(cable, peak_n=peak, capacity_n=peak))
    assert cables.cables[0].capacity_n == pytest.approx([0.15] * 3 + [0.5] * 3)
    assert state.level[0] == pytest.approx(0.45, rel=1e-8)


def test_backward_a_barb_holds_its_backward_share():
    """The far end is drawn away from the thread: cog 2 pulls the thread along, cog 1 resists."""
    cable = _bonded([20.0, 40.0], tension_n=0.0, rigid=False)
    cables = CableSet([cable], len(cable.reference))
    away = np.zeros_like(cable.reference)
    away[cable.reference[:, 0] > 30.0, 0] = 30.0
    state = cables.state(away)
    backward = value("threads.bond.backward") * HOLDING
    assert state.tension.max() == pytest.approx(backward, rel=1e-9)
    assert (state.tension >= 0.0).all()


# --- energy and derivatives --------------------------------------------------------------------

LAWS: dict[str, dict[str, Any]] = {
    "elastic": {"tension_n": 0.6},
    "some slip": {"tension_n": 2.2},
    "all slip": {"tension_n": 9.0},
    "taken up": {"shortening_mm": 3.0},
    "taken up until it slips": {"shortening_mm": 9.0},
    "floating": {"tension_n": 0.9, "forward": 4, "anchored": False},
    "floating, taken up": {"shortening_mm": 4.0, "forward": 4, "anchored": False},
    "hardly taken up": {"shortening_mm": 0.01},
}


def _wavy(law: dict[str, Any]) -> tuple[CableSet, np.ndarray]:
    rng = np.random.default_rng(5)
    cable = _bonded(10.0 + 5.0 * np.arange(8), nodes=17, **law)
    path = cable.reference + rng.normal(size=(17, 3)) * 0.3
    peak = rng.uniform(0.2, 0.5, 8)
    mix = sp.csr_matrix(rng.normal(size=(51, 30)) * 0.3)
    cable = replace(cable, embedding=mix, reference=path, peak_n=peak, capacity_n=peak)
    return CableSet([cable], 10), rng.normal(size=(10, 3)) * 0.3


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
def test_force_and_stiffness_are_derivatives_of_the_energy(law):
    cables, u = _wavy(law)
    d = np.random.default_rng(6).normal(size=(10, 3))
    h = 1e-5

    def energy(x):
        return cables.state(x).energy.sum()

    def force(x):
        return cables.force(cables.state(x))

    state = cables.state(u)
    assert (energy(u + h * d) - energy(u - h * d)) / (2 * h) == pytest.approx(
        np.sum(cables.force(state) * d), rel=1e-7, abs=1e-9
    )
    numeric = (force(u + h * d) - force(u - h * d)) / (2 * h)
    assert cables.times(state, d) == pytest.approx(numeric, rel=1e-6, abs=1e-7)
    other = np.random.default_rng(7).normal(size=(10, 3))
    assert np.sum(other * cables.times(state, d)) == pytest.approx(
        np.sum(d * cables.times(state, other))
    )


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
def test_load_derivative_is_the_change_of_force_with_the_pull(law):
    cables, u = _wavy(law)
    name = "shortening_mm" if "shortening_mm" in law else "tension_n"
    h = 1e-5

    def force(change):
        cable = replace(cables.cables[0], **{name: law[name] + change})
        other = CableSet([cable], 10)
        return other.force(other.state(u))

    numeric = (force(h) - force(-h)) / (2 * h)
    derivative = cables.load_derivative(cables.state(u))
    assert derivative[0] == pytest.approx(numeric, rel=1e-6, abs=1e-8)


def test_load_derivative_of_fixed_profiles():
    path = np.linspace([0.0, 0.0, 0.0], [9.0, 0.0, 0.0], 4)
    identity, share = sp.identity(12, format="csr"), np.array([1.0, 0.6, 0.2])
    given = Cable("a", identity, path, share, 2.0)
    taken = Cable("b", identity, path, share, shortening_mm=1.0, ea_n=50.0)
    cables = CableSet([given, taken], 4)
    state = cables.state(np.zeros((4, 3)))
    force = cables.force(state)
    change = cables.load_derivative(state)
    assert 2.0 * change[0] + 1.0 * change[1] == pytest.approx(force)


def test_stacked_cables_do_what_each_does_alone():
    cables, u = _wavy(LAWS["some slip"])
    floating, _ = _wavy(LAWS["floating"])
    fixed = Cable(
        "f", cables.cables[0].embedding, cables.cables[0].reference, np.ones(16), tension_n=1.0
    )
    parts = [cables.cables[0], fixed, floating.cables[0]]
    every = CableSet(parts, 10)
    alone = [CableSet([c], 10) for c in parts]
    d = np.random.default_rng(8).normal(size=(10, 3))
    state = every.state(u)
    assert every.force(state) == pytest.approx(sum(c.force(c.state(u)) for c in alone))
    assert every.times(state, d) == pytest.approx(sum(c.times(c.state(u), d) for c in alone))
    assert state.level == pytest.approx([c.state(u).level[0] for c in alone])


def test_a_thread_whose_path_is_gathered_goes_slack():
    cable = _bonded([20.0, 40.0], shortening_mm=1.0, rigid=False)
    cables = CableSet([cable], len(cable.reference))
    gathered = np.zeros_like(cable.reference)
    gathered[:, 0] = -0.2 * cable.reference[:, 0]
    state = cables.state(gathered)
    assert np.abs(state.tension).max() == 0.0
    assert np.abs(cables.force(state)).max() == 0.0


# --- what is told ------------------------------------------------------------------------------


def test_pressure_of_a_strand_on_a_bend_is_tension_over_radius_and_diameter():
    radius, tension, diameter = 40.0, 1.5, 0.32
    angle = np.linspace(0.0, 1.2, 61)
    arc = np.stack([radius * np.sin(angle), radius * (1 - np.cos(angle)), 0 * angle], axis=1)
    cable = _bonded([45.0], nodes=61, holding=9.0, tension_n=tension, diameter_mm=diameter)
    cable = replace(cable, reference=arc)
    (state,) = thread_states(CableSet([cable], 61), np.zeros((61, 3)))
    assert state.line_pressure_kpa == pytest.approx(1e3 * tension / radius / diameter, rel=1e-3)


def test_warnings_name_what_is_exceeded():
    limit = value("threads.cut_through.slide")
    strong: dict[str, Any] = {"holding": 50.0, "bond": 50.0, "strength_n": 10.0}
    for cable, expected in (
        (_bonded([30.0], tension_n=9.0, **strong), ()),
        (_bonded([30.0], tension_n=11.0, **strong), ("strength",)),
        (_bonded([30.0], shortening_mm=1.2 * limit + 1.5), ("slip", "cut-through")),
    ):
        cables, _ = _settled(cable)
        (state,) = thread_states(cables, np.zeros_like(cable.reference))
        assert state.warnings == expected


def test_bed_of_a_block_is_its_layers():
    mesh = box_mesh(4, 4, sublayer_mm=(1.5, 2.0, 2.5, 1.5, 3.0, 3.0))
    bed = bed_along(mesh, np.array([[1.0, 2.0, -3.0], [-7.0, 5.0, -9.0]]))
    assert bed.skin_mm == pytest.approx(1.5)
    assert bed.fat_mm == pytest.approx(4.5)
    assert bed.jowl == pytest.approx(0.0)
    zoned = replace(mesh, zone_weights={"jowl_left": np.full(mesh.columns, 0.7)})
    assert bed_along(zoned, np.array([[1.0, 2.0, -3.0]])).jowl == pytest.approx(0.7)


def test_a_thread_without_cogs_pulls_nothing():
    cable = _bonded([], tension_n=2.0)
    cables, state = _settled(cable)
    assert state.tension == pytest.approx(0.0)
    (thread,) = thread_states(cables, np.zeros_like(cable.reference))
    assert thread.slip_n == 2.0
    assert "slip" in thread.warnings


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tension_n": np.nan}, "not a number"),
        ({"tension_n": -1.0}, "negative pull"),
        ({"shortening_mm": -1.0}, "negative pull"),
        ({"ea_n": 0.0}, "no axial stiffness"),
        ({"peak_n": np.ones(3)}, "different lengths"),
        ({"cog_arc_mm": np.array([30.0, 20.0])}, "in order"),
        ({"cog_arc_mm": np.array([30.0, 70.0])}, "in order"),
        ({"anchored": False}, "one half"),
        ({"reference": np.zeros((31, 3))}, "same place"),
    ],
)
def test_bad_input_is_named(change, words):
    good = _bonded([20.0, 40.0], tension_n=1.0)
    with pytest.raises(InputError, match=words):
        replace(good, **change)


def test_a_cog_that_holds_nothing_is_refused():
    with pytest.raises(InputError, match="no holding force"):
        _rest(_bonded([20.0], holding=0.0))
    with pytest.raises(InputError, match="bond without stiffness"):
        _rest(_bonded([20.0], bond=0.0))
