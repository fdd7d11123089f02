"""Where a point lies under the skin: foot point, depth and layer boundaries there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from threadlift.face.closest import SurfaceIndex


class StackLike(Protocol):
    """Layer thicknesses [mm] on the face's vertices (see ``threadlift.anatomy.layers``)."""

    @property
    def skin_mm(self) -> NDArray: ...  # noqa: D102
    @property
    def fat_mm(self) -> NDArray: ...  # noqa: D102
    @property
    def smas_mm(self) -> NDArray: ...  # noqa: D102


@dataclass(frozen=True)
class Place:
    """Skin foot points (k,3), geometric depth (k,) [mm, negative outside], layer bottoms (k,)."""

    foot_mm: NDArray
    depth_mm: NDArray
    dermis_mm: NDArray
    fat_bottom_mm: NDArray
    smas_bottom_mm: NDArray

    def part(self, which: slice) -> Place:
        """The same for a run of the points."""
        return Place(
            self.foot_mm[which],
            self.depth_mm[which],
            self.dermis_mm[which],
            self.fat_bottom_mm[which],
            self.smas_bottom_mm[which],
        )

    def layers(self) -> tuple[str, ...]:
        """Layer name of each point by its depth."""
        bottoms = np.stack([self.dermis_mm, self.fat_bottom_mm, self.smas_bottom_mm])
        names = ("skin", "fat", "smas", "deep")
        return tuple(names[i] for i in (self.depth_mm > bottoms).sum(axis=0))


@dataclass(frozen=True)
class Skin:
    """Outer skin of one face with its layer thicknesses per vertex (n,) [mm]."""

    vertices: NDArray
    triangles: NDArray
    skin_mm: NDArray
    fat_mm: NDArray
    smas_mm: NDArray

    @classmethod
    def of(cls, vertices: NDArray, triangles: NDArray, on_skin: NDArray, stack: StackLike) -> Skin:
        """Skin from the vertices (n,3), triangles and skin mask (n,) of a face and its stack."""
        outer = triangles[on_skin[triangles].all(axis=1)]
        return cls(
            np.asarray(vertices, dtype=float),
            outer,
            np.asarray(stack.skin_mm, dtype=float),
            np.asarray(stack.fat_mm, dtype=float),
            np.asarray(stack.smas_mm, dtype=float),
        )

    @cached_property
    def _index(self) -> SurfaceIndex:
        return SurfaceIndex(self.vertices, self.triangles)

    def place(self, points: NDArray) -> Place:
        """Foot, depth and layer boundaries of points (k,3) [mm]."""
        points = np.atleast_2d(np.asarray(points, dtype=float))
        near = self._index.closest(points)
        corner = self.triangles[near.triangle]
        normal = self._index.facing[near.triangle]
        inward = np.einsum("kc,kc->k", near.point - points, normal)
        # On an edge or vertex the facet's normal may be nearly tangential to the offset; the sign
        # still tells inside from outside, the length is the distance.
        depth = np.where(inward >= 0.0, near.distance, -near.distance)

        def at(field: NDArray) -> NDArray:
            return np.einsum("kc,kc->k", near.bary, field[corner])

        dermis = at(self.skin_mm)
        fat = dermis + at(self.fat_mm)
        return Place(near.point, depth, dermis, fat, fat + at(self.smas_mm))
