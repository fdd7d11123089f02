"""Photos as given: one face in each, from the side it is said to be from, or a clear refusal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from threadlift.errors import InputError
from threadlift.evidence import parameter
from threadlift.face.network.landmarker import FaceDetection, detect_faces
from threadlift.face.photo.camera import PhotoCamera
from threadlift.face.photo.image_io import Photo, read_photo
from threadlift.face.template import template
from threadlift.frames import MIRROR

MIN_FACE_PX = 80  # below this a landmark pixel is worth more than 2 mm
SECOND_FACE = 0.3  # a second face narrower than this share of the first is background
FRONT_YAW_DEG = 35.0  # a "front" photo may be turned this far
SIDE_YAW_DEG = (12.0, 75.0)  # an oblique photo shows its side by at least / at most


@dataclass(frozen=True)
class Picture:
    """A photo with the one face in it."""

    role: str
    photo: Photo
    face: FaceDetection


def _describe(face: FaceDetection) -> str:
    x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
    return f"at x {x:.0f}, y {y:.0f}, {face.width_px:.0f} px wide"


def landmark_mirror() -> NDArray[np.intp]:
    """Permutation (478,) of the landmarks under reflection, read off the symmetric template."""
    t = template()
    points = t.mediapipe.at(t.coarse)
    return np.argmin(cdist(points * MIRROR, points), axis=1)


def _other_side(name: str) -> str:
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    return name.removesuffix("Right") + "Left" if name.endswith("Right") else name


def _both_ways(photo: Photo, face: FaceDetection) -> FaceDetection:
    """The mean of what the network sees in the photo and in its mirror image.

    The network is not mirror-symmetric (a pixel or two); the mean is, and it is less noisy.
    """
    seen = detect_faces(np.ascontiguousarray(photo.rgb[:, ::-1]))
    if not seen:
        return face
    order, back = landmark_mirror(), seen[0]
    points = back.landmarks_px[order] * np.array([-1.0, 1.0]) + np.array([photo.size[0], 0.0])
    if np.abs(points - face.landmarks_px).max() > 0.5 * face.width_px:
        return face  # another face came first in the mirror image
    points = 0.5 * (points + face.landmarks_px)
    scores = {
        name: 0.5 * (score + back.blendshapes[_other_side(name)])
        for name, score in face.blendshapes.items()
    }
    low, high = points.min(axis=0), points.max(axis=0)
    return FaceDetection(
        points,
        0.5 * (face.z + back.z[order]),
        0.5 * (face.score + back.score),
        scores,
        (float(low[0]), float(low[1]), float(high[0]), float(high[1])),
    )


def one_face(photo: Photo, role: str) -> FaceDetection:
    """The one face of a photo. Raises InputError for none, several, or one that is too small."""
    faces = detect_faces(photo.rgb)
    if not faces:
        raise InputError(
            f"No face was found in the {role} photo {photo.name}.",
            "Use an upright, evenly lit photo in which the whole face is seen, "
            "without mask or dark glasses.",
        )
    others = [f for f in faces[1:] if f.width_px >= SECOND_FACE * faces[0].width_px]
    if others:
        places = "; ".join(_describe(f) for f in (faces[0], *others))
        raise InputError(
            f"The {role} photo {photo.name} shows {1 + len(others)} faces ({places}).",
            "Crop it so that only the patient is in it.",
        )
    if faces[0].width_px < MIN_FACE_PX:
        raise InputError(
            f"The face in the {role} photo {photo.name} is only {faces[0].width_px:.0f} px wide; "
            f"at least {MIN_FACE_PX} px are needed (300 px or more are advisable).",
            "Use a photo taken closer or at a higher resolution.",
        )
    return _both_ways(photo, faces[0])


def read_pictures(
    front: str | Path, left: str | Path | None, right: str | Path | None
) -> list[Picture]:
    """Read the photos and find the one face in each. Raises InputError for unusable ones."""
    given = [("front", front), ("left", left), ("right", right)]
    photos = [(role, read_photo(path)) for role, path in given if path is not None]
    for i, (role, photo) in enumerate(photos):
        for other_role, other in photos[:i]:
            if photo.rgb.shape == other.rgb.shape and np.array_equal(photo.rgb, other.rgb):
                raise InputError(
                    f"The {other_role} and the {role} photo are the same picture "
                    f"({other.name}, {photo.name}).",
                    "Give a photo from another side, or leave it out.",
                )
    return [Picture(role, photo, one_face(photo, role)) for role, photo in photos]


def check_ipd(ipd_mm: float | None) -> None:
    """Raises InputError for a pupil distance [mm] that no adult has."""
    if ipd_mm is None:
        return
    limits = parameter("capture.ipd.adult")
    low, high = limits.low or 0.0, limits.high or np.inf
    if not low <= ipd_mm <= high:
        raise InputError(
            f"An interpupillary distance of {ipd_mm:g} mm is outside {low:g} to {high:g} mm.",
            "Give the distance between the pupils in millimetres, looking far away.",
        )


def check_pose(picture: Picture, camera: PhotoCamera) -> None:
    """Raises InputError when the fitted pose is not that of the photo's role."""
    yaw = camera.angles_deg()[0]
    name = picture.photo.name
    if picture.role == "front":
        if abs(yaw) > FRONT_YAW_DEG:
            raise InputError(
                f"In the front photo {name} the head is turned by {abs(yaw):.0f}°.",
                f"Use a photo that looks into the camera (less than {FRONT_YAW_DEG:.0f}°), "
                "and give this one as --left or --right.",
            )
        return
    shown = yaw if picture.role == "left" else -yaw  # > 0: the side it is said to show
    other = "right" if picture.role == "left" else "left"
    if shown < -SIDE_YAW_DEG[0]:
        raise InputError(
            f"The {picture.role} photo {name} shows the patient's {other} side.",
            "Swap the left and right photos (the patient's own left and right).",
        )
    if shown < SIDE_YAW_DEG[0]:
        raise InputError(
            f"The {picture.role} photo {name} is turned by only {abs(yaw):.0f}°.",
            "Use a photo turned by 30 to 45°, or leave it out.",
        )
    if shown > SIDE_YAW_DEG[1]:
        raise InputError(
            f"The {picture.role} photo {name} is a profile ({shown:.0f}°), "
            "in which landmarks are unreliable.",
            "Use a photo turned by 30 to 45°.",
        )
