"""String algebra against finite differences and against the full solve."""

from __future__ import annotations

import numpy as np
import pytest

from threadlift.planning.strings import (
    gathered_compliance,
    string_load,
    string_stiffness,
    tissue_load,
)


def path(rng: np.random.Generator, k: int = 9) -> np.ndarray:
    return np.cumsum(np.array([2.5, 0.3, 0.1]) + 0.2 * rng.normal(size=(k, 3)), axis=0)


def energy(points: np.ndarray, tension: np.ndarray) -> float:
    return float((tension * np.linalg.norm(np.diff(points, axis=0), axis=1)).sum())


def test_load_and_stiffness_are_the_derivatives_of_tension_times_length() -> None:
    rng = np.random.default_rng(0)
    x = path(rng)
    tension = rng.uniform(0.5, 2.0, len(x) - 1)
    h = 1e-6
    load = string_load(x, tension)
    stiffness = string_stiffness(x, tension)
    for i in range(x.size):
        step = np.zeros(x.size)
        step[i] = h
        up, down = x + step.reshape(x.shape), x - step.reshape(x.shape)
        slope = (energy(up, tension) - energy(down, tension)) / (2 * h)
        assert load.ravel()[i] == pytest.approx(-slope, abs=1e-7)
        bend = -(string_load(up, tension) - string_load(down, tension)).ravel() / (2 * h)
        np.testing.assert_allclose(stiffness[i], bend, atol=1e-6)


def test_a_string_balances_itself() -> None:
    rng = np.random.default_rng(1)
    x = path(rng)
    load = string_load(x, rng.uniform(0.5, 2.0, len(x) - 1))
    np.testing.assert_allclose(load.sum(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(np.cross(x, load).sum(axis=0), 0.0, atol=1e-11)


def test_the_small_solve_equals_the_full_solve() -> None:
    """(K + R' S R) u = R' f solved in full, and by compliance and correction."""
    rng = np.random.default_rng(2)
    nodes, k = 40, 9
    root = rng.normal(size=(3 * nodes, 3 * nodes))
    stiffness_body = root @ root.T / 40 + np.eye(3 * nodes)
    green = np.linalg.inv(stiffness_body)
    rows = np.sort(rng.permuted(np.tile(np.arange(nodes), (k, 1)), axis=1)[:, :6], axis=1)
    weights = rng.dirichlet(np.ones(6), k)
    interpolation = np.zeros((3 * k, 3 * nodes))
    for a in range(k):
        for p in range(6):
            for c in range(3):
                interpolation[3 * a + c, 3 * rows[a, p] + c] += weights[a, p]
    x = path(rng, k)
    tension = np.linspace(2.0, 0.2, k - 1)
    f, s = string_load(x, tension).ravel(), string_stiffness(x, tension)
    full = np.linalg.solve(stiffness_body + interpolation.T @ s @ interpolation,
                           interpolation.T @ f)  # fmt: skip
    compliance = gathered_compliance(green, rows, weights, rows, weights)
    np.testing.assert_allclose(compliance, interpolation @ green @ interpolation.T, atol=1e-12)
    q, load = tissue_load(compliance, f, s)
    np.testing.assert_allclose(q, interpolation @ full, atol=1e-10)
    np.testing.assert_allclose(green @ interpolation.T @ load, full, atol=1e-10)
