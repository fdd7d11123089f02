"""Entries and targets as places of the shared triangulation, chosen once on the template.

A place is three mesh vertices and their weights, so that it moves with every face, and the right
side is the mirror image of the left by construction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import table
from threadlift.face.template import template
from threadlift.planning.paths import shoot
from threadlift.tissue.mesh_asset import Level, MeshAsset, mesh_asset

# Vertices of a zone count as targets above this weight.
_IN_ZONE = 0.5


@dataclass(frozen=True)
class Anchor:
    """A place on the left side: name, group, mesh vertices (3,), weights (3,)."""

    name: str
    group: str
    corners: tuple[int, int, int]
    bary: tuple[float, float, float]

    def at(self, values: NDArray, mirror: NDArray | None = None) -> NDArray:
        """A field (V, ...) at this place, or at its mirror image when `mirror` (V,) is given."""
        ids = np.array(self.corners)
        if mirror is not None:
            ids = mirror[ids]
        return np.tensordot(np.array(self.bary), values[ids], axes=1)


@cache
def library(level: Level) -> tuple[tuple[Anchor, ...], tuple[Anchor, ...]]:
    """Entries and targets of the left side on the mesh of this level."""
    asset = mesh_asset(level)
    head = template()
    surface = asset.sample(head.vertices)
    tragus = head.vertices[head.landmarks["tragus_L"]]
    return (
        _entries(asset, surface, tragus),
        _targets(asset, surface, head),
    )


def _numbers() -> dict[str, Any]:
    return table("planning")["candidates"]


def _entries(asset: MeshAsset, surface: NDArray, tragus: NDArray) -> tuple[Anchor, ...]:
    """The outermost skin at the register's places in front of and above the left tragus."""
    places = [
        (row["group"], forward, up)
        for row in _numbers()["entries"]
        for forward in row["anterior_mm"]
        for up in row["up_mm"]
    ]
    origins = np.array([[0.0, tragus[1] + up, tragus[2] + forward] for _, forward, up in places])
    outward = np.tile([1.0, 0.0, 0.0], (len(places), 1))
    tri, bary, _ = shoot(origins, outward, surface, asset.triangles.astype(np.int64), True)
    found = []
    for (group, forward, up), t, weights in zip(places, tri, bary, strict=True):
        if t < 0:
            raise ValueError(f"the {group} entry at {forward}/{up} mm lies beside the mesh")
        a, b, c = (int(v) for v in asset.triangles[t])
        u, v, w = (float(x) for x in np.clip(weights, 0.0, 1.0))
        found.append(Anchor(f"{group} {forward:.0f}/{up:.0f}", group, (a, b, c), (u, v, w)))
    return tuple(found)


def _targets(asset: MeshAsset, surface: NDArray, head: Any) -> tuple[Anchor, ...]:
    """Vertices of the target zones no closer to each other than the register's spacing."""
    rules = _numbers()
    weights = np.stack([asset.sample(head.zones[f"{z}_left"]) for z in rules["target_zones"]])
    zone = weights.argmax(axis=0)
    open_to = weights.max(axis=0) > _IN_ZONE
    chosen: list[int] = []
    # Heaviest first within each zone, zones in the register's order: a fixed choice.
    order = np.lexsort((np.arange(len(zone)), -np.round(weights.max(axis=0), 6), zone))
    for v in order:
        if open_to[v] and all(
            np.linalg.norm(surface[v] - surface[c]) >= rules["target_spacing_mm"] for c in chosen
        ):
            chosen.append(int(v))
    return tuple(
        Anchor(f"{rules['target_zones'][zone[v]]} {v}", rules["target_zones"][zone[v]],
               (v, v, v), (1.0, 0.0, 0.0))
        for v in sorted(chosen)
    )  # fmt: skip
