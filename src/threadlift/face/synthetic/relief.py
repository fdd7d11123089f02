"""What a real face has and the template's modes have not: relief of 8 to 25 mm.

Real heads projected on the 120 identity modes leave a residual of about 0.8 mm. A trial whose
people lie inside the basis that the fit uses would flatter the fit (an inverse crime); these people
get that residual.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.face.face import Face
from threadlift.face.template import Array, BoolArray, Template, template

#: Random waves of which a relief is the sum; enough for it to look Gaussian.
WAVES = 160
#: Share of the relief's variance that is the same on both sides: bone and fat are, mostly.
SYMMETRIC = 0.6
#: Distance [mm] from lids and lip line over which the relief fades in, so that they do not fold.
FADE_MM = 9.0


def with_relief(face: Face, seed: int, rms_mm: float | None = None) -> Face:
    """`face` with a smooth random normal displacement outside the span of the identity modes.

    rms_mm: root mean square over the front of the face [mm]; default from the register
    (face.synthetic.relief_rms). The same seed gives the same relief. Raises InputError outside
    0..3 mm.
    """
    rms = value("face.synthetic.relief_rms") if rms_mm is None else rms_mm
    if not 0.0 <= rms <= 3.0:
        raise InputError(f"rms_mm is {rms}.", "Use 0 to 3 mm.")
    if rms == 0.0:
        return face
    t = template()
    height = relief(seed) * rms
    return Face.in_frame(
        face.vertices + height[:, None] * face.normals * t.skin[:, None],
        sd_mm=face.sd_mm,
        kind=face.kind,
        capture=face.capture,
        expressions=face.expressions,
        colors=face.colors,
    )


def relief(seed: int) -> Array:
    """Height (n,) along the normal, of unit root mean square over the front of the face."""
    t = template()
    rng = np.random.default_rng([seed, 25])
    low, high = value("face.synthetic.relief_shortest"), value("face.synthetic.relief_longest")
    length = np.exp(rng.uniform(np.log(low), np.log(high), WAVES))
    axes = rng.standard_normal((WAVES, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    # A bump of width L is half a wave of length 2 L.
    waves = np.pi * axes / length[:, None]
    phase = rng.uniform(0.0, 2.0 * np.pi, WAVES)
    # Broad bumps are higher than narrow ones, as on faces.
    field = np.cos(t.vertices @ waves.T + phase) @ (length / high)
    mirrored = field[t.mirror]
    mix = np.sqrt(SYMMETRIC / 2.0) * (field + mirrored) / np.sqrt(2.0)
    mix += np.sqrt((1.0 - SYMMETRIC) / 2.0) * (field - mirrored) / np.sqrt(2.0)
    fade, front = _fade(), front_of_face(t)
    height = mix * fade
    basis = _basis_along_normals()
    height[front] -= basis @ (basis.T @ height[front])
    # The fade again: taking the modes out must not move the lids.
    height *= fade
    return height / np.sqrt(np.mean(height[front] ** 2))


def front_of_face(t: Template) -> BoolArray:
    """(n,) skin between hairline and chin border, in front of the ears: what photos measure."""
    v = t.vertices
    at = {name: v[i] for name, i in t.landmarks.items()}
    return (
        t.skin
        & (v[:, 2] > at["zygion_L"][2] - 12.0)
        & (v[:, 1] > at["menton"][1])
        & (v[:, 1] < at["trichion"][1] - 8.0)
    )


@lru_cache(maxsize=1)
def _fade() -> Array:
    """0 at lid margins, nostrils and lip line, 1 beyond FADE_MM (n,)."""
    from scipy.spatial import KDTree

    t = template()
    inner = np.zeros(len(t.vertices), dtype=bool)
    # Non-skin (mouth cavity, nostrils, conjunctiva) borders on exactly those margins.
    inner[~t.skin] = True
    gap, _ = KDTree(t.vertices[inner]).query(t.vertices)
    x = np.clip(gap / FADE_MM, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x) * t.skin


@lru_cache(maxsize=1)
def _basis_along_normals() -> Array:
    """Orthonormal basis (front, k) of the modes' normal components over the front of the face."""
    from threadlift.face.face import vertex_normals

    t = template()
    front = front_of_face(t)
    normals = vertex_normals(t.vertices, t.triangles)[front]
    rows = t.subdivision[np.flatnonzero(front)]
    fields = t.modes.transpose(1, 0, 2).reshape(t.n_coarse, -1)
    along = np.einsum("nkc,nc->nk", (rows @ fields).reshape(len(normals), -1, 3), normals)
    q, r = np.linalg.qr(along)
    strong = np.abs(np.diag(r)) > 1e-6 * np.abs(np.diag(r)).max()
    return q[:, strong]
