"""Photographs as `Captured`: the face, the photos with the fit over them, the findings."""

from __future__ import annotations

from pathlib import Path

from threadlift.face.captured import Captured, View
from threadlift.face.photo.fit_photos import Photographed, Progress, photographed
from threadlift.face.quality import Finding, refuse_unusable
from threadlift.face.quality.photo import after_fit, before_fit


def capture_photos(
    front: str | Path,
    left: str | Path | None = None,
    right: str | Path | None = None,
    *,
    ipd_mm: float | None = None,
    marker_mm: float | None = None,
    progress: Progress | None = None,
) -> Captured:
    """`fit_photos` (same arguments and errors) with the evidence for looking at it.

    Raises InputError also when the quality gate finds a photo unusable.
    """
    found = photographed(front, left, right, ipd_mm=ipd_mm, marker_mm=marker_mm, progress=progress)
    views = tuple(
        View(
            picture.role,
            picture.photo.rgb,
            camera.for_picture(picture.photo.size),
            shape,
            picture.face.landmarks_px,
        )
        for picture, camera, shape in zip(found.pictures, found.cameras, found.shapes, strict=True)
    )
    return Captured(found.face, views, refuse_unusable(photo_findings(found)))


def photo_findings(found: Photographed) -> tuple[Finding, ...]:
    """The quality gate's findings on every photo."""
    out: list[Finding] = []
    for picture, camera in zip(found.pictures, found.cameras, strict=True):
        out.extend(before_fit(picture.role, picture.photo.rgb, picture.face))
        out.extend(
            after_fit(
                picture.role,
                picture.role,
                camera.angles_deg(),
                found.identity_rms,
                found.face.capture.numbers["reprojection_percent_ipd"],
            )
        )
    # Shape and misfit are of the whole fit: said once, of the front photo.
    once = {"unlikely_shape", "misfit"}
    return tuple(f for f in out if f.name not in once or f.picture == "front")
