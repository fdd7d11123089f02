"""Photographs as `Captured`: the face, the photos with the fit over them, the findings."""

from __future__ import annotations

from pathlib import Path

from threadlift.face.captured import Captured, View
from threadlift.face.photo.fit_photos import Progress, photographed


def capture_photos(
    front: str | Path,
    left: str | Path | None = None,
    right: str | Path | None = None,
    *,
    ipd_mm: float | None = None,
    marker_mm: float | None = None,
    progress: Progress | None = None,
) -> Captured:
    """`fit_photos` (same arguments and errors) with the evidence for looking at it."""
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
    return Captured(found.face, views, found.findings)
