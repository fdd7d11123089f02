"""Carry the face model onto a scan: pose, identity and a few expressions.

Method: Gauss–Newton on landmarks and point-to-plane distances with a standard-normal prior on the
identity modes. What the modes cannot express is left to `refinement`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from threadlift.face.closest import SurfaceIndex
from threadlift.frames import Similarity
from threadlift.graphics.raster import vertex_normals

Array = NDArray[np.float64]

#: Spread [mm] of one automatic landmark, systematic part included (trials: 2.7–3.2 mm between
#: views). Neighbouring landmarks err together, so each counts less than an independent one.
LANDMARK_SD_MM = 4.0
#: The same for the lid contours and the corners of the mouth, which the network sees sharply
#: (trials on synthetic scans: 1 to 2 mm).
SHARP_SD_MM = 1.5
SHARP = (
    33,
    7,
    163,
    144,
    145,
    153,
    154,
    155,
    133,
    173,
    157,
    158,
    159,
    160,
    161,
    246,
    263,
    249,
    390,
    373,
    374,
    380,
    381,
    382,
    362,
    398,
    384,
    385,
    386,
    387,
    388,
    466,
    61,
    291,
)
#: The same for what the network guesses from shading or the outline: brows on a scan without
#: colours and the contour of the jaw (trials on synthetic scans: 5 to 12 mm).
GUESSED_SD_MM = 12.0
BROWS = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 336, 296, 334, 293, 300, 276, 283, 282, 295, 285)
CONTOUR = (
    *(10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152),
    *(148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109),
)
#: Spread [mm] of the surface about the model: modes cannot follow every crease.
SURFACE_SD_MM = 0.9
#: Standard deviation of expression weights about 0 (a resting face).
EXPRESSION_SD = 0.35


@dataclass(frozen=True)
class Model:
    """The linear face model in the coarse template's numbering (template frame, mm).

    mean (n, 3), triangles (m, 3), identity (k, n, 3) mm per sd, expressions (e, n, 3) mm at
    weight 1 with their names; `trust` (n,) in 0..1 says where a scan may be believed (skin of the
    face 1, scalp and neck less, mouth cavity and eyeballs 0); `landmark_corners` (478, 3) vertex
    ids with weights `landmark_bary` (478, 3) and reliability `landmark_weight` (478,) in 0..1.
    """

    mean: Array
    triangles: NDArray[np.int64]
    identity: Array
    expressions: Array
    expression_names: tuple[str, ...]
    trust: Array
    landmark_corners: NDArray[np.int64]
    landmark_bary: Array
    landmark_weight: Array


@dataclass(frozen=True)
class Target:
    """The scan as data: closest points, smoothed vertex normals (n, 3), open-border vertices."""

    index: SurfaceIndex
    normals: Array
    border: NDArray[np.bool_]

    def correspond(
        self, points: Array, normals: Array, reach_mm: float, min_cosine: float
    ) -> tuple[Array, Array, NDArray[np.bool_]]:
        """Foot points (k, 3), surface normals (k, 3) and validity (k,) for template points."""
        hit = self.index.closest(points, normals, min_cosine, reach_mm)
        corner = self.index.triangles[np.maximum(hit.triangle, 0)]
        n = np.einsum("kc,kcd->kd", hit.bary, self.normals[corner])
        n /= np.maximum(np.linalg.norm(n, axis=1, keepdims=True), 1e-30)
        # A foot on the rim of the scan says only that the surface ends there.
        valid = hit.found & ~self.border[corner].any(axis=1) & (hit.distance < reach_mm)
        return hit.point, n, valid


@dataclass(frozen=True)
class ModelFit:
    """Pose and coefficients: x = rotation · (mean + identity·b + expressions·e) + translation."""

    rotation: Array
    translation: Array
    identity: Array
    expressions: Array

    def shape(self, model: Model, with_expressions: bool = True) -> Array:
        """Model vertices (n, 3) in the template frame."""
        y = model.mean + np.tensordot(self.identity, model.identity, axes=1)
        if with_expressions and len(self.expressions):
            y = y + np.tensordot(self.expressions, model.expressions, axes=1)
        return y

    def place(self, points: Array) -> Array:
        """Template-frame points in the scan's frame."""
        return points @ self.rotation.T + self.translation

    @property
    def to_scan(self) -> Similarity:
        """Template frame to scan frame (rigid)."""
        return Similarity(self.rotation, self.translation)


def _rotation_of(w: Array) -> Array:
    """Rotation matrix of a rotation vector (Rodrigues)."""
    angle = float(np.linalg.norm(w))
    k = np.array([[0.0, -w[2], w[1]], [w[2], 0.0, -w[0]], [-w[1], w[0], 0.0]])
    if angle < 1e-12:
        return np.eye(3) + k
    return np.eye(3) + np.sin(angle) / angle * k + (1.0 - np.cos(angle)) / angle**2 * (k @ k)


def tukey(residual: Array, scale: float) -> Array:
    """Tukey's biweight: 1 at 0, 0 from `scale` on."""
    u = np.clip(np.abs(residual) / scale, 0.0, 1.0)
    return (1.0 - u**2) ** 2


