"""Meshes of the self-test: blocks whose layers run along any axis, distorted or mapped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.tissue.box_mesh import box_mesh


@dataclass(frozen=True)
class Block:
    """points (N,3), wedges (E,6) and the unit coordinates (N,3) in [0,1] of every node."""

    points: NDArray
    wedges: NDArray
    unit: NDArray

    def on(self, axis: int, end: int) -> NDArray:
        """Mask (N,) of the nodes on one face of the block."""
        return np.less(np.abs(self.unit[:, axis] - end), 1e-9)

    @property
    def boundary(self) -> NDArray:
        """Mask (N,) of the nodes on any face."""
        return np.greater(np.abs(self.unit - 0.5).max(axis=1), 0.5 - 1e-9)


def block(
    cells: tuple[int, int, int],
    shape: Callable[[NDArray], NDArray],
    *,
    layers: int = 2,
    distortion: float = 0.0,
    seed: int = 0,
) -> Block:
    """A mapped block of wedges.

    cells along the three unit axes; ``shape`` maps unit coordinates (N,3) to points [mm];
    ``layers`` is the axis across which the wedges are stacked (their triangles span the other
    two); inner nodes are shifted at random by up to ``distortion`` of a cell.
    """
    # A right-handed order of the axes that ends with that of the layers.
    order = [(layers + 1) % 3, (layers + 2) % 3, layers]
    n = [cells[k] for k in order]
    mesh = box_mesh(
        n[0], n[1], size_mm=(1.0, 1.0), sublayer_mm=(1.0 / n[2],) * n[2], sublayers=(1,) * n[2]
    )
    unit = np.empty_like(mesh.points)
    unit[:, order] = mesh.points + np.array([0.5, 0.5, 1.0])
    inside = ((unit > 1e-9) & (unit < 1.0 - 1e-9)).all(axis=1)
    shift = np.random.default_rng(seed).uniform(-1.0, 1.0, unit.shape) / np.asarray(cells)
    unit[inside] += distortion * shift[inside]
    return Block(shape(unit), mesh.wedges, unit)


# Faces of a wedge: two triangles and three quadrilaterals (corners in cyclic order).
_TRIANGLES = ((0, 1, 2), (3, 4, 5))
_QUADS = ((0, 1, 4, 3), (1, 2, 5, 4), (2, 0, 3, 5))


def face_loads(body: Block, axis: int, end: int, traction: Callable[[NDArray], NDArray]) -> NDArray:
    """Consistent nodal loads (N,3) [N] of a traction on one face of the block.

    traction: (m,3) [MPa] per reference area at places (m,3) [mm] of the face.
    """
    on = body.on(axis, end)
    out = np.zeros_like(body.points)
    for local in (*_TRIANGLES, *_QUADS):
        nodes = body.wedges[:, local]
        nodes = nodes[on[nodes].all(axis=1)]
        corner = body.points[nodes]
        for weight, shape, slopes in _rule(len(local)):
            x = np.einsum("a,mai->mi", shape, corner)
            u, v = (
                np.einsum("a,mai->mi", slopes[0], corner),
                np.einsum("a,mai->mi", slopes[1], corner),
            )
            area = weight * np.linalg.norm(np.cross(u, v), axis=1)
            np.add.at(out, nodes, shape[:, None] * (area[:, None] * traction(x))[:, None, :])
    return out


def _rule(corners: int) -> list[tuple[float, NDArray, NDArray]]:
    """Weight, shape functions (c,) and slopes (2,c) at the points of a face with c corners."""
    if corners == 3:
        slopes = np.array([[-1.0, 1.0, 0.0], [-1.0, 0.0, 1.0]])
        thirds = np.full((3, 3), 1.0 / 6.0) + 0.5 * np.eye(3)
        return [(1.0 / 6.0, shape, slopes) for shape in thirds]
    places, weights = np.polynomial.legendre.leggauss(3)
    out = []
    for s, ws in zip(places, weights, strict=True):
        for t, wt in zip(places, weights, strict=True):
            a, b = (
                np.array([1 - s, 1 + s, 1 + s, 1 - s]) / 2,
                np.array([1 - t, 1 - t, 1 + t, 1 + t]) / 2,
            )
            da, db = np.array([-1, 1, 1, -1]) / 2, np.array([-1, -1, 1, 1]) / 2
            out.append((float(ws * wt), a * b, np.stack([da * b, a * db])))
    return out
