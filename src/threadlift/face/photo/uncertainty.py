"""How far each place of a fitted face may be off: the posterior of the fit, seen on the skin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.face.photo.fit import smoothstep
from threadlift.face.photo.model import Models
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


def similarity_shares(fields: Array, points: Array, where: NDArray[np.bool_]) -> Array:
    """Motion and scaling (k, 7) that fit fields (k, n, 3) best on the points `where`."""
    basis = similarity_fields(points)
    flat = basis[:, where].reshape(len(basis), -1).T
    target = fields[:, where].reshape(len(fields), -1).T
    return np.asarray(np.linalg.lstsq(flat, target, rcond=None)[0].T, dtype=float)


def without_similarity(fields: Array, points: Array, where: NDArray[np.bool_]) -> Array:
    """Fields (k, n, 3) less the motion and scaling that fit them best on the points `where`."""
    shares = similarity_shares(fields, points, where)
    return fields - np.tensordot(shares, similarity_fields(points), 1)


def sd_factor(photos: int) -> float:
    """How much wider the truth scatters in trials than the posterior of so many photos says."""
    return value(f"capture.photo.sd_factor.{'one' if photos == 1 else 'several'}")


def pupil_distance_sd(
    t: Template, models: Models, covariance: Array, neutral: Array, photos: int
) -> float:
    """Relative standard deviation of the fitted pupils' distance against the face's size.

    covariance (k, k) of the identity given all that so many photos show; neutral (n, 3) fine
    vertices. A face whose proportions are wrong is of the wrong size even where its pupils fit.
    """
    face = scan_trust(t)[: t.n_coarse] > FACE_TRUST
    growth = similarity_shares(models.surface.modes, models.surface.mean, face)[:, 6]
    left, right = (np.asarray(t.subdivision[t.eyes[s]].mean(axis=0)) for s in ("left", "right"))
    apart = t.pupils(neutral)[0] - t.pupils(neutral)[1]
    distance = float(np.linalg.norm(apart))
    # (k,): relative change of the distance per unit of each field.
    wider = np.einsum("n,knc,c->k", (left - right).ravel(), models.fields, apart) / distance**2
    slope = wider - growth
    return sd_factor(photos) * float(np.sqrt(slope @ covariance @ slope))


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
    widened = variance * sd_factor(photos) ** 2
    # Where the photos say nothing the prior stands, and it needs no such factor.
    variance = np.minimum(widened, np.maximum(variance, (along**2).sum(axis=1)))
    unmodelled = 1.0 - smoothstep(scan_trust(t)[: t.n_coarse], 0.3, 0.95) ** 2
    detail = (
        value("capture.photo.detail_sd.wide") ** 2 + value("capture.photo.detail_sd.narrow") ** 2
    )
    variance += unmodelled * detail
    return np.sqrt(np.maximum(t.fine(variance), value("capture.photo.sd_floor") ** 2))
