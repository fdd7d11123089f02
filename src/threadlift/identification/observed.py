"""What a pair of captures says about the face as a whole: mean changes of zones.

A zone counts by its change along the three axes of the patient where all three were observed,
which takes tracked texture or marks, else by its change of contour where that was. Never by both:
they hold the same error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.face.face import vertex_normals
from threadlift.face.pair import Displacement
from threadlift.quantities import Z90
from threadlift.tissue.mesh import LayeredMesh

Array = NDArray[np.float64]

_CONTOUR, _AXES = "outward", ("up", "lateral", "forward")


@dataclass(frozen=True)
class Observations:
    """Mean changes of zones.

    zone, direction: names (m,); mm, sd_mm: (m,) change and standard deviation of its noise;
    weights: (m, V, 3) on the displacement of a mesh's skin; around: (m, V) of the zone's mean.
    """

    zone: tuple[str, ...]
    direction: tuple[str, ...]
    mm: Array
    sd_mm: Array
    weights: Array
    around: Array

    @classmethod
    def of(cls, displacement: Displacement, mesh: LayeredMesh) -> Observations:
        """What was observed in zones that the mesh has.

        Raises InputError where that is nothing.
        """
        keys = [
            (zone, direction)
            for zone, changes in displacement.zones.items()
            if zone in mesh.zone_weights
            for direction in _chosen({d: c.observed for d, c in changes.items()})
        ]
        if not keys:
            raise InputError(
                "The pair of captures observed no zone of the face.",
                "Scan both postures again, with the cheeks free of hair.",
            )
        found = [displacement.zones[z][d].estimate for z, d in keys]
        return cls(
            tuple(z for z, _ in keys),
            tuple(d for _, d in keys),
            np.array([e.value for e in found]),
            np.array([(e.high - e.low) / (2.0 * Z90) for e in found]),
            zone_rows(mesh, keys),
            np.stack([_shares(mesh, zone) for zone, _ in keys]),
        )

    @property
    def count(self) -> int:
        """Number of observations."""
        return len(self.zone)

    def read(self, surface: Array) -> Array:
        """The same means (m,) [mm] of a displacement (V,3) of the mesh's skin."""
        return np.einsum("mvc,vc->m", self.weights, surface)

    def moved(self, surface: Array) -> Array:
        """How far (m,) [mm] the whole zone of every observation moves, in whatever direction."""
        return np.linalg.norm(self.around @ surface, axis=1)


def _chosen(observed: dict[str, bool]) -> tuple[str, ...]:
    if all(observed.get(axis, False) for axis in _AXES):
        return _AXES
    return (_CONTOUR,) if observed.get(_CONTOUR, False) else ()


def zone_rows(mesh: LayeredMesh, keys: list[tuple[str, str]]) -> Array:
    """Weights (m,V,3) of the mean changes of zones in directions, as a pair of captures has them:
    outward along the skin's normals, lateral away from the midline.
    """
    normals = vertex_normals(mesh.surface, mesh.surface_triangles)
    rows = []
    for zone, direction in keys:
        away = -1.0 if zone.endswith("_right") else 1.0
        axis = {
            "outward": normals,
            "up": np.array([0.0, 1.0, 0.0]),
            "lateral": np.array([away, 0.0, 0.0]),
            "forward": np.array([0.0, 0.0, 1.0]),
        }[direction]
        rows.append(_shares(mesh, zone)[:, None] * axis)
    return np.array(rows)


def _shares(mesh: LayeredMesh, zone: str) -> Array:
    """Shares (V,) of the skin in a zone's mean; they sum to one."""
    weight = np.asarray(mesh.zone_weights[zone], float) * mesh.nodal_area()
    return weight / weight.sum()
