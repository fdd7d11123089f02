"""An expression of a person from a second scan: the mesh at rest carried onto it.

The mesh at rest is moved, never another registration subtracted: two independent registrations
differ by 1 to 2 mm along the skin even without any movement. First the template's units explain
what they can (pose by what does not move, landmarks by how they moved), then the mesh is bent
freely onto the scan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from threadlift.evidence import value
from threadlift.face.expression.composites import person_units
from threadlift.face.expression.fitted import Fitted, unit_names
from threadlift.face.face import Face, vertex_normals
from threadlift.face.scan.landmarks import landmarks_in_frame
from threadlift.face.scan.model import scan_model, scan_trust
from threadlift.face.scan.read import Scan, read_scan
from threadlift.face.scan.refinement import COARSE_LEVELS, FINE_LEVELS, refine
from threadlift.face.scan.register import Registration, register
from threadlift.face.scan.registration import Model, fit_model, tukey
from threadlift.face.scan.stable import stillness
from threadlift.face.template import Array, Template, template
from threadlift.frames import Similarity, fit_similarity

Progress = Callable[[float, str], None]

#: Rounds of fitting the units and laying the still parts together.
_ROUNDS = 2
_SETTLE_STEPS = 8
#: Reach of closest points [mm] for parts that do not move.
_SETTLE_REACH_MM = 4.0
#: Template vertices within this distance of the scan [mm] are parts that it shows.
_SAME_PART_MM = 4.0
#: Units below this weight after the first round are not part of the expression: muscles pull or
#: rest, and units that cancel each other would only fit noise.
_ACTIVE = 0.05


def _model_at_rest(face: Face, names: tuple[str, ...]) -> Model:
    """The registration model with this person's rest as its mean and units as its only modes."""
    t, base = face.template, scan_model()
    smooth = csr_matrix(t.subdivision[: t.n_coarse])
    units = person_units(names, face.vertices)
    flat = smooth @ units.transpose(1, 0, 2).reshape(t.n_coarse, -1)
    return replace(
        base,
        mean=face.vertices[: t.n_coarse],
        identity=np.zeros((0, t.n_coarse, 3)),
        expressions=np.ascontiguousarray(
            flat.reshape(t.n_coarse, len(names), 3).transpose(1, 0, 2)
        ),
        expression_names=names,
    )


def _landmark_bias(face: Face, model: Model, found: Registration) -> Array:
    """Where the network sees landmarks on this very face at rest, from where the model has them.

    (478, 3) [mm], 0 where it does not see them. The face is shown to it cut and coloured as the
    scan is, so that what is left of a landmark's error after subtraction is its jitter.
    """
    t = face.template
    shown = face.skin.copy()
    for rows in t.eyes.values():
        shown[rows] = True
    shown &= found.target.index.closest(found.vertices, reach_mm=_SAME_PART_MM).found
    used, triangles = np.unique(
        face.triangles[shown[face.triangles].all(axis=1)], return_inverse=True
    )
    points, weights = _model_landmarks(model), model.landmark_weight
    seen = landmarks_in_frame(
        face.vertices[used],
        triangles.reshape(-1, 3),
        None if found.scan_colors is None else face.display_colors[used],
        face.normals[used],
        np.average(points, axis=0, weights=weights),
        face.capture.source,
    )
    return np.where(seen.known[:, None], seen.points - points, 0.0)


def _model_landmarks(model: Model) -> Array:
    return np.einsum("lc,lcd->ld", model.landmark_bary, model.mean[model.landmark_corners])


def _settle(points: Array, normals: Array, weight: Array, found: Registration) -> Similarity:
    """Rigid motion (point to plane) that lays still parts of the mesh onto the scan."""
    use = np.nonzero(weight > 0.05)[0]
    move = Similarity(np.eye(3), np.zeros(3))
    for _ in range(_SETTLE_STEPS):
        x = move.apply(points[use])
        foot, n, valid = found.target.correspond(
            x, move.apply_vectors(normals[use]), _SETTLE_REACH_MM, 0.7
        )
        gap = np.einsum("vd,vd->v", n, foot - x)
        scatter = 1.4826 * float(np.median(np.abs(gap[valid]))) if valid.any() else 0.0
        w = np.where(valid, weight[use] * tukey(gap, max(4.0 * scatter, 0.6)), 0.0)
        centre = np.average(x, axis=0, weights=w + 1e-12)
        j = np.concatenate([np.cross(x - centre, n), n], axis=1)
        h = (j * w[:, None]).T @ j
        h[np.arange(6), np.arange(6)] += 1e-9 * np.trace(h) + 1e-12
        step = np.linalg.solve(h, (j * w[:, None]).T @ gap)
        # The nearest rotation to a small turn, by its singular values.
        u, _, vt = np.linalg.svd(np.eye(3) + _cross_matrix(step[:3]))
        turn = u @ vt
        move = move.then(Similarity(turn, centre - turn @ centre + step[3:]))
    return move


