"""Cameras: where a point of space lands in a picture, and back.

Picture coordinates are pixels with x to the right and y DOWN; a picture of size (w, h) spans
[0, w] × [0, h], so the centre of the pixel in column i and row j is (i + 0.5, j + 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Camera:
    """A perspective or orthographic camera.

    Attributes
    ----------
    rotation: (3, 3); rows are the camera's right, down and forward axes in world coordinates.
    position: (3,) centre of projection [world unit]; for an orthographic camera any point of the
        optical axis (depths are measured from it).
    focal: focal length [px] if `perspective`, otherwise pixels per world unit.
    principal: (2,) where the optical axis meets the picture [px].
    size: (w, h) of the picture [px].
    perspective: False for parallel projection.
    """

    rotation: Array
    position: Array
    focal: float
    principal: tuple[float, float]
    size: tuple[int, int]
    perspective: bool = True

    def to_camera(self, points: ArrayLike) -> Array:
        """World points (..., 3) in camera axes (right, down, forward), world unit."""
        return (np.asarray(points, dtype=float) - self.position) @ self.rotation.T

    def project(self, points: ArrayLike) -> tuple[Array, Array]:
        """Pixels (..., 2) and depths (...) along the optical axis of world points (..., 3).

        Points behind a perspective camera come back with their negative depth and NaN pixels.
        """
        local = self.to_camera(points)
        depth = local[..., 2]
        if not self.perspective:
            return local[..., :2] * self.focal + np.array(self.principal), depth
        ahead = np.where(depth > 0.0, depth, np.nan)
        return local[..., :2] * (self.focal / ahead[..., None]) + np.array(self.principal), depth

    def unproject(self, px: ArrayLike, depth: ArrayLike) -> Array:
        """World points (..., 3) seen at pixels (..., 2) at depths (...); inverse of `project`."""
        pixels, d = np.asarray(px, dtype=float), np.asarray(depth, dtype=float)
        plane = (pixels - np.array(self.principal)) / self.focal
        if self.perspective:
            plane = plane * d[..., None]
        return np.concatenate([plane, d[..., None]], axis=-1) @ self.rotation + self.position

    def resized(self, size: tuple[int, int]) -> Camera:
        """The same view in a picture of another size: the shorter side keeps its field of view."""
        if tuple(size) == tuple(self.size):
            return self
        factor = min(size) / min(self.size)
        offset = (np.array(self.principal) - np.array(self.size) / 2.0) * factor
        centre = np.array(size) / 2.0 + offset
        return Camera(
            self.rotation,
            self.position,
            self.focal * factor,
            (float(centre[0]), float(centre[1])),
            (int(size[0]), int(size[1])),
            self.perspective,
        )


def view_rotation(yaw_deg: float, pitch_deg: float, roll_deg: float = 0.0) -> Array:
    """Camera axes (3, 3) that look at a head in the patient frame (x left, y up, z forward).

    yaw > 0: the camera stands on the patient's LEFT; pitch > 0: it looks from above; roll > 0
    turns the picture clockwise. All zero: straight at the face, patient's left at picture right.
    """
    yaw, pitch, roll = np.deg2rad([yaw_deg, pitch_deg, roll_deg])
    toward = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
    right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
    forward = -toward
    down = np.cross(forward, right)
    return np.stack(
        [
            np.cos(roll) * right - np.sin(roll) * down,
            np.sin(roll) * right + np.cos(roll) * down,
            forward,
        ]
    )


def portrait_camera(
    yaw_deg: float,
    pitch_deg: float,
    center: ArrayLike,
    extent_mm: float,
    size: tuple[int, int],
    *,
    roll_deg: float = 0.0,
    distance_mm: float | None = None,
) -> Camera:
    """Camera that looks at `center` (3,) [mm, patient frame]; see `view_rotation` for the angles.

    `extent_mm` is what the shorter side of the picture shows in the plane through `center`.
    Orthographic unless `distance_mm` (camera to `center`) is given, then perspective.
    """
    rotation = view_rotation(yaw_deg, pitch_deg, roll_deg)
    middle = np.asarray(center, dtype=float)
    scale = min(size) / extent_mm
    # An orthographic camera stands far enough off that everything in sight has positive depth.
    distance = 10.0 * extent_mm if distance_mm is None else distance_mm
    focal = scale if distance_mm is None else scale * distance_mm
    return Camera(
        rotation,
        middle - distance * rotation[2],
        float(focal),
        (size[0] / 2.0, size[1] / 2.0),
        (int(size[0]), int(size[1])),
        distance_mm is not None,
    )
