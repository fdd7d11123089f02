"""A displacement of the skin read as lift by zone and as risks, each a defined quantity.

All surface quantities are smoothed with a Gaussian of `risks.read.local_mm`, so that they depend on
the face and not on the mesh.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.spatial import KDTree

from threadlift.assessment import Goal
from threadlift.consultation import BILATERAL
from threadlift.evidence import value
from threadlift.outcome.model import Place
from threadlift.tissue.skin_strain import near_threads, principal_strains, triangle_average

Array = NDArray[np.float64]

#: Gaussian weights are cut at this many standard deviations.
_REACH = 3.0


@dataclass(frozen=True)
class Reading:
    """Lift [mm] by zone, the five geometric risk values by name, and where each is worst.

    `vertex` holds the skin vertex of the worst place (absent for `insufficient_effect`).
    """

    lift_mm: dict[str, float]
    values: dict[str, float]
    vertex: dict[str, int]


def vertex_normals(surface: Array, triangles: NDArray[np.integer[Any]]) -> Array:
    """Area-weighted outward unit normals (V, 3) of a triangulated surface."""
    corner = surface[triangles]
    face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    out = np.zeros_like(surface)
    np.add.at(out, triangles, face[:, None, :])
    return out / np.maximum(np.linalg.norm(out, axis=1), 1e-12)[:, None]


def smoother(surface: Array, area: Array, sd_mm: float) -> sp.csr_matrix:
    """Row-stochastic Gaussian average (V, V) over the surface (straight-line distances)."""
    tree = KDTree(surface)
    pairs = tree.sparse_distance_matrix(tree, _REACH * sd_mm, output_type="coo_matrix")
    # Lowered to zero at the cut: a neighbour on its edge must not count by rounding.
    bell = np.exp(-0.5 * (pairs.data / sd_mm) ** 2) - np.exp(-0.5 * _REACH**2)
    weight = np.maximum(bell, 0.0) * area[pairs.col]
    kernel = sp.coo_matrix((weight, (pairs.row, pairs.col)), shape=pairs.shape).tocsr()
    kernel.sort_indices()
    return sp.csr_matrix(sp.diags(1.0 / np.asarray(kernel.sum(axis=1)).ravel()) @ kernel)


class Probe:
    """Reads displacements of one mesh's skin for one assessment and one set of threads.

    `mesh` needs surface (V, 3), surface_triangles, zone_weights, rim and nodal_area();
    `directions` are the unit lift directions by zone, `goal` the goals by zone;
    `paths` the threads' paths (k, 3) with `depths` (k,) [mm].
    """

    def __init__(
        self,
        mesh: Any,
        directions: Mapping[str, Array],
        goal: Mapping[str, Goal],
        paths: Sequence[Array],
        depths: Sequence[Array],
    ) -> None:
        self.surface = np.asarray(mesh.surface, dtype=float)
        self.triangles = np.asarray(mesh.surface_triangles)
        self.goal = dict(goal)
        self.zones = {z: np.asarray(w, dtype=float) for z, w in mesh.zone_weights.items()}
        area = mesh.nodal_area()
        self._average = {
            zone: (np.outer(w * area, directions[zone]) / float(w @ area))
            for zone, w in self.zones.items()
            if zone in directions and float(w @ area) > 0.0
        }
        self._normals = vertex_normals(self.surface, self.triangles)
        self._local = smoother(self.surface, area, value("risks.read.local_mm"))
        self._wide = smoother(self.surface, area, value("risks.read.wide_mm"))
        self._to_vertices = triangle_average(self.surface, self.triangles)
        inside = ~np.asarray(mesh.rim, dtype=bool)
        threshold = value("risks.read.region_weight")
        malar = [w for z, w in self.zones.items() if z.startswith("malar")]
        self._cheek = inside & (np.max(malar, axis=0, initial=0.0) > threshold)
        self._near = inside & near_threads(self.surface, paths, depths)

    def read(self, u: Array) -> Reading:
        """All measures of the skin's displacement u (V, 3) [mm]."""
        lift = {zone: float(np.sum(w * u)) for zone, w in self._average.items()}
        normal = np.einsum("vc,vc->v", u, self._normals)
        smooth = self._local @ normal
        found = {
            "cheekbone_prominence": _worst(smooth, self._cheek),
            "indentation": _worst(self._wide @ normal - smooth, self._near),
            "overpull": _worst(100.0 * self._strain(u), self._near),
        }
        values = {name: worst for name, (worst, _) in found.items()}
        vertex = {name: v for name, (worst, v) in found.items() if worst > 0.0}
        values["asymmetry"], zone = self.asymmetry(lift)
        if zone is not None:
            vertex["asymmetry"] = int(np.argmax(self.zones[zone]))
        values["insufficient_effect"] = 1.0 - self.attained(lift)
        return Reading(lift, values, vertex)

    def attained(self, lift: Mapping[str, float]) -> float:
        """Weighted share of the goal that is attained, each zone between 0 and 1."""
        rows = [(g.weight, g.mm, lift[z]) for z, g in self.goal.items() if z in lift and g.mm > 0]
        total = sum(weight for weight, _, _ in rows)
        if total <= 0.0:
            return 0.0
        return sum(w * min(max(got / mm, 0.0), 1.0) for w, mm, got in rows) / total

    def place(self, vertex: int) -> Place:
        """The vertex as a place: its zone of largest weight and its coordinates."""
        zone = max(self.zones, key=lambda z: float(self.zones[z][vertex]))
        x, y, z = (float(c) for c in self.surface[vertex])
        return Place(zone, (x, y, z))

    def _strain(self, u: Array) -> Array:
        longest, shortest = principal_strains(self.surface, self.triangles, u)
        return self._local @ (self._to_vertices @ np.maximum(longest, -shortest))

    def asymmetry(self, lift: Mapping[str, float]) -> tuple[float, str | None]:
        """Largest left-right difference of lift beyond the one that the goal asks for [mm]."""
        worst, where = 0.0, None
        for name in BILATERAL:
            left, right = f"{name}_left", f"{name}_right"
            if left not in lift or right not in lift:
                continue
            difference = lift[left] - lift[right]
            if left in self.goal and right in self.goal:
                wanted = self.goal[left].mm - self.goal[right].mm
                both = self.goal[left].mm + self.goal[right].mm
                # A plan that reaches part of the goal ought to reach that part of the difference.
                part = np.clip((lift[left] + lift[right]) / both, 0.0, 1.0) if both > 0 else 0.0
                difference -= float(part) * wanted
            if abs(difference) > worst:
                worst, where = abs(difference), left if difference > 0.0 else right
        return worst, where


def _worst(field: Array, mask: NDArray[np.bool_]) -> tuple[float, int]:
    """Largest value, at least zero, of a field over the masked vertices, and where."""
    if not mask.any():
        return 0.0, 0
    vertex = int(np.argmax(np.where(mask, field, -np.inf)))
    return max(float(field[vertex]), 0.0), vertex
