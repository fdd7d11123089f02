"""Cables: taut strings by hand, exact derivatives, elastic take-up, bad input."""

import numpy as np
import pytest
import scipy.sparse as sp

from threadlift.errors import InputError
from threadlift.tissue.cables import Cable, CableSet
from threadlift.tissue.segments import segment_lengths


def _free_string(points: np.ndarray, tension: float, held: tuple[int, ...] = (), **law) -> Cable:
    """A cable whose path nodes are the 'mesh' nodes themselves; held nodes stay in space."""
    keep = np.ones(3 * len(points))
    for node in held:
        keep[3 * node : 3 * node + 3] = 0.0
    share = np.ones(len(points) - 1)
    return Cable("string", sp.csr_matrix(sp.diags(keep)), points, share, tension, **law)


def _line(count: int, length: float = 50.0) -> np.ndarray:
    return np.linspace([0.0, 0.0, 0.0], [length, 0.0, 0.0], count)


def test_taut_string_sags_under_a_point_load_as_computed_by_hand():
    count, length, tension, load = 21, 50.0, 2.0, 1e-4
    points = _line(count, length)
    cables = CableSet([_free_string(points, tension, held=(0, count - 1))], count)
    stiffness = cables.string_stiffness(cables.state(np.zeros_like(points))).toarray()
    free = np.arange(3, 3 * count - 3)
    free = free[free % 3 == 1]
    f = np.zeros(3 * count)
    at = 8
    f[3 * at + 1] = load
    u = np.linalg.solve(stiffness[np.ix_(free, free)], f[free])
    a = points[at, 0]
    deflection = load * a * (length - a) / (tension * length)
    assert u.max() == pytest.approx(deflection, rel=1e-10)


def test_straight_anchored_thread_pulls_only_at_its_far_end():
    points = _line(11)
    cables = CableSet([_free_string(points, 1.5)], 11)
    force = cables.force(cables.state(np.zeros_like(points)))
    assert force[-1] == pytest.approx([1.5, 0.0, 0.0])
    assert force[0] == pytest.approx([-1.5, 0.0, 0.0])
    assert np.abs(force[1:-1]).max() < 1e-12


def test_tension_falls_where_the_share_falls_and_forces_balance():
    points = _line(4, 30.0)
    cable = Cable("t", sp.identity(12, format="csr"), points, np.array([1.0, 0.6, 0.2]), 2.0)
    cables = CableSet([cable], 4)
    force = -cables.force(cables.state(np.zeros((4, 3))))
    assert force[:, 0] == pytest.approx([2.0, -0.8, -0.8, -0.4])
    assert np.abs(force.sum(axis=0)).max() < 1e-12


@pytest.mark.parametrize("law", [{}, {"shortening_mm": 3.0, "ea_n": 90.0}])
def test_force_and_stiffness_are_derivatives_of_the_energy(law):
    rng = np.random.default_rng(2)
    points = _line(6) + rng.normal(size=(6, 3))
    mix = sp.csr_matrix(rng.normal(size=(18, 30)) * 0.3)
    share = np.array([1.0, 0.9, 0.7, 0.4, 0.1])
    cables = CableSet([Cable("t", mix, points, share, 1.7, **law)], 10)
    u, d = rng.normal(size=(2, 10, 3))
    h = 1e-5

    def energy(x):
        return cables.state(x).energy.sum()

    def force(x):
        return cables.force(cables.state(x))

    assert (energy(u + h * d) - energy(u - h * d)) / (2 * h) == pytest.approx(
        np.sum(force(u) * d), rel=1e-7
    )
    numeric = (force(u + h * d) - force(u - h * d)) / (2 * h)
    assert cables.times(cables.state(u), d) == pytest.approx(numeric, rel=1e-6, abs=1e-8)


def test_taken_up_thread_between_fixed_ends_has_hookes_tension():
    length, ea, takeup = 80.0, 97.0, 2.0
    points = _line(9, length)
    cable = _free_string(points, 0.0, held=tuple(range(9)), shortening_mm=takeup, ea_n=ea)
    cables = CableSet([cable], 9)
    assert cables.state(np.zeros_like(points)).level[0] == pytest.approx(ea * takeup / length)


def test_slack_thread_does_not_push():
    points = _line(3, 20.0)
    cable = Cable(
        "t", sp.identity(9, format="csr"), points, np.ones(2), shortening_mm=1.0, ea_n=50.0
    )
    cables = CableSet([cable], 3)
    gathered = np.zeros_like(points)
    gathered[2, 0] = -4.0
    state = cables.state(gathered)
    assert state.level[0] == 0.0
    assert np.abs(cables.force(state)).max() == 0.0


@pytest.mark.parametrize("extent", [0.0, 0.1, 0.24, 0.26, 0.5, 1.0, 3.0])
def test_lengths_of_segments_have_exact_derivatives_down_to_nothing(extent):
    rng = np.random.default_rng(3)
    way = rng.normal(size=(1, 3))
    arm, rest = 2.0 * extent * way / np.linalg.norm(way), np.array([2.0])
    length, slope, bend = segment_lengths(arm, rest)
    d, h = rng.normal(size=(1, 3)), 1e-6
    ahead, behind = segment_lengths(arm + h * d, rest), segment_lengths(arm - h * d, rest)
    assert (ahead[0] - behind[0]) / (2 * h) == pytest.approx(np.sum(slope * d), abs=1e-8)
    assert (ahead[1] - behind[1])[0] / (2 * h) == pytest.approx(bend[0] @ d[0], rel=1e-6)
    assert np.linalg.eigvalsh(bend[0]).min() >= -1e-12
    if extent >= 0.25:
        assert length[0] == pytest.approx(2.0 * extent, rel=1e-14)
        assert np.linalg.norm(slope) == pytest.approx(1.0, rel=1e-14)


def test_seam_of_a_blunted_segment_is_twice_differentiable():
    rest = np.full(2, 2.0)
    arm = np.array([[0.5 * (1 - 1e-9), 0.0, 0.0], [0.5 * (1 + 1e-9), 0.0, 0.0]])
    for below, above in (q for q in segment_lengths(arm, rest)):
        assert below == pytest.approx(above, abs=1e-7)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tension_n": np.nan}, "not a number"),
        ({"tension_n": -1.0}, "negative tension"),
        ({"share": np.ones(5)}, "different lengths"),
        ({"reference": np.zeros((4, 3))}, "same place"),
        ({"reference": np.full((4, 3), np.inf)}, "not a number"),
        ({"shortening_mm": 2.0}, "no axial stiffness"),
    ],
)
def test_bad_input_is_named(change, words):
    good = {
        "name": "t1",
        "embedding": sp.identity(12, format="csr"),
        "reference": _line(4),
        "share": np.ones(3),
        "tension_n": 1.0,
    }
    with pytest.raises(InputError, match=words):
        Cable(**{**good, **change})
