"""Regions of the face whose soft tissue may be stiffer or softer than its layers are as a whole.

One coordinate per region, a standard normal: it multiplies fat, SMAS and deep layer under that
region by exp(spread * coordinate), with the weights of its zones. The skin is left out: suction
measures it on its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.face.zones import SIDES
from threadlift.tissue.mesh import LayeredMesh

Array = NDArray[np.float64]

#: Region -> its zones; those of the first table lie on both sides.
_BILATERAL = {
    "midface": ("infraorbital", "malar", "nasolabial"),
    "cheek": ("buccal", "preauricular"),
    "lower": ("marionette", "jowl", "jawline"),
}
_MIDLINE = {"chin": ("chin",), "submental": ("submental", "neck")}

#: Names of the regions in the order of their coordinates.
REGIONS: tuple[str, ...] = (
    *(f"{name}_{side}" for name in _BILATERAL for side in SIDES),
    *_MIDLINE,
)


def mirrored_regions(coordinates: Array) -> Array:
    """The coordinates (8,) of the mirror image of a face."""
    swap = {"left": "right", "right": "left"}
    order = []
    for region in REGIONS:
        name, _, side = region.rpartition("_")
        order.append(REGIONS.index(f"{name}_{swap[side]}" if side in swap else region))
    return np.asarray(coordinates, float)[order]


def region_maps(mesh: LayeredMesh) -> Array:
    """Weights (8,V), 0 to 1, of every region over the columns; together never more than 1."""
    maps = np.zeros((len(REGIONS), mesh.columns))
    for row, region in zip(maps, REGIONS, strict=True):
        name, _, side = region.rpartition("_")
        zones = [f"{z}_{side}" for z in _BILATERAL[name]] if name else _MIDLINE[region]
        for zone in zones:
            if zone in mesh.zone_weights:
                row += np.asarray(mesh.zone_weights[zone], float)
    return maps / np.maximum(maps.sum(axis=0), 1.0)


def stiffness_factor(mesh: LayeredMesh, coordinates: Array) -> Array:
    """Factor (V,) on the moduli below the skin, for coordinates (8,) of the regions."""
    return np.exp(
        value("tissue.regions.spread") * (np.asarray(coordinates, float) @ region_maps(mesh))
    )
