"""Where a point lies under the skin: foot point, depth and layer boundaries there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from threadlift.face.closest import SurfaceIndex
from threadlift.threads.thread import LAYERS


class StackLike(Protocol):
    """Layer thicknesses [mm] on the face's vertices (see ``threadlift.anatomy.layers``)."""

    @property
    def skin_mm(self) -> NDArray: ...  # noqa: D102
    @property
    def fat_mm(self) -> NDArray: ...  # noqa: D102
    @property
    def smas_mm(self) -> NDArray: ...  # noqa: D102


#: Zone number of skin that belongs to no zone.
NO_ZONE = -1


@dataclass(frozen=True)
class Place:
    """Where points lie under the skin.

    Skin foot points and outward unit normals there (k,3), geometric depth (k,) [mm, negative
    outside], bottoms of the layers (k,) [mm], and the number (k,) of the skin's zone, or NO_ZONE.
    """

    foot_mm: NDArray
    normal: NDArray
    depth_mm: NDArray
    dermis_mm: NDArray
    fat_bottom_mm: NDArray
    smas_bottom_mm: NDArray
    zone: NDArray

    def part(self, which: slice | NDArray) -> Place:
        """The same for some of the points."""
        return Place(
            self.foot_mm[which],
            self.normal[which],
            self.depth_mm[which],
            self.dermis_mm[which],
            self.fat_bottom_mm[which],
            self.smas_bottom_mm[which],
            self.zone[which],
        )

    def measurable(self) -> NDArray:
        """Which points (k,) have a foot, a depth and layers at all."""
        numbers = (self.depth_mm, self.dermis_mm, self.fat_bottom_mm, self.smas_bottom_mm)
        finite = np.isfinite(np.vstack([self.foot_mm.T, *numbers]))
        return np.asarray(finite.all(axis=0))

    def layer_numbers(self) -> NDArray:
        """Number (k,) in LAYERS of the layer that each point lies in by its depth."""
        bottoms = np.stack([self.dermis_mm, self.fat_bottom_mm, self.smas_bottom_mm])
        return (self.depth_mm > bottoms).sum(axis=0)

    def layers(self) -> tuple[str, ...]:
        """Layer name of each point by its depth."""
        return tuple(LAYERS[i] for i in self.layer_numbers())


@dataclass(frozen=True)
class Skin:
    """Outer skin of one face with its layer thicknesses per vertex (n,) [mm].

    zone (n,): number of the zone in `zone_names` that a vertex belongs to most, or NO_ZONE; None
    where no zones are known. Zones are named without their side.
    """

    vertices: NDArray
    triangles: NDArray
    skin_mm: NDArray
    fat_mm: NDArray
    smas_mm: NDArray
    zone: NDArray | None = None
    zone_names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        vertices: NDArray,
        triangles: NDArray,
        on_skin: NDArray,
        stack: StackLike,
        zones: Mapping[str, NDArray],
    ) -> Skin:
        """Skin from the vertices (n,3), triangles and skin mask (n,) of a face and its stack.

        zones: weights (n,) of the face's zones; where there are none, rules by zone fall back on
        those for skin of no zone.
        """
        outer = triangles[on_skin[triangles].all(axis=1)]
        zone, names = _zones(zones, len(vertices))
        return cls(
            np.asarray(vertices, dtype=float),
            outer,
            np.asarray(stack.skin_mm, dtype=float),
            np.asarray(stack.fat_mm, dtype=float),
            np.asarray(stack.smas_mm, dtype=float),
            zone,
            names,
        )

    @classmethod
    def of_face(cls, face: Any, stack: StackLike) -> Skin:
        """Skin of a face with its zones."""
        return cls.of(face.vertices, face.triangles, face.skin, stack, face.zones)

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
        nearest = corner[np.arange(len(corner)), near.bary.argmax(axis=1)]
        zone = np.full(len(corner), NO_ZONE) if self.zone is None else self.zone[nearest]
        return Place(near.point, normal, depth, dermis, fat, fat + at(self.smas_mm), zone)


def _zones(weights: Mapping[str, NDArray], n: int) -> tuple[NDArray, tuple[str, ...]]:
    """Number (n,) of the zone that weighs most at each vertex, and the zones' names."""
    names: dict[str, int] = {}
    best, zone = np.zeros(n), np.full(n, NO_ZONE)
    for key, weight in weights.items():
        name = key.removesuffix("_left").removesuffix("_right")
        number = names.setdefault(name, len(names))
        zone = np.where(weight > best, number, zone)
        best = np.maximum(weight, best)
    return zone, tuple(names)
