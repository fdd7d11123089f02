"""A patient's face: the template's topology with this person's geometry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.face.capture import Capture
from threadlift.face.landmarks import is_soft
from threadlift.face.template import Array, BoolArray, IntArray, Template, template
from threadlift.frames import MIRROR, Similarity, patient_frame

Kind = Literal["photo", "scan", "synthetic"]

#: Ear-to-ear width [mm] outside which a head is not in millimetres.
PLAUSIBLE_WIDTH_MM = (95.0, 200.0)


@dataclass(frozen=True, eq=False)
class Face:
    """Geometry of one face in rest, in correspondence with the template.

    Attributes
    ----------
    vertices: (n, 3) [mm], patient frame. sd_mm: (n,) standard deviation of each position normal
        to the skin.
    kind: 'photo' is for explanation only, 'scan' for millimetres, 'synthetic' for trials.
    expressions: name -> (n, 3) displacement [mm] from rest; names as in composites.COMPOSITES.
    colors: (n, 3) uint8 sRGB or None (then the template's albedo serves).
    sd_tangential_mm: (n,) standard deviation along the skin, in each of two directions (which
        point of the skin is which is known less well than where the skin is); None where the
        capture does not estimate it.

    Raises InputError when an array has the wrong shape or holds NaN, when the face is not in
    the patient frame, or when its size is not that of a head in millimetres.
    """

    vertices: Array
    sd_mm: Array
    kind: Kind
    capture: Capture
    expressions: Mapping[str, Array]
    colors: NDArray[np.uint8] | None = None
    sd_tangential_mm: Array | None = None

    def __post_init__(self) -> None:
        n = len(self.template.vertices)
        _check("vertices", self.vertices, (n, 3))
        _check("sd_mm", self.sd_mm, (n,))
        if np.any(self.sd_mm < 0.0):
            raise InputError("sd_mm holds negative numbers.", "Give standard deviations.")
        if self.sd_tangential_mm is not None:
            _check("sd_tangential_mm", self.sd_tangential_mm, (n,))
            if np.any(self.sd_tangential_mm < 0.0):
                raise InputError(
                    "sd_tangential_mm holds negative numbers.", "Give standard deviations."
                )
        for name, displacement in self.expressions.items():
            _check(f"expression '{name}'", displacement, (n, 3))
        if self.colors is not None and self.colors.shape != (n, 3):
            raise InputError(
                f"colors has shape {self.colors.shape}, not {(n, 3)}.",
                "Give one colour per vertex of the template.",
            )
        if self.kind not in ("photo", "scan", "synthetic"):
            raise InputError(
                f"A face cannot be of kind '{self.kind}'.", "Use photo, scan or synthetic."
            )
        width = float(np.linalg.norm(self.landmark("tragion_L") - self.landmark("tragion_R")))
        if not PLAUSIBLE_WIDTH_MM[0] < width < PLAUSIBLE_WIDTH_MM[1]:
            raise InputError(
                f"The head is {width:.4g} mm wide between the ears.",
                "State the unit of the input (mm, cm or m).",
            )
        rest = patient_frame(*(self.landmark(k) for k in _FRAME))
        # Half a degree and 1 mm: enough for round-off, not for a head in another frame.
        if (
            not np.allclose(rest.rotation, np.eye(3), atol=0.01)
            or np.linalg.norm(rest.translation) > 1.0
        ):
            raise InputError(
                "The face is not in the patient frame.", "Use Face.in_frame to move it there."
            )

    @classmethod
    def in_frame(
        cls,
        vertices: Array,
        *,
        sd_mm: Array | float,
        kind: Kind,
        capture: Capture,
        expressions: Mapping[str, Array],
        colors: NDArray[np.uint8] | None = None,
        sd_tangential_mm: Array | None = None,
    ) -> Face:
        """A face from vertices (n, 3) [mm] in any rigid pose; all fields are turned along."""
        _check("vertices", vertices, template().vertices.shape)
        move = frame_of(vertices)
        sd = np.broadcast_to(np.asarray(sd_mm, dtype=float), (len(vertices),)).copy()
        turned = {k: move.apply_vectors(v) for k, v in expressions.items()}
        return cls(move.apply(vertices), sd, kind, capture, turned, colors, sd_tangential_mm)

    @classmethod
    def from_photos(
        cls,
        front: Path | str,
        left: Path | str | None = None,
        right: Path | str | None = None,
        *,
        ipd_mm: float | None = None,
        marker_mm: float | None = None,
        progress: Callable[[float, str], None] | None = None,
    ) -> Face:
        """A face from one frontal photo, better with oblique ones (see face.photo.fit_photos)."""
        from threadlift.face.photo.fit_photos import fit_photos

        return fit_photos(front, left, right, ipd_mm=ipd_mm, marker_mm=marker_mm, progress=progress)

    @classmethod
    def from_scan(
        cls,
        path: Path | str,
        *,
        units: str | None = None,
        progress: Callable[[float, str], None] | None = None,
    ) -> Face:
        """A face from a 3D scan (see face.scan.fit_scan); `progress(share, what)` is told."""
        from threadlift.face.scan.fit_scan import fit_scan

        return fit_scan(path, units=units, progress=progress)

    @classmethod
    def synthetic(cls, seed: int = 0, **options: Any) -> Face:
        """A random person (see face.synthetic.synthetic_face)."""
        from threadlift.face.synthetic.person import synthetic_face

        return synthetic_face(seed, **options)

    @property
    def template(self) -> Template:
        """The template this face corresponds to."""
        return template()

    @property
    def triangles(self) -> IntArray:
        """(m, 3), the template's."""
        return self.template.triangles

    @property
    def skin(self) -> BoolArray:
        """(n,) outer skin, the template's."""
        return self.template.skin

    @property
    def zones(self) -> dict[str, Array]:
        """Zone key -> (n,) weight, the template's."""
        return self.template.zones

    @cached_property
    def normals(self) -> Array:
        """(n, 3) outward unit normals, area weighted."""
        return vertex_normals(self.vertices, self.triangles)

    def landmark(self, name: str) -> Array:
        """Position (3,) [mm] of a landmark. Raises KeyError for an unknown name."""
        return self.vertices[self.template.landmarks[name]]

    @cached_property
    def landmarks(self) -> dict[str, Array]:
        """Name -> position (3,) [mm]."""
        return {name: self.vertices[i] for name, i in self.template.landmarks.items()}

    @cached_property
    def landmark_sd_mm(self) -> dict[str, float]:
        """Name -> standard deviation of the landmark's position [mm], any direction.

        Root of the summed variances of the capture at that place and of the landmark's definition
        on the template, which is by eye and loose on soft tissue (`face.landmark` in the register).
        """
        placed = {soft: value("face.landmark." + soft) for soft in ("soft", "sharp")}
        return {
            name: float(np.hypot(self.sd_mm[i], placed["soft" if is_soft(name) else "sharp"]))
            for name, i in self.template.landmarks.items()
        }

    @cached_property
    def ipd_mm(self) -> float:
        """Distance between the eyeball centres [mm]."""
        return self.template.ipd_of(self.vertices)

    @property
    def in_patient_frame(self) -> bool:
        """True: a face is in the patient frame or it does not exist (checked on creation)."""
        return True

    @property
    def display_colors(self) -> NDArray[np.uint8]:
        """(n, 3) the captured colours, else the template's painted ones."""
        return self.template.albedo if self.colors is None else self.colors

    def mirrored(self) -> Face:
        """The same face seen in a mirror: left and right exchanged. An exact involution."""
        order = self.template.mirror
        return Face(
            self.vertices[order] * MIRROR,
            self.sd_mm[order],
            self.kind,
            self.capture,
            {k: v[order] * MIRROR for k, v in self.expressions.items()},
            None if self.colors is None else self.colors[order],
            None if self.sd_tangential_mm is None else self.sd_tangential_mm[order],
        )

    def save(self, path: Path | str) -> None:
        """Write as .npz (arrays and the capture record)."""
        arrays: dict[str, Any] = {
            "vertices": self.vertices,
            "sd_mm": self.sd_mm,
            "kind": np.array(self.kind),
            "source": np.array(self.capture.source),
            "scale": np.array(self.capture.scale),
            "notes": np.array(list(self.capture.notes), dtype=str),
            "measured_expressions": np.array(list(self.capture.measured_expressions), dtype=str),
            "number_names": np.array(list(self.capture.numbers), dtype=str),
            "numbers": np.array(list(self.capture.numbers.values()), dtype=float),
        }
        if self.colors is not None:
            arrays["colors"] = self.colors
        if self.sd_tangential_mm is not None:
            arrays["sd_tangential_mm"] = self.sd_tangential_mm
        for name, displacement in self.expressions.items():
            arrays[f"expression_{name}"] = displacement
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path | str) -> Face:
        """Read what `save` wrote. Raises InputError when the file is not such a file."""
        try:
            with np.load(path) as stored:
                data = {name: stored[name] for name in stored.files}
            numbers = dict(
                zip(data["number_names"].tolist(), data["numbers"].tolist(), strict=True)
            )
            capture = Capture(
                str(data["source"]),
                numbers,
                tuple(data["notes"].tolist()),
                str(data["scale"]),
                tuple(data["measured_expressions"].tolist()),
            )
            expressions = {
                k.removeprefix("expression_"): v
                for k, v in data.items()
                if k.startswith("expression_")
            }
            kind: Any = str(data["kind"])
            vertices, sd = data["vertices"], data["sd_mm"]
        except (OSError, KeyError, ValueError) as error:
            raise InputError(
                f"{path} is not a saved face ({error}).", "Give a file written by Face.save."
            ) from error
        return cls(
            vertices,
            sd,
            kind,
            capture,
            expressions,
            data.get("colors"),
            data.get("sd_tangential_mm"),
        )


_FRAME = ("tragion_L", "tragion_R", "orbitale_L", "orbitale_R")


def frame_of(vertices: Array) -> Similarity:
    """Rigid transform that carries fine template vertices (n, 3) into the patient frame."""
    index = template().landmarks
    return patient_frame(*(vertices[index[name]] for name in _FRAME))


def vertex_normals(vertices: Array, triangles: IntArray) -> Array:
    """Area-weighted unit normals (n, 3) of a mesh; zero where a vertex has no area around it."""
    p = vertices[triangles]
    area = np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0])
    total = np.stack(
        [
            sum(
                np.bincount(triangles[:, k], weights=area[:, c], minlength=len(vertices))
                for k in range(3)
            )
            for c in range(3)
        ],
        axis=1,
    )
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-300)


def _check(name: str, array: Array, shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray) or array.shape != shape:
        raise InputError(
            f"{name} has shape {np.shape(array)}, not {shape}.",
            "Give one row per vertex of the template.",
        )
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds NaN or infinite numbers.", "Repair or repeat the capture.")
