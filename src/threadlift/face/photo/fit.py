"""Fit identity, expressions and cameras of one or more photos to landmarks: Gauss–Newton.

Minimised is half the sum of squares of

* landmark misfits in mm at the face's depth, over each landmark's own standard deviation, with a
  Geman–McClure loss (a landmark hidden by hair pulls with bounded force);
* misfits of the jaw outline, measured across the outline only (where along it a landmark lies is
  the network's choice, not anatomy);
* identity coefficients (standard normal by construction of the modes);
* expression weights around the network's own scores, kept within 0..1;
* the camera's distance and, where the photo's metadata give it, the focal length.

All photos share the identity; each has its own camera and expression. This module knows nothing
of files, colours or the template's topology.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.face.photo.camera import UNKNOWNS, PhotoCamera, resection
from threadlift.face.photo.problem import Outline, PhotoFit, PointModel, Priors, State, View, fitted

Array = NDArray[np.float64]

ROBUST = 3.0  # misfit [sd] from which a landmark's pull starts to fall
POSE_STEPS = 4  # camera alone first: shape must not absorb a wrong first pose
# Scale and sight of the landmarks are held from here on: the sum of squares is then one function
# with one minimum, instead of one that changes with every step.
SETTLED = 8
MAX_STEPS = 30
# A photo says little about distance and focal length together; along that valley the misfits bend
# and full steps overshoot back and forth. Shorter ones converge in half as many.
SHORTER = 0.6
CONVERGED = 1e-3  # largest step in units of each unknown's prior
GRAZING, OPEN = 0.05, 0.35  # cosine to the view: below, a landmark is ignored; above, fully used
# Weak priors that only fix what the data leave free (the pose is always well determined).
POSE_SCALE = np.array([1.0, 1.0, 1.0, 1e3, 1e3, 1e3, 1.0])


def facing(normals: Array, points: Array, camera: PhotoCamera) -> Array:
    """Cosine (n,) between outward normals and the direction to the camera."""
    position = -camera.rotation.T @ camera.translation
    toward = position - points
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    return np.einsum("ij,ij->i", normals, toward)


def smoothstep(x: Array, low: float, high: float) -> Array:
    """0 below low, 1 above high, cubic between."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def robust(sd: Array) -> Array:
    """Weights of the Geman–McClure loss for misfits in standard deviations."""
    return 1.0 / (1.0 + (sd / ROBUST) ** 2) ** 2


def scale_and_sight(model: PointModel, state: State, v: int) -> tuple[Array, Array]:
    """Per landmark (n,): mm per px at its depth, and 0..1 how far it faces the camera."""
    camera = state.cameras[v]
    points = model.points(state.identity, state.expressions[v])
    shown = smoothstep(facing(model.normals, points, camera), GRAZING, OPEN)
    return camera.local(points)[:, 2] / camera.focal, shown


def landmark_block(
    model: PointModel, view: View, state: State, v: int, scale: tuple[Array, Array]
) -> tuple[Array, Array, Array, Array]:
    """Residuals (n, 2) [sd], Jacobian (n, 2, 7 + k + m), weights (n,), raw misfit [px].

    `scale` is what :func:`scale_and_sight` gives for this photo.
    """
    camera = state.cameras[v]
    points = model.points(state.identity, state.expressions[v])
    by_point, by_camera = camera.jacobians(points)
    mm, shown = scale
    misfit = camera.project(points) - view.pixels
    to_sd = mm / view.trusted(model.sd_mm)
    sd = misfit * to_sd[:, None]
    jacobian = np.concatenate([by_camera, *model.rows(by_point)], axis=2) * to_sd[:, None, None]
    return sd, jacobian, shown * robust(np.linalg.norm(sd, axis=1)), misfit


