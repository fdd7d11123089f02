"""The camera that took a photo, as unknowns of a least-squares problem, with its derivatives.

Camera axes: x right, y down, z forward (into the scene). A head in the patient frame that looks
straight into the camera has rotation diag(1, -1, -1). Pixels are continuous (see landmarker).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.frames import fit_similarity
from threadlift.graphics.camera import Camera

Array = NDArray[np.float64]

FACING = np.diag([1.0, -1.0, -1.0])
#: Unknowns of one photo's camera: small rotation (3), translation (3), log focal length (1).
UNKNOWNS = 7


def exponential(w: Array) -> Array:
    """Rotation (3, 3) by the vector w (3,) [rad] (Rodrigues)."""
    angle = float(np.linalg.norm(w))
    k = np.array([[0.0, -w[2], w[1]], [w[2], 0.0, -w[0]], [-w[1], w[0], 0.0]])
    if angle < 1e-8:  # second order is exact to rounding here, and the quotients below are not
        return np.eye(3) + k + 0.5 * k @ k
    return np.eye(3) + np.sin(angle) / angle * k + (1.0 - np.cos(angle)) / angle**2 * k @ k


@dataclass(frozen=True)
class PhotoCamera:
    """Head in patient coordinates -> pixels.

    rotation (3, 3) and translation (3,) [mm] carry head points into camera axes; focal [px];
    principal (2,) [px], kept at the picture's centre.
    """

    rotation: Array
    translation: Array
    focal: float
    principal: Array

    def local(self, points: Array) -> Array:
        """Head points (..., 3) [mm] in camera axes [mm]."""
        return points @ self.rotation.T + self.translation

    def project(self, points: Array) -> Array:
        """Pixels (..., 2) of head points (..., 3) [mm]."""
        local = self.local(points)
        return self.focal * local[..., :2] / local[..., 2:] + self.principal

    def jacobians(self, points: Array) -> tuple[Array, Array]:
        """Derivatives of the pixels of points (n, 3).

        Returns d px / d point (n, 2, 3) and d px / d camera unknowns (n, 2, 7); the rotation
        unknown w acts from the left: exp(w) · rotation.
        """
        turned = points @ self.rotation.T
        local = turned + self.translation
        x, y, z = local.T
        n = len(points)
        inner = np.zeros((n, 2, 3))
        inner[:, 0, 0] = inner[:, 1, 1] = self.focal / z
        inner[:, 0, 2] = -self.focal * x / z**2
        inner[:, 1, 2] = -self.focal * y / z**2
        spin = np.zeros((n, 3, 3))  # d(w × p)/dw = -[p]x
        spin[:, 0, 1], spin[:, 0, 2] = turned[:, 2], -turned[:, 1]
        spin[:, 1, 0], spin[:, 1, 2] = -turned[:, 2], turned[:, 0]
        spin[:, 2, 0], spin[:, 2, 1] = turned[:, 1], -turned[:, 0]
        log_focal = self.focal * local[:, :2] / z[:, None]
        camera = np.concatenate([inner @ spin, inner, log_focal[:, :, None]], axis=2)
        return inner @ self.rotation, camera

    def moved(self, step: Array) -> PhotoCamera:
        """The camera after a step (7,) in its unknowns."""
        return PhotoCamera(
            exponential(step[:3]) @ self.rotation,
            self.translation + step[3:6],
            self.focal * float(np.exp(step[6])),
            self.principal,
        )

    def scaled(self, factor: float) -> PhotoCamera:
        """The camera that sees a head enlarged by `factor` exactly as this one saw the original."""
        return PhotoCamera(self.rotation, self.translation * factor, self.focal, self.principal)

    def after(self, rotation: Array, translation: Array) -> PhotoCamera:
        """The camera for points p' = rotation · p + translation, seeing what this one sees of p."""
        turned = self.rotation @ rotation.T
        return PhotoCamera(
            turned, self.translation - turned @ translation, self.focal, self.principal
        )

    def angles_deg(self) -> tuple[float, float, float]:
        """Yaw (> 0: the patient's left side is shown), pitch (> 0: seen from above), roll [deg].

        The same sense as `graphics.camera.view_rotation`.
        """
        toward = -self.rotation[2]  # from the head to the camera, in head axes
        yaw = np.arctan2(toward[0], toward[2])
        pitch = np.arcsin(np.clip(toward[1], -1.0, 1.0))
        right = np.array([np.cos(yaw), 0.0, -np.sin(yaw)])
        roll = np.arctan2(self.rotation[1] @ right, self.rotation[0] @ right)
        return float(np.rad2deg(yaw)), float(np.rad2deg(pitch)), float(np.rad2deg(roll))

    def for_picture(self, size: tuple[int, int]) -> Camera:
        """As a camera of the rasteriser, for a picture of size (w, h) [px]."""
        return Camera(
            self.rotation,
            -self.rotation.T @ self.translation,
            self.focal,
            (float(self.principal[0]), float(self.principal[1])),
            size,
        )


def resection(
    points: Array, pixels: Array, depth_px: Array, weights: Array, focal: float, principal: Array
) -> PhotoCamera:
    """First guess of the camera from head points (n, 3) [mm] seen at pixels (n, 2).

    `depth_px` (n,) is the network's relative depth [px, smaller is nearer]: with it the pose is a
    similarity between two point clouds (Umeyama), which cannot fall into the mirror solution that
    a planar guess has.
    """
    seen = np.column_stack([pixels - principal, depth_px])
    fit = fit_similarity(points, seen, weights, with_scale=True)
    depth = focal / fit.scale  # px per mm = focal / depth
    middle = fit.translation / fit.scale
    return PhotoCamera(fit.rotation, middle + np.array([0.0, 0.0, depth]), focal, principal)
