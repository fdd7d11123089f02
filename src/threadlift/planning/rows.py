"""The linear quantities that a plan is judged by: goal rows and limit rows of a displacement.

They are the definitions of the outcome (register ``risks.read``): mean lift of a zone along its
goal, outward movement of the cheekbone, local dip against the surroundings, each smoothed so that
it depends on the face and not on the mesh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]

from threadlift.assessment import Goal
from threadlift.evidence import value
from threadlift.tissue.mesh import LayeredMesh

# Goals smaller than this [mm] are below what any capture can see; they are not planned for.
LEAST_GOAL_MM = 0.3
# Gaussian weights are cut at this many standard deviations.
_REACH = 2.5
# Standard-normal quantile of the register's chance (0.9): limits hold in so much of the spread.
_CHANCE_Z = 1.2815515655446004
_CORRIDOR = ("infraorbital", "malar", "nasolabial", "buccal", "preauricular", "marionette",
             "jowl", "jawline", "temple")  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Row functionals of the nodal displacement (3N,) of one mesh.

    matrix (q,3N) gives shares: goal rows of the goal, limit rows of the limit. zones: zone of the
    first len(zones) rows (goals); then `malar` and `dip` rows by side, as slices of the matrix.
    """

    matrix: sp.csr_matrix
    zones: tuple[str, ...]
    goal_mm: NDArray
    weights: NDArray
    limit_side: NDArray
    limit_name: tuple[str, ...]
    limit_vertex: NDArray

    @property
    def goals(self) -> int:
        """Number of goal rows."""
        return len(self.zones)

    @property
    def count(self) -> int:
        """Number of all rows."""
        return self.goals + len(self.limit_vertex)

    def zones_of(self, side: str) -> NDArray:
        """Positions of the goal rows of a side."""
        return np.array([i for i, z in enumerate(self.zones) if z.endswith(side)], dtype=int)

    def limits_of(self, side: str) -> NDArray:
        """Positions of the limit rows of a side."""
        return self.goals + np.flatnonzero(self.limit_side == side)

    def read(self, displacement: NDArray) -> NDArray:
        """Shares (q,) of goals and limits under nodal displacements (N,3) [mm]."""
        return self.matrix @ displacement.ravel()


def limits_mm() -> dict[str, float]:
    """Nominal limits [mm]: the risks' 'high' thresholds less the tissue's spread."""
    keep = float(np.exp(-_CHANCE_Z * value("planning.limits.tissue_spread")))
    return {
        "malar": keep * value("risks.cheekbone_prominence.high"),
        "dip": keep * value("risks.indentation.high"),
    }


def build_rows(mesh: LayeredMesh, goal: Mapping[str, Goal]) -> Rows:
    """Goal and limit rows of a mesh for an assessment's goal field."""
    area = mesh.nodal_area()
    nodes = np.arange(mesh.columns) * mesh.nl
    wanted = {
        z: g
        for z, g in sorted(goal.items())
        if g.mm >= LEAST_GOAL_MM and g.weight > 0.0 and float(mesh.zone_weights[z] @ area) > 0.0
    }
    blocks = []
    for zone, g in wanted.items():
        share = mesh.zone_weights[zone] * area
        share = share / share.sum() / g.mm
        blocks.append(_spread(share[None], nodes, np.asarray(g.direction)[None, None], mesh))
    normal = vertex_normals(mesh.surface, mesh.surface_triangles)
    local = smoother(mesh.surface, area, value("risks.read.local_mm"))
    wide = smoother(mesh.surface, area, value("risks.read.wide_mm"))
    threshold = value("risks.read.region_weight")
    inside = ~np.asarray(mesh.rim)
    cheek = inside & (_most(mesh, ("malar",)) > threshold)
    corridor = inside & (_most(mesh, _CORRIDOR) > threshold)
    limit = limits_mm()
    names: list[str] = []
    vertices: list[NDArray] = []
    dip = sp.csr_matrix(wide - local)
    for name, operator, mask in (("malar", local, cheek), ("dip", dip, corridor)):
        chosen = np.flatnonzero(mask)
        part = sp.csr_matrix(operator[chosen] / limit[name])
        expand = _normal_rows(normal, nodes, mesh)
        blocks.append(part @ expand)
        names += [name] * len(chosen)
        vertices.append(chosen)
    where = np.concatenate(vertices)
    side = np.where(mesh.surface[where, 0] >= 0.0, "left", "right")
    weights = np.array([g.weight for g in wanted.values()])
    return Rows(
        sp.csr_matrix(sp.vstack(blocks)),
        tuple(wanted),
        np.array([g.mm for g in wanted.values()]),
        weights,
        side,
        tuple(names),
        where,
    )


def _most(mesh: LayeredMesh, zones: tuple[str, ...]) -> NDArray:
    found = [w for key, w in mesh.zone_weights.items() if key.rsplit("_", 1)[0] in zones]
    return np.max(found, axis=0, initial=0.0)


def _spread(share: NDArray, nodes: NDArray, direction: NDArray, mesh: LayeredMesh) -> sp.csr_matrix:
    """One row: share (1,V) of the displacement along a direction (1,1,3)."""
    values = (share[..., None] * direction).ravel()
    columns = (3 * nodes[:, None] + np.arange(3)).ravel()
    return sp.csr_matrix((values, (np.zeros(len(values), dtype=int), columns)), shape=(1, mesh.dof))


def _normal_rows(normal: NDArray, nodes: NDArray, mesh: LayeredMesh) -> sp.csr_matrix:
    """Normal displacement (V,3N) of every surface vertex."""
    rows = np.repeat(np.arange(mesh.columns), 3)
    columns = (3 * nodes[:, None] + np.arange(3)).ravel()
    return sp.csr_matrix((normal.ravel(), (rows, columns)), shape=(mesh.columns, mesh.dof))


def vertex_normals(surface: NDArray, triangles: NDArray) -> NDArray:
    """Area-weighted outward unit normals (V,3)."""
    corner = surface[triangles]
    facet = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    out = np.zeros_like(surface)
    np.add.at(out, triangles, facet[:, None, :])
    return out / np.maximum(np.linalg.norm(out, axis=1), 1e-12)[:, None]


def smoother(surface: NDArray, area: NDArray, sd_mm: float) -> sp.csr_matrix:
    """Row-stochastic Gaussian average (V,V) over the surface (straight-line distances)."""
    tree = cKDTree(surface)
    pairs = tree.sparse_distance_matrix(tree, _REACH * sd_mm, output_type="coo_matrix")
    weight = np.exp(-0.5 * (pairs.data / sd_mm) ** 2) * area[pairs.col]
    kernel = sp.coo_matrix((weight, (pairs.row, pairs.col)), shape=pairs.shape).tocsr()
    kernel.sort_indices()
    return sp.csr_matrix(sp.diags(1.0 / np.asarray(kernel.sum(axis=1)).ravel()) @ kernel)
