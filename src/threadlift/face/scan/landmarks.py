"""Find the face on a scan in any pose: landmarks on renders, carried back to the surface.

The landmark network sees pictures of the scan from several directions; every landmark is carried
back through the depth buffer, and the views are united by a geometric median.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.face.network.landmarker import FaceDetection, detect_faces
from threadlift.face.scan.clean import thinned
from threadlift.frames import Similarity, fit_similarity
from threadlift.graphics.camera import Camera, portrait_camera, view_rotation
from threadlift.graphics.light import Light
from threadlift.graphics.raster import render

Array = NDArray[np.float64]

#: Flat, soft light: scans that bring colours are lit already, and harsh shadows mislead.
_LIGHT = Light(key=0.55, fill=0.35, rim=0.0, gloss=0.0, wrap=0.35)
#: Pictures for the search, and for the landmarks themselves [px].
_SEARCH_PX = 224
_VIEW_PX = 400
#: What the landmark views show around the face centre [mm].
_VIEW_MM = 250.0
#: Yaw and pitch [deg] of the views that are united: past ~40° positions become unreliable.
VIEWS = (
    (0, 0),
    (-12, 8),
    (12, 8),
    (-20, 0),
    (20, 0),
    (-35, 0),
    (35, 0),
    (0, 15),
    (0, -15),
    (-20, -12),
    (20, -12),
    (-28, 6),
    (28, 6),
    (-7, -7),
    (7, -7),
)
#: A surface point seen at a grazing angle (cosine below this) is no place to put a landmark.
_GRAZING = 0.30
#: Relative misfit of landmarks to the mean face above which a "face" is something else.
_MISFIT = 0.16
_MIN_VIEWS = 3


@dataclass(frozen=True)
class ScanLandmarks:
    """Landmarks on a scan.

    Attributes
    ----------
    points: (478, 3) [unit and frame of the vertices given], NaN where no view saw the landmark.
    spread: (478,) median distance of the views from the united point, NaN likewise.
    blendshapes: expression scores 0..1 in the frontal view, by ARKit name.
    each: (views, 478, 3) the landmarks of every view that agreed.
    """

    points: Array
    spread: Array
    blendshapes: dict[str, float]
    each: Array

    @property
    def views(self) -> int:
        """Number of views that agreed."""
        return len(self.each)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(478,) landmarks that at least one view saw."""
        return np.asarray(np.isfinite(self.points).all(axis=1))


def geometric_median(points: Array, iterations: int = 60) -> tuple[Array, Array]:
    """Geometric medians (k, 3) of points (views, k, 3) with NaN for missing, and spreads (k,).

    Weiszfeld's iteration, all landmarks at once; the spread is the median distance to the centre.
    """
    seen = np.asarray(np.isfinite(points).all(axis=2))
    filled = np.where(seen[..., None], points, 0.0)
    count = seen.sum(axis=0)
    centre = filled.sum(axis=0) / np.maximum(count, 1)[:, None]
    for _ in range(iterations):
        distance = np.linalg.norm(filled - centre, axis=2)
        weight = seen / np.maximum(distance, 1e-6)
        centre = (weight[..., None] * filled).sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-12)[
            :, None
        ]
    distance = np.where(seen, np.linalg.norm(filled - centre, axis=2), np.nan)
    spread = np.full(len(centre), np.nan)
    some = count > 0
    spread[some] = np.nanmedian(distance[:, some], axis=0)
    centre[~some] = np.nan
    return centre, spread


