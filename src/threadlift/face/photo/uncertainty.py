"""How far each place of a fitted face may be off: the posterior of the fit, seen on the skin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.face.photo.fit import smoothstep
from threadlift.face.photo.problem import PointModel
from threadlift.face.scan.model import scan_trust
from threadlift.face.template import Template

Array = NDArray[np.float64]

FACE_TRUST = 0.9  # the face proper, over which size and pose are aligned


def similarity_fields(points: Array) -> Array:
    """Displacements (7, n, 3) of points (n, 3) by unit translations, rotations and scaling."""
    centred = points - points.mean(axis=0)
    fields = [np.broadcast_to(axis, points.shape) for axis in np.eye(3)]
    fields += [np.cross(axis, centred) for axis in np.eye(3)]
    return np.asarray(np.stack([*fields, centred]), dtype=float)


def without_similarity(fields: Array, points: Array, where: NDArray[np.bool_]) -> Array:
    """Fields (k, n, 3) less the motion and scaling that fit them best on the points `where`."""
    basis = similarity_fields(points)
    flat = basis[:, where].reshape(len(basis), -1).T
    shares = np.linalg.lstsq(flat, fields[:, where].reshape(len(fields), -1).T, rcond=None)[0]
    return fields - np.tensordot(shares.T, basis, 1)


def posterior_sd(t: Template, surface: PointModel, covariance: Array, photos: int) -> Array:
    """Standard deviation (n,) [mm] along the normal at the fine vertices, size apart.

    `surface` is the model at the coarse vertices and `covariance` (k, k) that of its identity
    given all the photos show. What alignment of the whole (pose, size) absorbs is taken out. The
    result is widened by the factor that trials against known faces asked for; beyond the region
    in which the detail is modelled its spread is added.
    """
    face = scan_trust(t)[: t.n_coarse] > FACE_TRUST
    fields = without_similarity(surface.modes, surface.mean, face)
    along = np.einsum("knc,nc->nk", fields, surface.normals, optimize=True)
    variance = np.einsum("nk,nk->n", along @ covariance, along)
    number = "one" if photos == 1 else "several"
    widened = variance * value(f"capture.photo.sd_factor.{number}") ** 2
    # Where the photos say nothing the prior stands, and it needs no such factor.
    variance = np.minimum(widened, np.maximum(variance, (along**2).sum(axis=1)))
    unmodelled = 1.0 - smoothstep(scan_trust(t)[: t.n_coarse], 0.3, 0.95) ** 2
    detail = (
        value("capture.photo.detail_sd.wide") ** 2 + value("capture.photo.detail_sd.narrow") ** 2
    )
    variance += unmodelled * detail
    return np.sqrt(np.maximum(t.fine(variance), value("capture.photo.sd_floor") ** 2))
