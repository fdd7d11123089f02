"""Clinical zones as smooth weights on the template.

A zone is what lies within reach of a line through landmarks (a capsule): full weight up to 45 %
of its reach, then a smooth fall to nothing. Where zones overlap their weights are scaled so that
they never sum to more than one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

BILATERAL: tuple[str, ...] = (
    "temple",
    "infraorbital",
    "malar",
    "nasolabial",
    "buccal",
    "preauricular",
    "marionette",
    "jowl",
    "jawline",
)
MIDLINE: tuple[str, ...] = ("chin", "submental", "neck")
SIDES: tuple[str, ...] = ("left", "right")

#: The 21 zone keys.
ZONES: tuple[str, ...] = (*(f"{z}_{s}" for z in BILATERAL for s in SIDES), *MIDLINE)


def expand(key: str) -> tuple[str, ...]:
    """Zone keys meant by `key`: itself, or both sides of a bilateral zone named without one.

    Raises KeyError for an unknown zone.
    """
    if key in ZONES:
        return (key,)
    if key in BILATERAL:
        return tuple(f"{key}_{side}" for side in SIDES)
    raise KeyError(key)


def mirrored_zone(key: str) -> str:
    """The zone on the other side (itself for midline zones)."""
    if key.endswith("_left"):
        return key.removesuffix("left") + "right"
    return key.removesuffix("right") + "left" if key.endswith("_right") else key


@dataclass(frozen=True)
class Capsule:
    """Everything within `reach_mm` of the line through `points`.

    A point is a landmark (left side) or a mix of two: (first, second, share of the second).
    """

    points: tuple[str | tuple[str, str, float], ...]
    reach_mm: float


#: Left-side (or midline) definition of each zone.
DEFINITIONS: dict[str, Capsule] = {
    "temple": Capsule(("temple_L", ("temple_L", "brow_lateral_L", 0.6)), 27.0),
    "infraorbital": Capsule(
        (
            ("orbitale_L", "endocanthion_L", 0.35),
            ("orbitale_L", "palpebrale_inferius_L", 0.15),
            ("exocanthion_L", "malar_eminence_L", 0.5),
        ),
        12.0,
    ),
    "malar": Capsule(
        (("malar_eminence_L", "zygion_L", 0.1), ("malar_eminence_L", "infraorbital_L", 0.5)), 16.0
    ),
    "nasolabial": Capsule(
        ("alar_curvature_L", "nasolabial_mid_L", ("nasolabial_mid_L", "marionette_upper_L", 0.4)),
        11.0,
    ),
    "buccal": Capsule(("midcheek_L", "buccal_low_L"), 19.0),
    "preauricular": Capsule(
        (
            ("tragion_L", "zygion_L", 0.35),
            ("preauricular_L", "masseter_centre_L", 0.2),
            ("otobasion_inferius_L", "masseter_centre_L", 0.45),
        ),
        18.0,
    ),
    "marionette": Capsule(("marionette_upper_L", "marionette_mid_L", "marionette_lower_L"), 11.0),
    "jowl": Capsule(
        (("jowl_point_L", "prejowl_sulcus_L", 0.15), ("jowl_point_L", "buccal_low_L", 0.3)), 17.0
    ),
    "jawline": Capsule(("gonion_L", ("gonion_L", "jowl_point_L", 0.65)), 16.0),
    "chin": Capsule(("sublabiale", "pogonion", "gnathion"), 19.0),
    "submental": Capsule(
        (
            ("submental_mid", "submandibular_L", 0.6),
            "submental_mid",
            ("submental_mid", "submandibular_R", 0.6),
        ),
        22.0,
    ),
    "neck": Capsule(("platysma_mid_L", "neck_front_L", ("neck_front_L", "gonion_L", 0.25)), 30.0),
}


def segment_distance(points: Array, start: Array, end: Array) -> Array:
    """Distance of points (n, 3) from the segment start–end, same unit."""
    along = end - start
    length2 = float(along @ along)
    t = np.clip((points - start) @ along / length2, 0.0, 1.0) if length2 > 0.0 else 0.0
    return np.linalg.norm(points - start - np.multiply.outer(t, along), axis=-1)


def falloff(distance: Array, reach: float) -> Array:
    """1 up to 45 % of the reach, 0 from the reach on, smooth (C2) between."""
    t = np.clip((reach - distance) / (0.55 * reach), 0.0, 1.0)
    return t**3 * (10.0 - 15.0 * t + 6.0 * t**2)


def capsule_weight(points: Array, capsule: Capsule, landmarks: Mapping[str, Array]) -> Array:
    """Weight (n,) of a capsule at points (n, 3) given landmark positions (3,) in mm."""
    line = []
    for point in capsule.points:
        if isinstance(point, str):
            line.append(landmarks[point])
        else:
            a, b, share = point
            line.append((1.0 - share) * landmarks[a] + share * landmarks[b])
    distance = np.min([segment_distance(points, a, b) for a, b in pairwise(line)], axis=0)
    return falloff(distance, capsule.reach_mm)


def zone_weights(
    points: Array,
    skin: NDArray[np.bool_],
    mirror: NDArray[np.int64],
    landmarks: Mapping[str, Array],
) -> dict[str, Array]:
    """Weights (n,) in 0..1 of the 21 zones on the template, exactly mirrored, 0 off the skin."""
    raw: dict[str, Array] = {}
    for name, capsule in DEFINITIONS.items():
        weight = np.where(skin, capsule_weight(points, capsule, landmarks), 0.0)
        if name in MIDLINE:
            raw[name] = np.maximum(weight, weight[mirror])
        else:
            raw[f"{name}_left"] = weight
            raw[f"{name}_right"] = weight[mirror]
    # Left and right are added pairwise so that the sum itself is exactly symmetric.
    total = sum(
        (raw[f"{z}_left"] + raw[f"{z}_right"] for z in BILATERAL),
        start=sum((raw[z] for z in MIDLINE), start=np.zeros(len(points))),
    )
    scale = 1.0 / np.maximum(total, 1.0)
    return {key: raw[key] * scale for key in ZONES}
