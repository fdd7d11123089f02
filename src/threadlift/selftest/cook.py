"""Cook's tapered panel in plane strain: bending and shear on skewed elements.

Panel with corners (0,0), (48,44), (48,60), (0,44) mm, clamped at its left edge; a shear traction of
6.25 MPa on the right edge (E = 70 MPa). The lift of the upper right corner is the reported number.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.selftest.blocks import Block, block, face_loads
from threadlift.selftest.held import linear, solve
from threadlift.selftest.law import Law
from threadlift.tissue.assembly import Solid
from threadlift.tissue.supports import Supports

E_MPA, TRACTION_MPA = 70.0, 6.25
#: Lift of the corner [mm] by Poisson's ratio, from a plane-strain solution with elements of order 8
#: graded towards the corners (tests/verification/plane_strain.py). Published: 32.27 and 32.28 for
#: nu = 1/3 (quadratic elements), and 7.769 mm at E = 250 MPa, i.e. 27.75 mm here, for nu = 0.4999.
REFERENCE_MM = {1.0 / 3.0: 32.301, 0.4999: 27.755}
CORNERS_MM = np.array([[0.0, 0.0], [48.0, 44.0], [48.0, 60.0], [0.0, 44.0]])


def lame(nu: float) -> tuple[float, float]:
    """Shear modulus and Lame's first constant [MPa] of the panel.

    The energy of `law` has the small-strain limit 2 mu e + bulk tr(e) I, so that its bulk constant
    is Lame's first one.
    """
    return E_MPA / (2.0 * (1.0 + nu)), E_MPA * nu / ((1.0 + nu) * (1.0 - 2.0 * nu))


def _shape(thickness: float):
    def shape(unit: NDArray) -> NDArray:
        s, t = unit[:, 0], unit[:, 1]
        weights = np.stack([(1 - s) * (1 - t), s * (1 - t), s * t, (1 - s) * t], axis=1)
        return np.column_stack([weights @ CORNERS_MM, thickness * unit[:, 2]])

    return shape


def panel(cells: int, *, layers: int = 1) -> Block:
    """Cells x cells elements, one through the thickness; wedges stacked along ``layers``."""
    return block((cells, cells, 1), _shape(48.0 / cells), layers=layers)


def tip_lift(cells: int, nu: float, *, layers: int = 1, finite: float | None = None) -> float:
    """Lift [mm] of the upper right corner: linear, or finite under a share of the load."""
    body = panel(cells, layers=layers)
    mu, bulk = lame(nu)
    count = len(body.wedges)
    solid = Solid(
        body.points,
        body.wedges,
        Law(mu, bulk).elements(count),
        Supports(np.zeros(len(body.points))),
    )
    free = np.ones_like(body.points, dtype=bool)
    free[body.on(0, 0)] = False
    free[:, 2] = False
    load = face_loads(body, 0, 1, lambda x: np.tile([0.0, TRACTION_MPA, 0.0], (len(x), 1)))
    if finite is None:
        u = linear(solid, free, external=load)
    else:
        u = solve(solid, free, external=finite * load)
    tip = body.on(0, 1) & body.on(1, 1)
    return float(u[tip, 1].mean())
