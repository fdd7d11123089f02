"""The tissue beside a thread: what decides how much its cogs hold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from threadlift.threads.cogs import Bed
from threadlift.tissue.mesh import LAYERS, LayeredMesh


def beds_along(mesh: LayeredMesh, paths_mm: Sequence[NDArray]) -> list[Bed]:
    """The same along many paths (k_i,3), all points looked up at once."""
    if not paths_mm:
        return []
    whole = bed_along(mesh, np.concatenate(paths_mm))
    ends = np.cumsum([len(p) for p in paths_mm])[:-1]
    fields = (np.split(f, ends) for f in (whole.skin_mm, whole.fat_mm, whole.jowl))
    return [Bed(*f) for f in zip(*fields, strict=True)]


def bed_along(mesh: LayeredMesh, path_mm: NDArray) -> Bed:
    """Skin and fat thickness [mm] and share of jowl fat at path points (k,3) [mm].

    Thicknesses are measured along the columns of the mesh; a mesh without zones has no jowl.
    """
    wedge, weights = mesh.locate(np.asarray(path_mm, float))
    columns = mesh.wedges[wedge][:, :3] // mesh.nl
    share = weights[:, :3] + weights[:, 3:]
    layer = np.asarray(mesh.sublayers)

    def at(values: NDArray) -> NDArray:
        return np.einsum("kn,kn->k", share, values[columns])

    skin, fat = (
        at(mesh.sublayer_mm[:, layer == LAYERS.index(name)].sum(axis=1)) for name in ("skin", "fat")
    )
    jowl = np.zeros(len(columns))
    for name, weight in mesh.zone_weights.items():
        if name.startswith("jowl"):
            jowl = np.maximum(jowl, at(weight))
    return Bed(skin, fat, np.clip(jowl, 0.0, 1.0))
