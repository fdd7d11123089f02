"""A displacement field from distances of surfaces and from tracked points.

Gaussian-process regression: the prior is that of `prior`, an observation is the component of the
displacement in one direction at one place, and a small rigid motion (the error of the alignment)
is unknown beside it. Noise of surfaces has a smooth part that does not average out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.spatial.distance import cdist

from threadlift.errors import SolverError
from threadlift.evidence import value
from threadlift.face.pair.prior import NORMAL_SCALES, TANGENTIAL_SCALES, matern
from threadlift.face.template import Array, BoolArray

#: Predictions are made for so many rows at once (memory).
_CHUNK = 1500


@dataclass(frozen=True)
class Sites:
    """Places on the first surface: points (k, 3), unit normals (k, 3), prior spread along the
    normal and along the skin (k,) [mm].
    """

    points: Array
    normals: Array
    normal_sd: Array
    tangential_sd: Array

    def at(self, rows: NDArray[Any]) -> Sites:
        """Some of the places, by number or by mask."""
        return Sites(
            self.points[rows], self.normals[rows], self.normal_sd[rows], self.tangential_sd[rows]
        )

    def joined(self, other: Sites) -> Sites:
        """These places, then the others."""
        return Sites(
            np.concatenate([self.points, other.points]),
            np.concatenate([self.normals, other.normals]),
            np.concatenate([self.normal_sd, other.normal_sd]),
            np.concatenate([self.tangential_sd, other.tangential_sd]),
        )


@dataclass(frozen=True)
class Rows:
    """Observations: direction (k, 3) · displacement at `sites` = amount (k,) ± sd (k,) [mm].

    surface (k,): a distance of surfaces, which shares the scanners' smooth error.
    """

    sites: Sites
    direction: Array
    amount: Array
    sd: Array
    surface: BoolArray


def covariance(a: Sites, along_a: Array, b: Sites, along_b: Array) -> Array:
    """Prior covariance (k, l) [mm²] of displacement components at two sets of sites."""
    distance = cdist(a.points, b.points)
    na = np.einsum("kd,kd->k", along_a, a.normals)
    nb = np.einsum("kd,kd->k", along_b, b.normals)
    out = np.multiply.outer(a.normal_sd * na, b.normal_sd * nb)
    out *= matern(distance, NORMAL_SCALES)
    ta = (along_a - na[:, None] * a.normals) * a.tangential_sd[:, None]
    tb = (along_b - nb[:, None] * b.normals) * b.tangential_sd[:, None]
    return out + (ta @ tb.T) * matern(distance, TANGENTIAL_SCALES)


def smooth_correlation(a: Array, b: Array) -> Array:
    """Correlation (k, l) of the scanners' smooth error at points (k, 3), (l, 3)."""
    return np.exp(-0.5 * cdist(a, b, "sqeuclidean") / value("pair.noise.length") ** 2)


def rigid_rows(points: Array, direction: Array, centre: Array) -> Array:
    """Components (k, 6) of unit rigid motions, scaled by their prior spread."""
    turn, shift = value("pair.alignment.turn"), value("pair.alignment.shift")
    return np.concatenate([turn * np.cross(points - centre, direction), shift * direction], axis=1)


def rows_covariance(rows: Rows, smooth_sd: float, centre: Array) -> Array:
    """Covariance (k, k) [mm²] of the observed amounts: field, alignment and noise."""
    s = rows.sites
    out = covariance(s, rows.direction, s, rows.direction)
    motion = rigid_rows(s.points, rows.direction, centre)
    out += motion @ motion.T
    on = np.nonzero(rows.surface)[0]
    out[np.ix_(on, on)] += smooth_sd**2 * smooth_correlation(s.points[on], s.points[on])
    out[np.diag_indices(len(out))] += rows.sd**2
    return out


