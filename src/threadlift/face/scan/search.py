"""Find the face on a scan in any pose: from all sides, and once more where it may be.

The network finds faces that stand upright, fill its picture and are smoothly shaded. A scan is
therefore shown in steps: from the sides that scanners use, from the corners between them, by an
eighth of a turn askew; and wherever something like a face was seen, again as its portrait. Only
that portrait, or an equally good first sight, is believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.face.network.landmarker import detect_faces
from threadlift.face.scan.clean import smooth_normals, thinned
from threadlift.face.scan.landmarks import AMBIENT, BACKDROP, LIGHT, VIEW_MM, VIEW_PX, lift
from threadlift.frames import Similarity, fit_similarity
from threadlift.graphics.camera import Camera, portrait_camera, view_rotation
from threadlift.graphics.raster import render

Array = NDArray[np.float64]
Triangles = NDArray[np.int64]

#: Pictures for the search [px].
_SEARCH_PX = 224
#: A head fills less of the diagonal's square than a face detector likes: two zooms.
_ZOOMS = (1.0, 0.6)
#: Relative misfit of landmarks to the mean face above which a "face" is something else, and up
#: to which it is worth a second look.
_MISFIT, _WORTH_A_LOOK = 0.16, 0.5
#: So many of the likeliest sights of one step are looked at again, each so often.
_LOOKED_AT, _LOOKS = 3, 2
_SMOOTHING = 3


@dataclass(frozen=True)
class _Scene:
    """What is searched, and what for: the mean face's landmarks (478, 3) [mm] with weights."""

    vertices: Array
    triangles: Triangles
    colors: NDArray | None
    reference: Array
    weights: Array


@dataclass(frozen=True)
class _Sight:
    """Something like a face: how the scan is carried onto the mean face, and the relative misfit
    of its landmarks.
    """

    misfit: float
    pose: Similarity


def _match(points: Array, scene: _Scene) -> _Sight:
    """Lifted landmarks (478, 3) against the mean face."""
    known = np.isfinite(points).all(axis=1) & (scene.weights > 0)
    if known.sum() < 60:
        return _NOTHING
    reference = scene.reference[known]
    pose = fit_similarity(points[known], reference, scene.weights[known], with_scale=True)
    error = np.linalg.norm(pose.apply(points[known]) - reference, axis=1)
    # Depth must tell a face from its hollow mould, which from behind looks the same.
    size = np.linalg.norm(reference - reference.mean(axis=0), axis=1)
    return _Sight(float(np.median(error) / np.median(size)), pose)


_NOTHING = _Sight(np.inf, Similarity(np.eye(3), np.zeros(3)))


def _steps() -> tuple[list[Array], ...]:
    """Camera axes (3, 3) to search, likeliest first; each is tried in four quarter turns."""
    # The frames that scanners use: y up or z up, face towards ±z, ±y or ±x.
    sides = [view_rotation(yaw, 0) for yaw in (0, 180, 90, 270)]
    sides += [view_rotation(0, pitch) for pitch in (90, -90)]
    corners = [view_rotation(yaw, 0) for yaw in (45, 135, 225, 315)]
    for pitch, first in ((45, 0), (-45, 0), (35, 45), (-35, 45)):
        corners += [view_rotation(first + yaw, pitch) for yaw in (0, 90, 180, 270)]
    half = np.sqrt(0.5)
    eighth = np.array([[half, half, 0.0], [-half, half, 0.0], [0.0, 0.0, 1.0]])
    return sides, corners, [eighth @ axes for axes in sides + corners]


def find_pose(
    vertices: Array,
    triangles: Triangles,
    colors: NDArray | None,
    reference: Array,
    weights: Array,
    source: str,
) -> Similarity:
    """Similarity that carries the scan (any pose) roughly onto the mean face.

    `reference` (478, 3) are the mean face's landmarks in the patient frame with `weights` (478,).
    Raises InputError if no face is found from any side.
    """
    scene = _Scene(vertices, triangles, colors, reference, weights)
    for directions in _steps():
        seen = sorted(_search(scene, directions), key=lambda s: s.misfit)
        if seen and seen[0].misfit < _MISFIT:
            return seen[0].pose
        for sight in seen[:_LOOKED_AT]:
            closer = _portrait(scene, sight)
            if closer.misfit < _MISFIT:
                return closer.pose
    raise InputError(
        f"{source}: no face was found on the scan from any side.",
        "Scan the whole face from ear to ear with the hair held back, in the open"
        " (no mask, no glasses), and export it with its colours if there are any.",
    )


