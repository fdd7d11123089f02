"""Pictures of the report: before and after, displacement, thread map. All from the same poses and
under the same light, so that nothing but the tissue differs between two pictures.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from threadlift.anatomy.structures import Structure
from threadlift.graphics import (
    Camera,
    draw_dots,
    draw_polyline,
    draw_text,
    map_colors,
    png_bytes,
    portrait_camera,
    render,
    vertex_normals,
)
from threadlift.interop import FaceModel

#: Yaw of the three standard views [degrees]; positive looks at the patient's left side.
FRONT, LEFT, RIGHT = 0.0, 45.0, -45.0
SIZE = (420, 500)
#: A thread runs under the skin: it shows where it lies no deeper than this behind it [mm].
UNDER_SKIN_MM = 22.0
#: Depth runs through the map up to here only: its yellow end would read as a nerve.
DEPTH_MAP, DEPTH_MAP_END = "plasma", 0.72
LIFT_MAP = "viridis"
HAZARD_COLORS = {
    "nerve": (226, 188, 40),
    "artery": (190, 40, 45),
    "vein": (70, 90, 190),
    "duct": (60, 150, 90),
    "gland": (120, 170, 120),
}
_GREY_SHARE = 0.45
# A view along a direction with this much sideways in it is a view from one side.
_FROM_ONE_SIDE = 0.4
# How far beside the end of a thread its name stands [px].
_BESIDE_PX = 9.0


@dataclass(frozen=True)
class Views:
    """Cameras that frame one face."""

    center: NDArray[np.float64]
    extent_mm: float

    @classmethod
    def of(cls, vertices: NDArray[np.float64]) -> Views:
        """Frame the face from above the hairline to below the chin (patient frame, by size)."""
        # Between the tragi: the one measure that every capture has, whatever it shows of the neck.
        near = vertices[(np.abs(vertices[:, 1]) < 25.0) & (np.abs(vertices[:, 2]) < 25.0)]
        width = float(np.ptp(near[:, 0]))
        return cls(np.array([0.0, -0.13 * width, 0.12 * width]), 1.36 * width)

    def camera(self, yaw_deg: float, size: tuple[int, int] = SIZE) -> Camera:
        """Camera of a view; a long lens (1.2 m), as in clinical photography."""
        return portrait_camera(yaw_deg, 0.0, self.center, self.extent_mm, size, distance_mm=1200.0)


def data_uri(rgb: NDArray[np.uint8]) -> str:
    """A picture as a data URI, so that the page needs no other file."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(rgb)).decode("ascii")


def gradient(name: str, end: float = 1.0, steps: int = 9) -> str:
    """CSS gradient of a colour map up to `end`, for the scales under the pictures."""
    stops = [colormaps[name](end * i / (steps - 1))[:3] for i in range(steps)]
    text = ", ".join("rgb({:.0f} {:.0f} {:.0f})".format(*(255 * c for c in s)) for s in stops)
    return f"linear-gradient(90deg, {text})"


