"""What holds the tissue: bone, base springs, rim springs, retaining ligaments.

On bone the periosteum is fixed: its nodes are held. Springs are isotropic and per node. A ligament
is a set of tension-only bars from inside the tissue to points fixed in bone: force ``k e^2 / (2
toe)`` for extensions e below the toe, then linear with slope k. In the captured (upright) posture
a bar is already extended by the pre-load, because it carries the sagging tissue; that force
belongs to the reference equilibrium.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from threadlift import evidence
from threadlift.errors import InputError
from threadlift.tissue.mesh import LayeredMesh
from threadlift.tissue.parameters import TissueParameters


@dataclass(frozen=True)
class Bars:
    """Tension-only bars between interpolated tissue points and fixed points.

    nodes (m,3) mesh nodes and weights (m,3) of the tissue end; fixed (m,3) [mm]; stiffness (m,)
    [N/mm]; toe (m,) [mm]; rest (m,) length at which the bar is slack [mm].
    """

    nodes: NDArray
    weights: NDArray
    fixed: NDArray
    stiffness: NDArray
    toe: NDArray
    rest: NDArray

    def _state(self, x: NDArray) -> tuple[NDArray, NDArray, NDArray, NDArray, NDArray]:
        """Directions (m,3), lengths, energies, forces and slopes (m,) at positions x (N,3)."""
        arm = np.einsum("mk,mkc->mc", self.weights, x[self.nodes]) - self.fixed
        length = np.linalg.norm(arm, axis=1)
        direction = arm / np.maximum(length, 1e-12)[:, None]
        e = np.maximum(length - self.rest, 0.0)
        k, toe = self.stiffness, self.toe
        inside = e < toe
        force = np.where(inside, 0.5 * k * e**2 / toe, k * (e - 0.5 * toe))
        slope = np.where(inside, k * e / toe, k)
        energy = np.where(
            inside, k * e**3 / (6.0 * toe), k * (0.5 * e**2 - 0.5 * toe * e + toe**2 / 6.0)
        )
        return direction, length, energy, force, slope

    def energy_force(self, x: NDArray) -> tuple[NDArray, NDArray]:
        """Energy (m,) [N mm] of every bar and internal nodal force (N,3) [N]."""
        direction, _, energy, force, _ = self._state(x)
        out = np.zeros_like(x)
        pull = force[:, None] * direction
        np.add.at(out, self.nodes, self.weights[:, :, None] * pull[:, None, :])
        return energy, out

    def tangent(self, x: NDArray) -> NDArray:
        """Stiffness (m,3,3) of every bar at its tissue end."""
        direction, length, _, force, slope = self._state(x)
        tt = direction[:, :, None] * direction[:, None, :]
        string = (force / np.maximum(length, 1e-12))[:, None, None]
        return slope[:, None, None] * tt + string * (np.eye(3) - tt)


@dataclass(frozen=True)
class Supports:
    """Springs, bars and held nodes.

    springs (N,) isotropic node springs [N/mm] (zero where there is none; without effect on held
    nodes); bars, if any; held (N,) mask of nodes that stay where they were captured (None: none).
    """

    springs: NDArray
    bars: Bars | None = None
    held: NDArray | None = None


@dataclass(frozen=True)
class LigamentLine:
    """Attachment of one ligament: points_mm (k,3) on the skin, total stiffness and toe."""

    name: str
    points_mm: NDArray
    stiffness_n_mm: float
    toe_mm: float


# Share of bone, smoothed over the transition, from which on a base counts as bone: its spring would
# be within a quarter of the full one, i.e. a hundred times stiffer than the tissue above.
_BONE = 0.95

# Layer-nodes at which a ligament grips, as shares of its stiffness: it fans out through the SMAS
# into the dermis (facts of gross anatomy; the even split is a choice).
_GRIPS = ((1, 0.5), (4, 0.5))


def ligament_bars(mesh: LayeredMesh, lines: Sequence[LigamentLine], preload: float) -> Bars | None:
    """Bars of all ligaments: one per point and grip level, down to the base under the point."""
    if not lines:
        return None
    nodes, weights, fixed, stiffness, toe, rest = [], [], [], [], [], []
    for line in lines:
        points = np.asarray(line.points_mm, float).reshape(-1, 3)
        if len(points) == 0 or not np.isfinite(points).all() or line.toe_mm <= 0.0:
            raise InputError(
                f"The ligament '{line.name}' has no usable attachment.",
                "Give at least one finite point and a positive toe length.",
            )
        wedge, shape = mesh.locate(points)
        columns = mesh.wedges[wedge][:, :3] // mesh.nl
        bary = shape[:, :3] + shape[:, 3:]
        base = np.einsum("kn,knc->kc", bary, mesh.points[columns * mesh.nl + mesh.nl - 1])
        for level, share in _GRIPS:
            grip = np.einsum("kn,knc->kc", bary, mesh.points[columns * mesh.nl + level])
            length = np.linalg.norm(grip - base, axis=1)
            nodes.append(columns * mesh.nl + level)
            weights.append(bary)
            fixed.append(base)
            stiffness.append(np.full(len(points), share * line.stiffness_n_mm / len(points)))
            toe.append(np.full(len(points), line.toe_mm))
            # A bar shorter than its own pre-extension would have a negative rest length.
            rest.append(length - np.minimum(preload * line.toe_mm, 0.5 * length))
    return Bars(
        np.concatenate(nodes),
        np.concatenate(weights),
        np.concatenate(fixed),
        np.concatenate(stiffness),
        np.concatenate(toe),
        np.concatenate(rest),
    )


def rim_area(mesh: LayeredMesh) -> NDArray:
    """Area of the outer cut border (N,) [mm2] that belongs to each node.

    Half of both adjacent border edges times half of both adjacent column segments. The lips, lids
    and nostrils are free borders: only the rim named 'outer' counts where rims are known.
    """
    rim = mesh.rims.get("outer", mesh.rim)
    triangles = mesh.surface_triangles
    edges = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    order = np.sort(edges, axis=1)
    unique, counts = np.unique(order, axis=0, return_counts=True)
    border = unique[counts == 1]
    border = border[rim[border].all(axis=1)]
    length = np.linalg.norm(mesh.surface[border[:, 0]] - mesh.surface[border[:, 1]], axis=1)
    width = np.zeros(mesh.columns)
    np.add.at(width, border, 0.5 * length[:, None])
    depth = np.zeros((mesh.columns, mesh.nl))
    depth[:, :-1] += 0.5 * mesh.sublayer_mm
    depth[:, 1:] += 0.5 * mesh.sublayer_mm
    return (width[:, None] * depth).ravel()


def held_nodes(mesh: LayeredMesh, base: NDArray | None = None) -> NDArray:
    """Mask (N,) of the base nodes that bone holds: those beyond the transition to other supports.

    base: (V,) support codes of the columns (default: bone everywhere). Depends on nothing else but
    the skin of the mesh, so that all tissues of one face hold the same nodes.
    """
    bone = (_codes(mesh, base) == "bone").astype(float)
    share = _smoothed(mesh, bone, evidence.value("tissue.base.transition"))
    held = np.zeros((mesh.columns, mesh.nl), dtype=bool)
    held[:, -1] = share > _BONE
    return held.ravel()


def _codes(mesh: LayeredMesh, base: NDArray | None) -> NDArray:
    codes = np.full(mesh.columns, "bone") if base is None else np.asarray(base)
    if codes.shape != (mesh.columns,):
        raise InputError(
            f"Base supports are given for {codes.shape} columns, the mesh has {mesh.columns}.",
            "Give one support code per surface vertex of the mesh.",
        )
    return codes


def support_springs(
    mesh: LayeredMesh,
    parameters: TissueParameters,
    base: NDArray | None = None,
    fixed: NDArray | None = None,
) -> NDArray:
    """Node springs (N,) [N/mm] of base and rim; see `held_nodes` for where bone makes them rigid.

    base: (V,) support codes of the columns (default: bone everywhere); fixed: (V,) 0..1, how far
    the SMAS is fixed to what lies below (default: nowhere).
    """
    codes = _codes(mesh, base)
    per_area = np.empty(mesh.columns)
    for code in np.unique(codes):
        per_area[codes == code] = parameters.base_stiffness(str(code))
    # Neighbours that are fixed and nearly free would crush the thin element between them.
    per_area = np.exp(_smoothed(mesh, np.log(per_area), evidence.value("tissue.base.transition")))
    share = np.zeros(mesh.columns) if fixed is None else np.asarray(fixed, float)
    beyond = rim_stiffness(mesh, parameters, per_area, share)
    springs = rim_area(mesh) * np.repeat(beyond, mesh.nl)
    springs[mesh.nl - 1 :: mesh.nl] += per_area * mesh.nodal_area(mesh.nl - 1)
    return springs


def rim_stiffness(
    mesh: LayeredMesh, parameters: TissueParameters, base: NDArray, fixed: NDArray
) -> NDArray:
    """Springs per area of the cut border (V,) [N/mm3], as the tissue beyond each column would hold.

    Calibrated is one value for one stack of layers on bone. A column with another stack, base (V,)
    [N/mm3] or fixed share (V,) has it times the ratio of what a strip of tissue without end, with
    the same section, would resist at its end.
    """
    p = parameters
    layer = np.asarray(mesh.sublayers)
    depth = np.stack([mesh.sublayer_mm[:, layer == i].sum(axis=1) for i in range(4)])
    names = ("skin", "fat", "smas", "deep")
    reference = np.array([[evidence.value(f"tissue.rim.reference.{x}")] for x in names])
    bone = np.array([p.base_bone_n_mm3])
    own = _strip_stiffness(p, depth, base, fixed) / depth.sum(axis=0)
    calibrated = _strip_stiffness(p, reference, bone, np.zeros(1)) / reference.sum()
    if calibrated[0] == 0.0:
        return np.full(mesh.columns, p.rim_n_mm3)
    return p.rim_n_mm3 * own / calibrated


def _strip_stiffness(p: TissueParameters, depth: NDArray, base: NDArray, fixed: NDArray) -> NDArray:
    """Force per width and displacement (k,) [N/mm2] at the end of half-infinite strips of tissue.

    depth (4,k) [mm] of the layers. Skin and SMAS are sheets of stiffness n1, n2, tied to each other
    by the shear of the fat, k, and to the ground by that of the deep layer on its base, d:
    N u'' = K u. Moved together at the end they resist by the sum over the matrix
    S = N^1/2 (N^-1/2 K N^-1/2)^1/2 N^1/2, for which two by two has the closed form
    (K + s N) / sqrt(trace + 2 s), s the root of the determinant of N^-1/2 K N^-1/2.
    """
    _, fat, smas, deep = 1e-3 * p.layer_mu_kpa
    n1 = 1e-3 * p.skin_sheet(isotropic=True).sheet_modulus * depth[0]
    # Held across, an incompressible sheet resists a stretch by four times its shear modulus.
    n2 = 4.0 * smas * depth[2]
    thin = 1e-9
    k = fat / np.maximum(depth[1], thin)
    below = deep * p.deep_fixed_factor**fixed / np.maximum(depth[3], thin)
    d = below * base / np.maximum(below + base, thin)
    n1, n2 = np.maximum(n1, thin), np.maximum(n2, thin)
    s = np.sqrt(k * d / (n1 * n2))
    trace = k / n1 + (k + d) / n2
    return (d + s * (n1 + n2)) / np.sqrt(np.maximum(trace + 2.0 * s, thin))


def _smoothed(mesh: LayeredMesh, values: NDArray, length_mm: float) -> NDArray:
    """Values (V,) on the skin, smoothed over a length [mm]: y - length^2 Laplacian(y) = values."""
    if np.ptp(values) == 0.0:
        return values
    corner = mesh.surface[mesh.surface_triangles]
    stiffness = sp.coo_matrix((mesh.columns, mesh.columns))
    for k in range(3):
        i, j = mesh.surface_triangles[:, (k + 1) % 3], mesh.surface_triangles[:, (k + 2) % 3]
        u, v = corner[:, (k + 1) % 3] - corner[:, k], corner[:, (k + 2) % 3] - corner[:, k]
        across = np.linalg.norm(np.cross(u, v), axis=1)
        # Obtuse corners would make negative weights and overshoots.
        weight = 0.5 * np.maximum(np.einsum("tc,tc->t", u, v) / across, 0.0)
        rows, columns = np.concatenate([i, j, i, j]), np.concatenate([i, j, j, i])
        data = np.concatenate([weight, weight, -weight, -weight])
        stiffness = stiffness + sp.coo_matrix((data, (rows, columns)), shape=stiffness.shape)
    mass = mesh.nodal_area(0)
    matrix = sp.csc_matrix(sp.diags(mass) + length_mm**2 * stiffness)
    return np.asarray(splu(matrix).solve(mass * values))
