"""An expression of a person from a frontal photograph: units on the face that is known at rest.

Identity and size are held, only the camera and the units are fitted to the landmarks. Where the
network sees landmarks on this person at rest, against where the face has them, is taken from a
photograph at rest or from a picture of the face itself; only how they moved counts.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.face.expression.composites import COMPOSITES, person_units
from threadlift.face.expression.fitted import Fitted, unit_names
from threadlift.face.face import Face
from threadlift.face.network.landmarker import FaceDetection
from threadlift.face.photo.camera import PhotoCamera
from threadlift.face.photo.fit import fit
from threadlift.face.photo.image_io import Photo, read_photo
from threadlift.face.photo.model import FULL_TRUST, view_of, zone_sum
from threadlift.face.photo.pictures import Picture, check_pose, one_face
from threadlift.face.photo.problem import PhotoFit, PointModel, Priors, View
from threadlift.face.quality.gate import refuse_unusable
from threadlift.face.quality.patches import pupil_distance_px
from threadlift.face.quality.photo import before_fit
from threadlift.face.template import Array
from threadlift.graphics.raster import render

#: Size [px] of the picture of the face at rest, and what share of its width the face fills.
_PICTURE_PX, _PICTURE_SHARE = 480, 0.5
_CHEEKS = ("malar", "infraorbital", "buccal", "nasolabial", "preauricular", "marionette")
#: Landmarks on cheeks are trusted less by this factor (trials: 1 takes half of the smile away).
_CHEEK_FACTOR = 3.0


def _points_at_rest(face: Face, names: tuple[str, ...]) -> PointModel:
    """Landmarks of this face with the units as the only unknown shape."""
    t = face.template
    e = t.mediapipe
    smooth = csr_matrix(t.subdivision[: t.n_coarse])
    flat = smooth @ person_units(names, face.vertices).transpose(1, 0, 2).reshape(t.n_coarse, -1)
    units = flat.reshape(t.n_coarse, len(names), 3).transpose(1, 0, 2)
    trust = np.minimum(e.weights / FULL_TRUST, 1.0)
    sd = np.full(len(trust), np.inf)
    sd[trust > 0] = value("capture.photo.landmark_sd") / np.sqrt(trust[trust > 0])
    # Cheeks have nothing that a landmark could follow as they slide: the network guesses there.
    cheek = np.einsum("lc,lc->l", e.bary, zone_sum(t, _CHEEKS)[e.corners]) > 0.3
    sd[cheek] *= _CHEEK_FACTOR
    normals = e.at(face.normals[: t.n_coarse])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return PointModel(
        e.at(face.vertices[: t.n_coarse]),
        np.zeros((0, len(sd), 3)),
        np.einsum("lc,mlcd->mld", e.bary, units[:, e.corners]),
        normals,
        sd,
    )


def _with_cheeks(view: View, names: tuple[str, ...]) -> View:
    """Expected weights in which cheeks rise with the corners of the mouth.

    The network hardly scores cheeks and landmarks hardly follow them; the composite smile tells
    how far a cheek rises with its corner of the mouth.
    """
    smile, scores = COMPOSITES["smile"], view.scores.copy()
    for side in ("Left", "Right"):
        cheek, mouth = names.index(f"cheekSquint{side}"), names.index(f"mouthSmile{side}")
        share = smile["cheekSquint…"] / smile["mouthSmile…"]
        scores[cheek] = max(scores[cheek], share * scores[mouth])
    return replace(view, scores=scores)


def _offsets(model: PointModel, camera: PhotoCamera, px: Array) -> Array:
    """Displacements (478, 3) [mm], across the view, from the face's landmarks to those seen."""
    depth = camera.local(model.mean)[:, 2]
    across = (px - camera.project(model.mean)) * (depth / camera.focal)[:, None]
    return np.column_stack([across, np.zeros(len(across))]) @ camera.rotation


