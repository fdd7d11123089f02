"""Several photos at once: landmarks, contours and dense comparison in one Gauss–Newton problem.

Starts from the fit to landmarks. In each round the photos are measured against the present head
(residual motion between photos, contours), and all unknowns are corrected together: identity with
the detail beyond the modes, and each photo's camera and expression.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.face.photo.camera import UNKNOWNS
from threadlift.face.photo.contour import Contour, add_contour, found, generator
from threadlift.face.photo.fit import (
    bounded_step,
    landmark_block,
    normal_equations,
    robust,
    scale_and_sight,
    smoothstep,
)
from threadlift.face.photo.model import Models
from threadlift.face.photo.problem import PhotoFit, PointModel, Priors, State, View, fitted
from threadlift.face.photo.stereo import (
    Motion,
    WorkView,
    compare,
    one_thread,
    reduced,
    with_camera,
)
from threadlift.graphics.raster import vertex_normals

Array = NDArray[np.float64]

ROUNDS = 4
STEPS = 2
MOTION_FLOOR_PX = 0.3  # error of the motion that the structure of the picture does not tell
ENOUGH_COMPARED = (60.0, 250.0)  # samples between which the comparison takes over from landmarks
FIRST_REACH_MM, LAST_REACH_MM = 6.0, 3.0  # how far across a contour the edge is sought
SHARED = 4.0  # samples that share one error of the motion (light, overlap of windows)


def tangents(normals: Array) -> Array:
    """Two unit tangents (n, 3, 2) to unit normals (n, 3)."""
    axis = np.eye(3)[np.argmin(np.abs(normals), axis=1)]
    first = np.cross(normals, axis)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    return np.asarray(np.stack([first, np.cross(normals, first)], axis=2), dtype=float)


@dataclass(frozen=True)
class Pair:
    """What one pair of photos (v, w) told about the samples in `rows` and where they then were."""

    v: int
    w: int
    rows: NDArray[np.intp]
    motion: Array
    root: Array  # (s, 2, 2) transposed Cholesky factor of the information
    first_px: Array
    second_px: Array
    back: Array  # (s, 2, 2) motion in the second photo -> motion in the first, along the skin


def pair_of(
    v: int, w: int, model: PointModel, state: State, views: list[WorkView], measured: Motion
) -> Pair:
    """The measurements of one comparison with the linearisation they hold for."""
    rows = np.flatnonzero(measured.information[:, 0, 0] > 0.0)
    part = model.subset(rows)
    points = [part.points(state.identity, state.expressions[i]) for i in (v, w)]
    inner = [views[i].camera.jacobians(p)[0] for i, p in zip((v, w), points, strict=True)]
    basis = tangents(part.normals)
    back = (inner[0] @ basis) @ np.linalg.inv(inner[1] @ basis)
    information = np.linalg.inv(
        np.linalg.inv(measured.information[rows] + 1e-6 * np.eye(2))
        + MOTION_FLOOR_PX**2 * np.eye(2)
    )
    root = np.linalg.cholesky(information / SHARED).transpose(0, 2, 1)
    return Pair(
        v,
        w,
        rows,
        measured.motion[rows],
        np.asarray(root, dtype=float),
        views[v].camera.project(points[0]),
        views[w].camera.project(points[1]),
        back,
    )


def add_pair(
    pair: Pair,
    model: PointModel,
    state: State,
    views: list[WorkView],
    hessian: Array,
    gradient: Array,
) -> None:
    """Add the comparison of one pair of photos to the normal equations, in place."""
    k, m = len(model.modes), len(model.expressions)
    part = model.subset(pair.rows)
    blocks, pixels = [], []
    for i in (pair.v, pair.w):
        points = part.points(state.identity, state.expressions[i])
        by_point, by_camera = views[i].camera.jacobians(points)
        blocks.append((by_point, by_camera))
        pixels.append(views[i].camera.project(points))
    to_first = pair.root @ pair.back
    r = np.einsum("nij,nj->ni", to_first, pixels[1] - pair.second_px) - np.einsum(
        "nij,nj->ni", pair.root, pixels[0] - pair.first_px + pair.motion
    )
    weight = robust(np.linalg.norm(r, axis=1) * np.sqrt(SHARED))
    r = r * np.sqrt(weight)[:, None]
    second = to_first * np.sqrt(weight)[:, None, None]
    first = -(pair.root * np.sqrt(weight)[:, None, None])
    by_first, by_second = first @ blocks[0][0], second @ blocks[1][0]
    identity = np.einsum("nrc,knc->nrk", by_first + by_second, part.modes, optimize=True)
    columns = [identity]
    for lead, (_, camera), by_point in (
        (first, blocks[0], by_first),
        (second, blocks[1], by_second),
    ):
        columns.append(lead @ camera)
        columns.append(np.einsum("nrc,mnc->nrm", by_point, part.expressions, optimize=True))
    a = np.concatenate(columns, axis=2).reshape(-1, k + 2 * (UNKNOWNS + m))
    width = UNKNOWNS + m
    index = np.r_[
        :k,
        k + width * pair.v : k + width * (pair.v + 1),
        k + width * pair.w : k + width * (pair.w + 1),
    ]
    hessian[np.ix_(index, index)] += a.T @ a
    gradient[index] += a.T @ r.ravel()


def refine(
    models: Models,
    start: PhotoFit,
    views: list[View],
    pictures: list[NDArray[np.uint8]],
    triangles: NDArray,
    priors: Priors,
    told: Callable[[float], None] = lambda share: None,
) -> PhotoFit:
    """Correct the fit `start` by everything the photos show.

    `models` may hold more identity than `start` knows (the detail), which begins at zero.
    pictures (h, w, 3) uint8 of the views; triangles (m, 3) of the fine vertices; `told` is called
    with the share of the rounds done.
    """
    k, m = len(models.fields), len(models.names)
    width = UNKNOWNS + m
    identity = np.zeros(k)
    identity[: len(start.identity)] = start.identity
    state = State(identity, start.expressions, start.cameras)
    starts = [k + width * v for v in range(len(views))]
    bounded = np.concatenate([np.arange(s + UNKNOWNS, s + width) for s in starts])
    everything = np.ones(k + width * len(views), dtype=bool)
    shape_prior = np.eye(k) + models.closed_lips.T @ models.closed_lips
    shapes = [models.posed(state.identity, e) for e in state.expressions]
    reductions = [
        reduced(rgb, c, s[models.samples])
        for rgb, c, s in zip(pictures, state.cameras, shapes, strict=True)
    ]
    taken = start.cameras
    hessian = np.eye(len(everything))
    scales: list[tuple[Array, Array]] = []
    soft: list[PointModel] = []
    pairs: list[Pair] = []
    rounds = ROUNDS if len(views) > 1 else 2
    for turn in range(rounds):
        told(turn / rounds)
        shapes = [models.posed(state.identity, e) for e in state.expressions]
        work = [
            with_camera(r, old, new)
            for r, old, new in zip(reductions, taken, state.cameras, strict=True)
        ]
        pairs = []
        for v, w in _pairs(len(views)):
            with one_thread():
                measured = compare(
                    work[v],
                    work[w],
                    (shapes[v], shapes[w]),
                    triangles,
                    models.samples,
                    models.usable,
                )
            now = _turned(models, state, v, shapes[v], triangles)
            pairs.append(pair_of(v, w, now, state, work, measured))
        reach = max(LAST_REACH_MM, FIRST_REACH_MM * 0.6**turn)
        contours = [
            # Before the neck, as in a front photo, shadows pass for the edge of the jaw.
            contour_in(models, v, work[v], shapes[v], triangles, reach)
            for v in range(1, len(views))
        ]
        soft = _softened(models.landmarks, len(views), pairs)
        scales = [scale_and_sight(soft[v], state, v) for v in range(len(views))]
        for _ in range(STEPS):
            hessian, gradient = normal_equations(
                soft, models.rim, views, priors, state, scales, shape_prior
            )
            work = [
                with_camera(r, old, new)
                for r, old, new in zip(reductions, taken, state.cameras, strict=True)
            ]
            for pair in pairs:
                add_pair(pair, models.skin, state, work, hessian, gradient)
            for contour in contours:
                add_contour(contour, state, work[contour.view], hessian, gradient)
            step = bounded_step(hessian, gradient, bounded, state.expressions.ravel(), everything)
            state = state.stepped(step)
    blocks = [landmark_block(soft[v], view, state, v, scales[v]) for v, view in enumerate(views)]
    compared = sum(len(p.rows) for p in pairs)
    return fitted(state, blocks, hessian, start.steps + rounds * STEPS, compared)


def contour_in(
    models: Models, v: int, view: WorkView, shape: Array, triangles: NDArray, reach_mm: float
) -> Contour:
    """The occluding contour of the present head as far as photo v shows it."""
    where = generator(view, shape, triangles, models.contour)
    offset, clear = found(view, where, reach_mm)
    sd = np.sqrt(value("capture.photo.contour_shared")) * value("capture.photo.contour_sd")
    return Contour(
        v,
        models.at(where.interpolation(len(shape))[clear]),
        where.normals[clear],
        offset[clear],
        np.full(int(clear.sum()), sd / where.mm_per_px),
        where.pixels[clear],
    )


def _softened(landmarks: PointModel, count: int, pairs: list[Pair]) -> list[PointModel]:
    """The landmarks of each photo with their spread widened.

    Neighbouring landmarks err together, which the fit does not know; the more skin has been
    compared between the photos, the less may the landmarks (and their bias in turned photos)
    weigh against it.
    """
    compared = min((len(p.rows) for p in pairs), default=0)
    share = float(smoothstep(np.array(compared), *ENOUGH_COMPARED))
    alone = value("capture.photo.landmark_factor.one")

    def factor(v: int) -> float:
        full = value("capture.photo.landmark_factor." + ("several" if v == 0 else "side"))
        return float(alone * (full / alone) ** share)

    return [replace(landmarks, sd_mm=landmarks.sd_mm * factor(v)) for v in range(count)]


def _pairs(count: int) -> list[tuple[int, int]]:
    return [(0, w) for w in range(1, count)]


def _turned(models: Models, state: State, v: int, shape: Array, triangles: NDArray) -> PointModel:
    """The skin's model with the normals of the present shape."""
    normals = vertex_normals(shape, triangles)[models.samples]
    s = models.skin
    return PointModel(s.mean, s.modes, s.expressions, normals, s.sd_mm)
