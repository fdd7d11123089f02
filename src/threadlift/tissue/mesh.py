"""The layered finite-element mesh: columns of wedges under one surface triangulation.

Node numbering is vertex-major: node ``v * nl + l`` is layer-node ``l`` of column ``v``; ``l = 0``
is the outer skin and ``l = nl - 1`` the base. Element ``t * (nl - 1) + l`` is the wedge between
layer-nodes ``l`` and ``l + 1`` under surface triangle ``t``. With the seven layer-nodes of a face::

    0 outer skin | 1 skin/fat | 2 mid fat | 3 fat/SMAS | 4 SMAS/deep | 5 mid deep | 6 base

A surface triangle (a, b, c) runs counter-clockwise seen from outside; its wedge lists the outer
nodes as (a, c, b) and then the inner ones in the same order, so that the usual wedge map
(xi, eta, zeta from outer to inner) has a positive Jacobian.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.tissue import quality as _quality
from threadlift.tissue.locate import WedgeLocator
from threadlift.tissue.mesh_asset import MeshAsset
from threadlift.tissue.paths import SurfacePaths

if TYPE_CHECKING:
    from threadlift.tissue.refine import Refinement

LAYERS = ("skin", "fat", "smas", "deep")
SUBLAYERS = (0, 1, 1, 2, 3, 3)
"""Layer id of each of the six wedges of a column, outside in."""
NL = len(SUBLAYERS) + 1
RIMS = ("mouth", "eye", "nostril", "outer")


def wedges_of(triangles: NDArray, nl: int) -> NDArray:
    """Wedges (T * (nl - 1), 6) int32 of all columns over outward triangles (T,3)."""
    flipped = np.asarray(triangles, dtype=np.int64)[:, [0, 2, 1]] * nl
    level = np.arange(nl - 1)[None, :, None]
    outer = flipped[:, None, :] + level
    return np.concatenate([outer, outer + 1], axis=2).reshape(-1, 6).astype(np.int32)


def boundary_vertices(triangles: NDArray, count: int) -> NDArray:
    """Mask (count,) of the vertices on the border of a triangulation."""
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, uses = np.unique(edges, axis=0, return_counts=True)
    mask = np.zeros(count, dtype=bool)
    mask[unique[uses == 1].ravel()] = True
    return mask


@dataclass(frozen=True)
class LayeredMesh:
    """Columns of wedges; the face-specific parts may be absent (``box_mesh``).

    Attributes
    ----------
    points: (V * nl, 3) node positions [mm], patient frame.
    surface_triangles: (T, 3) vertex (column) ids, counter-clockwise from outside.
    sublayers: layer id (0 skin, 1 fat, 2 SMAS, 3 deep) of each of the nl - 1 wedges of a column.
    mirror: (V,) left-right permutation of the columns, or None.
    rims: masks (V,) of the cut borders by name ('mouth', 'eye', 'nostril', 'outer').
    zone_weights: (V,) weights 0..1 per zone key.
    level: 'coarse' | 'default' | 'reference' | 'box'; a refined mesh keeps that of its origin.
    asset: the binding to the template (faces only).
    room: (V,) share of the wanted depth that found room between opposite walls (faces only).
    shift_mm: (V,) distance of the skin nodes from the face; 0 except in closed-up folds.
    refinement: how this mesh lies in the one it was refined from (``tissue.refine``).
    """

    points: NDArray
    surface_triangles: NDArray
    sublayers: tuple[int, ...] = SUBLAYERS
    mirror: NDArray | None = None
    rims: dict[str, NDArray] = field(default_factory=dict)
    zone_weights: dict[str, NDArray] = field(default_factory=dict)
    level: str = "box"
    asset: MeshAsset | None = None
    room: NDArray | None = None
    shift_mm: NDArray | None = None
    refinement: Refinement | None = None

    @property
    def nl(self) -> int:
        """Layer-nodes per column."""
        return len(self.sublayers) + 1

    @property
    def columns(self) -> int:
        """Number of columns V."""
        return len(self.points) // self.nl

    @property
    def dof(self) -> int:
        """Degrees of freedom, three per node."""
        return 3 * len(self.points)

    @cached_property
    def surface(self) -> NDArray:
        """Outer skin nodes (V,3) [mm]."""
        return np.ascontiguousarray(self.points[:: self.nl])

    @cached_property
    def wedges(self) -> NDArray:
        """Wedges (E,6) int32: three outer nodes, then three inner ones; positive volume."""
        return wedges_of(self.surface_triangles, self.nl)

    @cached_property
    def layer(self) -> NDArray:
        """Layer id (E,) int8 of every wedge: 0 skin, 1 fat, 2 SMAS, 3 deep."""
        return np.tile(np.asarray(self.sublayers, dtype=np.int8), len(self.surface_triangles))

    @cached_property
    def element_triangle(self) -> NDArray:
        """Surface triangle (E,) under which every wedge lies."""
        return np.repeat(np.arange(len(self.surface_triangles)), self.nl - 1)

    @cached_property
    def rim(self) -> NDArray:
        """Mask (V,) of the columns on any cut border."""
        return boundary_vertices(self.surface_triangles, self.columns)

    @cached_property
    def sublayer_mm(self) -> NDArray:
        """Length (V, nl - 1) of every column segment [mm], outside in."""
        grid = self.points.reshape(-1, self.nl, 3)
        return np.linalg.norm(np.diff(grid, axis=1), axis=2)

    def nodal_area(self, level: int = 0) -> NDArray:
        """Area (V,) [mm2] that belongs to each column at layer-node ``level``."""
        sheet = self.points[level :: self.nl]
        corner = sheet[self.surface_triangles]
        normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        third = np.linalg.norm(normal, axis=1) / 6.0
        out = np.zeros(self.columns)
        np.add.at(out, self.surface_triangles, third[:, None])
        return out

    @cached_property
    def volumes(self) -> NDArray:
        """Volume (E,) [mm3] of every wedge."""
        return _quality.wedge_volumes(self.points, self.wedges)

    def quality(self) -> dict[str, float]:
        """Counts, scaled Jacobians, edge lengths: see ``threadlift.tissue.quality.report``."""
        return _quality.report(self)

    @cached_property
    def locator(self) -> WedgeLocator:
        """Spatial index over the wedges."""
        return WedgeLocator(self.points, self.surface_triangles, self.nl)

    @cached_property
    def paths(self) -> SurfacePaths:
        """Paths and nearest places on the skin surface."""
        return SurfacePaths(self.surface, self.surface_triangles)

    def surface_path(
        self, start: NDArray, end: NDArray, step_mm: float = 2.5
    ) -> tuple[NDArray, NDArray]:
        """Triangles (k,) and barycentrics (k,3) of the smooth shortest path on the skin.

        start, end (3,) [mm]: the path joins the skin places nearest to them, in steps of at most
        step_mm. InputError when the step is not positive.
        """
        return self.paths.path(start, end, step_mm)

    def locate(self, points: NDArray) -> tuple[NDArray, NDArray]:
        """Wedge id (k,) and shape weights (k,6) of points (k,3); the nearest place if outside."""
        tri, bary, zeta = self.locator.columns(points)
        return self.embedding(tri, bary, zeta)

    def embedding(self, tri: NDArray, bary: NDArray, zeta: NDArray) -> tuple[NDArray, NDArray]:
        """Wedge id (k,) and shape weights (k,6) of column coordinates.

        tri (k,) surface triangles, bary (k,3) with respect to their corners (a, b, c), zeta (k,)
        in [0, nl - 1].
        """
        zeta = np.clip(np.asarray(zeta, dtype=float), 0.0, self.nl - 1.0)
        level = np.minimum(zeta.astype(np.int64), self.nl - 2)
        t = (zeta - level)[:, None]
        flat = np.asarray(bary, dtype=float)[:, [0, 2, 1]]
        weights = np.concatenate([flat * (1.0 - t), flat * t], axis=1)
        return np.asarray(tri, dtype=np.int64) * (self.nl - 1) + level, weights

    def point_at(
        self, tri: NDArray, bary: NDArray, zeta: NDArray
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Points (k,3) [mm] at column coordinates, with their wedge ids (k,) and weights (k,6)."""
        wedge, weights = self.embedding(tri, bary, zeta)
        return np.einsum("kn,knc->kc", weights, self.points[self.wedges[wedge]]), wedge, weights

    def _bound(self) -> MeshAsset:
        if self.asset is None:
            raise InputError(
                "This mesh is not bound to a face.", "Build it with layered_mesh(face, stack)."
            )
        return self.asset

    def sample(self, values: NDArray) -> NDArray:
        """Values (n, ...) on template vertices, interpolated to the columns (V, ...)."""
        return self._bound().sample(values)

    def sample_code(self, codes: NDArray) -> NDArray:
        """Codes (n,) on template vertices (such as the base support) at the columns (V,)."""
        return self._bound().sample_code(codes)

    def to_display(self, field: NDArray) -> NDArray:
        """Displacement (n,3) of the face's vertices from that (V,3) of the skin nodes [mm].

        Inside the mesh the field is interpolated; beyond its rim it fades to 0 within 15 mm
        (inner lips, lids and nostrils move with their rim); eyeballs stay.
        """
        return self._bound().display @ np.asarray(field, dtype=float)
