"""A printed square of known size in the photo: found, and its distance in units of its side.

ArUco (4 x 4) and AprilTag (36h11) markers are recognised, so that any printed one of these common
families serves. The distance comes from the corners with the camera known (infinitesimal
plane-based pose, Collins & Bartoli 2014), which allows for a tilted marker.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from threadlift.face.photo.camera import PhotoCamera

Array = NDArray[np.float64]

FAMILIES = (cv2.aruco.DICT_APRILTAG_36h11, cv2.aruco.DICT_4X4_50)
CORNER_PX = 0.4  # error of a refined corner
MIN_SIDE_PX = 16.0  # below, a corner's error is several per cent of the side
#: Detection works on at most this long an edge; corners are refined at full size.
MAX_EDGE = 4000


@dataclass(frozen=True)
class Marker:
    """A marker: corners (4, 2) [px] in order round it."""

    corners: Array

    @property
    def side_px(self) -> float:
        """Mean length of the sides [px]."""
        return float(np.linalg.norm(self.corners - np.roll(self.corners, 1, axis=0), axis=1).mean())

    @property
    def centre(self) -> Array:
        """Middle (2,) [px]."""
        return self.corners.mean(axis=0)


def find_markers(rgb: NDArray[np.uint8]) -> list[Marker]:
    """All markers in a picture (h, w, 3), the largest first."""
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    shrink = max(1.0, max(grey.shape) / MAX_EDGE)
    if shrink > 1.0:
        size = (round(grey.shape[1] / shrink), round(grey.shape[0] / shrink))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    settings = cv2.aruco.DetectorParameters()
    settings.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    found: list[Marker] = []
    for family in FAMILIES:
        book = cv2.aruco.getPredefinedDictionary(family)
        corners, _, _ = cv2.aruco.ArucoDetector(book, settings).detectMarkers(grey)
        # OpenCV puts pixel centres at whole numbers; here they lie at halves.
        found += [Marker((np.asarray(c, float).reshape(4, 2) + 0.5) * shrink) for c in corners]
    return sorted((m for m in found if m.side_px >= MIN_SIDE_PX), key=lambda m: -m.side_px)


def distance_in_sides(marker: Marker, camera: PhotoCamera) -> tuple[float, float]:
    """Depth of the marker's middle along the optical axis, in sides, and its relative error."""
    half = 0.5
    square = np.array([[-half, half, 0], [half, half, 0], [half, -half, 0], [-half, -half, 0]])
    lens = np.array(
        [
            [camera.focal, 0.0, camera.principal[0]],
            [0.0, camera.focal, camera.principal[1]],
            [0.0, 0.0, 1.0],
        ]
    )
    ok, _, shift = cv2.solvePnP(
        square, marker.corners, lens, np.zeros(4), flags=cv2.SOLVEPNP_IPPE_SQUARE
    )
    if ok and float(np.ravel(shift)[2]) > 0.0:
        depth = float(np.ravel(shift)[2])
    else:
        depth = camera.focal / marker.side_px
    return depth, CORNER_PX / marker.side_px
