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

Array = NDArray[np.float64]

#: Scan points about a vertex whose scatter stands for it.
LOCAL_POINTS = 24
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


def spread(found: Registration, scanned: Residuals, trust: Array) -> Array:
    """Standard deviation (n,) [mm] of the registered vertices, normal to the skin.

    On scanned skin: the scatter of the scan about the surface, locally, times a factor from trials
    (independent noise averages out, smooth errors do not show); elsewhere it grows with
    the distance from scanned skin.
    """
    v = found.vertices
    worst = value("scan.unmatched_sd")
    on = np.nonzero(found.matched & (trust > 0.0))[0]
    if not len(on) or not len(scanned.distance):
        return np.full(len(v), worst)
    count = min(LOCAL_POINTS, len(scanned.distance))
    _, near = KDTree(scanned.foot).query(v[on], k=count)
    square = scanned.distance[np.asarray(near).reshape(len(on), count)] ** 2
    floor = value("scan.matched_sd_floor")
    local = np.hypot(value("scan.sd_factor") * np.sqrt(square.mean(axis=1)), floor)
    gap, nearest = KDTree(v[on]).query(v)
    away = local[nearest] + value("scan.unmatched_sd_rate") * gap
    sd = np.minimum(away, np.maximum(worst, local[nearest]))
    sd[on] = local
    return sd


def tangential_spread(found: Registration, sd: Array, t: Template, trust: Array) -> Array:
    """Standard deviation (n,) [mm] along the skin, in each of two directions.

    Which point of the skin is which shows only in features: it is known best near lids, lips and
    nose and worse with the distance from them, and worse again where nothing was scanned. Never
    less than `sd` (n,), the one across.
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