def _search(scene: _Scene, directions: list[Array]) -> Iterator[_Sight]:
    """The best sight of each picture that shows something like a face."""
    low, high = scene.vertices.min(axis=0), scene.vertices.max(axis=0)
    centre = 0.5 * (low + high)
    extent = 1.05 * float(np.linalg.norm(high - low))
    for axes in directions:
        for zoom in _ZOOMS:
            sight = _look(scene, axes, centre, extent * zoom, _SEARCH_PX, turns=4)
            if sight.misfit < _WORTH_A_LOOK:
                yield sight


def _portrait(scene: _Scene, sight: _Sight) -> _Sight:
    """The same face from its own front, upright and filling the picture."""
    middle = np.average(scene.reference, axis=0, weights=scene.weights)
    front = portrait_camera(0.0, 0.0, middle, VIEW_MM, (VIEW_PX, VIEW_PX)).rotation
    for _ in range(_LOOKS):
        pose = sight.pose
        again = _look(
            scene,
            front @ pose.rotation,
            pose.inverse().apply(middle),
            VIEW_MM / pose.scale,
            VIEW_PX,
        )
        if again.misfit >= sight.misfit:
            break
        sight = again
    return sight


def _look(
    scene: _Scene, axes: Array, centre: Array, width: float, px: int, turns: int = 1
) -> _Sight:
    """The best face in a picture (px, px) that shows `width` around `centre`, over quarter turns.

    Its misfit is infinite when there is none.
    """
    away = 2.0 * float(np.linalg.norm(np.ptp(scene.vertices, axis=0)))
    camera = Camera(
        axes,
        centre - away * axes[2],
        px / width,
        (px / 2.0, px / 2.0),
        (px, px),
        perspective=False,
    )
    # The winding is not known yet. Turned to face this viewer, neighbours shade alike.
    v, t = scene.vertices, scene.triangles
    back = np.cross(v[t[:, 1]] - v[t[:, 0]], v[t[:, 2]] - v[t[:, 0]]) @ axes[2] > 0.0
    t = np.where(back[:, None], t[:, ::-1], t)
    picture = render(
        v,
        t,
        scene.colors,
        camera,
        normals=smooth_normals(v, t, _SMOOTHING),
        light=LIGHT,
        ambient=AMBIENT,
        background=BACKDROP,
    )
    best = _NOTHING
    for turn in range(turns):
        shown = np.ascontiguousarray(np.rot90(picture.rgb, turn))
        faces = detect_faces(shown, max_faces=1, blendshapes=False, search_small=False)
        if not faces:
            continue
        at = faces[0].landmarks_px
        for _ in range(turn):  # undo one quarter turn anticlockwise: (x, y) -> (w - y, x)
            at = np.column_stack([px - at[:, 1], at[:, 0]])
        sight = _match(lift(at, v, t, picture.depth, picture.tri_id, camera), scene)
        best = min(best, sight, key=lambda s: s.misfit)
    return best


def search_mesh(
    vertices: Array, triangles: NDArray, colors: NDArray | None, target: int = 60_000
) -> tuple[Array, NDArray, NDArray | None]:
    """A lighter copy for the search: vertices clustered on a grid until about `target` triangles.

    Returns vertices, triangles, colours; meshes that are light already come back as they are.
    """
    if len(triangles) <= target:
        return vertices, triangles, colors
    mean, t, group, _ = thinned(vertices, triangles, target)
    if colors is None:
        return mean, t, None
    tone = np.stack([np.bincount(group, colors[:, c]) for c in range(3)], axis=1)
    count = np.bincount(group)
    return mean, t, np.round(tone / count[:, None]).astype(np.uint8)
