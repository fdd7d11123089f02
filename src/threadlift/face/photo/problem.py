"""The unknowns of a fit to photos, what it is given, and what it results in.

This module knows nothing of files, colours or the template's topology.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import parameter, value
from threadlift.face.photo.camera import UNKNOWNS, PhotoCamera

Array = NDArray[np.float64]
#: Of a photo: residuals (n, 2) [sd], Jacobian (n, 2, 7 + k + m), weights (n,), misfit (n, 2) [px].
Block = tuple[Array, Array, Array, Array]

LARGEST_CHANGE = 0.5  # a step may halve the distance of a camera, or double it


@dataclass(frozen=True)
class PointModel:
    """A linear model of n points of the head: mean + modes · a + expressions · e.

    mean (n, 3) [mm, patient frame], modes (k, n, 3) [mm per sd], expressions (m, n, 3) [mm at
    weight 1], normals (n, 3) outward, sd_mm (n,) how far a landmark is trusted (inf: not used).
    """

    mean: Array
    modes: Array
    expressions: Array
    normals: Array
    sd_mm: Array

    def points(self, identity: Array, expression: Array) -> Array:
        """Points (n, 3) for coefficients (k,) and (m,)."""
        return (
            self.mean
            + np.tensordot(identity, self.modes, 1)
            + np.tensordot(expression, self.expressions, 1)
        )

    def rows(self, jacobian: Array) -> tuple[Array, Array]:
        """Chain rule: (n, r, 3) by point -> (n, r, k) by identity and (n, r, m) by expression."""
        return (
            np.einsum("nrc,knc->nrk", jacobian, self.modes, optimize=True),
            np.einsum("nrc,mnc->nrm", jacobian, self.expressions, optimize=True),
        )

    def subset(self, index: NDArray[np.intp]) -> PointModel:
        """The model of some of the points, in the order given (repeats allowed)."""
        return PointModel(
            self.mean[index],
            self.modes[:, index],
            self.expressions[:, index],
            self.normals[index],
            self.sd_mm[index],
        )


@dataclass(frozen=True)
class Outline:
    """The jaw's outline in a photo: pixels (o, 2) on it, outward unit normals (o, 2), sd [mm]."""

    pixels: Array
    normals: Array
    sd_mm: float


@dataclass(frozen=True)
class View:
    """What one photo contributes.

    pixels (n, 2) and depth_px (n,) of the landmarks; scores (m,) expected expression weights;
    principal (2,) [px]; focal_px a first guess; focal_sd the relative sd of that guess, or inf
    when the photo says nothing of its lens; sd_mm (n,) how far each landmark is trusted in this
    photo, where that differs from the model's (nan: as the model says).
    """

    pixels: Array
    depth_px: Array
    scores: Array
    principal: Array
    focal_px: float
    focal_sd: float
    outline: Outline | None = None
    sd_mm: Array | None = None

    def trusted(self, sd_mm: Array) -> Array:
        """Spread (n,) [mm] of the landmarks in this photo, given the model's."""
        if self.sd_mm is None:
            return sd_mm
        return np.where(np.isnan(self.sd_mm), sd_mm, self.sd_mm)


@dataclass(frozen=True)
class Priors:
    """Standard deviations of the priors; values come from the evidence register."""

    expression_sd: float
    distance_mm: float
    distance_log_sd: float
    pitch_sd: float  # [rad]
    lens_log_sd: float  # focal lengths of photos of one set and size against each other
    set_log_sd: float  # distances of photos of one set against each other

    @classmethod
    def registered(cls, expression_sd: float) -> Priors:
        """The register's priors with this spread of expression weights about the scores."""
        distance = parameter("capture.photo.camera_distance")
        return cls(
            expression_sd,
            distance.value,
            distance.log_sd or 1.0,
            float(np.deg2rad(value("capture.photo.pitch"))),
            value("capture.photo.same_lens"),
            value("capture.photo.same_distance"),
        )


@dataclass(frozen=True)
class PhotoFit:
    """Result of :func:`fit`.

    identity (k,); expressions (v, m) in 0..1; cameras per photo; residual_px (v, n, 2) model minus
    landmark; covariance (k, k) of the identity given the landmarks; used (v, n) final weights
    relative to full trust; steps taken; compared: places at which photos were compared densely.
    """

    identity: Array
    expressions: Array
    cameras: tuple[PhotoCamera, ...]
    residual_px: Array
    covariance: Array
    used: Array
    steps: int
    compared: int = 0


@dataclass(frozen=True)
class State:
    """Values of all unknowns: identity (k,), expressions (v, m), cameras per photo."""

    identity: Array
    expressions: Array
    cameras: tuple[PhotoCamera, ...]

    def stepped(self, step: Array) -> State:
        """The state after a Gauss–Newton step (k + v · (7 + m),), shortened where it must be.

        Distance and focal length enter as quotients: a step that would more than halve or double
        either leaves the region where the linearisation says anything (and may pass behind the
        camera).
        """
        k = len(self.identity)
        each = step[k:].reshape(len(self.cameras), -1)
        depth = np.array([c.translation[2] for c in self.cameras])
        shrink = np.maximum(-each[:, 5] / depth, 0.5 * each[:, 5] / depth) / LARGEST_CHANGE
        zoom = np.abs(each[:, 6]) / np.log(2.0)
        share = 1.0 / max(1.0, float(shrink.max()), float(zoom.max()))
        return State(
            self.identity + share * step[:k],
            self.expressions + share * each[:, UNKNOWNS:],
            tuple(c.moved(share * e[:UNKNOWNS]) for c, e in zip(self.cameras, each, strict=True)),
        )


def fitted(
    state: State, blocks: list[Block], hessian: Array, steps: int, compared: int = 0
) -> PhotoFit:
    """The result at `state`: blocks as from `landmark_block`, one per photo; hessian there."""
    k = len(state.identity)
    return PhotoFit(
        state.identity,
        state.expressions,
        state.cameras,
        np.array([b[3] for b in blocks]),
        np.asarray(np.linalg.inv(hessian)[:k, :k], dtype=float),
        np.array([b[2] for b in blocks]),
        steps,
        compared,
    )
