"""A face from one to three photographs: landmarks, fit, scale, colours, and how far to trust it.

A photo-only face is an illustration: two millimetres of error are typical where the skin is seen,
more elsewhere, and the size of the whole rests on one distance. Every result says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

from threadlift.errors import InputError
from threadlift.evidence import parameter, value
from threadlift.face.camera import PhotoCamera
from threadlift.face.capture import Capture
from threadlift.face.expressions import expression_fields
from threadlift.face.face import Face
from threadlift.face.image_io import Photo, read_photo
from threadlift.face.landmarker import FaceDetection, detect_faces
from threadlift.face.photo_fit import (
    Outline,
    PhotoFit,
    PointModel,
    Priors,
    View,
    facing,
    fit,
    smoothstep,
)
from threadlift.face.photo_texture import Canvas, Shot, colours
from threadlift.face.template import Template, template
from threadlift.graphics.raster import vertex_normals

Array = NDArray[np.float64]

MIN_FACE_PX = 80  # below this a landmark pixel is worth more than 2 mm
SECOND_FACE = 0.3  # a second face narrower than this share of the first is background
FRONT_YAW_DEG = 35.0  # a "front" photo may be turned this far
SIDE_YAW_DEG = (12.0, 75.0)  # an oblique photo shows its side by at least / at most
OUTLINE_YAW_DEG = 20.0  # beyond this the outline of the jaw is not the mandible's border
POOR_FIT_PERCENT = 4.0  # reprojection error [% of pupil distance] that is said aloud
FULL_TRUST = 0.5  # reliability of the embedding from which a landmark is fully trusted
FOREHEAD_SHARE = 0.15  # trust in landmarks above the brows: nothing in a forehead marks them
ABOVE_BROW_MM = 6.0  # clear of the brow's own landmarks
LIPS_APART = 0.035  # gap of the inner lips over mouth width that may show teeth

# Jaw outline in the landmark model from the right ear round the chin to the left ear.
JAW = [132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361]
# Inner border of the lips, points of the upper above points of the lower.
UPPER_LIP, LOWER_LIP = [80, 81, 82, 13, 312, 311, 310], [88, 178, 87, 14, 317, 402, 318]
RIGHT_IRIS, LEFT_IRIS = 468, 473
JAW_ZONES = ("jawline", "jowl", "chin", "buccal", "preauricular", "marionette")
CHEEK_ZONES = ("malar", "infraorbital", "buccal", "nasolabial")
CORE_ZONES = ("infraorbital", "nasolabial", "marionette", "chin")


@dataclass(frozen=True)
class _Picture:
    """A photo with the one face in it."""

    role: str
    photo: Photo
    face: FaceDetection


def _describe(face: FaceDetection) -> str:
    x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
    return f"at x {x:.0f}, y {y:.0f}, {face.width_px:.0f} px wide"


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
    return faces[0]


def _read(front: str | Path, left: str | Path | None, right: str | Path | None) -> list[_Picture]:
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
    return [_Picture(role, photo, one_face(photo, role)) for role, photo in photos]


def _measured_ipd(ipd_mm: float | None) -> None:
    if ipd_mm is None:
        return
    limits = parameter("capture.ipd.adult")
    low, high = limits.low or 0.0, limits.high or np.inf
    if not low <= ipd_mm <= high:
        raise InputError(
            f"An interpupillary distance of {ipd_mm:g} mm is outside {low:g} to {high:g} mm.",
            "Give the distance between the pupils in millimetres, looking far away.",
        )


def _expression_names(t: Template) -> tuple[str, ...]:
    """Expressions that shape the skin: gaze turns the eyes, which no landmark here measures."""
    return tuple(n for n in sorted(t.expressions) if not n.startswith(("eyeLook", "tongue")))


@dataclass(frozen=True)
class _Models:
    """The template as the fit wants it: landmarks, and candidates for the jaw outline."""

    names: tuple[str, ...]
    landmarks: PointModel
    rim: PointModel
    expressions: Array  # (m, n_coarse, 3)
    closed_lips: Array  # (r, k) change of the gap between the lips by identity, in its spread


def _models(t: Template) -> _Models:
    smooth = t.subdivision[: t.n_coarse]  # coarse vertices as they lie on the displayed surface
    names = _expression_names(t)
    expressions = np.array([t.expressions[n] for n in names], dtype=float)
    modes = t.modes

    def on_surface(fields: Array) -> Array:
        flat = smooth @ fields.transpose(1, 0, 2).reshape(t.n_coarse, -1)
        return flat.reshape(t.n_coarse, len(fields), 3).transpose(1, 0, 2)

    mean = t.vertices[: t.n_coarse]
    normals = vertex_normals(t.vertices, t.triangles)[: t.n_coarse]
    fields, faces = on_surface(modes), on_surface(expressions)
    corners = t.mediapipe.corners
    bary = t.mediapipe.bary

    def at(values: Array) -> Array:
        return np.einsum("lc,...lcd->...ld", bary, values[..., corners, :])

    trust = np.minimum(t.mediapipe.weights / FULL_TRUST, 1.0)
    brow = max(t.vertices[t.landmarks[f"brow_{n}_L"], 1] for n in ("medial", "mid", "lateral"))
    trust = trust * np.where(at(mean)[:, 1] > brow + ABOVE_BROW_MM, FOREHEAD_SHARE, 1.0)
    sd = np.full(len(trust), np.inf)
    sd[trust > 0] = value("capture.photo.landmark_sd") / np.sqrt(trust[trust > 0])
    turned = at(normals)
    turned /= np.maximum(np.linalg.norm(turned, axis=1, keepdims=True), 1e-12)
    landmarks = PointModel(at(mean), at(fields), at(faces), turned, sd)
    rim = np.flatnonzero((_zone(t, JAW_ZONES)[: t.n_coarse] > 0.15) & t.skin[: t.n_coarse])
    whole = PointModel(mean, fields, faces, normals, np.ones(t.n_coarse))
    gaps = landmarks.modes[:, UPPER_LIP] - landmarks.modes[:, LOWER_LIP]
    closed = gaps.reshape(len(gaps), -1).T / value("capture.photo.lip_gap")
    return _Models(names, landmarks, whole.subset(rim), expressions, closed)


def _zone(t: Template, names: tuple[str, ...]) -> Array:
    """Sum (n,) of the weights of zones, both sides."""
    keys = [k for k in t.zones if k.rsplit("_", 1)[0] in names or k in names]
    return np.sum([t.zones[k] for k in keys], axis=0)


def _outline(pixels: Array) -> Outline:
    """The jaw outline's points and outward normals from the landmarks (478, 2)."""
    line = pixels[JAW]
    along = np.gradient(line, axis=0)
    normals = np.column_stack([along[:, 1], -along[:, 0]])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    centre = pixels[:468].mean(axis=0)
    normals *= np.sign(np.einsum("ij,ij->i", normals, line - centre))[:, None]
    return Outline(line, normals, value("capture.photo.outline_sd"))


