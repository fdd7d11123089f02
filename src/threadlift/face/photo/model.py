"""The template and the photos as the fit wants them: points with modes, landmarks with trust."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.face.photo.fit import Outline, PointModel, View
from threadlift.face.photo.pictures import Picture
from threadlift.face.template import Template
from threadlift.graphics.raster import vertex_normals

Array = NDArray[np.float64]

FULL_TRUST = 0.5  # reliability of the embedding from which a landmark is fully trusted
FOREHEAD_SHARE = 0.15  # trust in landmarks above the brows: nothing in a forehead marks them
ABOVE_BROW_MM = 6.0  # clear of the brow's own landmarks

# Jaw outline in the landmark model from the right ear round the chin to the left ear.
JAW = [132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361]
# Inner border of the lips, points of the upper above points of the lower.
UPPER_LIP, LOWER_LIP = [80, 81, 82, 13, 312, 311, 310], [88, 178, 87, 14, 317, 402, 318]
JAW_ZONES = ("jawline", "jowl", "chin", "buccal", "preauricular", "marionette")


def _expression_names(t: Template) -> tuple[str, ...]:
    """Expressions that shape the skin: gaze turns the eyes, which no landmark here measures."""
    return tuple(n for n in sorted(t.expressions) if not n.startswith(("eyeLook", "tongue")))


@dataclass(frozen=True)
class Models:
    """The template as the fit wants it: landmarks, and candidates for the jaw outline."""

    names: tuple[str, ...]
    landmarks: PointModel
    rim: PointModel
    expressions: Array  # (m, n_coarse, 3)
    closed_lips: Array  # (r, k) change of the gap between the lips by identity, in its spread


def model_of(t: Template) -> Models:
    """The template's modes and expressions at the landmarks and along the jaw."""
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
    rim = np.flatnonzero((zone_sum(t, JAW_ZONES)[: t.n_coarse] > 0.15) & t.skin[: t.n_coarse])
    whole = PointModel(mean, fields, faces, normals, np.ones(t.n_coarse))
    gaps = landmarks.modes[:, UPPER_LIP] - landmarks.modes[:, LOWER_LIP]
    closed = gaps.reshape(len(gaps), -1).T / value("capture.photo.lip_gap")
    return Models(names, landmarks, whole.subset(rim), expressions, closed)


def zone_sum(t: Template, names: tuple[str, ...]) -> Array:
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


def view_of(picture: Picture, names: tuple[str, ...]) -> View:
    """What a photo contributes to the fit; `names` are the expressions in the fit's order."""
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
