"""How a synthetic face sags: smooth displacements that the source model's targets lack.

Everything is drawn on the left half of the template between landmarks and mirrored. Amounts are
shares of the jowl's drop; they are a draughtsman's choice that looks like the clinical picture
(jowl behind the mandibular ligament, prejowl and marionette hollows, deeper nasolabial fold,
flatter malar fat, blunter chin–neck angle), not measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from threadlift.face.template import Array, Template, template
from threadlift.face.zones import segment_distance

DOWN = np.array([0.0, -1.0, 0.0])
#: Reach [mm] of the hold at the lower orbital rim.
ORBITAL_HOLD_MM = 8.0


@dataclass(frozen=True)
class Pull:
    """A Gaussian displacement about a line through points.

    points: landmark mixes (see `_point`); offset_mm shifts the line; width_mm: standard deviation;
    down, out: displacement per millimetre of sag, downwards and along the normal.
    """

    points: tuple[str | tuple[str, str, float], ...]
    width_mm: float
    down: float
    out: float
    offset_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)


#: The jowl itself and what goes with it; one unit = 1 mm of jowl drop.
JOWL: tuple[Pull, ...] = (
    Pull(
        (("jowl_point_L", "prejowl_sulcus_L", 0.35), ("jowl_point_L", "gonion_L", 0.2)),
        8.5,
        0.95,
        0.70,
        (0.0, -3.0, 0.0),
    ),
    Pull((("buccal_low_L", "jowl_point_L", 0.3), "buccal_low_L"), 10.0, 0.45, 0.10),
    Pull(("prejowl_sulcus_L",), 6.5, 0.0, -0.40),
    Pull(("marionette_upper_L", "marionette_lower_L"), 4.0, 0.05, -0.30, (-2.0, 0.0, 0.0)),
    Pull(
        (("marionette_upper_L", "buccal_low_L", 0.45), ("marionette_lower_L", "jowl_point_L", 0.5)),
        5.0,
        0.25,
        0.22,
    ),
    Pull(("cheilion_L",), 7.0, 0.28, 0.0, (3.0, 0.0, 0.0)),
    Pull((("gonion_L", "jowl_point_L", 0.35),), 10.0, 0.20, 0.10),
)

#: Midface and neck; one unit = 1 mm of sag there.
MIDFACE: tuple[Pull, ...] = (
    Pull(
        ("alar_curvature_L", "nasolabial_mid_L", ("nasolabial_mid_L", "marionette_upper_L", 0.5)),
        3.4,
        0.0,
        -0.32,
        (-0.5, 0.0, 0.0),
    ),
    Pull(
        (
            ("alar_curvature_L", "infraorbital_L", 0.35),
            ("nasolabial_mid_L", "midcheek_L", 0.32),
            ("nasolabial_mid_L", "buccal_low_L", 0.6),
        ),
        5.5,
        0.45,
        0.32,
    ),
    Pull(("malar_eminence_L", "infraorbital_L"), 10.0, 0.45, -0.30),
    Pull(("midcheek_L",), 12.0, 0.35, -0.18),
    Pull(
        (("endocanthion_L", "orbitale_L", 0.7), ("orbitale_L", "malar_eminence_L", 0.3)),
        3.6,
        0.0,
        -0.38,
    ),
    Pull((("orbitale_L", "palpebrale_inferius_L", 0.5),), 4.5, 0.15, 0.22),
    Pull(("temple_L", ("temple_L", "brow_lateral_L", 0.7)), 11.0, 0.0, -0.40),
    Pull(("brow_lateral_L", ("brow_lateral_L", "brow_mid_L", 0.5)), 7.0, 0.35, 0.0),
)
NECK: tuple[Pull, ...] = (
    Pull(("submental_mid", ("submental_mid", "submandibular_L", 0.5)), 13.0, 0.55, 0.45),
    Pull(("cervical_point", "platysma_mid_L"), 10.0, 0.35, 0.40),
)


def _point(t: Template, point: str | tuple[str, str, float]) -> Array:
    if isinstance(point, str):
        return t.vertices[t.landmarks[point]]
    a, b, share = point
    return (1.0 - share) * t.vertices[t.landmarks[a]] + share * t.vertices[t.landmarks[b]]


def _pull(t: Template, normals: Array, pull: Pull) -> Array:
    line: Sequence[Array] = [_point(t, p) + np.array(pull.offset_mm) for p in pull.points]
    ends = list(line[1:]) or [line[0]]
    distance = np.min(
        [segment_distance(t.vertices, a, b) for a, b in zip(line, ends, strict=False)], axis=0
    )
    weight = np.exp(-0.5 * (distance / pull.width_mm) ** 2)
    # The orbital retaining ligament holds the skin along the lower rim: it may hollow, not drop.
    rim = np.linalg.norm(t.vertices - _point(t, "orbitale_L"), axis=1)
    free = 1.0 - np.exp(-0.5 * (rim / ORBITAL_HOLD_MM) ** 2)
    return weight[:, None] * (pull.down * free[:, None] * DOWN + pull.out * normals)


def sag_field(pulls: Sequence[Pull]) -> Array:
    """Left-side displacement (n, 3) per millimetre of sag; its mirror image is the right side's.

    Eyeballs and the mouth cavity stay; midline parts count half on each side, so that left plus
    right gives them once.
    """
    from threadlift.face.face import vertex_normals

    t = template()
    normals = vertex_normals(t.vertices, t.triangles)
    field = np.zeros_like(t.vertices)
    for pull in pulls:
        one = _pull(t, normals, pull)
        # A line on the midline reaches both sides: share it between them.
        middle = all(abs(_point(t, p)[0]) < 1e-6 for p in pull.points[:1])
        field += (0.5 if middle else 1.0) * one
    for rows in t.eyes.values():
        field[rows] = 0.0
    return field
