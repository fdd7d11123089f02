"""The template head: one topology on which everything anatomical is defined once.

Derived from the CC0 head of MakeHuman/MPFB (see docs/decisions/0002-template.md) by
tools/build_template.py; loaded from the package, never from the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from threadlift.face.landmarks import LEFT, MIDLINE
from threadlift.face.subdivision import keep_size, loop, mirror_of_fine
from threadlift.face.zones import zone_weights
from threadlift.frames import MIRROR

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Embedding:
    """Points fixed to the coarse mesh: point i = Σ_k bary[i, k] · coarse[corners[i, k]].

    corners (478, 3) coarse vertex numbers; bary (478, 3); weights (478,) reliability, 0 (no
    dependable place on the template) to about 11 (the same place from every side).
    """

    corners: IntArray
    bary: Array
    weights: Array

    def at(self, coarse: Array) -> Array:
        """Positions (478, 3) on coarse vertices (n_coarse, 3), or displacements alike."""
        return np.einsum("ik,ikc->ic", self.bary, coarse[self.corners])


@dataclass(frozen=True)
class Template:
    """Mean adult head (both sexes, all races of the source model, about 45 years), neutral.

    Attributes
    ----------
    vertices: (n, 3) [mm], patient frame, exactly mirror symmetric; n = n_coarse + edges.
    triangles: (m, 3); the eyeballs are separate components at the end.
    skin_triangles: (k, 3), the triangles whose three vertices are outer skin.
    n_coarse: number of vertices before subdivision; they are rows 0..n_coarse-1 afterwards.
    coarse: (n_coarse, 3) [mm] control vertices; vertices = subdivision @ coarse.
    coarse_triangles: (m / 4, 3). subdivision: csr (n, n_coarse), rows sum to one.
    mirror, coarse_mirror: left-right permutations (n,), (n_coarse,).
    hm08: (n_coarse,) vertex numbers in the source mesh.
    landmarks: name -> vertex number (below n_coarse, valid in both meshes).
    zones: zone key -> (n,) weight in 0..1. skin: (n,) outer skin (no mouth cavity, eyeballs,
    nostrils, ear canal). eyes: side 'left' | 'right' -> rows (n_eye,) of that eyeball.
    albedo: (n, 3) uint8 sRGB, painted.
    modes: (k, n_coarse, 3) [mm per standard deviation], for independent standard normal
    coefficients; mode 0 is overall size. mode_signs (k,): +1 symmetric, -1 antisymmetric, so a
    face with coefficients c is mirrored by mode_signs * c.
    axes: named directions (n_coarse, 3) [mm]: 'age' (25 to 90 years), 'sex' (female to male),
    'weight' (mean to heavy).
    expressions: 52 ARKit names -> (n_coarse, 3) [mm] displacement at weight 1.
    mediapipe: where the 478 points of the face-landmark network lie.
    """

    vertices: Array
    triangles: IntArray
    n_coarse: int
    coarse: Array
    coarse_triangles: IntArray
    subdivision: csr_matrix
    mirror: IntArray
    coarse_mirror: IntArray
    hm08: IntArray
    landmarks: dict[str, int]
    zones: dict[str, Array]
    skin: BoolArray
    eyes: dict[str, IntArray]
    albedo: NDArray[np.uint8]
    modes: Array
    mode_signs: Array
    axes: dict[str, Array]
    expressions: dict[str, Array]
    mediapipe: Embedding

    @cached_property
    def skin_triangles(self) -> IntArray:
        """(k, 3) triangles whose three vertices are outer skin."""
        return self.triangles[self.skin[self.triangles].all(axis=1)]

    def fine(self, coarse: Array) -> Array:
        """Fine vertices or displacements (n, 3) of coarse ones (n_coarse, 3)."""
        return self.subdivision @ coarse

    def mirrored(self, field: Array) -> Array:
        """Reflect positions or displacements (n, 3) or (n_coarse, 3) in the midsagittal plane."""
        order = self.mirror if len(field) == len(self.mirror) else self.coarse_mirror
        return field[order] * MIRROR

    def pupils(self, vertices: Array) -> tuple[Array, Array]:
        """Centres (3,) of the left and the right eyeball for fine vertices (n, 3)."""
        return vertices[self.eyes["left"]].mean(axis=0), vertices[self.eyes["right"]].mean(axis=0)

    def ipd_of(self, vertices: Array) -> float:
        """Distance of the eyeball centres for fine vertices (n, 3), same unit."""
        left, right = self.pupils(vertices)
        return float(np.linalg.norm(left - right))


def _freeze(array: NDArray) -> NDArray:
    array.setflags(write=False)
    return array


@cache
def template() -> Template:
    """The template (loaded once; its arrays are read-only)."""
    path = files("threadlift.face") / "data" / "template.npz"
    with path.open("rb") as stream, np.load(stream) as stored:
        data = {name: stored[name] for name in stored.files}
    coarse = data["neutral"]
    triangles = data["triangles"].astype(np.int64)
    coarse_mirror = data["mirror"].astype(np.int64)
    fine = loop(triangles, len(coarse))
    mirror = mirror_of_fine(fine, coarse_mirror)
    matrix = fine.matrix
    eyes: dict[str, IntArray] = {}
    for side in ("left", "right"):
        rows = data[f"eye_{side}"].astype(np.int64)
        own = np.zeros(len(coarse), dtype=bool)
        own[rows] = True
        new = len(coarse) + np.flatnonzero(own[fine.edges].all(axis=1))
        eyes[side] = np.concatenate([rows, new])
        matrix = keep_size(matrix, eyes[side], rows, float(data["eye_gain"][0]))
    vertices = matrix @ coarse
    vertices = 0.5 * (vertices + vertices[mirror] * MIRROR)
    number = {int(v): i for i, v in enumerate(data["hm08"])}
    landmarks = {name: number[v] for name, v in MIDLINE.items()}
    for name, v in LEFT.items():
        landmarks[f"{name}_L"] = number[v]
        landmarks[f"{name}_R"] = int(coarse_mirror[number[v]])
    skin = data["skin"]
    zones = zone_weights(
        vertices, skin, mirror, {name: vertices[i] for name, i in landmarks.items()}
    )
    return Template(
        vertices=_freeze(vertices),
        triangles=_freeze(fine.triangles),
        n_coarse=len(coarse),
        coarse=_freeze(coarse),
        coarse_triangles=_freeze(triangles),
        subdivision=matrix,
        mirror=_freeze(mirror),
        coarse_mirror=_freeze(coarse_mirror),
        hm08=_freeze(data["hm08"].astype(np.int64)),
        landmarks=landmarks,
        zones={key: _freeze(weight) for key, weight in zones.items()},
        skin=_freeze(skin),
        eyes={side: _freeze(rows) for side, rows in eyes.items()},
        albedo=_freeze(data["albedo"]),
        modes=_freeze(data["modes"].astype(np.float64)),
        mode_signs=_freeze(data["mode_signs"].astype(np.float64)),
        axes=_named(data, "axis_names", "axes"),
        expressions=_named(data, "unit_names", "units"),
        mediapipe=Embedding(
            _freeze(data["mediapipe_corners"].astype(np.int64)),
            _freeze(data["mediapipe_bary"].astype(np.float64)),
            _freeze(data["mediapipe_weights"].astype(np.float64)),
        ),
    )


def _named(data: dict[str, NDArray], names: str, values: str) -> dict[str, Array]:
    return {
        str(name): _freeze(field.astype(np.float64))
        for name, field in zip(data[names], data[values], strict=True)
    }
