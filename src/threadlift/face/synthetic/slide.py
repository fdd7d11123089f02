"""Two postures of one synthetic person: soft tissue that slides, and hardly changes the contour.

Other fields than those of `ageing`, drawn afresh for every seed, so that a trial does not meet
its own assumptions.
"""

from __future__ import annotations

import numpy as np

from threadlift.errors import InputError
from threadlift.face.capture import Capture
from threadlift.face.face import Face, vertex_normals
from threadlift.face.template import Array, Template, template

#: Standard deviation [mm] of the bumps that make a slide, and how it varies between people.
RADIUS_MM, RADIUS_SPREAD = 14.0, 0.15
#: Share of the jowl's slide that the middle of the cheek makes.
CHEEK_SHARE = 0.6
#: Share of the slide that goes outwards along the skin's normal.
BULGE = 0.25


def slide_field(jowl_mm: float, seed: int = 0) -> Array:
    """Displacement (n, 3) [mm] of the template: jowls drop by up to `jowl_mm`, cheeks less.

    Directions are within about 20 degrees of straight down, both sides differ a little; forehead,
    nose and eyes stay. Negative `jowl_mm` lifts. Raises InputError beyond ±12 mm.
    """
    if not -12.0 <= jowl_mm <= 12.0:
        raise InputError(f"jowl_mm is {jowl_mm}.", "Use -12 to 12 mm.")
    t = template()
    rng = np.random.default_rng([seed, 77])
    normals = vertex_normals(t.vertices, t.triangles)
    field = np.zeros_like(t.vertices)
    for side, sign in (("L", 1.0), ("R", -1.0)):
        for name, share in (("jowl_point", 1.0), ("midcheek", CHEEK_SHARE)):
            centre = t.vertices[t.landmarks[f"{name}_{side}"]] + rng.normal(0.0, 2.0, 3)
            radius = RADIUS_MM * np.exp(RADIUS_SPREAD * rng.standard_normal())
            amount = share * jowl_mm * (1.0 + 0.1 * rng.standard_normal())
            sideways, forwards = rng.normal(0.0, 0.2, 2)
            direction = np.array([sign * sideways, -1.0, forwards])
            direction /= np.linalg.norm(direction)
            weight = np.exp(-0.5 * np.sum((t.vertices - centre) ** 2, axis=1) / radius**2)
            field += amount * weight[:, None] * (direction + BULGE * normals)
    return field * _free(t)[:, None]


def _free(t: Template) -> Array:
    """How far (n,) tissue may slide: not at all from the lower lids upwards, nor the eyeballs."""
    rim = t.vertices[t.landmarks["orbitale_L"]][1]
    out = np.clip((rim - t.vertices[:, 1]) / 12.0, 0.0, 1.0)
    for rows in t.eyes.values():
        out[rows] = 0.0
    return out * out * (3.0 - 2.0 * out)


def displaced(face: Face, field: Array) -> Face:
    """The same person with every vertex moved by `field` (n, 3) [mm]."""
    return Face.in_frame(
        face.vertices + field,
        sd_mm=face.sd_mm,
        kind=face.kind,
        capture=Capture(f"{face.capture.source}, moved", scale=face.capture.scale),
        expressions=face.expressions,
        colors=face.colors,
    )
