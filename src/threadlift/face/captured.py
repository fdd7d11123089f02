"""`Captured`: a face together with the pictures it was made from, for looking at the fit."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.face.face import Face
from threadlift.face.quality import Finding
from threadlift.graphics import Camera

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class View:
    """One picture with the fitted face as its camera saw it.

    title: 'front', 'left', 'right' (photographs) or 'scan'. rgb (h, w, 3) uint8, without metadata.
    camera: of the rasteriser, for the picture. vertices (n, 3) [mm]: the face as in this picture
    (with its expression), in the world frame of `camera`. landmarks_px (k, 2) what the network
    found [px]; may be empty.
    """

    title: str
    rgb: NDArray[np.uint8]
    camera: Camera
    vertices: Array
    landmarks_px: Array


@dataclass(frozen=True, eq=False)
class Captured:
    """A face and the evidence for it.

    face: the result. views: the pictures with the fit. findings: the quality gate's. error_mm
    (n,): distance of the captured surface from the face at each vertex [mm], NaN where nothing
    was captured; None for photographs, which hold no surface.

    Raises InputError when a field has the wrong shape.
    """

    face: Face
    views: tuple[View, ...] = ()
    findings: tuple[Finding, ...] = field(default=())
    error_mm: Array | None = None

    def __post_init__(self) -> None:
        n = len(self.face.vertices)
        if self.error_mm is not None and self.error_mm.shape != (n,):
            raise InputError(
                f"error_mm has shape {self.error_mm.shape}, not {(n,)}.",
                "Give one distance per vertex of the template.",
            )
        for view in self.views:
            if view.vertices.shape != (n, 3):
                raise InputError(
                    f"The view '{view.title}' has {view.vertices.shape} vertices, not {(n, 3)}.",
                    "Give the template's vertices.",
                )