def _offsets_of_rest(model: PointModel, rest: Picture, names: tuple[str, ...]) -> Array:
    """Offsets as a photograph at rest shows them."""
    view = replace(view_of(rest, names), scores=np.zeros(len(names)))
    # At rest: what looks like a slight expression is this person's landmarks.
    fitted = fit(model, [view], Priors.registered(value("expression.photo.rest_sd")))
    return _offsets(model, fitted.cameras[0], rest.face.landmarks_px)


def _offsets_of_picture(face: Face, model: PointModel, camera: PhotoCamera) -> Array:
    """Offsets as a picture of the face itself shows them from the photo's direction."""
    width = float(np.ptp(model.mean[:, 0]))
    focal = _PICTURE_SHARE * _PICTURE_PX * camera.translation[2] / width
    middle = model.mean.mean(axis=0)
    ahead = camera.rotation @ middle
    shift = np.array([-ahead[0], -ahead[1], camera.translation[2]])
    look = PhotoCamera(camera.rotation, shift, focal, np.full(2, _PICTURE_PX / 2.0))
    picture = render(
        face.vertices,
        face.triangles,
        face.display_colors,
        look.for_picture((_PICTURE_PX, _PICTURE_PX)),
        supersample=2,
    )
    seen = one_face(Photo(picture.rgb, None, face.capture.source), "picture of the face at rest")
    return _offsets(model, look, seen.landmarks_px)


def _misfit_percent(fitted: PhotoFit, model: PointModel, seen: FaceDetection) -> float:
    """Misfit of landmarks that the expression leaves in place [% of the pupils' distance]."""
    moved = np.tensordot(fitted.expressions[0], model.expressions, 1)
    still = (np.linalg.norm(moved, axis=1) < 1.0) & np.isfinite(model.sd_mm)
    still &= fitted.used[0] > 0.0
    px = np.linalg.norm(fitted.residual_px[0][still], axis=1)
    ipd = pupil_distance_px(seen.landmarks_px)
    return 100.0 * float(np.sqrt(np.mean(px**2))) / ipd if still.any() else np.inf


def fit_photo_expression(
    face: Face, source: str | Path, *, rest: str | Path | None = None
) -> Fitted:
    """The expression of `face` in a frontal photo; `rest`: a frontal photo of the face at rest.

    Raises InputError for an unusable photo; whether the expression is the one wanted and the
    person the same is for the caller to judge (`weights`, `misfit`).
    """
    names = unit_names(face.template)
    model = _points_at_rest(face, names)
    photo = read_photo(source)
    picture = Picture("front", photo, one_face(photo, "front"))
    refuse_unusable(before_fit(photo.name, photo.rgb, picture.face, at_rest=False))
    view = _with_cheeks(view_of(picture, names), names)
    priors = Priors.registered(value("expression.photo.weight_sd"))
    first = fit(model, [view], priors)
    check_pose(picture, first.cameras[0])
    if rest is None:
        offsets = _offsets_of_picture(face, model, first.cameras[0])
    else:
        calm = read_photo(rest)
        if calm.rgb.shape == photo.rgb.shape and np.array_equal(calm.rgb, photo.rgb):
            raise InputError(
                f"{photo.name} is the photo of the face at rest.",
                "Give a photo that shows the expression.",
            )
        offsets = _offsets_of_rest(model, Picture("front", calm, one_face(calm, "front")), names)
    corrected = replace(model, mean=model.mean + offsets)
    fitted = fit(corrected, [view], priors)
    weighted = np.tensordot(fitted.expressions[0], person_units(names, face.vertices), 1)
    field = face.template.fine(np.asarray(weighted, dtype=np.float64))
    for rows in face.template.eyes.values():
        field[rows] = 0.0
    return Fitted(
        field,
        dict(zip(names, fitted.expressions[0].tolist(), strict=True)),
        value("expression.photo.normal_sd"),
        value("expression.photo.along_sd"),
        value("expression.photo.relative_sd"),
        _misfit_percent(fitted, corrected, picture.face),
    )
