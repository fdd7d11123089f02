"""A nearly incompressible block under a patch load: the classic test for locking and hourglasses.

A block of 100 x 100 x 50 mm on a smooth floor is pressed by a dead load p on the middle quarter of
its top, whose points can only move up and down. By symmetry a quarter is computed. The reported
number is the compression at the centre of the top, as a share of the height.
"""

from __future__ import annotations

import numpy as np

from threadlift.selftest.blocks import Block, block, face_loads
from threadlift.selftest.held import solve
from threadlift.selftest.law import Law
from threadlift.tissue.assembly import Solid
from threadlift.tissue.supports import Supports

#: Constants of the published test [MPa]; bulk is Lame's first constant there and here.
MU_MPA, BULK_MPA, UNIT_LOAD_MPA = 80.194, 400889.806, 4.0
HEIGHT_MM = 50.0
#: Compression under 20 unit loads, extrapolated from the meshes in docs/verification.md.
CONVERGED_20 = 0.2199


def quarter(cells: int, *, layers: int = 2) -> Block:
    """A quarter of the block: cells each way (even), so that the patch ends between elements."""
    return block((cells, cells, cells), lambda unit: HEIGHT_MM * unit, layers=layers)


def compressed(cells: int, load: float, *, layers: int = 2, steps: int = 4):
    """Displacements (N,3), the solid and the block under ``load`` times the unit load."""
    body = quarter(cells, layers=layers)
    law = Law(MU_MPA, BULK_MPA)
    solid = Solid(
        body.points,
        body.wedges,
        law.elements(len(body.wedges)),
        Supports(np.zeros(len(body.points))),
    )
    free = np.ones_like(body.points, dtype=bool)
    free[body.on(0, 0), 0] = False
    free[body.on(1, 0), 1] = False
    free[body.on(2, 0), 2] = False
    free[body.on(2, 1), :2] = False

    def pressure(x):
        inside = (x[:, :2] < 0.5 * HEIGHT_MM).all(axis=1)
        return np.column_stack([0 * x[:, :2], -load * UNIT_LOAD_MPA * inside])

    u = solve(solid, free, external=face_loads(body, 2, 1, pressure), steps=steps, tolerance=1e-7)
    return u, solid, body


def compression(cells: int, load: float, *, layers: int = 2) -> float:
    """Share of the height by which the centre of the top sinks."""
    u, _, body = compressed(cells, load, layers=layers)
    centre = body.on(0, 0) & body.on(1, 0) & body.on(2, 1)
    return float(-u[centre, 2].mean() / HEIGHT_MM)