def _outline_block(
    rim: PointModel, outline: Outline, state: State, v: int
) -> tuple[Array, Array, Array]:
    """Residuals (o,) [sd], Jacobian (o, 7 + k + m), weights (o,) across the outline.

    The model's outline point is, for each outline landmark, the candidate that reaches farthest
    along the outward normal among those abreast of it.
    """
    camera = state.cameras[v]
    points = rim.points(state.identity, state.expressions[v])
    pixels = camera.project(points)
    offset = pixels[None] - outline.pixels[:, None]
    along = np.einsum("opc,oc->op", offset, outline.normals)
    abreast = np.abs(
        np.einsum("opc,oc->op", offset, outline.normals[:, ::-1] * np.array([-1.0, 1.0]))
    )
    mm = float(np.median(camera.local(points)[:, 2])) / camera.focal
    # Half the spacing of the candidates: wide enough to hold one, narrow enough to stay abreast.
    reach = np.where(abreast * mm < 6.0, along, -np.inf)
    chosen = np.argmax(reach, axis=1)
    valid = np.isfinite(reach[np.arange(len(chosen)), chosen])
    part = rim.subset(chosen)
    by_point, by_camera = camera.jacobians(points[chosen])
    jacobian = np.concatenate([by_camera, *part.rows(by_point)], axis=2)
    across = np.einsum("orj,or->oj", jacobian, outline.normals) * (mm / outline.sd_mm)
    sd = np.where(valid, along[np.arange(len(chosen)), chosen], 0.0) * (mm / outline.sd_mm)
    return sd, across, np.where(valid, robust(sd), 0.0)


def normal_equations(
    models: list[PointModel],
    rim: PointModel | None,
    views: list[View],
    priors: Priors,
    state: State,
    scales: list[tuple[Array, Array]],
    shape_prior: Array,
) -> tuple[Array, Array]:
    """Hessian (Gauss–Newton) and gradient over [identity | per photo: camera, expression]."""
    k, m = len(models[0].modes), len(models[0].expressions)
    width = UNKNOWNS + m
    size = k + width * len(views)
    hessian, gradient = np.zeros((size, size)), np.zeros(size)
    hessian[:k, :k] = shape_prior
    gradient[:k] = shape_prior @ state.identity
    for v, view in enumerate(views):
        sd, jacobian, weight, _ = landmark_block(models[v], view, state, v, scales[v])
        rows = [jacobian.reshape(-1, width + k)]
        right, w = [sd.ravel()], [np.repeat(weight, 2)]
        if rim is not None and view.outline is not None:
            o_sd, o_jacobian, o_weight = _outline_block(rim, view.outline, state, v)
            rows.append(o_jacobian)
            right.append(o_sd)
            w.append(o_weight)
        # Rows come as [camera | identity | expression]; the system wants identity first.
        a = np.concatenate(rows)
        order = np.r_[UNKNOWNS : UNKNOWNS + k, :UNKNOWNS, UNKNOWNS + k : UNKNOWNS + k + m]
        a, r, ww = a[:, order], np.concatenate(right), np.concatenate(w)
        at = k + width * v
        index = np.r_[:k, at : at + width]
        hessian[np.ix_(index, index)] += (a * ww[:, None]).T @ a
        gradient[index] += a.T @ (ww * r)
        _add_priors(hessian, gradient, at, view, priors, state, v)
    for v, view in enumerate(views[1:], start=1):
        _add_same_sitting(hessian, gradient, (k, k + width * v), (views[0], view), priors, state, v)
    return hessian, gradient


def _add_same_sitting(
    hessian: Array,
    gradient: Array,
    starts: tuple[int, int],
    views: tuple[View, View],
    priors: Priors,
    state: State,
    v: int,
) -> None:
    """Photos of one set are taken with one lens from about one distance; added in place.

    Photos of different size are from different cameras or cropped: only the distance counts then.
    """
    first, other = state.cameras[0], state.cameras[v]
    terms = [
        (
            5,
            (first.translation[2], other.translation[2]),
            np.log(other.translation[2] / first.translation[2]),
            priors.set_log_sd,
        )
    ]
    if np.array_equal(np.sort(views[0].principal), np.sort(views[1].principal)):
        terms.append((6, (1.0, 1.0), np.log(other.focal / first.focal), priors.lens_log_sd))
    for unknown, (a, b), misfit, sd in terms:
        index = np.array([starts[0] + unknown, starts[1] + unknown])
        row = np.array([-1.0 / a, 1.0 / b]) / sd
        hessian[np.ix_(index, index)] += np.outer(row, row)
        gradient[index] += row * misfit / sd


def _add_priors(
    hessian: Array, gradient: Array, at: int, view: View, priors: Priors, state: State, v: int
) -> None:
    """Expression, distance and focal-length priors of one photo, added in place."""
    m = len(view.scores)
    e = slice(at + UNKNOWNS, at + UNKNOWNS + m)
    precision = 1.0 / priors.expression_sd**2
    hessian[e, e] += precision * np.eye(m)
    gradient[e] += precision * (state.expressions[v] - view.scores)
    camera = state.cameras[v]
    # Sine of the pitch is -rotation[2, 1]; its derivative by the left-acting rotation vector:
    slope = np.array([-camera.rotation[1, 1], camera.rotation[0, 1], 0.0])
    hessian[at : at + 3, at : at + 3] += np.outer(slope, slope) / priors.pitch_sd**2
    gradient[at : at + 3] -= slope * camera.rotation[2, 1] / priors.pitch_sd**2
    z, precision = at + 5, 1.0 / priors.distance_log_sd**2
    depth = camera.translation[2]
    hessian[z, z] += precision / depth**2
    gradient[z] += precision * np.log(depth / priors.distance_mm) / depth
    if np.isfinite(view.focal_sd):
        f, precision = at + 6, 1.0 / view.focal_sd**2
        hessian[f, f] += precision
        gradient[f] += precision * np.log(camera.focal / view.focal_px)


