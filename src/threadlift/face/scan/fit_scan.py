"""From a face scan to a `Face`: landmarks, registration of the template, and how well it fits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.face.capture import Capture
from threadlift.face.expression.composites import expression_fields
from threadlift.face.face import Face, frame_of
from threadlift.face.scan.accuracy import residuals, spread, surface_error
from threadlift.face.scan.model import EXPRESSIONS, face_region, scan_model, scan_trust
from threadlift.face.scan.read import Scan, read_scan
from threadlift.face.scan.register import Progress, Registration, register, silent
from threadlift.face.template import Template, template

Array = NDArray[np.float64]


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
    if numbers["identity_deviation_sd"] > value("scan.unlikely_identity"):
        notes.append("The proportions are unusual; check the registered face by eye.")
    weights = dict(zip(EXPRESSIONS, found.fit.expressions, strict=True))
    limit = value("scan.smile_weight")
    if max(weights["mouthSmileLeft"], weights["mouthSmileRight"]) > limit:
        notes.append("The face seems to smile; plans need a scan at rest.")
    if weights["jawOpen"] > limit:
        notes.append("The mouth seems to be open; plans need a scan at rest.")
    if min(weights["eyeBlinkLeft"], weights["eyeBlinkRight"]) > limit:
        notes.append("The eyes are closed on the scan; the pupils are estimated.")
    return tuple(notes)


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
    landmark_spread_mm, ipd_mm, identity_deviation_sd (from the mean face, in population standard
    deviations), triangles (as used). Same file, same bits.

    Raises InputError: unreadable or unusable scan, no face on it, impossible size or proportions.
    """
    return registered_face(source, units=units, progress=progress)[0]


def registered_face(
    source: str | Path | Scan,
    *,
    units: str | None = None,
    progress: Progress | None = None,
) -> tuple[Face, Registration]:
    """The face of `fit_scan` together with the registration it comes from (same arguments)."""
    tell = progress or silent
    tell(0.0, "Reading the scan")
    scan = source if isinstance(source, Scan) else read_scan(source, units)
    t, model = template(), scan_model()
    trust = scan_trust(t)
    face = face_region(t)
    found = register(scan, t, model, trust, progress=tell)
    tell(0.95, "Judging the result")
    scanned = residuals(found, t)
    error = surface_error(scanned, t, face)
    if len(error) < 200:
        raise InputError(
            f"{scan.source}: the template could not be laid onto the scan.",
            "Check that the scan shows one whole face, or scan again.",
        )
    deviation = float(np.sqrt(np.mean(found.fit.identity**2)))
    if deviation > value("scan.impossible_identity"):
        raise InputError(
            f"{scan.source}: what looks like a face has proportions that no person has"
            f" ({deviation:.1f} times the usual departure from the mean).",
            "Give an undistorted scan of a person (no drawing, sculpture or animal),"
            " with the same scale in all three directions.",
        )
    numbers = {
        "surface_error_mean_mm": float(error.mean()),
        "surface_error_p95_mm": float(np.percentile(error, 95)),
        "matched_fraction": float(found.matched[face].mean()),
        "landmarks": float((found.landmarks.known & (model.landmark_weight > 0)).sum()),
        "landmark_views": float(found.landmarks.views),
        "landmark_spread_mm": float(np.nanmedian(found.landmarks.spread)),
        "ipd_mm": found.ipd_mm,
        "identity_deviation_sd": deviation,
        "triangles": float(len(scan.triangles)),
    }
    statement = (
        f"millimetres from the scan ({found.scan.units}: {found.scan.unit_evidence};"
        f" pupils {found.ipd_mm:.0f} mm apart)"
    )
    notes = (*found.scan.notes, *_notes(numbers, found))
    capture = Capture(scan.source, numbers, notes, statement)
    vertices = frame_of(found.vertices).apply(found.vertices)
    sd, along = spread(found, scanned, t, trust)
    tell(1.0, "Done")
    result = Face(
        vertices,
        sd,
        "scan",
        capture,
        expression_fields(vertices),
        _colors(found, t),
        along,
    )
    return result, found
