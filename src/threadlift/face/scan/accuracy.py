"""How well a registered face is known: distance from the scan, spread across and along the skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from threadlift.evidence import value
from threadlift.face.closest import SurfaceIndex
from threadlift.face.scan.register import Registration
from threadlift.face.template import Template
from threadlift.graphics.raster import vertex_normals

Array = NDArray[np.float64]

#: Scan points about a vertex whose scatter stands for it.
LOCAL_POINTS = 24
#: From the median absolute deviation to a standard deviation (normal distribution).
_SD_OF_MEDIAN = 1.4826
#: Slides that stand for a Gaussian: radii [standard deviations] of equal probability, angles.
_SLIDE_RADII = np.sqrt(-2.0 * np.log(1.0 - (np.arange(4) + 0.5) / 4.0))
_SLIDE_ANGLES = np.arange(8) * np.pi / 4.0
#: Cosine to which tilted surface is followed; behind it the skin turns away.
_STEEPEST = 0.3
#: Landmarks with edges that show in geometry.
FEATURES = frozenset(
    (
        *("exocanthion", "endocanthion", "palpebrale_superius", "palpebrale_inferius"),
        *("alare", "alar_curvature", "subalare", "subnasale", "pronasale", "sellion"),
        *("cheilion", "crista_philtri", "stomion", "labiale_superius"),
        *("labiale_inferius", "sublabiale", "pogonion"),
    )
)
#: Scan points for the error measure; a fixed stride thins denser scans.
MEASURED_POINTS = 40_000
#: A scan point this far from the registered surface belongs to something else (hair, collar) [mm].
FOREIGN_MM = 15.0


@dataclass(frozen=True)
class Residuals:
    """Distances (k,) [mm] of scan points from the registered surface.

    foot: (k, 3) nearest points on it; triangle: (k,) the template triangles they lie in.
    """

    distance: Array
    foot: Array
    triangle: NDArray[np.int64]


def residuals(found: Registration, t: Template) -> Residuals:
    """How far scan points lie from the registered surface.

    Left out are the rim of the scan and what belongs to something else (farther than 15 mm, or
    facing another way). Measured from the scan to the face, so that of two overlapping patches
    both count, not only the nearer one.
    """
    surface = SurfaceIndex(found.vertices, t.triangles)
    inner = np.nonzero(~found.target.border)[0]
    stride = max(len(inner) // MEASURED_POINTS, 1)
    probe = inner[::stride]
    hit = surface.closest(found.scan_vertices[probe], found.target.normals[probe], 0.3, FOREIGN_MM)
    return Residuals(hit.distance[hit.found], hit.point[hit.found], hit.triangle[hit.found])


def surface_error(scanned: Residuals, t: Template, face: NDArray[np.bool_]) -> Array:
    """Distances [mm] of the scan points whose foot lies on the visible face.

    The measure says how well the surface is followed, nothing about which skin point lies where.
    A foot on the border of the region is the nearest point of something beyond it.
    """
    return scanned.distance[face[t.triangles[scanned.triangle]].all(axis=1)]


def slide_relief(vertices: Array, normals: Array, sd: Array, rows: NDArray[np.int64]) -> Array:
    """Error (n,) [mm] across a surface that comes from sliding along it (root mean square).

    A point that slides by a Gaussian with standard deviation `sd` (n,) [mm] in each of two
    directions stays on the surface, and so leaves its tangent plane by as much as the surface
    does: on a sphere of radius R by √2·sd²/R. Read off the surface itself, at 32 slides, with
    the vertices `rows` for it, each with its tangent plane.
    """
    aside = np.where(np.abs(normals[:, 2:]) < 0.9, [0.0, 0.0, 1.0], [0.0, 1.0, 0.0])
    a = np.cross(normals, aside)
    a /= np.maximum(np.linalg.norm(a, axis=1, keepdims=True), 1e-12)
    b = np.cross(normals, a)
    tree = KDTree(vertices[rows])
    square = np.zeros(len(vertices))
    for radius in _SLIDE_RADII:
        for angle in _SLIDE_ANGLES:
            way = np.cos(angle) * a + np.sin(angle) * b
            at = vertices + (sd * radius)[:, None] * way
            _, nearest = tree.query(at)
            j = rows[nearest]
            tilt = np.maximum(np.einsum("nc,nc->n", normals[j], normals), _STEEPEST)
            height = np.einsum("nc,nc->n", vertices[j] - at, normals[j]) / tilt
            square += np.minimum(np.abs(height), sd * radius) ** 2
    return np.sqrt(square / (len(_SLIDE_RADII) * len(_SLIDE_ANGLES)))


def spread(
    found: Registration, scanned: Residuals, t: Template, trust: Array
) -> tuple[Array, Array]:
    """Standard deviations (n,) [mm] of the registered vertices, across the skin and along it.

    Across: that of the surface, and what sliding along a curved surface adds (`slide_relief`).
    Along: see `_along`; never less than across.
    """
    surface = _surface_spread(found, scanned, trust)
    along = _along(found, surface, t, trust)
    normals = vertex_normals(found.vertices, t.triangles)
    relief = slide_relief(found.vertices, normals, along, np.nonzero(t.skin)[0])
    across = np.hypot(surface, relief)
    return across, np.maximum(along, across)


def _surface_spread(found: Registration, scanned: Residuals, trust: Array) -> Array:
    """Standard deviation (n,) [mm] of the registered surface, whichever skin point lies where.

    On scanned skin: the scatter of the scan about the surface, locally (median, so that hair over
    it does not count), times a factor from trials (independent noise averages out, smooth errors
    do not show); elsewhere it grows with the distance from scanned skin.
    """
    v = found.vertices
    worst = value("scan.unmatched_sd")
    on = np.nonzero(found.matched & (trust > 0.0))[0]
    if not len(on) or not len(scanned.distance):
        return np.full(len(v), worst)
    count = min(LOCAL_POINTS, len(scanned.distance))
    _, near = KDTree(scanned.foot).query(v[on], k=count)
    scatter = np.abs(scanned.distance[np.asarray(near).reshape(len(on), count)])
    floor = value("scan.matched_sd_floor")
    local = np.hypot(value("scan.sd_factor") * _SD_OF_MEDIAN * np.median(scatter, axis=1), floor)
    gap, nearest = KDTree(v[on]).query(v)
    away = local[nearest] + value("scan.unmatched_sd_rate") * gap
    sd = np.minimum(away, np.maximum(worst, local[nearest]))
    sd[on] = local
    return sd


def _along(found: Registration, sd: Array, t: Template, trust: Array) -> Array:
    """Standard deviation (n,) [mm] along the skin, in each of two directions.

    Which point of the skin is which shows only in features: it is known best near lids, lips and
    nose and worse with the distance from them, and worse again where nothing was scanned. Never
    less than `sd` (n,), that of the surface.
    """
    v = found.vertices
    features = v[
        [
            i
            for name, i in t.landmarks.items()
            if name.removesuffix("_L").removesuffix("_R") in FEATURES
        ]
    ]
    far, _ = KDTree(features).query(v)
    far = np.minimum(far, value("scan.tangential_sd_reach"))
    out = np.hypot(value("scan.tangential_sd"), value("scan.tangential_sd_rate") * far)
    on = found.matched & (trust > 0.0)
    if on.any():
        gap, _ = KDTree(v[on]).query(v)
        out = out + value("scan.unmatched_sd_rate") * gap
    out = np.minimum(out, np.maximum(value("scan.unmatched_sd"), sd))
    return np.maximum(out, sd)
