"""Catalogue, geometry and JSON of threads, tension along a thread, durability."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadlift import evidence
from threadlift.errors import InputError
from threadlift.threads import (
    Bed,
    Thread,
    cog_arcs,
    durability,
    engaged_from,
    holding_factor,
    product,
    products,
    strength_fraction,
    tension_profile,
)


def straight(
    length=90.0,
    n=31,
    technique="anchored",
    product_name="pdo-2-0-molded",
    tension=1.5,
    layer="fat",
    depth=5.0,
):
    x = np.linspace(0.0, length, n)
    path = np.c_[x, 0 * x, 0 * x]
    return Thread(
        "t1",
        "left",
        product_name,
        technique,
        path[0],
        path,
        np.full(n, depth),
        (layer,) * n,
        tension,
    )


# --- catalogue ---------------------------------------------------------------------------------


def test_axial_stiffness_is_modulus_times_area():
    p = product("pdo-2-0-molded")
    assert p.ea_n == pytest.approx(1200.0 * np.pi / 4 * 0.32**2)
    # Published derivation: 2 N stretches 100 mm of PDO 2-0 by 2.1 mm.
    assert 2.0 / p.ea_n * 100.0 == pytest.approx(2.1, abs=0.05)


@pytest.mark.parametrize(
    ("name", "ea"),
    [
        ("pdo-0-molded", 133),
        ("pdo-3-0-cut", 48),
        ("plla-3-0-cone", 199),
        ("plcl-2-0-molded", 80),
        ("pcl-2-0-molded", 121),
    ],
)
def test_axial_stiffness_of_the_catalogue(name, ea):
    assert product(name).ea_n == pytest.approx(ea, rel=0.01)


def test_every_product_is_usable():
    for name, p in products().items():
        assert p.name == name
        assert 0 < p.max_tension_n < p.strength_n
        assert durability(p.durability).fraction(0.0) == pytest.approx(1.0)
        assert strength_fraction(p.material, 0.0) == pytest.approx(1.0)
        assert all(k in evidence.all_parameters() or k in evidence.all_sources() for k in p.basis)


def test_unknown_product_names_the_known_ones():
    with pytest.raises(InputError, match="pdo-2-0-molded"):
        product("nonsense")


# --- geometry and JSON -------------------------------------------------------------------------


def test_json_has_the_fields_of_the_plan_and_round_trips():
    thread = straight()
    data = thread.to_json()
    assert list(data) == [
        "id",
        "side",
        "product",
        "technique",
        "entry_mm",
        "path_mm",
        "depth_mm",
        "layer",
        "tension_n",
        "turn",
    ]
    assert Thread.from_json(json.loads(json.dumps(data))) == thread


def test_mirror_is_an_involution_and_changes_the_side():
    thread = straight()
    assert thread.mirrored().side == "right"
    assert thread.mirrored() != thread
    assert thread.mirrored().mirrored() == thread


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ("side", "front"),
        ("technique", "magic"),
        ("layer", ["bone"] * 31),
        ("tension_n", -1.0),
        ("tension_n", float("nan")),
        ("depth_mm", [1.0]),
        ("path_mm", [[0, 0, 0]]),
        ("entry_mm", "here"),
        ("depth_mm", [-1.0] * 31),
        ("path_mm", [[0.0, 0.0, 0.0]] * 31),
    ],
)
def test_broken_threads_are_refused(field, bad):
    data = straight().to_json() | {field: bad}
    with pytest.raises(InputError, match="t1"):
        Thread.from_json(data)


def test_missing_field_is_named():
    data = straight().to_json()
    del data["layer"]
    with pytest.raises(InputError, match="layer"):
        Thread.from_json(data)


# --- cogs --------------------------------------------------------------------------------------


def test_cogs_of_a_one_way_thread_lie_in_the_engaged_section():
    thread = straight()
    arcs = cog_arcs(thread, product(thread.product))
    assert engaged_from(thread) == pytest.approx(45.0)
    assert (arcs > 45.0).all()
    assert (arcs < 90.0).all()
    assert np.diff(arcs) == pytest.approx(4.0)
    assert cog_arcs(thread, product(thread.product), 200.0).size == 0


def test_holding_by_plane():
    k = 6
    bed = Bed(skin_mm=np.full(k, 1.2), fat_mm=np.full(k, 5.0), jowl=np.array([0, 0, 1, 1, 0, 0.0]))
    layer = ("skin", "fat", "fat", "fat", "smas", "deep")
    depth = np.array([1.0, 1.5, 3.5, 6.1, 6.5, 8.0])
    assert holding_factor(layer, depth, bed) == pytest.approx([0.3, 0.3, 0.6, 1.5, 1.5, 1.0])


def test_near_dermis_holds_less_the_shallower():
    depth = np.linspace(1.3, 4.0, 40)
    bed = Bed(np.full(40, 1.2), np.full(40, 6.0), np.zeros(40))
    factor = holding_factor(("fat",) * 40, depth, bed)
    assert (np.diff(factor) >= 0).all()
    assert factor[0] == pytest.approx(0.3)
    assert factor[-1] == pytest.approx(1.0)


# --- tension -----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(products())),
    st.sampled_from(["anchored", "floating"]),
    st.floats(0.0, 12.0),
    st.floats(25.0, 140.0),
    st.sampled_from(["fat", "smas", "skin"]),
)
def test_equilibrium(name, technique, tension, length, layer):
    thread = straight(length, 41, technique, name, tension, layer)
    p = product(name)
    profile = tension_profile(thread, p)
    cogs = profile.cogs
    # No cog transfers more than it holds.
    assert (np.abs(cogs.transfer_n) <= cogs.capacity_n * (1 + 1e-6)).all()
    assert profile.effective_n <= tension + 1e-12
    assert profile.excess_n == pytest.approx(tension - profile.effective_n)
    total = cogs.transfer_n.sum()
    if technique == "anchored":
        # What the cogs pull is what the anchor holds; tension only falls along the thread.
        assert total == pytest.approx(profile.effective_n, abs=2e-9)
        assert (np.diff(profile.segment_tension_n) <= 1e-9).all()
        assert profile.effective_n == pytest.approx(min(tension, cogs.capacity_n.sum()))
    else:
        # The two halves hold each other; nothing else does.
        assert total == pytest.approx(0.0, abs=1e-9)
        assert profile.segment_tension_n.max() <= profile.effective_n + 1e-9
    if profile.excess_n > 1e-9 and technique == "anchored":
        assert cogs.slipped.all()


def test_tension_is_constant_up_to_the_first_cog():
    thread = straight(tension=2.0)
    profile = tension_profile(thread, product(thread.product))
    before = thread.arc_mm[1:] < profile.cogs.arc_mm[0]
    assert profile.segment_tension_n[before] == pytest.approx(2.0)


def test_stiff_cable_shares_evenly_and_soft_cable_loads_the_first_cogs():
    thread = straight(tension=1.0)
    shares = {
        name: tension_profile(thread, product(name)).cogs.transfer_n
        for name in ("pdo-0-molded", "plcl-2-0-molded")
    }
    spread = {name: x.max() / x.min() for name, x in shares.items()}
    assert spread["plcl-2-0-molded"] > spread["pdo-0-molded"] > 1.0


def test_two_cogs_match_the_closed_form():
    p = product("plla-3-0-cone")
    thread = straight(20.0, 21, product_name=p.name, tension=1.0)
    cogs = tension_profile(thread, p, engaged_from_mm=2.0).cogs
    assert len(cogs.arc_mm) == 2
    cable, bond = p.ea_n / p.cog_spacing_mm, p.cog_stiffness_n_mm
    # u1 = u2 (1 + bond / cable), bond (u1 + u2) = T
    second = 1.0 / (2.0 + bond / cable)
    assert cogs.transfer_n == pytest.approx([1.0 - second, second])


def test_scaling_and_linearity_below_slip():
    thread = straight(tension=0.4)
    p = product(thread.product)
    one = tension_profile(thread, p).cogs.transfer_n
    two = tension_profile(thread, p, tension_n=0.8).cogs.transfer_n
    assert two == pytest.approx(2 * one)
    weak = tension_profile(thread, p, tension_n=3.0, holding_scale=0.1)
    assert weak.effective_n == pytest.approx(0.1 * 0.35 * len(weak.cogs.arc_mm))


def test_floating_thread_is_symmetric_end_to_end():
    thread = straight(technique="floating", tension=3.2)
    profile = tension_profile(thread, product(thread.product))
    t = profile.segment_tension_n
    assert t == pytest.approx(t[::-1], abs=1e-6)
    assert profile.cogs.transfer_n == pytest.approx(-profile.cogs.transfer_n[::-1], abs=1e-9)


# --- time --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "row"),
    [
        ("pdo-pessimistic", (0.58, 0.28, 0.13, 0.03, 0.00)),
        ("pdo", (0.70, 0.42, 0.26, 0.14, 0.07)),
        ("plla", (0.80, 0.57, 0.41, 0.28, 0.17)),
        ("plcl", (0.82, 0.61, 0.48, 0.36, 0.26)),
    ],
)
def test_durability_table(profile, row):
    assert durability(profile).fraction([1, 3, 6, 12, 24]) == pytest.approx(row, abs=0.02)


def test_longer_life_at_higher_quantiles():
    base = durability("pdo")
    t = np.array([1.0, 6.0, 12.0])
    assert (base.at_quantile(1.0).fraction(t) > base.fraction(t)).all()
    assert (base.at_quantile(-1.0).fraction(t) < base.fraction(t)).all()
    assert (np.diff(base.fraction(np.linspace(0, 24, 50))) < 0).all()


def test_pdo_loses_strength_as_published():
    assert strength_fraction("pdo", [2, 4, 6]) == pytest.approx([0.74, 0.50, 0.25], abs=0.08)
    assert strength_fraction("plla", 13) > 0.70


def test_unknown_profile_and_material_are_refused():
    with pytest.raises(InputError, match="pdo"):
        durability("eternal")
    with pytest.raises(InputError, match="plla"):
        strength_fraction("steel", 1.0)