def fit_model(
    model: Model,
    start: Similarity,
    landmarks: Array,
    spread: Array,
    target: Target | None,
    *,
    modes: int,
    iterations: int,
    expression_start: Array | None = None,
    coloured: bool = False,
    reach_mm: tuple[float, float] = (14.0, 5.0),
) -> ModelFit:
    """Gauss–Newton fit of pose, `modes` identity coefficients and expressions.

    `start` carries the template frame onto the scan; `landmarks` (478, 3) with NaN for unknown and
    their view `spread` (478,) [mm]; `coloured`: whether the network saw colours; `target` None =
    landmarks only; `reach_mm` is how far closest points may lie in the first and last iteration.
    """
    k, e = min(modes, len(model.identity)), len(model.expressions)
    expression = np.zeros(e) if expression_start is None else expression_start.copy()
    expression_mean = expression.copy()
    fit = ModelFit(start.rotation, start.translation, np.zeros(k), expression)
    small = replace(model, identity=model.identity[:k])
    basis = np.concatenate([small.identity, small.expressions]).transpose(1, 2, 0)  # (n, 3, k+e)
    known = np.isfinite(landmarks).all(axis=1) & (model.landmark_weight > 0)
    corners, bary = model.landmark_corners[known], model.landmark_bary[known]
    sd = np.full(len(landmarks), LANDMARK_SD_MM)
    sd[list(SHARP)] = SHARP_SD_MM
    sd[list(CONTOUR)] = GUESSED_SD_MM
    if not coloured:
        sd[list(BROWS)] = GUESSED_SD_MM
    sd = np.hypot(sd, np.nan_to_num(spread))[known] / np.sqrt(model.landmark_weight[known])
    l_basis = np.einsum("lc,lcdk->ldk", bary, basis[corners])
    prior = np.concatenate([np.ones(k), np.full(e, EXPRESSION_SD**-2)])
    for step in range(iterations):
        y = fit.shape(small)
        x = fit.place(y)
        rows, rhs = [], []
        # Landmarks: three components each, robust against one that slipped.
        lx = np.einsum("lc,lcd->ld", bary, x[corners])
        miss = landmarks[known] - lx
        weight = tukey(np.linalg.norm(miss, axis=1), 25.0 if step < 2 else 15.0) / sd**2
        rows.append(
            _jacobian(lx - fit.translation, l_basis, fit.rotation, None)
            * np.sqrt(weight)[:, None, None]
        )
        rhs.append(miss * np.sqrt(weight)[:, None])
        blocks = [(rows[0].reshape(-1, 6 + k + e), rhs[0].ravel())]
        if target is not None:
            progress = step / max(iterations - 1, 1)
            reach = reach_mm[0] + progress * (reach_mm[1] - reach_mm[0])
            use = np.nonzero(model.trust > 0.0)[0]
            normals = vertex_normals(x, model.triangles)[use]
            foot, n, valid = target.correspond(x[use], normals, reach, 0.5)
            use, foot, n = use[valid], foot[valid], n[valid]
            gap = np.einsum("vd,vd->v", n, foot - x[use])
            if len(use) > 50:
                scale = max(3.0, 4.0 * 1.4826 * float(np.median(np.abs(gap))))
                w = np.sqrt(model.trust[use] * tukey(gap, scale)) / SURFACE_SD_MM
                j = _jacobian(x[use] - fit.translation, basis[use], fit.rotation, n)
                blocks.append((j * w[:, None], gap * w))
        h = np.zeros((6 + k + e, 6 + k + e))
        g = np.zeros(6 + k + e)
        for j, r in blocks:
            h += j.T @ j
            g += j.T @ r
        coefficients = np.concatenate([fit.identity, fit.expressions])
        mean = np.concatenate([np.zeros(k), expression_mean])
        h[np.arange(6, 6 + k + e), np.arange(6, 6 + k + e)] += prior
        g[6:] -= prior * (coefficients - mean)
        h[np.arange(6), np.arange(6)] += 1e-9 * np.trace(h) / len(h)
        delta = np.linalg.solve(h, g)
        turn = _rotation_of(np.asarray(delta[:3], dtype=np.float64))
        coefficients = coefficients + delta[6:]
        # Expression weights run from 0 to 1 by definition; a little slack keeps the steps smooth.
        fit = ModelFit(
            turn @ fit.rotation,
            fit.translation + delta[3:6],
            coefficients[:k],
            np.clip(coefficients[k:], -0.15, 1.1),
        )
    full = np.zeros(len(model.identity))
    full[:k] = fit.identity
    return replace(fit, identity=full)


def _jacobian(arm: Array, basis: Array, rotation: Array, normals: Array | None) -> Array:
    """Derivative of placed points by (turn, shift, coefficients); along `normals` if given.

    `arm` (v, 3) points relative to the translation; `basis` (v, 3, k) template frame. Returns
    (v, 3, 6+k), or (v, 6+k) with normals.
    """
    v = len(arm)
    if normals is None:
        turned = np.einsum("ab,vbk->vak", rotation, basis)
        cross = np.zeros((v, 3, 3))
        cross[:, 0, 1], cross[:, 0, 2] = arm[:, 2], -arm[:, 1]
        cross[:, 1, 0], cross[:, 1, 2] = -arm[:, 2], arm[:, 0]
        cross[:, 2, 0], cross[:, 2, 1] = arm[:, 1], -arm[:, 0]
        eye = np.broadcast_to(np.eye(3), (v, 3, 3))
        return np.concatenate([cross, eye, turned], axis=2)
    back = normals @ rotation
    along = np.einsum("va,vak->vk", back, basis)
    return np.concatenate([np.cross(arm, normals), normals, along], axis=1)
