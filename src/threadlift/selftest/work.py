"""Energy: derivatives of every term, and the balance of external work along a loading path."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.selftest.blocks import block
from threadlift.selftest.case import Case
from threadlift.selftest.held import solve
from threadlift.selftest.law import Law
from threadlift.selftest.patch import laws, solid_of
from threadlift.tissue.assembly import Solid


def derivative_errors(solid: Solid, u: NDArray, seed: int = 0) -> tuple[float, float]:
    """Relative errors of force against energy and of tangent against force at u (N,3).

    Central differences along a random direction, extrapolated from two steps (error of fourth
    order), so that rounding decides.
    """
    d = np.random.default_rng(seed).normal(size=u.shape)

    def difference(h: float) -> tuple[float, NDArray]:
        plus, minus = solid.evaluate(u + h * d), solid.evaluate(u - h * d)
        slope = float(np.sum(plus.energy - minus.energy)) / (2.0 * h)
        return slope, (plus.force - minus.force) / (2.0 * h)

    h = 1e-4
    (slope_1, bend_1), (slope_2, bend_2) = difference(h), difference(2.0 * h)
    slope, bend = (4.0 * slope_1 - slope_2) / 3.0, (4.0 * bend_1 - bend_2) / 3.0
    force = solid.evaluate(u).force
    tangent = solid.tangent(u).times(d)
    scale = float(np.linalg.norm(force) * np.linalg.norm(d))
    return (
        abs(slope - float(np.sum(force * d))) / scale,
        float(np.abs(bend - tangent).max() / np.abs(tangent).max()),
    )


def term_errors(name: str, size_mm: float = 0.1, seed: int = 0) -> tuple[float, float]:
    """`derivative_errors` of one term of the law about its own deformation, shaken by size_mm."""
    law, F = laws()[name]
    body = block((2, 2, 2), lambda unit: 6.0 * unit, distortion=0.2, seed=seed)
    u = body.points @ (F - np.eye(3)).T
    u = u + size_mm * np.random.default_rng(seed + 1).uniform(-1.0, 1.0, u.shape)
    return derivative_errors(solid_of(body, law), u, seed + 2)


def energy_balance(points: int = 8) -> tuple[float, float]:
    """Stored energy [N mm] of a loaded block, and the work of its load along the way.

    For a load that grows in proportion t the work is f u(1) minus the integral of f u(t), here
    by Gauss points: both sides come from different equilibria.
    """
    law = Law(1e-3, 0.3, b=8.0)
    body = block((3, 3, 3), lambda unit: 10.0 * unit, distortion=0.2, seed=2)
    solid = solid_of(body, law)
    free = np.ones_like(body.points, dtype=bool)
    free[body.on(2, 0)] = False
    load = np.zeros_like(body.points)
    load[body.on(2, 1)] = np.array([0.02, 0.01, 0.015]) / np.sum(body.on(2, 1))

    def moved(t: float) -> NDArray:
        return solve(solid, free, external=t * load, tolerance=1e-10)

    places, weights = np.polynomial.legendre.leggauss(points)
    path = sum(
        w / 2.0 * np.sum(load * moved((1.0 + x) / 2.0))
        for x, w in zip(places, weights, strict=True)
    )
    end = moved(1.0)
    rest = solid.evaluate(np.zeros_like(end)).energy.sum()
    stored = float(solid.evaluate(end).energy.sum() - rest)
    return stored, float(np.sum(load * end) - path)


def cases() -> list[Case]:
    """Derivatives of the whole law and the balance of energy."""
    force, tangent = term_errors("all terms")
    stored, work = energy_balance()
    return [
        # Differences of fourth order at a step of 1e-4 mm leave about 1e-8.
        Case("force is the slope of the energy", 0.0, force, 1e-7, "energy", 1.0),
        Case("stiffness is the slope of the force", 0.0, tangent, 1e-6, "energy", 1.0),
        # Eight Gauss points along a smooth path; the solves are exact to 1e-10.
        Case("work of the load = stored energy, N mm", stored, work, 1e-5, "energy"),
    ]
