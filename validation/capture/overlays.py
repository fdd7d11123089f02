"""The captured face drawn over its photo.

A `Face` does not remember its camera. It is found again from the landmarks, with the expression
of the moment, while the captured shape stays as it is: where the drawn outline then misses the
photo's, the shape is wrong.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from threadlift.evidence import value
from threadlift.face.captured import View
from threadlift.face.face import Face
from threadlift.face.network.landmarker import FaceDetection, detect_faces
from threadlift.face.photo.camera import UNKNOWNS, PhotoCamera, resection
from threadlift.face.photo.fit_photos import fit_photos
from threadlift.face.photo.image_io import read_photo
from threadlift.face.template import template
from threadlift.reporting.capture_figures import overlay

Array = NDArray[np.float64]

#: Width of the face from which a picture is drawn on as it is [px].
CLEAR_PX = 300.0
#: Gauss-Newton steps; the misfit stands still after about ten.
STEPS = 15
#: Landmarks on the template that are less reliable than this are not used.
RELIABLE = 0.3
#: Spread of the camera's unknowns [rad, mm, 1] (wide: the landmarks decide), and of the focal
#: length where a photo does not tell it.
LOOSE = np.array([1.0, 1.0, 1.0, 1e3, 1e3, 1e3, 0.15])


def overlay_of(face: Face, path: Path) -> NDArray[np.uint8]:
    """Mesh and landmarks of a captured face over the photo (h, w, 3) it was made from."""
    photo = read_photo(path)
    seen = detect_faces(photo.rgb)[0]
    width, height = photo.size
    focal = photo.focal_px or value("capture.photo.view_of_50_mm") * max(width, height)
    camera, vertices = _posed(face, seen, focal, np.array([width / 2.0, height / 2.0]))
    # Small pictures are enlarged, or the lines would hide the face.
    factor = max(1.0, CLEAR_PX / seen.width_px)
    size = (round(factor * width), round(factor * height))
    scale = np.array(size) / np.array(photo.size)
    big = PhotoCamera(
        camera.rotation, camera.translation, factor * camera.focal, scale * camera.principal
    )
    rgb = np.asarray(Image.fromarray(photo.rgb).resize(size, Image.Resampling.LANCZOS))
    pixels = scale * seen.landmarks_px
    view = View(path.stem, rgb, big.for_picture(size), vertices, pixels)
    t = template()
    return overlay(view, t.coarse_triangles, t.skin)


def portraits(folder: Path) -> NDArray[np.uint8]:
    """Portraits beside the captures drawn over them (h, w, 3); files are made in `folder`.

    The two photographs are works of United States federal agencies, in the public domain: Eileen
    Collins (NASA, `skimage.data.astronaut`) and Grace Hopper (United States Navy, Matplotlib's
    sample data).
    """
    collins = folder / "collins.png"
    Image.fromarray(data.astronaut()).save(collins)
    hopper = folder / "hopper.png"
    stored = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    Image.open(stored).convert("RGB").save(hopper)
    return beside([overlay_of(fit_photos(path), path) for path in (collins, hopper)])


def beside(pictures: list[NDArray[np.uint8]], height: int = 720) -> NDArray[np.uint8]:
    """Pictures (h, w, 3) in one row of that height [px]."""
    shown = []
    for picture in pictures:
        h, w = picture.shape[:2]
        shown.append(np.asarray(Image.fromarray(picture).resize((w * height // h, height))))
    return np.hstack(shown)


def _posed(
    face: Face, seen: FaceDetection, focal: float, principal: Array
) -> tuple[PhotoCamera, Array]:
    """Camera, and vertices (n, 3) [mm] with the expression that fits the landmarks best."""
    t = template()
    names = [n for n in sorted(t.expressions) if not n.startswith(("eyeLook", "tongue"))]
    size = face.ipd_mm / t.ipd_of(t.vertices)
    smooth = t.subdivision[: t.n_coarse]
    at = t.mediapipe.at
    rest = at(face.vertices[: t.n_coarse])
    units = size * np.array([at(smooth @ t.expressions[n]) for n in names])
    used = np.flatnonzero(t.mediapipe.weights > RELIABLE)
    scores = np.array([seen.blendshapes.get(n, 0.0) for n in names])
    weights = scores.copy()
    pixels = seen.landmarks_px[used]
    camera = resection(rest[used], pixels, seen.z[used], np.ones(len(used)), focal, principal)
    sd_px = value("capture.photo.landmark_sd") * camera.focal / camera.translation[2]
    spread = value("capture.photo.expression_sd")
    for _ in range(STEPS):
        points = (rest + np.tensordot(weights, units, 1))[used]
        by_point, by_camera = camera.jacobians(points)
        by_unit = np.einsum("nrc,mnc->nrm", by_point, units[:, used])
        rows = np.concatenate([by_camera, by_unit], axis=2).reshape(2 * len(used), -1) / sd_px
        misfit = (camera.project(points) - pixels).ravel() / sd_px
        prior = np.concatenate([1.0 / LOOSE, np.full(len(names), 1.0 / spread)])
        off = np.concatenate([np.zeros(UNKNOWNS), weights - scores]) * prior
        a = np.concatenate([rows, np.diag(prior)])
        right = -np.concatenate([misfit, off])
        step = np.asarray(np.linalg.lstsq(a, right, rcond=None)[0], dtype=np.float64)
        camera = camera.moved(step[:UNKNOWNS])
        weights = np.clip(weights + step[UNKNOWNS:], 0.0, 1.0)
    coarse = np.tensordot(weights, [t.expressions[n] for n in names], 1)
    return camera, face.vertices + size * t.fine(coarse)