def lift(
    landmarks_px: Array,
    vertices: Array,
    triangles: NDArray,
    depth: Array,
    tri_id: NDArray[np.int32],
    camera: Camera,
) -> Array:
    """Landmarks (k, 2) [px] carried back onto the surface (k, 3); NaN off it or at grazing view."""
    h, w = depth.shape
    out = np.full((len(landmarks_px), 3), np.nan)
    ij = np.floor(landmarks_px).astype(int)
    inside = np.nonzero((ij[:, 0] >= 0) & (ij[:, 0] < w) & (ij[:, 1] >= 0) & (ij[:, 1] < h))[0]
    ids = tri_id[ij[inside, 1], ij[inside, 0]]
    inside, ids = inside[ids >= 0], ids[ids >= 0]
    corner = vertices[triangles[ids]]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-30)
    # Intersect the exact ray with the triangle's plane: the pixel centre is up to half a pixel off.
    near = camera.unproject(landmarks_px[inside], np.zeros(len(inside)))
    ray = camera.rotation[2]
    facing = normal @ ray
    ok = np.abs(facing) > _GRAZING
    along = np.einsum("kd,kd->k", corner[:, 0] - near, normal)[ok] / facing[ok]
    out[inside[ok]] = near[ok] + along[:, None] * ray
    return out


def _look(
    vertices: Array,
    triangles: NDArray,
    colors: NDArray | None,
    normals: Array,
    camera: Camera,
    blendshapes: bool,
) -> tuple[FaceDetection | None, Array]:
    """Largest face in one view, and its landmarks on the surface (478, 3)."""
    picture = render(
        vertices,
        triangles,
        colors,
        camera,
        normals=normals,
        light=_LIGHT,
        ambient=0.42,
        background=(128, 130, 134),
        supersample=2,
    )
    faces = detect_faces(picture.rgb, max_faces=1, blendshapes=blendshapes, search_small=False)
    if not faces:
        return None, np.full((478, 3), np.nan)
    return faces[0], lift(
        faces[0].landmarks_px, vertices, triangles, picture.depth, picture.tri_id, camera
    )


def _match(points: Array, reference: Array, weights: Array) -> tuple[Similarity, float]:
    """Similarity that carries lifted landmarks onto the mean face, and the relative misfit."""
    known = np.isfinite(points).all(axis=1) & (weights > 0)
    if known.sum() < 60:
        return Similarity(np.eye(3), np.zeros(3)), np.inf
    w = weights * known
    fitted = fit_similarity(points[known], reference[known], w[known], with_scale=True)
    error = np.linalg.norm(fitted.apply(points[known]) - reference[known], axis=1)
    # Depth must tell a face from its hollow mould, which from behind looks the same.
    size = np.linalg.norm(reference[known] - reference[known].mean(axis=0), axis=1)
    return fitted, float(np.median(error) / np.median(size))


def _directions() -> list[Array]:
    """Camera axes (3, 3) to search, likeliest first: sides and corners of a cube, four rolls."""
    # The frames that scanners use: y up or z up, face towards ±z, ±y or ±x.
    cube = []
    for pitch, yaws in (
        (0, (0, 180, 90, 270)),
        (90, (0,)),
        (-90, (0,)),
        (0, (45, 135, 225, 315)),
        (45, (0, 90, 180, 270)),
        (-45, (0, 90, 180, 270)),
        (35, (45, 135, 225, 315)),
        (-35, (45, 135, 225, 315)),
    ):
        cube += [view_rotation(yaw, pitch) for yaw in yaws]
    return cube


def find_pose(
    vertices: Array,
    triangles: NDArray,
    colors: NDArray | None,
    reference: Array,
    weights: Array,
    source: str,
) -> Similarity:
    """Similarity that carries the scan (any pose) roughly onto the mean face.

    `reference` (478, 3) are the mean face's landmarks in the patient frame with `weights` (478,).
    Raises InputError if no face is found from any side.
    """
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    centre = 0.5 * (low + high)
    extent = 1.05 * float(np.linalg.norm(high - low))
    directions = _directions()
    best: tuple[float, Similarity] | None = None
    for group in (directions[:6], directions[6:]):
        for axes in group:
            # A head fills less of the diagonal's square than a face detector likes: two zooms.
            for zoom in (1.0, 0.6):
                size = (_SEARCH_PX, _SEARCH_PX)
                camera = Camera(
                    axes,
                    centre - 2.0 * extent * axes[2],
                    _SEARCH_PX / (extent * zoom),
                    (size[0] / 2.0, size[1] / 2.0),
                    size,
                    perspective=False,
                )
                found = _search_rolls(vertices, triangles, colors, camera, reference, weights)
                if found is not None and (best is None or found[0] < best[0]):
                    best = found
        if best is not None and best[0] < _MISFIT:
            return best[1]
    raise InputError(
        f"{source}: no face was found on the scan from any side.",
        "Scan the whole face from ear to ear with the hair held back, in the open"
        " (no mask, no glasses), and export it with its colours if there are any.",
    )


