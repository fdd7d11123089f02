"""A face from one to three photographs: landmarks, fit, scale, colours, and how far to trust it.

A photo-only face is an illustration: one millimetre of error from three photos and two from one are
typical where the skin is seen, more elsewhere, and the size of the whole rests on one distance.
Every result says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.face.capture import Capture
from threadlift.face.expression.composites import expression_fields
from threadlift.face.face import Face
from threadlift.face.photo.camera import PhotoCamera
from threadlift.face.photo.fit import first_cameras, fit
from threadlift.face.photo.gaze import looking_ahead
from threadlift.face.photo.joint import refine
from threadlift.face.photo.marker import find_markers
from threadlift.face.photo.model import Models, model_of, view_of, zone_sum
from threadlift.face.photo.pictures import Picture, check_ipd, check_pose, read_pictures
from threadlift.face.photo.problem import PhotoFit, PointModel, Priors, View
from threadlift.face.photo.scale import (
    Scale,
    check_marker,
    ipd_cue,
    iris_cue,
    marker_cue,
    population_cues,
    scale_of,
)
from threadlift.face.photo.texture import Canvas, Shot, colours
from threadlift.face.photo.uncertainty import posterior_sd, pupil_distance_sd
from threadlift.face.quality import Finding, refuse_unusable
from threadlift.face.quality.patches import pupil_distance_px
from threadlift.face.quality.photo import before_fit
from threadlift.face.quality.subject import plausibility, pose
from threadlift.face.template import Template, template
from threadlift.graphics.raster import vertex_normals

Array = NDArray[np.float64]
Progress = Callable[[float, str], None]

FEW_COMPARED = 150  # places per side photo, of about 800 in well lit, sharp ones
LIPS_APART = 0.035  # gap of the inner lips over mouth width that may show teeth
CHEEK_ZONES = ("malar", "infraorbital", "buccal", "nasolabial")
CORE_ZONES = ("infraorbital", "nasolabial", "marionette", "chin")
PLANE_LANDMARKS = ("zygion_L", "zygion_R", "malar_eminence_L", "malar_eminence_R", "glabella")


def _scale(
    t: Template,
    models: Models,
    pictures: list[Picture],
    fitted: PhotoFit,
    neutral: Array,
    posed: list[Array],
    ipd_mm: float | None,
    marker_mm: float | None,
) -> Scale:
    """The size of the fitted face from everything that tells it."""
    measured = []
    if ipd_mm is not None:
        spread = pupil_distance_sd(t, models, fitted.covariance, neutral, len(pictures))
        measured.append(ipd_cue(ipd_mm, t.ipd_of(neutral), spread))
    found = [(v, find_markers(p.photo.rgb)) for v, p in enumerate(pictures)]
    seen = next(((v, markers[0]) for v, markers in found if markers), None)
    if marker_mm is not None:
        if seen is None:
            raise InputError(
                "No marker was found in the photos, though its size was given.",
                "Hold a printed ArUco (4x4) or AprilTag (36h11) marker, whole and flat, beside "
                "the face, or leave the size out.",
            )
        v, marker = seen
        plane = posed[v][[t.landmarks[name] for name in PLANE_LANDMARKS]]
        measured.append(
            marker_cue(marker, marker_mm, fitted.cameras[v], posed[v], t.triangles, plane)
        )
    left, right = t.pupils(posed[0])
    iris = iris_cue(pictures[0].face.landmarks_px, fitted.cameras[0], (right, left))
    at = t.landmarks
    breadth = float(np.linalg.norm(neutral[at["zygion_L"]] - neutral[at["zygion_R"]]))
    others = [iris] if iris else []
    scale = scale_of(measured, others + population_cues(t.ipd_of(neutral), breadth))
    if seen is not None and marker_mm is None:
        unused = "a marker is in the photos: state the length of its side to use it for the size"
        return replace(scale, notes=(*scale.notes, unused))
    return scale


def _mouth_open(pixels: Array) -> bool:
    gap = np.linalg.norm(pixels[13] - pixels[14])
    return bool(gap > LIPS_APART * np.linalg.norm(pixels[61] - pixels[291]))


def _colours(
    t: Template, pictures: list[Picture], fitted: PhotoFit, posed: list[Array]
) -> NDArray[np.uint8]:
    shots = [
        Shot(
            p.photo.rgb,
            camera,
            shape,
            vertex_normals(shape, t.triangles),
            p.face.landmarks_px,
            misfit,
            trust,
            _mouth_open(p.face.landmarks_px),
        )
        for p, camera, shape, misfit, trust in zip(
            pictures, fitted.cameras, posed, fitted.residual_px, fitted.used, strict=True
        )
    ]
    return colours(shots, _canvas(t))


def _canvas(t: Template) -> Canvas:
    marks = {name: t.vertices[i] for name, i in t.landmarks.items()}
    x, y, z = t.vertices.T
    cheeks = t.skin & (zone_sum(t, CHEEK_ZONES) > 0.5)
    lightness = rgb2lab(t.albedo[None] / 255.0)[0, :, 0]
    scalp = (
        (y > marks["glabella"][1] + 15.0)
        | (z < marks["temple_L"][2])
        | ((np.abs(x) > marks["exocanthion_L"][0] + 5.0) & (y > marks["exocanthion_L"][1]))
    )
    bright = np.median(lightness[cheeks])
    dark = np.percentile(lightness[t.skin & scalp], 5)
    hair = np.clip((bright - lightness) / (bright - dark) * 1.5 - 0.25, 0.0, 1.0)
    hair = np.where(t.skin & scalp, hair, 0.0)
    above_neck = y > marks["menton"][1] - 5.0
    middle = (
        (np.abs(x) < marks["exocanthion_L"][0])
        & (y < marks["glabella"][1] + 8.0)
        & (y > marks["menton"][1] + 5.0)
        & (z > 0.0)
    )
    return Canvas(
        triangles=t.triangles,
        albedo=t.albedo,
        mirror=t.mirror,
        paint=t.skin & (hair < 0.1) & above_neck,
        skin=t.skin,
        hair=hair,
        core=middle | (zone_sum(t, CORE_ZONES) > 0.4),
        cheeks=cheeks,
    )


def _numbers(
    pictures: list[Picture],
    fitted: PhotoFit,
    names: tuple[str, ...],
    ipd_mm: float,
    scale_sd: float,
) -> dict[str, float]:
    misfit = _misfit_px(fitted)
    ipd_px = pupil_distance_px(pictures[0].face.landmarks_px)
    yaw, pitch, roll = fitted.cameras[0].angles_deg()
    rms = float(np.sqrt((misfit**2).mean()))
    numbers = {
        "reprojection_px": rms,
        "reprojection_median_px": float(np.median(misfit)),
        "reprojection_percent_ipd": 100.0 * rms / ipd_px,
        "landmarks_used": float(len(misfit)),
        "photos": float(len(pictures)),
        "face_width_px": pictures[0].face.width_px,
        "ipd_px": ipd_px,
        "ipd_mm": ipd_mm,
        "scale_sd_percent": 100.0 * scale_sd,
        "focal_px": fitted.cameras[0].focal,
        "camera_distance_mm": float(fitted.cameras[0].translation[2]),
        "yaw_deg": yaw,
        "pitch_deg": pitch,
        "roll_deg": roll,
        "fit_steps": float(fitted.steps),
        "places_compared": float(fitted.compared),
    }
    for name, weight in zip(names, fitted.expressions[0], strict=True):
        if weight > 0.05:
            numbers[f"expression.{name}"] = float(weight)
    return numbers


def fit_photos(
    front: str | Path,
    left: str | Path | None = None,
    right: str | Path | None = None,
    *,
    ipd_mm: float | None = None,
    marker_mm: float | None = None,
    progress: Progress | None = None,
) -> Face:
    """A face from a frontal photo and, if given, photos of its left and right sides.

    front, left, right: JPEG, PNG, WebP or HEIC; `left` shows the patient's own left side, turned by
    30 to 45° (useful) and not in profile. ipd_mm: interpupillary distance measured on the patient
    [mm]. marker_mm: side of the black square of a printed marker (ArUco 4x4 or AprilTag 36h11)
    that lies on the skin or is held in the plane of the face. Without either the size rests on
    the irises, where they are wide enough, and population averages: 3 to 4 %.
    progress: called with the share done (0..1) and what is being done.

    The result is neutral (the expression of the photo is fitted and taken out), in the patient
    frame, on the template's topology; `capture.numbers` says how well it fits. Raises InputError
    for unusable photos, MissingAssetError when the landmark network has not been fetched.
    """
    return photographed(
        front, left, right, ipd_mm=ipd_mm, marker_mm=marker_mm, progress=progress
    ).face


@dataclass(frozen=True, eq=False)
class Photographed:
    """A face of photographs with what each of them showed.

    face: the result. pictures: photos with their landmarks. cameras: one per photo, for `shapes`.
    shapes: (n, 3) template vertices with the photo's expression, one per photo [mm, the fit's own
    frame and size]. findings: of the quality gate, none of them unusable.
    """

    face: Face
    pictures: tuple[Picture, ...]
    cameras: tuple[PhotoCamera, ...]
    shapes: tuple[Array, ...]
    findings: tuple[Finding, ...]


def photographed(
    front: str | Path,
    left: str | Path | None = None,
    right: str | Path | None = None,
    *,
    ipd_mm: float | None = None,
    marker_mm: float | None = None,
    progress: Progress | None = None,
) -> Photographed:
    """The face of `fit_photos` (same arguments and errors) with its pictures and cameras."""
    told = progress or (lambda share, what: None)
    check_ipd(ipd_mm)
    check_marker(marker_mm)
    told(0.0, "photos read")
    pictures = read_pictures(front, left, right)
    seen = refuse_unusable(f for p in pictures for f in before_fit(p.role, p.photo.rgb, p.face))
    told(0.25, "landmarks fitted")
    t = template()
    models = model_of()
    priors = Priors.registered(value("capture.photo.expression_sd"))
    photos = [view_of(p, models.names) for p in pictures]
    first = first_cameras(models.landmarks, photos)
    views = _straightened(photos, models.landmarks, first)
    fitted = fit(models.landmarks, views, priors, models.rim, models.closed_lips)
    for picture, camera in zip(pictures, fitted.cameras, strict=True):
        check_pose(picture, camera)
    shown = refuse_unusable(_fit_findings(pictures, fitted, len(t.modes)))
    models = model_of(detail=True)
    fitted = refine(
        models,
        fitted,
        _straightened(photos, models.landmarks, fitted.cameras),
        [p.photo.rgb for p in pictures],
        t.triangles,
        priors,
        lambda share: told(0.35 + 0.5 * share, "photos compared"),
    )
    told(0.85, "size")
    neutral = models.posed(fitted.identity, np.zeros(len(models.names)))
    posed = [models.posed(fitted.identity, e) for e in fitted.expressions]
    scale = _scale(t, models, pictures, fitted, neutral, posed, ipd_mm, marker_mm)
    ipd = scale.factor * t.ipd_of(neutral)
    numbers = _numbers(pictures, fitted, models.names, ipd, scale.sd) | scale.numbers
    told(0.9, "colours")
    face = Face.in_frame(
        scale.factor * neutral,
        sd_mm=scale.factor * posterior_sd(t, models.surface, fitted.covariance, len(pictures)),
        kind="photo",
        capture=Capture(
            source=", ".join(p.photo.name for p in pictures),
            numbers=numbers,
            notes=(*_notes(pictures, numbers), *scale.notes),
            scale=scale.statement,
        ),
        expressions=expression_fields(scale.factor * neutral),
        colors=_colours(t, pictures, fitted, posed),
    )
    told(1.0, "done")
    return Photographed(face, tuple(pictures), fitted.cameras, tuple(posed), seen + shown)


def _straightened(
    views: list[View], landmarks: PointModel, cameras: Sequence[PhotoCamera]
) -> list[View]:
    """The photos with the front one's irises as in eyes that look straight ahead."""
    return [looking_ahead(views[0], landmarks, cameras[0]), *views[1:]]


