"""Carry the template onto a scan: find the face, its landmarks, fit the model, refine freely."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.evidence import parameter, value
from threadlift.face.closest import SurfaceIndex
from threadlift.face.network.landmarker import LEFT_IRIS, RIGHT_IRIS
from threadlift.face.scan.clean import (
    boundary_vertices,
    intrinsic_frame,
    orient_outward,
    smooth_normals,
)
from threadlift.face.scan.landmarks import ScanLandmarks, landmarks_in_frame
from threadlift.face.scan.model import START_EXPRESSIONS
from threadlift.face.scan.read import UNIT_MM, Scan
from threadlift.face.scan.refinement import COARSE_LEVELS, FINE_LEVELS, Refined, follow_eyes, refine
from threadlift.face.scan.registration import Model, ModelFit, Target, fit_model
from threadlift.face.scan.search import find_pose, search_mesh
from threadlift.face.template import Template
from threadlift.frames import Similarity, fit_similarity

Array = NDArray[np.float64]
Progress = Callable[[float, str], None]

#: Everything within this distance of the face's middle is looked at [mm]: a head and its neck.
REACH_MM = 210.0
#: Denser scans are thinned to this many triangles (about 1 mm); more only carry noise.
DENSE_TRIANGLES = 320_000
#: The same for the first pass, which only finds the pose.
PASS_1_TRIANGLES = 120_000
#: Holes up to this size [mm] do not count as the rim of the scan.
PINHOLE_MM = 8.0
#: Scores of the landmark network up to this are what faces at rest get.
_REST_SCORE = 0.2


def silent(share: float, what: str) -> None:
    """Progress that nobody asked for."""


@dataclass(frozen=True)
class Registration:
    """The template carried onto a scan.

    Attributes
    ----------
    vertices: (n, 3) template vertices on the scan [mm, canonical frame: close to the patient
        frame of the mean face].
    matched: (n,) vertices that rest on scan data.
    to_canonical: rigid transform from the scan's own axes (in mm) to the canonical frame.
    scan_vertices, scan_triangles, scan_colors: the part of the scan that was used, canonical
        frame, wound outward.
    fit, landmarks: the model fit and the landmarks that it started from.
    target: the same as data for closest-point queries.
    scan: the scan in the unit that was confirmed. ipd_mm: distance of the pupils as found.
    """

    vertices: Array
    matched: NDArray[np.bool_]
    to_canonical: Similarity
    scan_vertices: Array
    scan_triangles: NDArray[np.int64]
    scan_colors: NDArray[np.uint8] | None
    target: Target
    fit: ModelFit
    landmarks: ScanLandmarks
    scan: Scan
    ipd_mm: float


def _reference(model: Model) -> Array:
    """Landmarks (478, 3) of the mean face."""
    return np.einsum("lc,lcd->ld", model.landmark_bary, model.mean[model.landmark_corners])


def _confirm_units(scan: Scan, size: float) -> Scan:
    """The scan in the unit that makes its face human; `size` = scanned over mean face.

    Raises InputError with the size found when none does, or when the given one does not.
    """
    low, high = value("scan.size.low"), value("scan.size.high")
    ipd = parameter("capture.ipd.adult").value * size
    if low <= size <= high:
        return scan
    fitting = [u for u, f in UNIT_MM.items() if low <= size * f / UNIT_MM[scan.units] <= high]
    if fitting and not scan.units_given:
        return scan.in_units(fitting[0], "concluded from the size of the face")
    hint = (
        f"Pass units='{fitting[0]}'."
        if fitting
        else "Scale the scan to true size and pass units='mm', 'cm' or 'm'."
    )
    raise InputError(
        f"{scan.source}: read in {scan.units} the pupils would be about {ipd:.3g} mm apart,"
        f" which no face has.",
        hint,
    )


def _rigid(pose: Similarity, centre: Array) -> Similarity:
    """The pose without its scale, still carrying the middle of the face to `centre`."""
    at = pose.inverse().apply(centre)
    return Similarity(pose.rotation, centre - pose.rotation @ at)


def _part(
    scan: Scan, frame: Similarity, centre: Array
) -> tuple[Array, NDArray[np.int64], NDArray[np.uint8] | None]:
    """The head out of the scan in a new frame, thinned if very dense, wound outward."""
    v = frame.apply(scan.vertices)
    near = np.linalg.norm(v - centre, axis=1) < REACH_MM
    t = scan.triangles[near[scan.triangles].all(axis=1)]
    used, inverse = np.unique(t, return_inverse=True)
    v, t = v[used], inverse.reshape(-1, 3)
    colors = None if scan.colors is None else scan.colors[used]
    v, t, colors = search_mesh(v, t, colors, DENSE_TRIANGLES)
    return v, orient_outward(v, t, centre, 1.1 * REACH_MM), colors


def _target(vertices: Array, triangles: NDArray[np.int64]) -> Target:
    normals = smooth_normals(vertices, triangles, rounds=3)
    facing = normals[triangles].sum(axis=1)
    facing /= np.maximum(np.linalg.norm(facing, axis=1, keepdims=True), 1e-12)
    return Target(
        SurfaceIndex(vertices, triangles, facing=facing),
        normals,
        boundary_vertices(vertices, triangles, PINHOLE_MM),
    )


def _expressions(model: Model, landmarks: ScanLandmarks) -> Array:
    """Expression weights to start from: what the network scores well, all else at rest.

    Small scores are what it gives to any face at rest.
    """
    scores = [
        landmarks.blendshapes.get(n, 0.0) if n in START_EXPRESSIONS else 0.0
        for n in model.expression_names
    ]
    return np.where(np.array(scores) > _REST_SCORE, scores, 0.0)


def _start(landmarks: ScanLandmarks, model: Model) -> Similarity:
    """Rigid transform of the mean face onto the landmarks."""
    known = landmarks.known & (model.landmark_weight > 0)
    w = model.landmark_weight[known] / (1.0 + landmarks.spread[known] ** 2)
    return fit_similarity(_reference(model)[known], landmarks.points[known], w)


def register(
    scan: Scan, t: Template, model: Model, trust: Array, *, progress: Progress | None = None
) -> Registration:
    """Carry the template onto a scan in any pose.

    `model` and `trust` (n,) as made by `scan_model`. Raises InputError when there is no face on
    the scan or its size is impossible.
    """
    tell = progress or silent
    # All that follows happens in axes of the scan's own, so that the same scan gives the same
    # face in whatever pose its file has it.
    own = intrinsic_frame(scan.vertices)
    in_file, scan = scan, replace(scan, vertices=own.apply(scan.vertices))
    tell(0.1, "Looking for the face")
    reference, weights = _reference(model), model.landmark_weight
    centre = np.average(reference, axis=0, weights=weights)
    light = search_mesh(scan.vertices, scan.triangles, scan.colors)
    pose = find_pose(*light, reference, weights, scan.source)
    sized = _confirm_units(scan, 1.0 / pose.scale)
    pose = replace(pose, scale=pose.scale * UNIT_MM[scan.units] / UNIT_MM[sized.units])
    frame = _rigid(pose, centre)

    # Pass 1, on a light mesh: find the pose well. Pass 2, in the frame that the fitted model
    # defines: what follows hardly depends any more on how the scan lay in its file.
    tell(0.25, "Placing landmarks")
    v, faces, c = search_mesh(*_part(sized, frame, centre), PASS_1_TRIANGLES)
    target = _target(v, faces)
    first = landmarks_in_frame(v, faces, c, target.normals, centre, scan.source)
    fit = fit_model(
        model,
        _start(first, model),
        first.points,
        first.spread,
        target,
        modes=60,
        iterations=7,
        expression_start=_expressions(model, first),
        coloured=c is not None,
    )
    onward = fit.to_scan.inverse()
    frame = frame.then(onward)

    tell(0.5, "Placing landmarks again, in the pose found")
    v, faces, c = _part(sized, frame, centre)
    target = _target(v, faces)
    landmarks = landmarks_in_frame(
        v, faces, c, target.normals, centre, scan.source, onward.apply(first.each)
    )
    fit = fit_model(
        model,
        Similarity(np.eye(3), np.zeros(3)),
        landmarks.points,
        landmarks.spread,
        target,
        modes=len(model.identity),
        iterations=9,
        expression_start=_expressions(model, landmarks),
        coloured=c is not None,
    )
    tell(0.8, "Following the surface")
    factor = UNIT_MM[sized.units] / UNIT_MM[scan.units]
    own = Similarity(own.rotation, factor * own.translation)
    if factor != 1.0:
        in_file = in_file.in_units(sized.units, sized.unit_evidence)
    refined = _refine(t, model, trust, fit, target)
    pupils = landmarks.points[[LEFT_IRIS, RIGHT_IRIS]]
    return Registration(
        refined.vertices,
        refined.matched,
        own.then(frame),
        v,
        faces,
        c,
        target,
        fit,
        landmarks,
        in_file,
        float(np.linalg.norm(pupils[0] - pupils[1])),
    )


def _refine(t: Template, model: Model, trust: Array, fit: ModelFit, target: Target) -> Refined:
    """Free refinement, first on the coarse vertices, then on the fine ones."""
    rough = fit.place(fit.shape(model))
    coarse = refine(rough, model.triangles, model.trust, target, COARSE_LEVELS)
    units = np.stack([t.expressions[n] for n in model.expression_names])
    field = np.tensordot(fit.identity, t.modes, axes=1) + np.tensordot(
        fit.expressions, units, axes=1
    )
    start = fit.place(t.vertices + t.fine(field))
    fine = refine(start, t.triangles, trust, target, FINE_LEVELS, t.fine(coarse.vertices - rough))
    return replace(fine, vertices=follow_eyes(start, fine.vertices, t.eyes))