def _cross_matrix(w: Array) -> Array:
    return np.array([[0.0, -w[2], w[1]], [w[2], 0.0, -w[0]], [-w[1], w[0], 0.0]])


def _still_misfit(points: Array, normals: Array, weight: Array, found: Registration) -> float:
    """Root mean square distance [mm] of still parts of the placed mesh from the scan."""
    use = np.nonzero(weight > 0.5)[0]
    foot, n, valid = found.target.correspond(points[use], normals[use], 10.0, 0.5)
    gap = np.einsum("vd,vd->v", n, foot - points[use])[valid]
    return float(np.sqrt(np.mean(gap**2))) if len(gap) else np.inf


def fit_scan_expression(
    face: Face, source: str | Path | Scan, *, units: str | None = None, progress: Progress
) -> Fitted:
    """The expression of `face` on a scan, as a displacement of its mesh at rest.

    Raises InputError for an unusable scan; whether the expression is the one wanted and the
    person the same is for the caller to judge (`weights`, `misfit`).
    """
    t, base = template(), scan_model()
    trust = scan_trust(t)
    scan = source if isinstance(source, Scan) else read_scan(source, units)
    found = register(scan, t, base, trust, progress=lambda s, what: progress(0.6 * s, what))
    progress(0.6, "Looking how landmarks moved")
    names = unit_names(t)
    model = _model_at_rest(face, names)
    bias = _landmark_bias(face, model, found)
    upper = stillness(np.zeros_like(face.vertices)) > 0.5
    pose = fit_similarity(face.vertices[upper], found.vertices[upper])
    weights = np.array([found.landmarks.blendshapes.get(n, 0.0) for n in names])
    active = np.ones(len(names), dtype=bool)
    shapes = person_units(names, face.vertices)
    field = np.zeros_like(face.vertices)
    progress(0.75, "Fitting the expression")
    for _ in range(_ROUNDS):
        fit = fit_model(
            replace(model, expressions=model.expressions[active]),
            pose,
            found.landmarks.points - bias @ pose.rotation.T,
            found.landmarks.spread,
            found.target,
            modes=0,
            iterations=8,
            expression_start=weights[active],
            coloured=found.scan_colors is not None,
        )
        weights = np.zeros(len(names))
        weights[active] = np.maximum(fit.expressions, 0.0)
        active = weights > _ACTIVE
        field = t.fine(np.tensordot(weights, shapes, 1))
        pose = fit.to_scan
        x = pose.apply(face.vertices + field)
        move = _settle(x, vertex_normals(x, t.triangles), stillness(field), found)
        pose = pose.then(move)
    x = pose.apply(face.vertices + field)
    misfit = _still_misfit(x, vertex_normals(x, t.triangles), stillness(field), found)
    progress(0.85, "Following the surface")
    end = _bent(x, model, trust, found, t)
    return Fitted(
        pose.inverse().apply(end) - face.vertices,
        dict(zip(names, weights.tolist(), strict=True)),
        value("expression.scan.normal_sd"),
        value("expression.scan.along_sd"),
        value("expression.scan.relative_sd"),
        misfit,
    )


def _bent(start: Array, model: Model, trust: Array, found: Registration, t: Template) -> Array:
    """Free refinement of the placed mesh (n, 3); eyeballs stay in their sockets."""
    rough = start[: t.n_coarse]
    coarse = refine(rough, model.triangles, model.trust, found.target, COARSE_LEVELS)
    fine = refine(
        start, t.triangles, trust, found.target, FINE_LEVELS, t.fine(coarse.vertices - rough)
    )
    out = fine.vertices
    for rows in t.eyes.values():
        out[rows] = start[rows]
    return out