def picture(
    model: FaceModel,
    vertices: NDArray[np.float64],
    yaw_deg: float,
    colors: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """One view of the face with its own colours (or the given ones)."""
    tones = model.colors if colors is None else colors
    camera = Views.of(model.vertices).camera(yaw_deg)
    return render(vertices, model.triangles, tones, camera, supersample=2).rgb


def before_after(model: FaceModel) -> list[tuple[str, str]]:
    """(before, after) data URIs from the front and from the left."""
    after = model.vertices + model.displacement
    return [
        (data_uri(picture(model, model.vertices, yaw)), data_uri(picture(model, after, yaw)))
        for yaw in (FRONT, LEFT)
    ]


def displacement_maps(model: FaceModel) -> tuple[list[str], float]:
    """Displacement magnitude from three sides, and the upper end of its scale [mm]."""
    size = np.linalg.norm(model.displacement, axis=1)
    top = max(0.5, float(np.ceil(2.0 * np.quantile(size, 0.999)) / 2.0))
    colors = map_colors(size, 0.0, top, name=LIFT_MAP, base=_quiet(model), fade=0.25)
    return [
        data_uri(picture(model, model.vertices, yaw, colors)) for yaw in (RIGHT, FRONT, LEFT)
    ], top


def _quiet(model: FaceModel) -> NDArray[np.uint8]:
    """The face's colours washed out towards grey, so that lines drawn on it stand out."""
    base = np.full((len(model.vertices), 3), 205.0) if model.colors is None else model.colors
    grey = np.asarray(base, dtype=float).mean(axis=1, keepdims=True)
    muted = 0.5 * np.asarray(base, dtype=float) + 0.5 * grey
    mixed = (1.0 - _GREY_SHARE) * muted + _GREY_SHARE * 235.0
    return np.round(mixed).astype(np.uint8)


def depth_color(level: float) -> tuple[int, int, int]:
    """Colour of a depth at `level` (0..1) of the range that all threads share."""
    r, g, b = colormaps[DEPTH_MAP](DEPTH_MAP_END * min(max(level, 0.0), 1.0))[:3]
    return int(255 * r), int(255 * g), int(255 * b)


def depth_range(depths: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Ends of the depth scale [mm] that all threads share."""
    flat = np.concatenate([np.asarray(d, dtype=float) for d in depths])
    low, high = float(np.floor(flat.min())), float(np.ceil(np.quantile(flat, 0.9)))
    return low, max(high, low + 1.0)


def thread_maps(
    model: FaceModel,
    paths_mm: Sequence[NDArray[np.float64]],
    depths_mm: Sequence[Sequence[float]],
    structures: Sequence[Structure],
    found_mm: NDArray[np.float64] | None = None,
) -> list[str]:
    """:func:`thread_pictures` as data URIs."""
    found = thread_pictures(model, paths_mm, depths_mm, structures, found_mm=found_mm)
    return [data_uri(image) for image in found]


def thread_pictures(
    model: FaceModel,
    paths_mm: Sequence[NDArray[np.float64]],
    depths_mm: Sequence[Sequence[float]],
    structures: Sequence[Structure],
    marks_mm: NDArray[np.float64] | None = None,
    names: Sequence[str] = (),
    found_mm: NDArray[np.float64] | None = None,
) -> list[NDArray[np.uint8]]:
    """Threads coloured by depth over the hazards, from the right, front and left.

    marks_mm (n, 3): where rules are broken; names: of the threads, written beside their ends where
    there are any; found_mm (m, 3): where the clinician marked a hazard.
    """
    low, high = depth_range(depths_mm) if len(depths_mm) else (0.0, 1.0)
    pictures = []
    for yaw in (RIGHT, FRONT, LEFT):
        camera = Views.of(model.vertices).camera(yaw)
        shot = render(model.vertices, model.triangles, _quiet(model), camera, supersample=2)
        image = shot.rgb
        for structure in structures:
            if structure.kind == "gland":
                continue
            image = draw_polyline(
                image,
                shot.depth,
                camera,
                structure.curve_mm,
                HAZARD_COLORS[structure.kind],
                2.0,
                "hide",
                tolerance_mm=6.0,
            )
        if found_mm is not None and len(found_mm):
            image = draw_dots(
                image,
                shot.depth,
                camera,
                found_mm,
                (255, 255, 255),
                4.0,
                "hide",
                tolerance_mm=6.0,
                outline=(40, 45, 60),
            )
        for path, depth in zip(paths_mm, depths_mm, strict=True):
            shown = visible_side(path, camera, model)
            if not shown:
                continue
            image = draw_polyline(
                image,
                shot.depth,
                camera,
                path,
                (255, 255, 255),
                5.0,
                "hide",
                tolerance_mm=UNDER_SKIN_MM,
            )
            for a in range(len(path) - 1):
                level = (0.5 * (depth[a] + depth[a + 1]) - low) / (high - low)
                image = draw_polyline(
                    image,
                    shot.depth,
                    camera,
                    path[a : a + 2],
                    depth_color(level),
                    3.2,
                    "hide",
                    tolerance_mm=UNDER_SKIN_MM,
                )
            image = draw_dots(
                image,
                shot.depth,
                camera,
                path[:1],
                (20, 30, 40),
                4.0,
                "hide",
                tolerance_mm=UNDER_SKIN_MM,
            )
        for path, name in zip(paths_mm, names, strict=bool(names)):
            if visible_side(path, camera, model):
                image = _named(image, camera, path, name)
        if marks_mm is not None and len(marks_mm):
            image = draw_dots(image, shot.depth, camera, marks_mm, (163, 42, 42), 5.0, "hide")
        pictures.append(image)
    return pictures


def _named(
    image: NDArray[np.uint8], camera: Camera, path: NDArray[np.float64], name: str
) -> NDArray[np.uint8]:
    """The picture with a thread's name in the direction in which its end points."""
    (before, end), _ = camera.project(path[[-2, -1]])
    way = (end - before) / max(float(np.linalg.norm(end - before)), 1e-9)
    x, y = end + _BESIDE_PX * way
    for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        image = draw_text(image, (x + dx, y + dy), name, (255, 255, 255), 12.0, "mm")
    return draw_text(image, (x, y), name, size=12.0, anchor="mm")


def visible_side(path: NDArray[np.float64], camera: Camera, model: FaceModel) -> bool:
    """Whether a thread belongs to a view.

    The skin over the path's middle faces the camera, and a view from one side shows no thread of
    the other, which would only peep out at the outline.
    """
    middle, view = path[len(path) // 2], camera.rotation[2]
    if abs(view[0]) > _FROM_ONE_SIDE and view[0] * middle[0] > 0.0:
        return False
    nearest = int(np.argmin(np.linalg.norm(model.vertices - middle, axis=1)))
    normal = vertex_normals(model.vertices, model.triangles)[nearest]
    return bool(normal @ view < 0.1)
