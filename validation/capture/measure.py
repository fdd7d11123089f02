"""How far a captured face is from the true one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from threadlift.face.closest import SurfaceIndex
from threadlift.face.face import Face
from threadlift.face.photo.camera import exponential
from threadlift.face.synthetic.relief import front_of_face
from threadlift.face.template import template
from threadlift.face.zones import BILATERAL, MIDLINE, segment_distance
from threadlift.frames import fit_similarity

Array = NDArray[np.float64]

#: Factors that turn a standard deviation into half a central 50 % and 90 % interval (normal).
HALF, NINETY = 0.6745, 1.6449
#: Regions that are no clinical zones: lines through landmarks and their reach [mm].
EXTRA = {
    "nose": (("sellion", "pronasale", "subnasale"), 16.0),
    "mouth": (("cheilion_L", "stomion", "cheilion_R"), 13.0),
    "eyes": (("endocanthion_L", "exocanthion_L"), 11.0),
    "forehead": (("glabella", "temple_L"), 0.0),
}
#: Newton steps of the rigid alignment (it converges in three), and its reach [mm].
LAYING_STEPS, LAYING_REACH_MM = 5, 10.0
#: A zone begins where its weight passes this.
IN_ZONE = 0.3


@dataclass(frozen=True)
class Comparison:
    """A captured face beside the truth, after alignment.

    normal_mm (n,): signed distance along the true normal between corresponding vertices, positive
    outside; surface_mm (n,): distance from the true vertex to the captured surface, whichever
    point of it is nearest; sd_mm (n,) as reported; scale: true over captured size (1 when aligned
    rigidly); landmarks_mm (l,): distance of each landmark, in the order of `Template.landmarks`.
    """

    normal_mm: Array
    surface_mm: Array
    sd_mm: Array
    scale: float
    landmarks_mm: Array


def compare(found: Face, truth: Face, region: NDArray[np.bool_], with_scale: bool) -> Comparison:
    """Align `found` to `truth` over `region` (n,) and measure.

    with_scale: a similarity by least squares over corresponding vertices (photos, whose size is
    judged apart). Otherwise the rigid motion that lays the captured surface onto the true one
    (scans, whose pose is known to the clinic but not kept in a face).
    """
    corresponding = fit_similarity(
        found.vertices[region], truth.vertices[region], with_scale=with_scale
    )
    placed = corresponding.apply(found.vertices)
    if not with_scale:
        placed = _laid(placed, found.template.skin_triangles, truth, region)
    gap = placed - truth.vertices
    surface = np.full(len(placed), np.nan)
    index = SurfaceIndex(placed, found.template.skin_triangles)
    surface[region] = index.closest(truth.vertices[region], truth.normals[region], 0.0).distance
    marks = list(truth.template.landmarks.values())
    return Comparison(
        np.einsum("nc,nc->n", gap, truth.normals),
        surface,
        found.sd_mm * corresponding.scale,
        corresponding.scale,
        np.linalg.norm(gap[marks], axis=1),
    )


def _laid(placed: Array, triangles: NDArray, truth: Face, region: NDArray[np.bool_]) -> Array:
    """Rigid motion of `placed` (n, 3) that minimises its distances from the true surface."""
    target, normals = truth.vertices[region], truth.normals[region]
    for _ in range(LAYING_STEPS):
        hit = SurfaceIndex(placed, triangles).closest(target, normals, 0.0, LAYING_REACH_MM)
        p, n = hit.point[hit.found], normals[hit.found]
        off = np.einsum("kc,kc->k", p - target[hit.found], n)
        rows = np.column_stack([np.cross(p, n), n])
        step = np.linalg.lstsq(rows, -off, rcond=None)[0]
        placed = placed @ exponential(step[:3]).T + step[3:]
    return placed


@lru_cache(maxsize=1)
def zones() -> dict[str, NDArray[np.bool_]]:
    """Zone (both sides together) -> its vertices (n,) on the front of the face; may overlap."""
    t = template()
    front = front_of_face(t)
    out = {}
    for name in (*BILATERAL, *MIDLINE):
        keys = [name] if name in MIDLINE else [f"{name}_left", f"{name}_right"]
        out[name] = (sum((t.zones[k] for k in keys), start=np.zeros(len(front))) > IN_ZONE) & front
    side = t.vertices * [0, 1, 1] + np.abs(t.vertices) * [1, 0, 0]
    for name, (line, reach) in EXTRA.items():
        points = [t.vertices[t.landmarks[p]] for p in line]
        if name == "forehead":
            out[name] = front & (t.vertices[:, 1] > points[0][1] + 4.0)
            continue
        where = t.vertices if name == "mouth" else side
        gap = np.min([segment_distance(where, a, b) for a, b in pairwise(points)], 0)
        out[name] = (gap < reach) & front
    return {name: rows for name, rows in out.items() if rows.sum() > 20}
