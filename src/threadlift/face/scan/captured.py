"""A scan as `Captured`: the face, the scan with the fit over it, the error map, the findings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from threadlift.face.captured import Captured, View
from threadlift.face.face import Face, frame_of
from threadlift.face.quality import refuse_unusable
from threadlift.face.quality.scan import scan_findings
from threadlift.face.scan.fit_scan import registered_face
from threadlift.face.scan.model import EXPRESSIONS, face_region
from threadlift.face.scan.read import Scan
from threadlift.face.scan.register import Progress, Registration
from threadlift.graphics import portrait_camera, render

Array = NDArray[np.float64]

#: The pictures of the scan: name and yaw [degrees].
_VIEWS = (("scan, from the right", -45.0), ("scan, front", 0.0), ("scan, from the left", 45.0))
_SIZE, _DISTANCE_MM = (640, 760), 1200.0
#: Beyond this a scan point belongs to something else than the vertex [mm].
_REACH_MM = 6.0


def capture_scan(
    source: str | Path | Scan, *, units: str | None = None, progress: Progress | None = None
) -> Captured:
    """`fit_scan` (same arguments and errors) with the evidence for looking at it.

    Raises InputError also when the quality gate finds the scan unusable.
    """
    face, found = registered_face(source, units=units, progress=progress)
    error = vertex_error(found, face)
    findings = scan_findings(
        face.capture.numbers,
        _spacing(found, face),
        dict(zip(EXPRESSIONS, found.fit.expressions.tolist(), strict=True)),
    )
    return Captured(face, _views(found, face), refuse_unusable(findings), error)


def vertex_error(found: Registration, face: Face) -> Array:
    """Distance (n,) [mm] of the scan from each vertex of the registered face, NaN where unseen."""
    hit = found.target.index.closest(found.vertices, reach_mm=_REACH_MM)
    seen = hit.found & found.matched & face.skin
    return np.where(seen, hit.distance, np.nan)


def _spacing(found: Registration, face: Face) -> float:
    """Median edge [mm] of the scan's triangles that lie on the face."""
    region = found.vertices[face_region(face.template)]
    low, high = region.min(axis=0), region.max(axis=0)
    p = found.scan_vertices[found.scan_triangles]
    middle = p.mean(axis=1)
    on = ((middle > low) & (middle < high)).all(axis=1)
    return float(np.median(np.linalg.norm(p[on, 0] - p[on, 1], axis=1)))


def _views(found: Registration, face: Face) -> tuple[View, ...]:
    """The scan in the patient frame with the registered face over it."""
    move = frame_of(found.vertices)
    scan = move.apply(found.scan_vertices)
    width = float(np.linalg.norm(face.landmark("tragion_L") - face.landmark("tragion_R")))
    centre = np.array([0.0, -0.13 * width, 0.12 * width])
    used = found.landmarks.known
    marks = move.apply(found.landmarks.points[used])
    out = []
    for title, yaw in _VIEWS:
        camera = portrait_camera(yaw, 0.0, centre, 1.5 * width, _SIZE, distance_mm=_DISTANCE_MM)
        picture = render(scan, found.scan_triangles, found.scan_colors, camera, supersample=2)
        pixels, depth = camera.project(marks)
        # Landmarks behind the face would lie over it.
        at = np.floor(np.nan_to_num(pixels)).astype(int)
        inside = ((at >= 0) & (at < np.array(_SIZE))).all(axis=1)
        shown = np.zeros(len(at), dtype=bool)
        shown[inside] = depth[inside] < picture.depth[at[inside, 1], at[inside, 0]] + _REACH_MM
        out.append(View(title, picture.rgb, camera, face.vertices, pixels[shown]))
    return tuple(out)
