"""A lift of a whole face by four threads on nested meshes: how far is the default one off?

The threads are fixed in space: they are placed once, on the default mesh, and every mesh gets the
same paths. What is measured is fixed, too: zones are narrow against a coarse triangle, so every
mesh's displacement is carried to the finest skin and averaged there with one set of weights. With
weights of their own the levels would average over different skin. Not part of `run_selftest`: the
finest level takes minutes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.face import Face
from threadlift.threads.thread import SIDES, Thread
from threadlift.tissue import Tissue
from threadlift.tissue.levels import prolongation
from threadlift.tissue.mesh import LayeredMesh
from threadlift.tissue.mesh_asset import Level, mesh_asset

LEVELS: tuple[Level, ...] = ("coarse", "default", "reference")
#: What is measured: the mean over both sides of these zones.
REGIONS: dict[str, tuple[str, ...]] = {"jowl": ("jowl",), "midface": ("malar", "nasolabial")}
_TARGETS = ("jowl", "nasolabial")
_TENSION_N = 1.0
_PRODUCT = "plla-3-0-cone"
_POINTS = 41
#: Layer coordinate of the thread: middle of the fourth sublayer, the SMAS.
_DEPTH = 3.5


def zone_mean(mesh: LayeredMesh, field: NDArray, zones: tuple[str, ...]) -> NDArray:
    """Mean (k,) of a field (V,k) over the area of zones on both sides."""
    weight = sum(mesh.zone_weights[f"{zone}_{side}"] for zone in zones for side in SIDES)
    share = weight * mesh.nodal_area(0)
    return share @ field / share.sum()


def finest(level: Level, field: NDArray) -> NDArray:
    """Field (V,k) on the skin of a level as the same field (V',k) on the reference level's skin."""
    for fine in LEVELS[LEVELS.index(level) + 1 :]:
        field = prolongation(fine) @ field
    return field


def zone_weights(face: Face) -> dict[str, NDArray]:
    """Weights (V,) of every region on the reference level's skin; each set sums to one."""
    asset = mesh_asset(LEVELS[-1])
    corner = asset.sample(face.vertices)[asset.triangles]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    area = np.zeros(asset.columns)
    np.add.at(area, asset.triangles, np.linalg.norm(normal, axis=1)[:, None] / 6.0)
    out = {}
    for name, zones in REGIONS.items():
        share = area * sum(asset.sample(face.zones[f"{z}_{side}"]) for z in zones for side in SIDES)
        out[name] = share / share.sum()
    return out


def four_threads(mesh: LayeredMesh, tension_n: float = _TENSION_N) -> list[Thread]:
    """On each side one thread from the temple to the jowl and one to the nasolabial fold."""

    def centre(zone: str) -> NDArray:
        weight = mesh.zone_weights[zone]
        return weight @ mesh.surface / weight.sum()

    out = []
    for side in SIDES:
        for target in _TARGETS:
            chord = np.linspace(centre(f"temple_{side}"), centre(f"{target}_{side}"), _POINTS)
            tri, bary, _ = mesh.locator.columns(chord)
            path, _, _ = mesh.point_at(tri, bary, np.full(_POINTS, _DEPTH))
            skin, _, _ = mesh.point_at(tri, bary, np.zeros(_POINTS))
            out.append(
                Thread(
                    id=f"{target} {side}",
                    side=side,
                    product=_PRODUCT,
                    technique="anchored",
                    entry_mm=path[0],
                    path_mm=path,
                    depth_mm=np.linalg.norm(path - skin, axis=1),
                    layer=("smas",) * _POINTS,
                    tension_n=tension_n,
                )
            )
    return out


def lifts(levels: tuple[Level, ...], seed: int = 1) -> dict[str, list[float]]:
    """Size of the mean displacement [mm] of every region at every level, coarse to fine.

    Each mesh starts from the solution of the one before.
    """
    face = Face.synthetic(seed=seed)
    threads = four_threads(Tissue.of(face, level="default").mesh)
    weights = zone_weights(face)
    out: dict[str, list[float]] = {name: [] for name in REGIONS}
    before: tuple[Tissue, NDArray] | None = None
    for level in levels:
        tissue = Tissue.of(face, level=level)
        start = None if before is None else tissue.carried(*before)
        result = tissue.equilibrium(threads, start=start)
        surface = finest(level, result.surface)
        for name, weight in weights.items():
            out[name].append(float(np.linalg.norm(weight @ surface)))
        before = (tissue, result.displacement)
    return out
