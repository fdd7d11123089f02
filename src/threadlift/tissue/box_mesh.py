"""A flat layered block with the numbering of the face mesh: for exact solutions and benches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from threadlift.errors import InputError
from threadlift.tissue.mesh import SUBLAYERS, LayeredMesh


def box_mesh(
    nx: int,
    ny: int,
    *,
    size_mm: tuple[float, float] = (40.0, 40.0),
    sublayer_mm: Sequence[float] = (1.5, 2.0, 2.0, 1.5, 3.0, 3.0),
    sublayers: Sequence[int] = SUBLAYERS,
) -> LayeredMesh:
    """Block of nx * ny cells (two columns of wedges each), centred on x = y = 0.

    The skin is the plane z = 0 and looks along +z; the base lies at z = -sum(sublayer_mm).
    ``sublayer_mm`` [mm] and ``sublayers`` (layer ids) run from outside in and may have any equal
    length >= 1. With an even nx the block is mirror symmetric in x (``mirror`` is set).
    """
    if nx < 1 or ny < 1 or len(sublayer_mm) != len(sublayers) or min(sublayer_mm, default=0) <= 0:
        raise InputError(
            "The block needs at least one cell each way and one positive thickness per sublayer.",
            "Give nx, ny >= 1 and sublayer_mm of the same length as sublayers.",
        )
    x = np.linspace(-0.5, 0.5, nx + 1) * size_mm[0]
    y = np.linspace(-0.5, 0.5, ny + 1) * size_mm[1]
    z = -np.concatenate([[0.0], np.cumsum(np.asarray(sublayer_mm, dtype=float))])
    yy, xx, zz = np.meshgrid(y, x, z, indexing="ij")
    points = np.stack([xx, yy, zz], axis=-1).reshape(-1, 3)

    ids = np.arange((nx + 1) * (ny + 1)).reshape(ny + 1, nx + 1)
    a, b = ids[:-1, :-1], ids[:-1, 1:]
    d, c = ids[1:, :-1], ids[1:, 1:]
    # Diagonals alternate, and mirror each other across x = 0: no preferred direction.
    column = np.arange(nx)[None, :]
    row = np.arange(ny)[:, None]
    rising_half = (np.where(column < nx / 2, column, nx - 1 - column) + row) % 2 == 0
    rising = np.where(column < nx / 2, rising_half, ~rising_half)
    first = np.where(rising[..., None], np.stack([a, b, c], -1), np.stack([a, b, d], -1))
    second = np.where(rising[..., None], np.stack([a, c, d], -1), np.stack([b, c, d], -1))
    triangles = np.concatenate([first.reshape(-1, 3), second.reshape(-1, 3)]).astype(np.int32)

    mirror = ids[:, ::-1].ravel() if nx % 2 == 0 else None
    return LayeredMesh(
        points=points, surface_triangles=triangles, sublayers=tuple(sublayers), mirror=mirror
    )
