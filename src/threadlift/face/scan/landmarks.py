"""Landmarks of a scan whose pose is known: found on renders, carried back to the surface.

The landmark network sees pictures of the scan from several directions; every landmark is carried
back through the depth buffer, and the views are united by a geometric median.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.face.network.landmarker import FaceDetection, detect_faces
from threadlift.graphics.camera import Camera, portrait_camera
from threadlift.graphics.light import Light
from threadlift.graphics.raster import render

Array = NDArray[np.float64]

#: Flat, soft light: scans that bring colours are lit already, and harsh shadows mislead.
LIGHT = Light(key=0.55, fill=0.35, rim=0.0, gloss=0.0, wrap=0.35)
AMBIENT, BACKDROP = 0.42, (128, 130, 134)
#: Pictures [px].
VIEW_PX = 400
#: What the landmark views show around the face centre [mm].
VIEW_MM = 250.0
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
        light=LIGHT,
        ambient=AMBIENT,
        background=BACKDROP,
        supersample=2,
    )
    faces = detect_faces(picture.rgb, max_faces=1, blendshapes=blendshapes, search_small=False)
    if not faces:
        return None, np.full((478, 3), np.nan)
    return faces[0], lift(
        faces[0].landmarks_px, vertices, triangles, picture.depth, picture.tri_id, camera
    )


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
        camera = portrait_camera(yaw, pitch, centre, VIEW_MM, (VIEW_PX, VIEW_PX))
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
        views = views[off <= max(3.0 * float(np.median(off)), 0.03 * VIEW_MM)]
    points, spread = geometric_median(views)
    scores = {} if frontal is None else frontal.blendshapes
    return ScanLandmarks(points, spread, scores, views)
