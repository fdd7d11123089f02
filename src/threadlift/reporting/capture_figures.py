"""Pictures of the capture page: the fit over its photographs, errors and spread on the face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from threadlift.face import Face
from threadlift.face.captured import View
from threadlift.graphics import draw_polyline, map_colors, render, vertex_normals, visibility
from threadlift.graphics.draw import visible_points
from threadlift.reporting.figures import FRONT, LEFT, RIGHT, Views, data_uri

Array = NDArray[np.float64]
Picture = NDArray[np.uint8]

#: Longest edge of an overlay [px]: enough to judge a fit, small enough for a page.
OVERLAY_PX = 900
MESH, FOUND = (120, 235, 190), (255, 214, 64)
#: Opacity of the mesh over a photograph.
_MESH_ALPHA = 0.5
_OVERSAMPLE = 2
ERROR_MAP, SPREAD_MAP, FIELD_MAP, SIGNED_MAP = "YlOrRd", "viridis", "viridis", "RdBu_r"
#: Arrows of a displacement field: spacing on the face, and how much longer than the truth [mm, 1].
_ARROW_SPACING_MM = 11.0
_ARROW_GAIN = 3.0


def overlay(view: View, triangles: NDArray[np.int64], skin: NDArray[np.bool_]) -> Picture:
    """The picture with the fitted mesh (green lines) and what the network found (yellow dots).

    triangles (m, 3) of the coarse template, skin (n,) outer skin. Only what the camera sees is
    drawn; the picture is cut to the face and scaled to at most `OVERLAY_PX`.
    """
    px, _ = view.camera.project(view.vertices)
    used = triangles[skin[triangles].all(axis=1)]
    _, ids, _ = visibility(view.vertices, used, view.camera)
    seen = np.zeros(len(used), dtype=bool)
    seen[np.unique(ids[ids >= 0])] = True
    edges = np.sort(used[seen][:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    lines = px[np.unique(edges, axis=0)]
    low, high = _crop(view, px[np.unique(used[seen])])
    scale = min(OVERLAY_PX / float((high - low).max()), 1.5)
    size = np.maximum(np.round((high - low) * scale).astype(int), 1)
    box = (int(low[0]), int(low[1]), int(high[0]), int(high[1]))
    base = Image.fromarray(view.rgb).crop(box)
    base = base.resize((int(size[0]), int(size[1])), Image.Resampling.LANCZOS)
    big = (int(size[0]) * _OVERSAMPLE, int(size[1]) * _OVERSAMPLE)
    mask, dots = Image.new("L", big, 0), Image.new("L", big, 0)
    pen, spot = ImageDraw.Draw(mask), ImageDraw.Draw(dots)
    for a, b in (lines - low) * scale * _OVERSAMPLE:
        if np.isfinite(a).all() and np.isfinite(b).all():
            pen.line([float(a[0]), float(a[1]), float(b[0]), float(b[1])], fill=255, width=1)
    radius = 1.4 * _OVERSAMPLE
    for x, y in (view.landmarks_px - low) * scale * _OVERSAMPLE:
        spot.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    out = np.asarray(base, dtype=float)
    for layer, color, alpha in ((mask, MESH, _MESH_ALPHA), (dots, FOUND, 0.95)):
        small = layer.resize((int(size[0]), int(size[1])), Image.Resampling.BOX)
        cover = np.asarray(small, dtype=float)[..., None] * (alpha / 255.0)
        out = out * (1.0 - cover) + np.array(color) * cover
    return np.round(out).astype(np.uint8)


def _crop(view: View, shown: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Corners [px] of the part of the picture that holds the fitted head and a margin."""
    shown = shown[np.isfinite(shown).all(axis=1)]
    h, w = view.rgb.shape[:2]
    if not len(shown):
        return np.zeros(2, dtype=np.int64), np.array([w, h])
    low, high = shown.min(axis=0), shown.max(axis=0)
    margin = 0.06 * (high - low).max()
    low = np.clip(np.floor(low - margin), 0, [w - 2, h - 2]).astype(np.int64)
    high = np.clip(np.ceil(high + margin), low + 2, [w, h]).astype(np.int64)
    return low, high


def field_pictures(
    face: Face, values: Array, top: float, name: str = SPREAD_MAP, low: float = 0.0
) -> list[str]:
    """A field (n,) on the face from the right, the front and the left; NaN is grey."""
    shown = np.where(face.skin, values, np.nan)
    colors = map_colors(shown, low, top, name=name)
    return [data_uri(_shot(face, colors, yaw)) for yaw in (RIGHT, FRONT, LEFT)]


def _shot(face: Face, colors: Picture, yaw: float) -> Picture:
    camera = Views.of(face.vertices).camera(yaw)
    return render(face.vertices, face.triangles, colors, camera, supersample=2).rgb


def arrow_pictures(face: Face, field_mm: Array, where: NDArray[np.bool_], top: float) -> list[str]:
    """Displacement (n, 3) as colour and as arrows (drawn `_ARROW_GAIN` times as long) where known.

    where (n,): vertices at which the field was observed; the rest is grey and has no arrows.
    """
    size = np.where(where & face.skin, np.linalg.norm(field_mm, axis=1), np.nan)
    colors = map_colors(size, 0.0, top, name=FIELD_MAP)
    chosen = _spread_out(face.vertices, np.flatnonzero(where & face.skin & (size > 0.1 * top)))
    normals = vertex_normals(face.vertices, face.triangles)
    out = []
    for yaw in (RIGHT, FRONT, LEFT):
        camera = Views.of(face.vertices).camera(yaw)
        shot = render(face.vertices, face.triangles, colors, camera, supersample=2)
        image = shot.rgb
        roots = face.vertices[chosen] + 0.5 * normals[chosen]
        seen = visible_points(shot.depth, camera, roots)
        for root, i in zip(roots[seen], chosen[seen], strict=True):
            tip = root + _ARROW_GAIN * field_mm[i]
            image = draw_polyline(
                image, shot.depth, camera, np.stack([root, tip]), (255, 255, 255), 2.2, "show"
            )
            image = draw_polyline(
                image,
                shot.depth,
                camera,
                _head(root, tip, camera.rotation[2]),
                (255, 255, 255),
                2.2,
                "show",
            )
        out.append(data_uri(image))
    return out


def _head(root: Array, tip: Array, forward: Array) -> Array:
    """The barbs (3, 3) of an arrow, in the plane of the picture."""
    shaft = tip - root
    aside = np.cross(shaft, forward)
    return np.stack([tip - 0.3 * shaft + 0.18 * aside, tip, tip - 0.3 * shaft - 0.18 * aside])


def _spread_out(points: Array, candidates: NDArray[np.intp]) -> NDArray[np.intp]:
    """Candidates of which no two are nearer than the spacing of arrows (greedy, in order)."""
    cells = np.round(points[candidates] / _ARROW_SPACING_MM).astype(np.int64)
    _, first = np.unique(cells, axis=0, return_index=True)
    return candidates[np.sort(first)]
