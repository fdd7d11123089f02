"""The template and the photos as the fit wants them: points with modes, landmarks with trust."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.face.photo.detail import Kernel, detail_fields, spread
from threadlift.face.photo.fit import smoothstep
from threadlift.face.photo.pictures import Picture
from threadlift.face.photo.problem import Outline, PointModel, View
from threadlift.face.scan.model import scan_trust
from threadlift.face.template import Template, template
from threadlift.graphics.raster import vertex_normals

Array = NDArray[np.float64]

FULL_TRUST = 0.5  # reliability of the embedding from which a landmark is fully trusted
FOREHEAD_SHARE = 0.15  # trust in landmarks above the brows: nothing in a forehead marks them
DETAIL_SPACING_MM = 10.0  # of the kernels of the detail, below their length
SAMPLE_SPACING_MM = 5.0  # of the skin compared between photos
# Where outlines are looked for: below the eyes, in front of the ears, not on the nose.
BELOW_EYES_MM, BEFORE_EAR_MM, NOSE_MM = 8.0, 25.0, 4.0
OUTLINE_ZONES = ("jawline", "jowl", "chin", "submental")
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
    """The template as the fit wants it.

    names of the expressions; fields (k, n_coarse, 3) [mm per sd] identity, the template's modes
    first and then, if asked for, the detail beyond them; expressions (m, n_coarse, 3);
    surface: the model at the coarse vertices; landmarks, candidates for the jaw outline (rim)
    and the skin to compare between photos (samples: rows of the fine vertices, skin: the model
    there, usable: 0..1 per fine vertex); contour (n,) bool: fine vertices whose outline against
    what lies behind is skin's and not hair's; closed_lips (r, k) change of the gap between the
    lips by identity, in its spread.
    """

    names: tuple[str, ...]
    fields: Array
    expressions: Array
    landmarks: PointModel
    surface: PointModel
    rim: PointModel
    closed_lips: Array
    samples: NDArray[np.intp]
    skin: PointModel
    usable: Array
    contour: NDArray[np.bool_]

    def at(self, rows: sp.csr_matrix) -> PointModel:
        """The model at places (c) given as weights (c, n) on the fine vertices."""
        t = template()
        coarse = sp.csr_matrix(rows @ t.subdivision)
        used = np.flatnonzero(np.diff(coarse.tocsc().indptr))
        weights = coarse[:, used].toarray()

        def on(fields: Array) -> Array:
            return np.einsum("cu,kud->kcd", weights, fields[:, used], optimize=True)

        mean = rows @ t.vertices
        return PointModel(
            mean, on(self.fields), on(self.expressions), np.zeros_like(mean), np.ones(len(mean))
        )

    def posed(self, identity: Array, expression: Array) -> Array:
        """Fine vertices (n, 3) in the template's frame and size."""
        t = template()
        offset = np.tensordot(identity, self.fields[: len(identity)], 1)
        return t.vertices + t.fine(offset + np.tensordot(expression, self.expressions, 1))


def _detail(t: Template) -> Array:
    """Control displacements (r, n_coarse, 3) of the detail beyond the modes."""
    trust = scan_trust(t)[: t.n_coarse]
    mean = t.vertices[: t.n_coarse]
    normals = vertex_normals(t.vertices, t.triangles)[: t.n_coarse]
    centres = np.flatnonzero(trust > 0.9)
    place = np.full(t.n_coarse, -1)
    place[centres] = np.arange(len(centres))
    kernel = Kernel(
        (value("capture.photo.detail_sd.wide"), value("capture.photo.detail_sd.narrow")),
        (value("capture.photo.detail_length.wide"), value("capture.photo.detail_length.narrow")),
    )
    rows = spread(mean[centres], place[t.coarse_mirror[centres]], DETAIL_SPACING_MM)
    where = smoothstep(trust, 0.3, 0.95)
    return detail_fields(mean, normals, centres[rows], where, kernel)


def _outlined(t: Template) -> NDArray[np.bool_]:
    """Fine vertices (n,) whose outline in a photo is that of the skin.

    Not about the eyes (lashes, brows, glasses, hair at the temple), not the nose, which ends in
    front of the other cheek with hardly an edge, and not beside the ears.
    """
    at = {name: t.vertices[i] for name, i in t.landmarks.items()}
    x, y, z = t.vertices.T
    nose = (np.abs(x) < at["alare_L"][0] + NOSE_MM) & (z > at["alare_L"][2] - NOSE_MM)
    nose &= y > at["subnasale"][1] - NOSE_MM
    face = (scan_trust(t) > 0.5) | (zone_sum(t, OUTLINE_ZONES) > 0.3)
    below_eyes = y < at["exocanthion_L"][1] - BELOW_EYES_MM
    before_ears = z > at["tragion_L"][2] + BEFORE_EAR_MM
    return t.skin & face & below_eyes & before_ears & ~nose


@lru_cache(maxsize=2)
def model_of(detail: bool = False) -> Models:
    """The template's modes and expressions, with `detail` also the field beyond the modes."""
    t = template()
    smooth = t.subdivision[: t.n_coarse]  # coarse vertices as they lie on the displayed surface
    names = _expression_names(t)
    expressions = np.array([t.expressions[n] for n in names], dtype=float)
    modes = np.concatenate([t.modes, _detail(t)]) if detail else t.modes

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
    usable = np.where(t.skin, scan_trust(t), 0.0)
    chosen = np.flatnonzero(usable > 0.6)
    place = np.full(len(t.vertices), -1)
    place[chosen] = np.arange(len(chosen))
    samples = chosen[spread(t.vertices[chosen], place[t.mirror[chosen]], SAMPLE_SPACING_MM)]
    rows = t.subdivision[samples]

    def on_samples(values: Array) -> Array:
        flat = rows @ values.transpose(1, 0, 2).reshape(t.n_coarse, -1)
        return np.ascontiguousarray(flat.reshape(len(samples), len(values), 3).transpose(1, 0, 2))

    skin = PointModel(
        t.vertices[samples],
        on_samples(modes),
        on_samples(expressions),
        vertex_normals(t.vertices, t.triangles)[samples],
        np.ones(len(samples)),
    )
    return Models(
        names,
        modes,
        expressions,
        landmarks,
        whole,
        whole.subset(rim),
        closed,
        samples,
        skin,
        usable,
        _outlined(t),
    )


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
