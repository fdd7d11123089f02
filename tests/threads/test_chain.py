"""Chains of sections and cogs: any chain is balanced, and its law is a convex energy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadlift.threads.chain import Chains


def _random(seed: int, floating: bool, given_tension: bool) -> tuple[Chains, np.ndarray, float]:
    """A chain of up to 60 cogs with section changes of micrometres to centimetres and a pull."""
    rng = np.random.default_rng(seed)
    m = int(rng.integers(2, 60))
    pulled = int(rng.integers(1, m)) if floating else 0
    holding, back = rng.uniform(0.05, 0.5, m), rng.uniform(0.05, 1.0)
    forward = np.arange(m) >= pulled
    axial = rng.uniform(1.0, 80.0, m)
    if floating:
        axial[0] = 0.0
    chain = Chains(
        start=np.array([0, m]),
        axial=axial,
        bond=rng.uniform(0.1, 0.5, m),
        lower=-np.where(forward, back, 1.0) * holding,
        upper=np.where(forward, 1.0, back) * holding,
        pulled=np.array([pulled]),
        given=np.array([given_tension]),
    )
    change = rng.normal(size=m) * 10.0 ** rng.uniform(-3, 1)
    pull = float(rng.uniform(0.0, 20.0))
    if not given_tension:
        change[pulled] += pull
    return chain, change, pull


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.booleans())
def test_every_chain_is_balanced_and_nothing_pushes_or_holds_too_much(seed, floating, given_):
    chain, change, pull = _random(seed, floating, given_)
    level = chain.level(np.array([pull]))
    state = chain.solve(change, level)
    force = np.clip(chain.bond * state.w, chain.lower, chain.upper)
    assert force == pytest.approx(state.tension - np.append(state.tension[1:], 0.0), abs=1e-9)
    assert (state.tension >= 0.0).all()
    before = np.append(0.0, state.w[:-1])
    elastic = chain.axial * np.maximum(change + before - state.w, 0.0)
    if given_:
        elastic[chain.pulled[0]] = level[0]
        assert level[0] <= pull
    assert state.tension == pytest.approx(elastic, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.booleans())
def test_tensions_rise_with_lengths_as_the_gradient_of_a_convex_energy(seed, floating, given_):
    chain, change, pull = _random(seed, floating, given_)
    level = chain.level(np.array([pull]))
    other = change + np.random.default_rng(seed + 1).normal(size=len(change))
    one, two = chain.solve(change, level), chain.solve(other, level)
    assert (two.tension - one.tension) @ (other - change) >= -1e-9
    d = other - change
    assert d @ chain.times(one, d) >= -1e-9
    # Above its tangent at either end: convex.
    rise = two.energy.sum() - one.energy.sum()
    size = 1e-9 * (1.0 + np.abs(one.energy).sum() + np.abs(two.energy).sum())
    assert one.tension @ d - size <= rise <= two.tension @ d + size


def test_numbers_that_are_not_finite_give_none():
    chain, change, _ = _random(1, False, True)
    change[1] = np.nan
    assert np.isnan(chain.solve(change, chain.level(np.array([0.5]))).tension).all()
