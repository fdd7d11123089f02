"""U and V: one thread whose two limbs hang on one anchor."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from threadlift.errors import InputError
from threadlift.threads import Thread, product, products, tension_profile
from threadlift.tissue.bonded import bond_cable
from threadlift.tissue.cables import CableSet


def limb(length: float, angle_deg: float, name: str, tension: float, layer: str) -> Thread:
    """A straight anchored thread from the origin."""
    n = round(length / 2.5) + 1
    way = np.array([np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg)), 0.0])
    path = np.linspace(0.0, length, n)[:, None] * way
    depth = np.full(n, 5.0)
    return Thread("l", "left", name, "anchored", path[0], path, depth, (layer,) * n, tension)


def loop(one: Thread, two: Thread) -> Thread:
    """One thread along two anchored limbs with a common anchor."""
    turn = len(one.path_mm) - 1
    return replace(
        one,
        technique="V",
        path_mm=np.vstack([one.path_mm[::-1], two.path_mm[1:]]),
        depth_mm=np.concatenate([one.depth_mm[::-1], two.depth_mm[1:]]),
        layer=one.layer[::-1] + two.layer[1:],
        turn=turn,
    )


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(products())),
    st.floats(45.0, 110.0),
    st.floats(45.0, 110.0),
    st.floats(0.05, 6.0),
    st.sampled_from(["fat", "smas", "skin"]),
)
def test_a_loop_is_two_anchored_limbs_at_one_tension(name, a, b, tension, layer):
    """Closed form: what slides freely at the anchor carries one tension on both sides of it."""
    p = product(name)
    one, two = limb(a, -60.0, name, tension, layer), limb(b, -20.0, name, tension, layer)
    whole = tension_profile(loop(one, two), p)
    held = min(tension_profile(x, p).effective_n for x in (one, two))
    assert whole.effective_n == pytest.approx(held)
    parts = [tension_profile(x, p, tension_n=held) for x in (one, two)]
    expected = [-parts[0].cogs.transfer_n[::-1], parts[1].cogs.transfer_n]
    # At the limit of the weaker limb its cogs share by what they hold, whatever the solve.
    np.testing.assert_allclose(whole.cogs.transfer_n, np.concatenate(expected), atol=1e-6)
    tensions = [parts[0].segment_tension_n[::-1], parts[1].segment_tension_n]
    np.testing.assert_allclose(whole.segment_tension_n, np.concatenate(tensions), atol=1e-6)


def test_the_tension_of_a_loop_is_largest_at_its_anchor_and_falls_both_ways():
    thread = loop(*(limb(80.0, a, "pdo-2-0-molded", 1.5, "fat") for a in (-60.0, -20.0)))
    profile = tension_profile(thread, product(thread.product))
    t = profile.segment_tension_n
    assert t[thread.turn - 1] == pytest.approx(1.5)
    assert t[thread.turn] == pytest.approx(1.5)
    assert (np.diff(t[: thread.turn]) >= -1e-12).all()
    assert (np.diff(t[thread.turn :]) <= 1e-12).all()
    # Cogs of both limbs are opposed along the thread: each limb is pulled to the anchor.
    near = profile.cogs.arc_mm < thread.middle_mm
    assert (profile.cogs.transfer_n[near] < 0.0).all()
    assert (profile.cogs.transfer_n[~near] > 0.0).all()
    np.testing.assert_allclose(profile.cogs.transfer_n, -profile.cogs.transfer_n[::-1])
    assert thread.pull_n == pytest.approx(3.0)


def test_a_loop_in_tissue_that_does_not_move_has_the_same_tensions():
    one, two = (limb(x, a, "plcl-2-0-molded", 0.8, "fat") for x, a in ((70.0, -60.0), (90.0, -20)))
    thread = loop(one, two)
    kind = product(thread.product)
    nodes = len(thread.path_mm)
    cable = bond_cable(thread, kind, sp.csr_matrix(sp.eye(3 * nodes)))
    cables = CableSet([cable], nodes)
    state = cables.state(np.zeros((nodes, 3)))
    # The mean over the section around the anchor is exact: no cog lies in it.
    expected = tension_profile(thread, kind).segment_tension_n
    np.testing.assert_allclose(state.tension, expected, atol=1e-6)
    # What the anchor holds is the sum of both limbs' pulls.
    pull = cables.force(state)[thread.turn]
    ways = [x.path_mm[-1] / x.length_mm for x in (one, two)]
    np.testing.assert_allclose(-pull, 0.8 * (ways[0] + ways[1]), atol=1e-6)


def test_limbs_and_distances_run_outwards_from_the_entry():
    thread = loop(limb(50.0, -60.0, "pdo-2-0-molded", 1.0, "fat"),
                  limb(80.0, -20.0, "pdo-2-0-molded", 1.0, "fat"))  # fmt: skip
    near, far = thread.limbs
    assert near[0] == far[0] == thread.turn == thread.anchor
    assert thread.from_entry_mm[near[-1]] == pytest.approx(50.0)
    assert thread.from_entry_mm[far[-1]] == pytest.approx(80.0)
    assert thread.outwards[[0, thread.turn, -1]] == pytest.approx([1.0, 0.0, 1.0])
    assert Thread.from_json(thread.to_json()) == thread
    assert thread.mirrored().turn == thread.turn


@pytest.mark.parametrize(
    ("technique", "turn"), [("U", 0), ("V", 20), ("anchored", 3), ("floating", 99), ("U", -1)]
)
def test_a_turn_that_does_not_go_with_the_technique_is_refused(technique, turn):
    thread = limb(50.0, 0.0, "pdo-2-0-molded", 1.0, "fat")
    with pytest.raises(InputError, match=r"path point|the path has no point"):
        replace(thread, technique=technique, turn=turn)


def test_a_floating_thread_runs_from_its_first_end_to_its_last_wherever_it_was_entered():
    straight = limb(60.0, 0.0, "plla-3-0-cone", 1.0, "fat")
    thread = replace(straight, technique="floating", turn=12, entry_mm=straight.path_mm[12])
    assert thread.anchor is None
    assert thread.middle_mm == pytest.approx(30.0)
    np.testing.assert_allclose(thread.outwards, thread.arc_mm / 60.0)
    assert thread.from_entry_mm[12] == 0.0
    assert thread.pull_n == pytest.approx(1.0)
