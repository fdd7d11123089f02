"""From a face scan to a `Face`: landmarks, registration of the template, and how well it fits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from threadlift.errors import InputError
from threadlift.evidence import parameter, value
from threadlift.face.capture import Capture
from threadlift.face.closest import SurfaceIndex
from threadlift.face.expression.composites import expression_fields
from threadlift.face.face import Face, frame_of
from threadlift.face.scan.clean import boundary_vertices, orient_outward, smooth_normals
from threadlift.face.scan.landmarks import (
    ScanLandmarks,
    find_pose,
    landmarks_in_frame,
    search_mesh,
)
from threadlift.face.scan.model import EXPRESSIONS, face_region, scan_model, scan_trust
from threadlift.face.scan.read import UNIT_MM, Scan, read_scan
from threadlift.face.scan.refinement import COARSE_LEVELS, FINE_LEVELS, Refined, follow_eyes, refine
from threadlift.face.scan.registration import Model, ModelFit, Target, fit_model
from threadlift.face.template import Template, template
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
RIGHT_IRIS, LEFT_IRIS = 468, 473
#: Scan points for the error measure; a fixed stride thins denser scans.
MEASURED_POINTS = 40_000
#: A scan point this far from the registered surface belongs to something else (hair, collar) [mm].
FOREIGN_MM = 15.0


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


def _blink(model: Model, landmarks: ScanLandmarks) -> Array:
    """Expression weights to start from: lids as the network saw them, all else at rest."""
    return np.array(
        [
            landmarks.blendshapes.get(n, 0.0) if n.startswith("eyeBlink") else 0.0
            for n in model.expression_names
        ]
    )


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
    tell = progress or _silent
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
        expression_start=_blink(model, first),
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
        expression_start=_blink(model, landmarks),
    )
    tell(0.8, "Following the surface")
    refined = _refine(t, model, trust, fit, target)
    pupils = landmarks.points[[LEFT_IRIS, RIGHT_IRIS]]
    return Registration(
        refined.vertices,
        refined.matched,
        frame,
        v,
        faces,
        c,
        target,
        fit,
        landmarks,
        sized,
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


def _surface_error(found: Registration, t: Template, face: NDArray[np.bool_]) -> Array:
    """Distances [mm] of scan points from the registered surface, over the visible face.

    Counted are scan vertices (not on the scan's rim) whose foot lies on face skin and that are
    not foreign matter: the measure says how well the surface is followed, nothing about which
    skin point lies where.
    """
    surface = SurfaceIndex(found.vertices, t.triangles)
    inner = np.nonzero(~found.target.border)[0]
    stride = max(len(inner) // MEASURED_POINTS, 1)
    probe = inner[::stride]
    hit = surface.closest(found.scan_vertices[probe], found.target.normals[probe], 0.3, FOREIGN_MM)
    on_face = hit.found & face[t.triangles[np.maximum(hit.triangle, 0)]].all(axis=1)
    # A foot on the border of the face region is the nearest point of something beyond it.
    return np.where(on_face, hit.distance, np.nan)[on_face]


def _spread(found: Registration, trust: Array) -> Array:
    """Standard deviation (n,) [mm] of the registered vertices, normal to the skin.

    On scanned skin: the scatter of the scan about the surface, locally; elsewhere it grows with
    the distance from scanned skin.
    """
    v = found.vertices
    on = np.nonzero(found.matched & (trust > 0.0))[0]
    hit = found.target.index.closest(v[on], reach_mm=FOREIGN_MM)
    floor = value("scan.matched_sd_floor")
    worst = value("scan.unmatched_sd")
    if not len(on):
        return np.full(len(v), worst)
    tree = KDTree(v[on])
    square = np.minimum(np.nan_to_num(hit.distance, posinf=FOREIGN_MM), FOREIGN_MM) ** 2
    # Local scatter: mean square over the dozen matched vertices nearest to each.
    _, near = tree.query(v[on], k=min(12, len(on)))
    local = np.sqrt(square[np.asarray(near).reshape(len(on), -1)].mean(axis=1) + floor**2)
    gap, nearest = tree.query(v)
    away = local[nearest] + value("scan.unmatched_sd_rate") * gap
    sd = np.minimum(away, np.maximum(worst, local[nearest]))
    sd[on] = local
    return sd


def _colors(found: Registration, t: Template) -> NDArray[np.uint8] | None:
    """Skin colours (n, 3) from the scan; the unseen takes the template's, toned alike."""
    if found.scan_colors is None:
        return None
    rows = np.nonzero(found.matched & t.skin)[0]
    hit = found.target.index.closest(found.vertices[rows], reach_mm=4.0)
    rows, hit_tri, bary = rows[hit.found], hit.triangle[hit.found], hit.bary[hit.found]
    if len(rows) < 100:
        return None
    corner = found.scan_triangles[hit_tri]
    seen = np.einsum("kc,kcd->kd", bary, found.scan_colors[corner].astype(float))
    tone = seen.mean(axis=0) / np.maximum(t.albedo[rows].astype(float).mean(axis=0), 1.0)
    out = t.albedo * tone
    for rows_of_eye in t.eyes.values():
        out[rows_of_eye] = t.albedo[rows_of_eye]
    out[rows] = seen
    return np.clip(np.round(out), 0, 255).astype(np.uint8)


def _notes(numbers: dict[str, float], found: Registration) -> tuple[str, ...]:
    """What the reader of a result must know about this scan."""
    notes = []
    if numbers["surface_error_mean_mm"] > value("scan.poor_mean"):
        notes.append("The registered surface follows the scan poorly; check it by eye.")
    if numbers["matched_fraction"] < value("scan.poor_matched"):
        notes.append(
            "Less than the whole face was scanned; the rest is filled in from the mean"
            " face and has a wide spread."
        )
    weights = dict(zip(EXPRESSIONS, found.fit.expressions, strict=True))
    limit = value("scan.smile_weight")
    if max(weights["mouthSmileLeft"], weights["mouthSmileRight"]) > limit:
        notes.append("The face seems to smile; plans need a scan at rest.")
    if weights["jawOpen"] > limit:
        notes.append("The mouth seems to be open; plans need a scan at rest.")
    if min(weights["eyeBlinkLeft"], weights["eyeBlinkRight"]) > limit:
        notes.append("The eyes are closed on the scan; the pupils are estimated.")
    return tuple(notes)


def _silent(share: float, what: str) -> None:
    """Progress that nobody asked for."""


def fit_scan(
    source: str | Path | Scan,
    *,
    units: str | None = None,
    progress: Progress | None = None,
) -> Face:
    """A face from a scan file (OBJ, PLY, GLB, STL) or a `Scan` in memory, in any pose.

    Parameters
    ----------
    source: path, or what `scan.read.make_scan` made.
    units: 'mm', 'cm' or 'm'; concluded from the size of the face when not given.
    progress: called with the share done (0 to 1) and what is being done.

    Returns the template carried onto the scan in the patient frame [mm], of kind 'scan'.
    `capture.numbers`: surface_error_mean_mm and surface_error_p95_mm (scan to surface, over the
    visible face), matched_fraction (of the face region), landmarks (used), landmark_views,
    landmark_spread_mm, ipd_mm, triangles. Same file, same bits.

    Raises InputError: unreadable or unusable scan, no face on it, impossible size.
    """
    return registered_face(source, units=units, progress=progress)[0]


def registered_face(
    source: str | Path | Scan,
    *,
    units: str | None = None,
    progress: Progress | None = None,
) -> tuple[Face, Registration]:
    """The face of `fit_scan` together with the registration it comes from (same arguments)."""
    tell = progress or _silent
    tell(0.0, "Reading the scan")
    scan = source if isinstance(source, Scan) else read_scan(source, units)
    t, model = template(), scan_model()
    trust = scan_trust(t)
    face = face_region(t)
    found = register(scan, t, model, trust, progress=tell)
    tell(0.95, "Judging the result")
    error = _surface_error(found, t, face)
    if len(error) < 200:
        raise InputError(
            f"{scan.source}: the template could not be laid onto the scan.",
            "Check that the scan shows one whole face, or scan again.",
        )
    numbers = {
        "surface_error_mean_mm": float(error.mean()),
        "surface_error_p95_mm": float(np.percentile(error, 95)),
        "matched_fraction": float(found.matched[face].mean()),
        "landmarks": float((found.landmarks.known & (model.landmark_weight > 0)).sum()),
        "landmark_views": float(found.landmarks.views),
        "landmark_spread_mm": float(np.nanmedian(found.landmarks.spread)),
        "ipd_mm": found.ipd_mm,
        "triangles": float(len(scan.triangles)),
    }
    statement = (
        f"millimetres from the scan ({found.scan.units}: {found.scan.unit_evidence};"
        f" pupils {found.ipd_mm:.0f} mm apart)"
    )
    notes = (*found.scan.notes, *_notes(numbers, found))
    capture = Capture(scan.source, numbers, notes, statement)
    vertices = frame_of(found.vertices).apply(found.vertices)
    tell(1.0, "Done")
    result = Face(
        vertices,
        _spread(found, trust),
        "scan",
        capture,
        expression_fields(vertices),
        _colors(found, t),
    )
    return result, found