def log_evidence(rows: Rows, smooth_sd: float, centre: Array) -> float:
    """Log density of the observed amounts under the model."""
    low = np.linalg.cholesky(rows_covariance(rows, smooth_sd, centre))
    z = solve_triangular(low, rows.amount, lower=True)
    return float(-0.5 * z @ z - np.log(np.diag(low)).sum())


@dataclass(frozen=True)
class Posterior:
    """The field given the observations."""

    rows: Rows
    smooth_sd: float
    centre: Array

    @cached_property
    def _factor(self) -> tuple[Array, bool]:
        matrix = rows_covariance(self.rows, self.smooth_sd, self.centre)
        try:
            return cho_factor(matrix, lower=True, overwrite_a=True, check_finite=True)
        except (np.linalg.LinAlgError, ValueError) as error:
            raise SolverError(
                "The displacement field could not be computed from these captures.",
                "Check both scans for artefacts.",
            ) from error

    @cached_property
    def _weights(self) -> Array:
        return cho_solve(self._factor, self.rows.amount)

    def alignment_error(self, points: Array) -> Array:
        """Expected rigid motion (k, 3) [mm] at points (k, 3) that the alignment left over."""
        r = self.rows
        share = self._weights @ rigid_rows(r.sites.points, r.direction, self.centre)
        axes = [
            rigid_rows(points, np.broadcast_to(e, points.shape), self.centre) for e in np.eye(3)
        ]
        return np.stack([a @ share for a in axes], axis=1)

    def mean(self, sites: Sites) -> Array:
        """Expected displacement (k, 3) [mm] at sites."""
        out = np.empty((len(sites.points), 3))
        r = self.rows
        rn = np.einsum("kd,kd->k", r.direction, r.sites.normals)
        rt = (r.direction - rn[:, None] * r.sites.normals) * r.sites.tangential_sd[:, None]
        along_normal = r.sites.normal_sd * rn * self._weights
        along_skin = rt * self._weights[:, None]
        for start in range(0, len(out), _CHUNK):
            s = slice(start, start + _CHUNK)
            distance = cdist(sites.points[s], r.sites.points)
            n = sites.normals[s]
            h = sites.normal_sd[s] * (matern(distance, NORMAL_SCALES) @ along_normal)
            w = sites.tangential_sd[s, None] * (matern(distance, TANGENTIAL_SCALES) @ along_skin)
            out[s] = h[:, None] * n + w - np.einsum("kd,kd->k", w, n)[:, None] * n
        return out

    def _explained(self, sites: Sites, along: Array) -> Array:
        """L⁻¹ · covariance of observations and components (rows, k)."""
        cross = covariance(self.rows.sites, self.rows.direction, sites, along)
        return solve_triangular(
            self._factor[0], cross, lower=True, overwrite_b=True, check_finite=False
        )

    def variance(self, sites: Sites, along: Array) -> Array:
        """Variance (k,) [mm²] of the component along unit vectors (k, 3) at sites."""
        out = np.empty(len(along))
        n = np.einsum("kd,kd->k", along, sites.normals)
        prior = (sites.normal_sd * n) ** 2 + sites.tangential_sd**2 * (1.0 - n**2)
        for start in range(0, len(out), _CHUNK):
            s = slice(start, start + _CHUNK)
            z = self._explained(sites.at(np.arange(len(out))[s]), along[s])
            out[s] = prior[s] - np.einsum("rk,rk->k", z, z)
        return np.maximum(out, 0.0)

    def functional(self, sites: Sites, along: Array, weight: Array) -> tuple[float, float, float]:
        """Mean, standard deviation and prior standard deviation of Σ weight · component."""
        prior = float(weight @ covariance(sites, along, sites, along) @ weight)
        cross = covariance(self.rows.sites, self.rows.direction, sites, along) @ weight
        z = solve_triangular(self._factor[0], cross, lower=True, check_finite=False)
        mean = float(cross @ self._weights)
        return mean, float(np.sqrt(max(prior - z @ z, 0.0))), float(np.sqrt(max(prior, 0.0)))
