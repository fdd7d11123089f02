"""The linear quantities that a plan is judged by: goal rows and limit rows of a displacement.

They are the definitions of the outcome (register ``risks.read``): mean lift of a zone along its
goal, outward movement of the cheekbone, local dip against the surroundings, each smoothed so that
it depends on the face and not on the mesh.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]
from scipy.stats import norm

from threadlift.assessment import Goal
from threadlift.evidence import value
from threadlift.tissue.mesh import LayeredMesh

# Goals smaller than this [mm] are below what any capture can see; they are not planned for.
LEAST_GOAL_MM = 0.3
# Gaussian weights are cut at this many standard deviations.
_REACH = 2.5
# Side effects that are limited, with the risk whose 'high' threshold no plan should pass.
KINDS = {"malar": "cheekbone_prominence", "dip": "indentation"}
_CORRIDOR = ("infraorbital", "malar", "nasolabial", "buccal", "preauricular", "marionette",
             "jowl", "jawline", "temple")  # fmt: skip


@dataclass(frozen=True)
class Rows:
    """Row functionals of the nodal displacement (3N,) of one mesh.

    matrix (q,3N) gives shares: goal rows of the goal, limit rows of the limit. zones: zone of the
    first len(zones) rows (goals); then `malar` and `dip` rows by side, as slices of the matrix.
    limit_mm: the nominal limit [mm] of either kind.
    """

    matrix: sp.csr_matrix
    zones: tuple[str, ...]
    goal_mm: NDArray
    weights: NDArray
    limit_side: NDArray
    limit_name: tuple[str, ...]
    limit_vertex: NDArray
    limit_mm: Mapping[str, float]

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

    def scale_to(self, limit_mm: Mapping[str, float]) -> NDArray:
        """Factors (q,) that turn shares of these limits into shares of other nominal limits."""
        factor = [self.limit_mm[name] / limit_mm[name] for name in self.limit_name]
        return np.concatenate([np.ones(self.goals), factor])

    def limited(self, limit_mm: Mapping[str, float]) -> Rows:
        """The same rows with other nominal limits."""
        matrix = sp.csr_matrix(sp.diags(self.scale_to(limit_mm)) @ self.matrix)
        return replace(self, matrix=matrix, limit_mm=dict(limit_mm))


def chance_z() -> float:
    """Standard-normal quantile of the share of the spread in which limits hold."""
    return float(norm.ppf(value("planning.limits.chance")))


def high_mm() -> dict[str, float]:
    """The risks' 'high' thresholds [mm] by kind of limit: what no scenario should pass."""
    return {kind: value(f"risks.{risk}.high") for kind, risk in KINDS.items()}


def prior_limits_mm() -> dict[str, float]:
    """Nominal limits [mm] before anything is known of a face's own spread."""
    keep = float(np.exp(-chance_z() * value("planning.limits.tissue_spread")))
    return {kind: keep * mm for kind, mm in high_mm().items()}


def build_rows(
    mesh: LayeredMesh, goal: Mapping[str, Goal], limit_mm: Mapping[str, float] | None = None
) -> Rows:
    """Goal and limit rows of a mesh for an assessment's goal field.

    limit_mm: nominal limits by kind; by default those of the prior.
    """
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
    limit = prior_limits_mm() if limit_mm is None else dict(limit_mm)
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
        limit,
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
