"""Coordinate frames.

Patient frame: right-handed, x to the patient's left, y up, z forward; origin midway between
the tragi; Frankfurt plane (tragion–orbitale) horizontal; millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Reflection across the midsagittal plane (x = 0).
MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Similarity:
    """x ↦ scale · R x + t, with R (3, 3) a rotation and t (3,) in the target's unit."""

    rotation: Array
    translation: Array
    scale: float = 1.0

    def apply(self, points: Array) -> Array:
        """Transform points (..., 3)."""
        return self.scale * points @ self.rotation.T + self.translation

    def apply_vectors(self, vectors: Array) -> Array:
        """Transform displacements (..., 3): rotation and scale, no translation."""
        return self.scale * vectors @ self.rotation.T

    def inverse(self) -> Similarity:
        """The transform back."""
        r = self.rotation.T
        return Similarity(r, -(r @ self.translation) / self.scale, 1.0 / self.scale)

    def then(self, after: Similarity) -> Similarity:
        """First this transform, then `after`."""
        return Similarity(
            after.rotation @ self.rotation,
            after.scale * after.rotation @ self.translation + after.translation,
            after.scale * self.scale,
        )


def fit_similarity(
    source: Array, target: Array, weights: Array | None = None, with_scale: bool = False
) -> Similarity:
    """Least-squares similarity that carries source (n, 3) onto target (n, 3) (Umeyama 1991)."""
    w = np.ones(len(source)) if weights is None else np.asarray(weights, dtype=float)
    w = w / w.sum()
    cs, ct = w @ source, w @ target
    a, b = source - cs, target - ct
    u, s, vt = np.linalg.svd((b * w[:, None]).T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(u) * np.linalg.det(vt))])
    rotation = (u * sign) @ vt
    scale = float((s * sign).sum() / (w @ (a**2).sum(axis=1))) if with_scale else 1.0
    return Similarity(rotation, ct - scale * rotation @ cs, scale)


def patient_frame(
    tragion_left: Array, tragion_right: Array, orbitale_left: Array, orbitale_right: Array
) -> Similarity:
    """Rigid transform into the patient frame from four landmarks (each (3,), same unit).

    x runs from the right to the left tragion; the Frankfurt plane holds both tragia and the
    midpoint of the orbitalia (exactly horizontal even where the face is asymmetric).
    """
    origin = 0.5 * (tragion_left + tragion_right)
    x = tragion_left - tragion_right
    x = x / np.linalg.norm(x)
    forward = 0.5 * (orbitale_left + orbitale_right) - origin
    z = forward - (forward @ x) * x
    z = z / np.linalg.norm(z)
    y = np.cross(z, x)
    rotation = np.stack([x, y, z])
    return Similarity(rotation, -rotation @ origin)