def _view(picture: _Picture, names: tuple[str, ...]) -> View:
    photo, face = picture.photo, picture.face
    width, height = photo.size
    focal = photo.focal_px
    return View(
        pixels=face.landmarks_px,
        depth_px=face.z,
        scores=np.array([face.blendshapes.get(n, 0.0) for n in names]),
        principal=np.array([width / 2.0, height / 2.0]),
        focal_px=focal or value("capture.photo.view_of_50_mm") * max(width, height),
        focal_sd=value("capture.photo.focal_exif") if focal else np.inf,
        outline=_outline(face.landmarks_px) if picture.role == "front" else None,
    )


def _check_pose(picture: _Picture, camera: PhotoCamera) -> None:
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


def _scale(face_ipd_mm: float, breadth_mm: float, ipd_mm: float | None) -> tuple[float, float, str]:
    """Factor to true size, its relative sd, and the statement that goes with it.

    Without a measurement two breadths of the fitted face are held against the population, each
    weighted by its spread; the fit's own uncertainty of the bizygomatic breadth is included.
    """
    if ipd_mm is not None:
        sd = value("capture.ipd.measured") / ipd_mm
        return (
            ipd_mm / face_ipd_mm,
            sd,
            (f"scale from the measured interpupillary distance {ipd_mm:g} mm (± {100 * sd:.1f} %)"),
        )
    pupils, breadth = parameter("capture.ipd.adult"), parameter("capture.bizygomatic.adult")
    spreads = np.array(
        [
            (pupils.sd or 0.0) / pupils.value,
            np.hypot((breadth.sd or 0.0) / breadth.value, value("capture.photo.bizygomatic_fit")),
        ]
    )
    logs = np.log([pupils.value / face_ipd_mm, breadth.value / breadth_mm])
    precision = 1.0 / spreads**2
    sd = float(1.0 / np.sqrt(precision.sum()))
    return (
        float(np.exp(precision @ logs / precision.sum())),
        sd,
        (
            f"scale from population averages of pupil distance and face breadth "
            f"(± {100 * sd:.0f} %); "
            "give a measured interpupillary distance for true size"
        ),
    )


def _seen(vertices: Array, normals: Array, cameras: tuple[PhotoCamera, ...]) -> Array:
    """0..1 (n,): how squarely the best of the photos looks at each vertex."""
    return np.max([smoothstep(facing(normals, vertices, c), 0.1, 0.6) for c in cameras], axis=0)


def _uncertainty(t: Template, models: _Models, fitted: PhotoFit, seen: Array) -> Array:
    """Standard deviation (n,) normal to the skin [mm], the scale's uncertainty apart.

    Where photos see the skin and landmarks determine the modes it is what trials gave; towards
    what neither sees nor determines it grows to that of the mean head.
    """
    normals = vertex_normals(t.vertices, t.triangles)
    modes = t.modes
    fine = t.subdivision @ modes.transpose(1, 0, 2).reshape(t.n_coarse, -1)
    along = np.einsum("nkc,nc->nk", fine.reshape(len(normals), len(modes), 3), normals)
    prior = np.maximum((along**2).sum(axis=1), 1e-9)
    left = np.sqrt(np.einsum("nk,kl,nl->n", along, fitted.covariance, along, optimize=True) / prior)
    known = seen * (1.0 - smoothstep(left, 0.5, 1.0))
    best = value("capture.photo.seen_sd." + ("one" if len(fitted.cameras) == 1 else "several"))
    worst = value("capture.photo.unseen_sd")
    return known * best + (1.0 - known) * worst


