"""Flat layered blocks for the experiments: graded boxes and quarter discs of the cheek's layers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from threadlift.tissue.assembly import Solid
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.constitution import layer_materials
from threadlift.tissue.fields import Fields
from threadlift.tissue.materials import ElementMaterials
from threadlift.tissue.mesh import LayeredMesh
from threadlift.tissue.parameters import TissueParameters
from threadlift.tissue.supports import Supports
from validation.row import protocol

LAYERS = ("skin", "fat", "smas", "deep")


def graded(start: float, stop: float, first: float, growth: float) -> NDArray:
    """Points from start to stop [mm]; steps begin near ``first`` and grow by ``growth``."""
    steps = [first]
    while sum(steps) < stop - start:
        steps.append(steps[-1] * growth)
    line = start + np.concatenate([[0.0], np.cumsum(steps)])
    return start + (line - start) * (stop - start) / (line[-1] - start)


def stack(cells: dict[str, Sequence[float]]) -> tuple[list[float], list[int]]:
    """Sublayer thicknesses [mm] and layer ids from shares of each layer's thickness."""
    thickness, ids = [], []
    for index, name in enumerate(LAYERS):
        share = np.asarray(cells[name], float)
        thickness += list(share / share.sum() * protocol(f"layers.{name}"))
        ids += [index] * len(share)
    return thickness, ids


def box(x: NDArray, y: NDArray, sublayer_mm: Sequence[float], ids: Sequence[int]) -> LayeredMesh:
    """Block over the grid lines x, y [mm] with its skin at z = 0."""
    mesh = box_mesh(len(x) - 1, len(y) - 1, sublayer_mm=sublayer_mm, sublayers=ids)
    points = mesh.points.reshape(len(y), len(x), mesh.nl, 3).copy()
    points[..., 0] = np.asarray(x)[None, :, None]
    points[..., 1] = np.asarray(y)[:, None, None]
    return replace(mesh, points=points.reshape(-1, 3), mirror=None)


def quarter_disc(
    radii: NDArray, sectors: int, sublayer_mm: Sequence[float], ids: Sequence[int]
) -> LayeredMesh:
    """Quarter of a disc, x and y >= 0, over rings of these radii (n,) [mm] (without the centre)."""
    angle = np.linspace(0.0, 0.5 * np.pi, sectors + 1)
    # Exact zeros on the planes of symmetry.
    cos, sin = np.cos(angle), np.sin(angle)
    cos[-1] = sin[0] = 0.0
    ring = np.stack([cos, sin], axis=1)
    plane = np.concatenate([np.zeros((1, 2)), (radii[:, None, None] * ring).reshape(-1, 2)])
    ids_of = 1 + np.arange(len(radii) * (sectors + 1)).reshape(len(radii), sectors + 1)
    triangles = [[0, ids_of[0, k], ids_of[0, k + 1]] for k in range(sectors)]
    for i in range(len(radii) - 1):
        for k in range(sectors):
            a, b, c, d = ids_of[i, k], ids_of[i + 1, k], ids_of[i + 1, k + 1], ids_of[i, k + 1]
            # Alternating diagonals: no handedness.
            triangles += [[a, b, c], [a, c, d]] if (i + k) % 2 else [[a, b, d], [b, c, d]]
    depth = -np.concatenate([[0.0], np.cumsum(np.asarray(sublayer_mm, float))])
    points = np.empty((len(plane), len(depth), 3))
    points[..., :2], points[..., 2] = plane[:, None], depth
    return LayeredMesh(
        points=points.reshape(-1, 3),
        surface_triangles=np.asarray(triangles, np.int32),
        sublayers=tuple(ids),
    )


def cheek(mesh: LayeredMesh, fields: Fields | None = None) -> Solid:
    """The block as tissue with the register's parameters, without supports.

    fields: directions of fibres; without them skin and SMAS prefer none.
    """
    materials = layer_materials(mesh, TissueParameters(), fields)
    return Solid(mesh.points, mesh.wedges, materials, Supports(np.zeros(len(mesh.points))))


def homogeneous(mesh: LayeredMesh, modulus_kpa: float) -> Solid:
    """The block as one nearly incompressible neo-Hookean material of this Young's modulus."""
    mu = np.full(len(mesh.wedges), 1e-3 * modulus_kpa / 3.0)
    bulk = TissueParameters().bulk_fat * mu
    materials = ElementMaterials.plain(mu, bulk=bulk)
    return Solid(mesh.points, mesh.wedges, materials, Supports(np.zeros(len(mesh.points))))


def base_nodes(mesh: LayeredMesh) -> NDArray:
    """Nodes (V,) on the bone."""
    return np.arange(mesh.nl - 1, len(mesh.points), mesh.nl)