def _fit_findings(pictures: list[Picture], fitted: PhotoFit, modes: int) -> list[Finding]:
    """What the fit to the landmarks says of each photo's pose and of the face's likelihood."""
    identity = float(np.sqrt((fitted.identity[:modes] ** 2).mean()))
    out: list[Finding] = []
    for k, (picture, camera) in enumerate(zip(pictures, fitted.cameras, strict=True)):
        out += pose(picture.role, picture.role, *camera.angles_deg())
        if k == 0:  # one face, and the side photos' landmarks are poorer by nature
            misfit = float(np.sqrt((_misfit_px(fitted) ** 2).mean()))
            size = pupil_distance_px(picture.face.landmarks_px)
            out += plausibility(picture.role, identity, 100.0 * misfit / size)
    return out


def _misfit_px(fitted: PhotoFit) -> Array:
    """Misfits (k,) [px] of the front photo's landmarks that are not hidden."""
    return np.linalg.norm(fitted.residual_px[0][fitted.used[0] > 0.05], axis=1)


def _notes(pictures: list[Picture], numbers: dict[str, float]) -> list[str]:
    notes = ["photo-only: an illustration, not a basis for millimetres"]
    if numbers["reprojection_percent_ipd"] > value("quality.misfit.good"):
        notes.append(
            "the fit is poor "
            f"({numbers['reprojection_percent_ipd']:.1f} % of the pupil distance): "
            "something may cover the face, or the lens is unusual"
        )
    expression = sum(v for k, v in numbers.items() if k.startswith("expression.mouth"))
    if expression > 0.5:
        notes.append(
            "the photo shows an expression; the neutral face is inferred from it, "
            "so folds and cheeks are less certain"
        )
    if len(pictures) > 1 and numbers["places_compared"] < FEW_COMPARED * (len(pictures) - 1):
        notes.append(
            "the photos could be compared at few places (light, expression or sharpness differ, "
            "or hair covers the skin): the shape rests mostly on landmarks"
        )
    if len(pictures) == 1:
        notes.append("one photo says little about depth; side photos at 30 to 45° help")
    return notes