def bounded_step(
    hessian: Array,
    gradient: Array,
    bounded: NDArray[np.intp],
    current: Array,
    free: NDArray[np.bool_],
) -> Array:
    """Newton step with the entries `bounded` kept within 0..1 (active set, few rounds).

    `current` are the present values of the bounded unknowns; entries not `free` do not move.
    """
    step = np.zeros(len(gradient))
    fixed = ~free
    for _ in range(6):  # each round only adds to the active set; six have always been enough
        loose = np.flatnonzero(~fixed)
        right = -gradient[loose] - hessian[np.ix_(loose, np.flatnonzero(fixed))] @ step[fixed]
        step[loose] = np.linalg.solve(hessian[np.ix_(loose, loose)], right)
        target = current + step[bounded]
        out = ((target < 0.0) | (target > 1.0)) & ~fixed[bounded]
        if not out.any():
            break
        step[bounded[out]] = np.clip(target[out], 0.0, 1.0) - current[out]
        fixed = fixed.copy()
        fixed[bounded[out]] = True
    step[bounded] = np.clip(current + step[bounded], 0.0, 1.0) - current
    return step


def first_cameras(model: PointModel, views: list[View]) -> tuple[PhotoCamera, ...]:
    """Cameras from the mean head and the network's relative depth."""
    weights = np.where(np.isfinite(model.sd_mm), 1.0 / model.sd_mm**2, 0.0)
    return tuple(
        resection(model.mean, view.pixels, view.depth_px, weights, view.focal_px, view.principal)
        for view in views
    )


def fit(
    model: PointModel,
    views: list[View],
    priors: Priors,
    rim: PointModel | None = None,
    unchanged: Array | None = None,
) -> PhotoFit:
    """Fit the model to all photos at once.

    `rim` are candidates for the jaw's outline (same coefficients as `model`); None leaves
    outlines out. `unchanged` (r, k): linear functions of the identity that are zero ± 1 in a
    neutral head (such as lips that part), or None. Deterministic: Gauss–Newton steps from the
    mean head (the priors keep the system well conditioned and the first pose is close).
    """
    k, m = len(model.modes), len(model.expressions)
    width = UNKNOWNS + m
    state = State(
        np.zeros(k),
        np.array([view.scores for view in views]).reshape(-1, m),
        first_cameras(model, views),
    )
    starts = [k + width * v for v in range(len(views))]
    bounded = np.concatenate([np.arange(s + UNKNOWNS, s + width) for s in starts])
    is_camera = np.zeros(k + width * len(views), dtype=bool)
    for s in starts:
        is_camera[s : s + UNKNOWNS] = True
    everything = np.ones_like(is_camera)
    unit = np.ones(len(is_camera))
    for s in starts:
        unit[s : s + UNKNOWNS] = POSE_SCALE
    steps = 0
    hessian = np.eye(len(unit))
    shape_prior = np.eye(k) if unchanged is None else np.eye(k) + unchanged.T @ unchanged
    scales: list[tuple[Array, Array]] = []
    for steps in range(1, MAX_STEPS + 1):
        pose_only = steps <= POSE_STEPS
        if steps <= SETTLED:
            scales = [scale_and_sight(model, state, v) for v in range(len(views))]
        hessian, gradient = normal_equations(
            [model] * len(views),
            None if pose_only else rim,
            views,
            priors,
            state,
            scales,
            shape_prior,
        )
        step = bounded_step(
            hessian,
            gradient,
            bounded,
            state.expressions.ravel(),
            is_camera if pose_only else everything,
        )
        if steps > SETTLED:
            step = SHORTER * step
        state = state.stepped(step)
        if not pose_only and np.abs(step / unit).max() < CONVERGED:
            break
    blocks = [landmark_block(model, view, state, v, scales[v]) for v, view in enumerate(views)]
    return fitted(state, blocks, hessian, steps)