def _posed(t: Template, models: _Models, identity: Array, expression: Array) -> Array:
    """Fine vertices (n, 3) of the template for coefficients, in the template's frame and size."""
    offset = np.tensordot(identity, t.modes, 1)
    offset = offset + np.tensordot(expression, models.expressions, 1)
    return t.vertices + t.subdivision @ offset


def _ipd(t: Template, vertices: Array) -> float:
    """Distance between the eyeball centres [mm]."""
    left, right = t.pupils(vertices)
    return float(np.linalg.norm(left - right))


def _mouth_open(pixels: Array) -> bool:
    gap = np.linalg.norm(pixels[13] - pixels[14])
    return bool(gap > LIPS_APART * np.linalg.norm(pixels[61] - pixels[291]))


def _colours(
    t: Template, pictures: list[_Picture], fitted: PhotoFit, posed: list[Array]
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
    cheeks = t.skin & (_zone(t, CHEEK_ZONES) > 0.5)
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
        core=middle | (_zone(t, CORE_ZONES) > 0.4),
        cheeks=cheeks,
    )


def _numbers(
    pictures: list[_Picture],
    fitted: PhotoFit,
    names: tuple[str, ...],
    ipd_mm: float,
    scale_sd: float,
) -> dict[str, float]:
    front = fitted.residual_px[0]
    used = fitted.used[0] > 0.05
    misfit = np.linalg.norm(front[used], axis=1)
    face = pictures[0].face.landmarks_px
    ipd_px = float(np.linalg.norm(face[RIGHT_IRIS] - face[LEFT_IRIS]))
    yaw, pitch, roll = fitted.cameras[0].angles_deg()
    rms = float(np.sqrt((misfit**2).mean()))
    numbers = {
        "reprojection_px": rms,
        "reprojection_median_px": float(np.median(misfit)),
        "reprojection_percent_ipd": 100.0 * rms / ipd_px,
        "landmarks_used": float(used.sum()),
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
) -> Face:
    """A face from a frontal photo and, if given, photos of its left and right sides.

    front, left, right: JPEG, PNG or WebP; `left` shows the patient's own left side, turned by 30
    to 45° (useful) and not in profile. ipd_mm: interpupillary distance measured on the patient
    [mm]; without it the size rests on population averages and is known to about 4 %.

    The result is neutral (the expression of the photo is fitted and taken out), in the patient
    frame, on the template's topology; `capture.numbers` says how well it fits. Raises InputError
    for unusable photos, MissingAssetError when the landmark network has not been fetched.
    """
    _measured_ipd(ipd_mm)
    pictures = _read(front, left, right)
    t = template()
    models = _models(t)
    priors = Priors(
        value("capture.photo.expression_sd"),
        value("capture.photo.camera_distance"),
        parameter("capture.photo.camera_distance").log_sd or 1.0,
        float(np.deg2rad(value("capture.photo.pitch"))),
    )
    views = [_view(p, models.names) for p in pictures]
    fitted = fit(models.landmarks, views, priors, models.rim, models.closed_lips)
    for picture, camera in zip(pictures, fitted.cameras, strict=True):
        _check_pose(picture, camera)
    none = np.zeros(len(models.names))
    neutral = _posed(t, models, fitted.identity, none)
    posed = [_posed(t, models, fitted.identity, e) for e in fitted.expressions]
    seen = _seen(neutral, vertex_normals(neutral, t.triangles), fitted.cameras)
    at = t.landmarks
    breadth = float(np.linalg.norm(neutral[at["zygion_L"]] - neutral[at["zygion_R"]]))
    factor, scale_sd, statement = _scale(_ipd(t, neutral), breadth, ipd_mm)
    ipd = factor * _ipd(t, neutral)
    numbers = _numbers(pictures, fitted, models.names, ipd, scale_sd)
    return Face.in_frame(
        factor * neutral,
        sd_mm=_uncertainty(t, models, fitted, seen),
        kind="photo",
        capture=Capture(
            source=", ".join(p.photo.name for p in pictures),
            numbers=numbers,
            notes=tuple(_notes(pictures, numbers)),
            scale=statement,
        ),
        expressions=expression_fields(ipd / _ipd(t, t.vertices)),
        colors=_colours(t, pictures, fitted, posed),
    )


def _notes(pictures: list[_Picture], numbers: dict[str, float]) -> list[str]:
    notes = ["photo-only: an illustration, not a basis for millimetres"]
    if numbers["reprojection_percent_ipd"] > POOR_FIT_PERCENT:
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
    if len(pictures) == 1:
        notes.append("one photo says little about depth; side photos at 30 to 45° help")
    return notes
