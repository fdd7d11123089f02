"""A thick-walled tube under internal pressure, in plane strain.

Small strain: Lame's solution. Finite strain: the exact one of an incompressible neo-Hookean tube;
the pressure enters as the nodal loads of the exact traction in the reference state, a dead load
that equals the following pressure in the exact solution.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.selftest.blocks import Block, block, face_loads
from threadlift.selftest.held import linear, solve
from threadlift.selftest.law import Law
from threadlift.tissue.assembly import Solid
from threadlift.tissue.supports import Supports

INNER_MM, OUTER_MM = 10.0, 20.0
MU_MPA = 1e-3


def quarter(cells: int) -> Block:
    """A quarter ring: cells through the wall and 2 cells around; wedges stacked outwards."""
    wide = (OUTER_MM - INNER_MM) / cells

    def shape(unit: NDArray) -> NDArray:
        r = INNER_MM + (OUTER_MM - INNER_MM) * unit[:, 0]
        angle = 0.5 * np.pi * unit[:, 1]
        return np.column_stack([r * np.cos(angle), r * np.sin(angle), wide * unit[:, 2]])

    return block((cells, 2 * cells, 1), shape, layers=0)


def _ring(cells: int, bulk: float, pressure: float):
    body = quarter(cells)
    count = len(body.wedges)
    solid = Solid(
        body.points,
        body.wedges,
        Law(MU_MPA, bulk).elements(count),
        Supports(np.zeros(len(body.points))),
    )
    free = np.ones_like(body.points, dtype=bool)
    free[body.on(1, 0), 1] = False
    free[body.on(1, 1), 0] = False
    free[:, 2] = False

    def outwards(x: NDArray) -> NDArray:
        flat = x * [1.0, 1.0, 0.0]
        return pressure * flat / np.linalg.norm(flat, axis=1)[:, None]

    return body, solid, free, face_loads(body, 0, 0, outwards)


def _growth(body: Block, u: NDArray) -> float:
    inner = body.on(0, 0)
    out = body.points[inner, :2] / INNER_MM
    return float(np.mean(np.einsum("nc,nc->n", out, u[inner, :2])))


def lame_growth(nu: float, pressure: float) -> float:
    """Growth [mm] of the inner radius at small strain for Poisson's ratio nu."""
    modulus = 2.0 * MU_MPA * (1.0 + nu)
    a2, b2 = INNER_MM**2, OUTER_MM**2
    factor = (1.0 + nu) * pressure * a2 / (modulus * (b2 - a2))
    return factor * ((1.0 - 2.0 * nu) * INNER_MM + b2 / INNER_MM)


def small_growth(cells: int, nu: float, pressure: float) -> float:
    """The same from the mesh."""
    body, solid, free, load = _ring(cells, 2.0 * MU_MPA * nu / (1.0 - 2.0 * nu), pressure)
    return _growth(body, linear(solid, free, external=load))


def exact_pressure(stretch: float) -> float:
    """Pressure [MPa] that stretches the inner circumference of the incompressible tube."""
    c = INNER_MM**2 * (stretch**2 - 1.0)

    def primitive(radius: float) -> float:
        square = radius**2
        return np.log(radius) - 0.5 * np.log(square + c) - 0.5 * c / (square + c)

    return float(MU_MPA * (primitive(OUTER_MM) - primitive(INNER_MM)))


def finite_growth(cells: int, stretch: float, ratio: float = 1e4) -> float:
    """Growth [mm] of the inner radius under the exact pressure of a stretch; bulk = ratio mu."""
    traction = exact_pressure(stretch) * stretch
    body, solid, free, load = _ring(cells, ratio * MU_MPA, traction)
    return _growth(body, solve(solid, free, external=load, steps=2, tolerance=1e-8))
