"""A slender cantilever bent far: the elastica under an end load.

Linear wedges are too stiff in bending while an element spans much of the thickness: with n elements
across it and elements as long as they are thick, the excess is about 1/n^2. The meshes here
have n >= 4; a thin sheet of one element would be far off, which is why skin in the face carries
its load in its plane.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ellipeinc, ellipkinc

from threadlift.selftest.blocks import block, face_loads
from threadlift.selftest.held import solve
from threadlift.selftest.law import Law
from threadlift.tissue.assembly import Solid
from threadlift.tissue.supports import Supports

LENGTH_MM, HEIGHT_MM = 20.0, 1.0
MU_MPA = 1.0


def elastica(load: float) -> tuple[float, float]:
    """Deflection and shortening over length of an inextensible cantilever; load = P L^2 / EI.

    With k = sin(45 deg + tip angle / 2): sqrt(load) = K(k) - F(phi1, k), sin phi1 = 1 / (k sqrt 2).
    """

    def angle(k: float) -> float:
        return float(np.arcsin(1.0 / (k * np.sqrt(2.0))))

    def excess(k: float) -> float:
        whole = ellipkinc(0.5 * np.pi, k * k)
        return float(whole - ellipkinc(angle(k), k * k) - np.sqrt(load))

    k = float(np.asarray(brentq(excess, np.sqrt(0.5) + 1e-12, 1.0 - 1e-12, xtol=1e-15)))
    m, phi = k * k, angle(k)
    arc = float(ellipeinc(0.5 * np.pi, m) - ellipeinc(phi, m))
    deflection = 1.0 - 2.0 * arc / np.sqrt(load)
    reach = np.sqrt(2.0 * (2.0 * m - 1.0)) / np.sqrt(load)
    return float(deflection), float(1.0 - reach)


def bent(across: int, load: float, *, steps: int = 1, layers: int = 1) -> tuple[float, float]:
    """Tip deflection and shortening over length from the mesh, ``across`` elements thick.

    Poisson's ratio is zero (bulk = 0), so that the beam formulas need no correction.
    """
    size = HEIGHT_MM / across
    cells = (round(LENGTH_MM / size), across, 1)
    body = block(cells, lambda unit: unit * [LENGTH_MM, HEIGHT_MM, size], layers=layers)
    count = len(body.wedges)
    solid = Solid(
        body.points,
        body.wedges,
        Law(MU_MPA, 0.0).elements(count),
        Supports(np.zeros(len(body.points))),
    )
    free = np.ones_like(body.points, dtype=bool)
    free[body.on(0, 0)] = False
    # Poisson's ratio is zero: holding the thin dimension adds nothing, but a strip would tip over.
    free[:, 2] = False
    bending = 2.0 * MU_MPA * size * HEIGHT_MM**3 / 12.0
    shear = load * bending / LENGTH_MM**2 / (HEIGHT_MM * size)

    def down(x: NDArray) -> NDArray:
        return np.tile([0.0, shear, 0.0], (len(x), 1))

    u = solve(solid, free, external=face_loads(body, 0, 1, down), steps=steps)
    tip = u[body.on(0, 1)].mean(axis=0) / LENGTH_MM
    return float(tip[1]), float(-tip[0])
