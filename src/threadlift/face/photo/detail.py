"""What a face has beyond the modes: a smooth random field of displacements along the normal.

A Gaussian process over the skin (Lüthi et al. 2017, Gaussian process morphable models) stands
for the part of real faces that the modes do not span. Its covariance is a sum of two squared
exponentials; it is represented by kernels at centres spread over the face (subset of regressors),
whitened so that the coefficients are independent standard normals like those of the modes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.spatial.distance import cdist

Array = NDArray[np.float64]

#: Relative jitter on the kernel matrix: neighbouring centres are nearly dependent.
JITTER = 1e-6


@dataclass(frozen=True)
class Kernel:
    """Squared exponentials: standard deviations (q,) [mm] and lengths (q,) [mm]."""

    sd_mm: tuple[float, ...]
    length_mm: tuple[float, ...]

    @property
    def variance(self) -> float:
        """Variance of the field at a point [mm²]."""
        return float(sum(s * s for s in self.sd_mm))

    def __call__(self, a: Array, b: Array) -> Array:
        """Covariance (n, m) [mm²] between points (n, 3) and (m, 3) [mm]."""
        square = cdist(a, b, "sqeuclidean")
        return np.sum(
            [
                sd * sd * np.exp(-0.5 * square / (length * length))
                for sd, length in zip(self.sd_mm, self.length_mm, strict=True)
            ],
            axis=0,
        )


def spread(points: Array, mirror: NDArray[np.integer], spacing_mm: float) -> NDArray[np.intp]:
    """Rows of a mirror-symmetric subset of points (n, 3) about `spacing_mm` apart.

    One point per cell of a grid over the left half (the one nearest to the cell's centre), and
    its mirror image; `mirror` (n,) is -1 where a point has none among the points.
    """
    left = np.flatnonzero((points[:, 0] >= -1e-9) & (mirror >= 0))
    cell = np.floor(points[left] / spacing_mm)
    off = np.linalg.norm(points[left] - (cell + 0.5) * spacing_mm, axis=1)
    order = np.lexsort((left, off, *cell.T))
    first = np.ones(len(order), dtype=bool)
    first[1:] = (np.diff(cell[order], axis=0) != 0).any(axis=1)
    chosen = left[order[first]]
    return np.unique(np.concatenate([chosen, mirror[chosen]])).astype(np.intp)


def detail_fields(
    vertices: Array, normals: Array, centres: NDArray[np.intp], where: Array, kernel: Kernel
) -> Array:
    """Basis (r, n, 3) [mm per unit coefficient] of the field on vertices (n, 3).

    `centres` (r,) rows of the kernels; `where` (n,) in 0..1 fades the field out beyond the face.
    """
    at = vertices[centres]
    inner = kernel(at, at)
    lower = cholesky(inner + JITTER * kernel.variance * np.eye(len(at)), lower=True)
    heights = solve_triangular(lower, kernel(at, vertices), lower=True)
    return (heights * where)[:, :, None] * normals[None]
