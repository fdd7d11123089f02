"""Sobol indices: closed forms, exact factorials, invariances, an independent implementation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import sobol_indices, uniform

from threadlift.planning.sobol import Indices, exact, sampled

Points = Mapping[str, np.ndarray]
N, RESAMPLES = 4096, 200


def each(*names: str) -> dict[str, tuple[str, ...]]:
    return {n: (n,) for n in names}


def run(function, factors, groups=None, samples=N, seed=0) -> Indices:
    return sampled(function, factors, groups or each(*factors), samples=samples, seed=seed,
                   resamples=RESAMPLES)  # fmt: skip


def ishigami(x: Points) -> np.ndarray:
    a, b, c = (np.pi * (2.0 * x[n] - 1.0) for n in "abc")
    return np.sin(a) + 7.0 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)


def test_ishigami_has_its_closed_form() -> None:
    found = run(ishigami, dict.fromkeys("abc", 1))
    np.testing.assert_allclose(found.first[:, 0], [0.3139, 0.4424, 0.0], atol=0.015)
    np.testing.assert_allclose(found.total[:, 0], [0.5576, 0.4424, 0.2437], atol=0.015)


def test_the_g_function_has_its_closed_form() -> None:
    a = np.array([0.0, 1.0, 4.5, 9.0])
    names = [f"x{i}" for i in range(4)]

    def g(x: Points) -> np.ndarray:
        factors = [
            (np.abs(4.0 * x[n] - 2.0) + c) / (1.0 + c) for n, c in zip(names, a, strict=True)
        ]
        return np.prod(factors, axis=0)

    partial = 1.0 / (3.0 * (1.0 + a) ** 2)
    variance = np.prod(1.0 + partial) - 1.0
    found = run(g, dict.fromkeys(names, 1))
    np.testing.assert_allclose(found.first[:, 0], partial / variance, atol=0.02)
    total = partial * np.prod(1.0 + partial) / (1.0 + partial) / variance
    np.testing.assert_allclose(found.total[:, 0], total, atol=0.02)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0.2, 3.0), min_size=2, max_size=4), st.integers(0, 50))
def test_of_an_additive_function_first_and_total_are_the_shares(sizes, seed) -> None:
    names = [f"x{i}" for i in range(len(sizes))]
    found = run(
        lambda x: sum(c * x[n] for n, c in zip(names, sizes, strict=True)),  # pyright: ignore[reportArgumentType]
        dict.fromkeys(names, 1), samples=1024, seed=seed,
    )  # fmt: skip
    truth = np.square(sizes) / np.sum(np.square(sizes))
    np.testing.assert_allclose(found.first[:, 0], truth, atol=0.04)
    np.testing.assert_allclose(found.total[:, 0], truth, atol=0.04)


def test_a_group_explains_what_its_members_explain_together() -> None:
    groups = {"ac": ("a", "c"), "b": ("b",), "abc": ("a", "b", "c")}
    found = run(ishigami, dict.fromkeys("abc", 1), groups)
    np.testing.assert_allclose(found.first[:, 0], [0.5576, 0.4424, 1.0], atol=0.02)
    np.testing.assert_allclose(found.total[:, 0], [0.5576, 0.4424, 1.0], atol=0.02)


def test_a_vector_counts_as_one_factor() -> None:
    one = run(lambda x: x["v"].sum(axis=1, keepdims=True) + 2.0 * x["w"], {"v": 4, "w": 1})
    np.testing.assert_allclose(one.first[:, 0], [0.5, 0.5], atol=0.02)


def test_scale_and_offset_of_an_output_do_not_matter() -> None:
    def both(x: Points) -> np.ndarray:
        f = ishigami(x)
        return np.hstack([f, 1e3 - 40.0 * f])

    found = run(both, dict.fromkeys("abc", 1))
    np.testing.assert_allclose(found.first[:, 0], found.first[:, 1], atol=1e-9)
    np.testing.assert_allclose(found.total[:, 0], found.total[:, 1], atol=1e-9)


def test_a_constant_output_is_explained_by_nothing() -> None:
    found = run(lambda x: np.full((len(x["a"]), 1), 3.7), {"a": 1, "b": 1}, samples=64)
    assert not found.first.any()
    assert not found.total.any()
    assert found.sd[0] == pytest.approx(0.0)


def test_same_seed_same_bits_other_seed_within_the_interval() -> None:
    factors = dict.fromkeys("abc", 1)
    one, again, other = (
        run(ishigami, factors),
        run(ishigami, factors),
        run(ishigami, factors, seed=7),
    )
    assert np.array_equal(one.first, again.first)
    assert np.array_equal(one.total_high, again.total_high)
    wide = one.first_high - one.first_low
    assert (np.abs(one.first - other.first) <= wide).all()


def test_intervals_hold_the_estimate_and_narrow_with_samples() -> None:
    few, many = (run(ishigami, dict.fromkeys("abc", 1), samples=n) for n in (256, 4096))
    for found in (few, many):
        assert (found.first_low <= found.first + 1e-9).all()
        assert (found.first <= found.first_high + 1e-9).all()
    assert (many.first_high - many.first_low).max() < 0.5 * (few.first_high - few.first_low).max()


def test_doubling_the_samples_changes_less_than_the_interval() -> None:
    found = run(ishigami, dict.fromkeys("abc", 1))
    widest = max(
        (found.first_high - found.first_low).max(), (found.total_high - found.total_low).max()
    )
    assert 0.0 < found.change[0] < widest


def test_sampling_a_small_factorial_gives_its_exact_indices() -> None:
    table = np.random.default_rng(3).normal(size=(3, 4, 2, 5))[..., None]
    shape = dict(zip("abcd", table.shape, strict=False))

    def look_up(x: Points) -> np.ndarray:
        return table[tuple((x[n][:, 0] * size).astype(int) for n, size in shape.items())]

    truth = exact(table, {n: (i,) for i, n in enumerate(shape)})
    found = run(look_up, dict.fromkeys(shape, 1), samples=16384)
    np.testing.assert_allclose(found.first, truth.first, atol=0.025)
    np.testing.assert_allclose(found.total, truth.total, atol=0.025)


def test_exact_indices_of_an_additive_table_add_up_to_one() -> None:
    rng = np.random.default_rng(1)
    parts = [rng.normal(size=n) for n in (3, 5, 4)]
    table = parts[0][:, None, None] + parts[1][None, :, None] + parts[2][None, None, :]
    found = exact(table[..., None], {"a": (0,), "b": (1,), "c": (2,)})
    assert found.first.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(found.first, found.total, atol=1e-12)
    variances = np.array([p.var() for p in parts])
    np.testing.assert_allclose(found.first[:, 0], variances / variances.sum())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_exact_indices_keep_their_order(seed: int) -> None:
    """0 <= first <= total <= 1, and firsts add up to at most 1, whatever the table."""
    table = np.random.default_rng(seed).normal(size=(2, 3, 4, 2))
    found = exact(table, {"a": (0,), "b": (1,), "c": (2,)})
    assert (found.first >= -1e-12).all()
    assert (found.first <= found.total + 1e-12).all()
    assert (found.total <= 1.0 + 1e-12).all()
    assert (found.first.sum(axis=0) <= 1.0 + 1e-12).all()


def test_an_independent_implementation_agrees() -> None:
    def columns(x: np.ndarray) -> np.ndarray:
        return ishigami(dict(zip("abc", x, strict=True)))

    peer = sobol_indices(func=columns, n=N, dists=[uniform()] * 3, rng=np.random.default_rng(5))
    found = run(ishigami, dict.fromkeys("abc", 1))
    np.testing.assert_allclose(found.first[:, 0], peer.first_order, atol=0.02)
    np.testing.assert_allclose(found.total[:, 0], peer.total_order, atol=0.02)