def _search_rolls(
    vertices: Array,
    triangles: NDArray,
    colors: NDArray | None,
    camera: Camera,
    reference: Array,
    weights: Array,
) -> tuple[float, Similarity] | None:
    """Best face over the four quarter turns of one picture: (misfit, pose) or None."""
    # The winding is not known yet. Turned to face this viewer, neighbours shade alike.
    facet = np.cross(
        vertices[triangles[:, 1]] - vertices[triangles[:, 0]],
        vertices[triangles[:, 2]] - vertices[triangles[:, 0]],
    )
    away = facet @ camera.rotation[2] > 0.0
    triangles = np.where(away[:, None], triangles[:, ::-1], triangles)
    picture = render(
        vertices, triangles, colors, camera, light=_LIGHT, ambient=0.42, background=(128, 130, 134)
    )
    best: tuple[float, Similarity] | None = None
    for turns in range(4):
        faces = detect_faces(
            np.ascontiguousarray(np.rot90(picture.rgb, turns)),
            max_faces=1,
            blendshapes=False,
            search_small=False,
        )
        if not faces:
            continue
        px = faces[0].landmarks_px
        for _ in range(turns):  # undo one quarter turn anticlockwise: (x, y) -> (w - y, x)
            px = np.column_stack([camera.size[0] - px[:, 1], px[:, 0]])
        points = lift(px, vertices, triangles, picture.depth, picture.tri_id, camera)
        pose, misfit = _match(points, reference, weights)
        if np.isfinite(misfit) and (best is None or misfit < best[0]):
            best = (misfit, pose)
    return best


def landmarks_in_frame(
    vertices: Array,
    triangles: NDArray,
    colors: NDArray | None,
    normals: Array,
    centre: Array,
    source: str,
    more: Array | None = None,
) -> ScanLandmarks:
    """Landmarks of a scan that stands (nearly) in the patient frame, from all VIEWS.

    `normals` (n, 3) for shading: smoothed ones, so that scan noise does not look like texture.
    `centre` (3,) is the middle of the face [mm]; `more` (k, 478, 3) landmarks of further views
    (an earlier pass), which count alike: the network's answer jitters by some tenths of a
    millimetre with the sampling of the picture, and the jitter averages out. Views whose landmarks
    do not agree with the consensus are dropped.

    Raises InputError when fewer than three views agree.
    """
    lifted, frontal = [], None
    for yaw, pitch in VIEWS:
        camera = portrait_camera(yaw, pitch, centre, _VIEW_MM, (_VIEW_PX, _VIEW_PX))
        face, points = _look(vertices, triangles, colors, normals, camera, (yaw, pitch) == (0, 0))
        if face is not None:
            lifted.append(points)
            frontal = face if (yaw, pitch) == (0, 0) else frontal
    views = np.array(lifted).reshape(-1, 478, 3)
    if more is not None:
        views = np.concatenate([views, more])
    for _ in range(2):
        if len(views) < _MIN_VIEWS:
            raise InputError(
                f"{source}: the face was recognised in too few views of the scan.",
                "Scan the face without gaps, hair or glasses over it.",
            )
        centre_points, _ = geometric_median(views)
        off = np.nanmedian(np.linalg.norm(views - centre_points, axis=2), axis=1)
        # A view that saw another "face" is off by centimetres, an honest one by a few mm.
        views = views[off <= max(3.0 * float(np.median(off)), 0.03 * _VIEW_MM)]
    points, spread = geometric_median(views)
    scores = {} if frontal is None else frontal.blendshapes
    return ScanLandmarks(points, spread, scores, views)


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
