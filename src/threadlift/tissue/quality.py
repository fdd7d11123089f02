"""Validity and quality of wedge meshes: volumes, scaled Jacobians, edge lengths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

if TYPE_CHECKING:
    from threadlift.tissue.mesh import LayeredMesh


def wedge_volumes(points: NDArray, wedges: NDArray) -> NDArray:
    """Exact volumes (E,) [mm3] of 6-node wedges with bilinear side faces.

    The Jacobian determinant is a polynomial that the product of the 3-point triangle rule and
    the 2-point Gauss rule integrates exactly.
    """
    p = points[wedges]
    outer, inner = p[:, :3], p[:, 3:]
    total = np.zeros(len(wedges))
    for zeta in (0.5 - 0.5 / np.sqrt(3.0), 0.5 + 0.5 / np.sqrt(3.0)):
        sheet = outer * (1.0 - zeta) + inner * zeta
        normal = np.cross(sheet[:, 1] - sheet[:, 0], sheet[:, 2] - sheet[:, 0])
        # The mean over the triangle of the transverse edge is exact: it is linear in (xi, eta).
        through = (inner - outer).mean(axis=1)
        total += np.einsum("ec,ec->e", normal, through) / 4.0
    return total


@njit(cache=True)
def scaled_jacobians(points: NDArray, wedges: NDArray) -> NDArray:
    """Smallest corner Jacobian (E,) scaled by edge lengths: 1 is perfect, <= 0 invalid.

    At each of the six corners: det(e1, e2, e3) / (|e1| |e2| |e3|), times 2/sqrt(3) so that an
    equilateral triangle counts as perfect (the definition of the Verdict library).
    """
    out = np.empty(len(wedges))
    scale = 2.0 / np.sqrt(3.0)
    for e in range(len(wedges)):
        worst = 1.0e30
        for corner in range(6):
            base = 0 if corner < 3 else 3
            k = corner - base
            o = points[wedges[e, corner]]
            p = points[wedges[e, base + (k + 1) % 3]]
            q = points[wedges[e, base + (k + 2) % 3]]
            top, bottom = points[wedges[e, k]], points[wedges[e, k + 3]]
            ax, ay, az = p[0] - o[0], p[1] - o[1], p[2] - o[2]
            bx, by, bz = q[0] - o[0], q[1] - o[1], q[2] - o[2]
            cx, cy, cz = bottom[0] - top[0], bottom[1] - top[1], bottom[2] - top[2]
            det = (ay * bz - az * by) * cx + (az * bx - ax * bz) * cy + (ax * by - ay * bx) * cz
            size = np.sqrt(
                (ax * ax + ay * ay + az * az)
                * (bx * bx + by * by + bz * bz)
                * (cx * cx + cy * cy + cz * cz)
            )
            value = scale * det / size if size > 0.0 else -1.0
            worst = min(worst, value)
        out[e] = min(worst, 1.0)
    return out


def edge_lengths(surface: NDArray, triangles: NDArray) -> tuple[NDArray, NDArray]:
    """Unique edges (k,2) of a triangulation and their lengths (k,) [mm]."""
    edges = np.unique(np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), 1), axis=0)
    return edges, np.linalg.norm(surface[edges[:, 0]] - surface[edges[:, 1]], axis=1)


def triangle_angles(surface: NDArray, triangles: NDArray) -> NDArray:
    """Smallest angle (T,) [degrees] of every triangle."""
    p = surface[triangles]
    angles = []
    for k in range(3):
        u = p[:, (k + 1) % 3] - p[:, k]
        v = p[:, (k + 2) % 3] - p[:, k]
        cross = np.linalg.norm(np.cross(u, v), axis=1)
        angles.append(np.degrees(np.arctan2(cross, np.einsum("tc,tc->t", u, v))))
    return np.min(angles, axis=0)


def report(mesh: LayeredMesh) -> dict[str, float]:
    """Counts, scaled Jacobians, angles [degrees], edges [mm] (focus: where threads go)."""
    jacobian = scaled_jacobians(mesh.points, mesh.wedges)
    edges, length = edge_lengths(mesh.surface, mesh.surface_triangles)
    angle = triangle_angles(mesh.surface, mesh.surface_triangles)
    out = {
        "columns": mesh.columns,
        "triangles": len(mesh.surface_triangles),
        "wedges": len(mesh.wedges),
        "dof": mesh.dof,
        "inverted": int(np.count_nonzero(jacobian <= 0.0)),
        "min_scaled_jacobian": float(jacobian.min()),
        "p1_scaled_jacobian": float(np.percentile(jacobian, 1)),
        "median_scaled_jacobian": float(np.median(jacobian)),
        "min_angle_deg": float(angle.min()),
        "p1_angle_deg": float(np.percentile(angle, 1)),
        "edge_median_mm": float(np.median(length)),
        "edge_max_mm": float(length.max()),
    }
    if mesh.shift_mm is not None:
        out["shifted_columns"] = int(np.count_nonzero(mesh.shift_mm > 1e-9))
        out["shift_max_mm"] = float(mesh.shift_mm.max())
    threads = np.zeros(mesh.columns, bool) if mesh.asset is None else mesh.asset.threads
    inside = threads[edges].all(axis=1)
    if inside.any():
        out["focus_edge_median_mm"] = float(np.median(length[inside]))
        out["focus_edge_p95_mm"] = float(np.percentile(length[inside], 95))
        out["focus_edge_max_mm"] = float(length[inside].max())
    return out
