"""Free refinement of a registered surface: point-to-plane data against thin-plate stiffness.

The stiffness is lowered in steps (after Amberg, Romdhani & Vetter 2007); the thin-plate form
makes the smoothing length a number in millimetres that does not depend on the mesh.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags_array
from scipy.sparse.linalg import SuperLU, splu

from threadlift.face.scan.registration import Target, tukey
from threadlift.graphics.raster import vertex_normals

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """One stiffness level: bending length [mm], reach of closest points [mm], repetitions."""

    bending_mm: float
    reach_mm: float
    min_cosine: float
    repeat: int


COARSE_LEVELS = (
    Level(24.0, 10.0, 0.5, 2),
    Level(14.0, 8.0, 0.6, 2),
    Level(9.0, 7.0, 0.6, 2),
    Level(6.0, 6.0, 0.65, 2),
)
FINE_LEVELS = (Level(4.5, 5.0, 0.7, 2), Level(3.2, 4.0, 0.7, 3))
#: Distance [mm] over which the displacement dies away into the unobserved.
_DECAY_MM = 45.0
#: Share of the data weight that holds points where they are along the surface during one step:
#: point-to-plane leaves sliding free, and without it the linear systems are ill conditioned.
_SLIDE_HOLD = 0.03
#: Conjugate gradients stop at this share of the first residual (energy norm) or after so many
#: steps; the outer repetitions take up what is left.
_CG_TOLERANCE = 2e-3
_CG_LIMIT = 60


def thin_plate(vertices: Array, triangles: NDArray) -> tuple[csr_matrix, Array]:
    """Bending form L^T M^-1 L (n, n) [mm^-2] and vertex areas (n,) [mm²] of a surface.

    L is the cotangent Laplacian with weights limited to positive values (obtuse triangles of a
    template must not make it indefinite).
    """
    v, t, n = vertices, triangles, len(vertices)
    rows, cols, weights = [], [], []
    area = np.zeros(n)
    double = np.linalg.norm(np.cross(v[t[:, 1]] - v[t[:, 0]], v[t[:, 2]] - v[t[:, 0]]), axis=1)
    for c in range(3):
        i, j, o = t[:, (c + 1) % 3], t[:, (c + 2) % 3], t[:, c]
        cot = np.einsum("td,td->t", v[i] - v[o], v[j] - v[o]) / np.maximum(double, 1e-9)
        rows.append(i)
        cols.append(j)
        weights.append(0.5 * np.clip(cot, 0.05, 5.0))
        area += np.bincount(o, double / 6.0, n)
    w = coo_matrix(
        (np.concatenate(weights), (np.concatenate(rows), np.concatenate(cols))), shape=(n, n)
    ).tocsr()
    w = w + w.T
    laplacian = diags_array(np.asarray(w.sum(axis=1)).ravel()) - w
    # Vertices without triangles and slivers get a floor, so that M can be inverted.
    area = np.maximum(area, 0.02 * float(np.median(area[area > 0])))
    return csr_matrix(laplacian.T @ diags_array(1.0 / area) @ laplacian), area


@dataclass(frozen=True)
class Refined:
    """Refined vertices (n, 3), and which of them had a counterpart on the scan (n,)."""

    vertices: Array
    matched: NDArray[np.bool_]


def refine(
    start: Array,
    triangles: NDArray,
    trust: Array,
    target: Target,
    levels: tuple[Level, ...],
    displacement: Array | None = None,
) -> Refined:
    """Displace the surface `start` (n, 3) onto the scan, smoothly.

    Minimises ∫ trust·(n·(x - foot))² + bending⁴·|Δd|² + (bending/decay)⁴·|d|² over the
    displacement field d; `displacement` (n, 3) is where to begin. Vertices of `trust` 0 follow
    their neighbours.
    """
    bending, area = thin_plate(start, triangles)
    d = np.zeros_like(start) if displacement is None else displacement.copy()
    active = np.nonzero(trust > 0.0)[0]
    weight = np.zeros(len(start))
    for level in levels:
        stiff = level.bending_mm**4 * bending + diags_array(
            area * (level.bending_mm / _DECAY_MM) ** 4
        )
        factor: SuperLU | None = None
        for _ in range(level.repeat):
            x = start + d
            normals = vertex_normals(x, triangles)
            foot, n, valid = target.correspond(
                x[active], normals[active], level.reach_mm, level.min_cosine
            )
            gap = np.einsum("vd,vd->v", n, foot - x[active])
            typical = 1.4826 * float(np.median(np.abs(gap[valid]))) if valid.any() else 0.0
            scale = max(1.5, 5.0 * typical)
            weight = np.zeros(len(start))
            weight[active] = np.where(valid, tukey(gap, scale), 0.0) * trust[active]
            plane = np.zeros_like(start)
            plane[active] = n
            gaps = np.zeros(len(start))
            gaps[active] = np.where(valid, gap, 0.0)
            if factor is None:
                factor = splu(
                    (stiff + diags_array(0.5 * area * weight)).tocsc(),
                    permc_spec="MMD_AT_PLUS_A",
                    diag_pivot_thresh=0.0,
                    options={"SymmetricMode": True},
                )
            d = _solve(stiff, factor, area * weight, plane, gaps, d)
    return Refined(start + d, weight > 0.05)


def _solve(
    stiff: csr_matrix, factor: SuperLU, weight: Array, plane: Array, gap: Array, d: Array
) -> Array:
    """Displacement (n, 3) that minimises the energy with the correspondences held.

    Preconditioned conjugate gradients for the step from the present `d`, so that a loose tolerance
    cannot lose what is there already.
    """
    hold = (_SLIDE_HOLD * weight)[:, None]
    pull = weight[:, None] * plane

    def apply(u: Array) -> Array:
        return stiff @ u + pull * np.einsum("vd,vd->v", plane, u)[:, None] + hold * u

    residual = pull * gap[:, None] - stiff @ d
    step = np.zeros_like(d)
    z = factor.solve(residual)
    direction = z
    rz = float(np.vdot(residual, z))
    stop = _CG_TOLERANCE**2 * rz
    for _ in range(_CG_LIMIT):
        if rz <= stop:
            break
        image = apply(direction)
        alpha = rz / float(np.vdot(direction, image))
        step += alpha * direction
        residual = residual - alpha * image
        z = factor.solve(residual)
        before, rz = rz, float(np.vdot(residual, z))
        direction = z + (rz / before) * direction
    return d + step


def follow_eyes(before: Array, after: Array, eyes: dict[str, NDArray[np.int64]]) -> Array:
    """`after` (n, 3) with each eyeball moved rigidly along with the skin around it.

    Eyeballs are pieces of their own and no scan data act on them; each takes the mean shift of
    the 40 other vertices that lay nearest to it.
    """
    out = after.copy()
    ball = np.zeros(len(before), dtype=bool)
    for rows in eyes.values():
        ball[rows] = True
    body = np.nonzero(~ball)[0]
    for rows in eyes.values():
        centre = before[rows].mean(axis=0)
        order = np.argsort(np.linalg.norm(before[body] - centre, axis=1), kind="stable")[:40]
        near = body[order]
        out[rows] = before[rows] + (after[near] - before[near]).mean(axis=0)
    return out
