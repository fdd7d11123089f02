"""A synthetic person photographed: a realistic picture with a known camera, shape and expression.

What is true is exact: geometry, camera, expression, iris size, marker size. What it looks like
(skin, hair, clothes, light, lens) is drawn so that detectors and optical flow meet what they meet
in photographs; it is not physically calibrated. Texture is anchored to the skin, so that two
views show the same pores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from threadlift.errors import InputError
from threadlift.face.expression.composites import combine
from threadlift.face.face import Face
from threadlift.face.synthetic import lens as optics
from threadlift.face.synthetic.look import Look
from threadlift.face.synthetic.scene import Scene, hair_radiance, make_scene, solid_radiance
from threadlift.face.template import Array, IntArray, template
from threadlift.graphics.camera import Camera, view_rotation
from threadlift.graphics.light import to_linear
from threadlift.graphics.raster import vertex_normals, visibility

#: Step in depth within a pixel [mm] that makes it an edge.
STEP_MM = 3.0
#: Reflectance that the automatic exposure maps a face to (linear).
EXPOSED_TO = 0.36


@dataclass(frozen=True)
class Shot:
    """A photo and its truth.

    jpeg: the file; rgb (h, w, 3) uint8, its pixels; camera: in the patient frame of `vertices`;
    vertices (n, 3) [mm]: the face as it was photographed, with its expression; expression: unit
    weights; hidden (n,): covered by hair, glasses or clothes from this camera, or turned away.
    """

    jpeg: bytes
    rgb: NDArray[np.uint8]
    camera: Camera
    vertices: Array
    expression: Mapping[str, float]
    hidden: NDArray[np.bool_]

    def write(self, path: Path | str) -> Path:
        """Write the JPEG file; returns its path."""
        Path(path).write_bytes(self.jpeg)
        return Path(path)


def photo_camera(
    face: Face,
    *,
    yaw_deg: float = 0.0,
    pitch_deg: float = 0.0,
    roll_deg: float = 0.0,
    distance_mm: float = 900.0,
    face_share: float = 0.5,
    focal_px: float | None = None,
    size: tuple[int, int] = (900, 1125),
    offset: tuple[float, float] = (0.0, 0.0),
) -> Camera:
    """A camera that looks at `face`; angles as in `graphics.camera.view_rotation`.

    distance_mm: to the middle of the face; face_share: breadth of the face (tragus to tragus)
    over the picture's width, from which the focal length follows unless focal_px is given;
    offset: of the face's middle from the picture's, in shares of its width.
    The optical axis meets the picture's middle.
    """
    if not 250.0 <= distance_mm <= 5000.0:
        raise InputError(f"The camera is {distance_mm} mm away.", "Use 250 to 5000 mm.")
    mark = face.landmarks
    middle = 0.5 * (mark["sellion"] + mark["subnasale"]) * [0.0, 1.0, 0.6]
    breadth = float(np.linalg.norm(mark["tragion_L"] - mark["tragion_R"]))
    focal = focal_px or face_share * size[0] * distance_mm / breadth
    rotation = view_rotation(yaw_deg, pitch_deg, roll_deg)
    aside = np.array([*offset, 0.0]) * size[0] * distance_mm / focal
    position = middle - rotation.T @ (np.array([0.0, 0.0, distance_mm]) + aside)
    return Camera(rotation, position, focal, (size[0] / 2.0, size[1] / 2.0), size)


def photograph(
    face: Face,
    camera: Camera,
    look: Look | None = None,
    *,
    expression: Mapping[str, float] | None = None,
    gaze: Array | None = None,
    seed: int = 0,
) -> Shot:
    """Photograph `face` with `camera`.

    expression: ARKit unit weights 0..1 (see `Template.expressions`). gaze: point (3,) [mm] that
    the eyes look at, the camera when None. seed: of the sensor's noise; the person's appearance
    has its own in `look.skin.seed`. The same arguments give the same bits.
    """
    look = look or Look()
    t = template()
    weights = dict(expression or {})
    size = face.ipd_mm / t.ipd_of(t.vertices)
    posed = face.vertices + size * t.fine(combine(weights, t))
    room_to_head = (np.diag([1.0, -1.0, -1.0]) @ camera.rotation).T
    scene = make_scene(face, posed, look, room_to_head)
    linear, depth, cover = _picture(
        scene, look, camera, _wall(look, camera, seed), camera.position if gaze is None else gaze
    )
    linear *= EXPOSED_TO / _face_level(linear, camera, posed)
    rgb = optics.develop(linear, look.lens, np.random.default_rng([seed, 7]))
    jpeg = optics.compressed(rgb, look.lens, camera.focal)
    hidden = _hidden(posed, face, camera, depth, cover)
    return Shot(jpeg, optics.decoded(jpeg), camera, posed, weights, hidden)


@dataclass(frozen=True)
class _Layer:
    """Rasterised mesh at one and at two samples per pixel edge: depth, triangle, weights."""

    once: tuple[Array, NDArray, Array]
    twice: tuple[Array, NDArray, Array]

    @classmethod
    def of(cls, vertices: Array, triangles: IntArray, camera: Camera) -> _Layer:
        w, h = camera.size
        d, i, b = visibility(vertices, triangles, camera.resized((2 * w, 2 * h)))

        def blocks(x: NDArray) -> NDArray:
            """(2 h, 2 w, ...) to (h w, 4, ...)."""
            split = x.reshape(h, 2, w, 2, -1).swapaxes(1, 2)
            return split.reshape(h * w, 4, *x.shape[2:])

        fine = (blocks(d), blocks(i), blocks(b))
        d, i, b = visibility(vertices, triangles, camera)
        return cls((d.ravel(), i.ravel(), b.reshape(-1, 3)), fine)

    def uneven(self, part: NDArray) -> NDArray[np.bool_]:
        """Pixels (h w,) whose samples show different parts (m,) or a step in depth."""
        depth, ids, _ = self.twice
        shown = np.where(ids >= 0, part[ids], -1)
        with np.errstate(invalid="ignore"):  # inf - inf where nothing is seen
            step = depth.max(axis=1) - depth.min(axis=1)
        once = np.where(self.once[1] >= 0, part[self.once[1]], -1)
        return (shown != once[:, None]).any(axis=1) | (step > STEP_MM)

    def samples(self, even: NDArray, uneven: NDArray) -> tuple[Array, NDArray, Array]:
        """Depth, triangle and weights of one sample of even and four of uneven pixels."""
        one, two, three = (
            np.concatenate([a[even], b[uneven].reshape(-1, *b.shape[2:])])
            for a, b in zip(self.once, self.twice, strict=True)
        )
        return one, two, three


def _picture(
    scene: Scene, look: Look, camera: Camera, wall: Array, target: Array
) -> tuple[Array, Array, Array]:
    """Linear picture (h, w, 3), depth of the solid parts (h, w) and coverage by hair (h, w).

    A pixel is shaded once where it shows one smooth surface and four times where it does not.
    """
    w, h = camera.size
    solid = _Layer.of(scene.vertices, scene.triangles, camera)
    uneven = solid.uneven(scene.part)
    hair = None
    if scene.hair is not None:
        hair = _Layer.of(scene.hair.vertices, scene.hair.triangles, camera)
        uneven |= hair.uneven(np.zeros(len(scene.hair.triangles), dtype=np.int8))
    even, odd = np.flatnonzero(~uneven), np.flatnonzero(uneven)
    pixel = np.concatenate([even, np.repeat(odd, 4)])
    depth, ids, bary = solid.samples(even, odd)
    colour = wall.reshape(-1, 3)[pixel]
    seen = np.flatnonzero(ids >= 0)
    colour[seen] = solid_radiance(scene, look, camera, ids[seen], bary[seen], target)
    cover = np.zeros(len(pixel))
    if hair is not None:
        nearer, strand, weight = hair.samples(even, odd)
        over = np.flatnonzero((strand >= 0) & (nearer < depth))
        share, tone = hair_radiance(scene, look, camera, strand[over], weight[over])
        colour[over] += share[:, None] * (tone - colour[over])
        cover[over] = share

    def whole(values: Array) -> Array:
        out = np.empty((h * w, *values.shape[1:]))
        out[even] = values[: len(even)]
        out[odd] = values[len(even) :].reshape(-1, 4, *values.shape[1:]).mean(axis=1)
        return out.reshape(h, w, *values.shape[1:])

    return whole(colour), solid.once[0].reshape(h, w), whole(cover)


def _wall(look: Look, camera: Camera, seed: int) -> Array:
    """Linear background (h, w, 3): an out-of-focus wall."""
    rng = np.random.default_rng([look.skin.seed, seed, 3])
    w, h = camera.size
    coarse = 1.0 + 0.16 * gaussian_filter(rng.standard_normal((24, 20)), 2.0) * 6.0
    y, x = np.linspace(-1, 1, 24)[:, None], np.linspace(-1, 1, 20)[None, :]
    coarse = coarse * (1.0 + 0.10 * rng.standard_normal() * x - 0.10 * y)
    smooth = zoom(np.maximum(coarse, 0.2), (h / 24.0, w / 20.0), order=3, grid_mode=True,
                  mode="nearest")[:h, :w]  # fmt: skip
    return np.asarray(smooth)[:, :, None] * to_linear(np.array(look.wall_rgb)) * 1.1


def _face_level(linear: Array, camera: Camera, posed: Array) -> float:
    """Median luminance of the middle of the face, which the automatic exposure looks at."""
    mark = template().landmarks
    px, _ = camera.project(posed[[mark["glabella"], mark["menton"], mark["malar_eminence_L"],
                                  mark["malar_eminence_R"]]])  # fmt: skip
    h, w = linear.shape[:2]
    x0, y0 = np.clip(px.min(axis=0).astype(int), 0, [w - 2, h - 2])
    x1, y1 = np.clip(px.max(axis=0).astype(int), [1, 1], [w, h])
    window = linear[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
    # Dark skin comes out darker than light skin in photographs, but by less than it is.
    level = float(np.median(window.mean(axis=2)))
    return max(level, 1e-6) ** 0.65 * EXPOSED_TO**0.35


def _hidden(
    posed: Array, face: Face, camera: Camera, depth: Array, covered: Array
) -> NDArray[np.bool_]:
    """Vertices (n,) that the picture does not show."""
    px, d = camera.project(posed)
    h, w = depth.shape
    column, row = np.clip(px.astype(int), 0, [w - 1, h - 1]).T
    out = ((px < 0).any(axis=1)) | (px[:, 0] >= camera.size[0]) | (px[:, 1] >= camera.size[1])
    toward = camera.position - posed
    away = (vertex_normals(posed, face.triangles) * toward).sum(axis=1) <= 0.0
    return out | away | (depth[row, column] < d - 2.0) | (covered[row, column] > 0.5)
