"""Anatomical landmarks as vertices of the hm08 head.

Positions were chosen by eye on renders, from the anatomical definitions; soft ones (gonion, jowl
point, malar eminence, masseter, temple, tragus, cervical point) are good to about 5 mm. "L" is the
patient's left; right landmarks are the mirror images.
"""

from __future__ import annotations

MIDLINE: dict[str, int] = {
    "trichion": 5192,
    "glabella": 234,
    "nasion": 136,
    "sellion": 132,
    "pronasale": 5054,
    "subnasale": 343,
    "labiale_superius": 455,
    "stomion": 474,
    "labiale_inferius": 496,
    "sublabiale": 724,
    "pogonion": 733,
    "gnathion": 5225,
    "menton": 732,
    "submental_mid": 991,
    "cervical_point": 787,
}

LEFT: dict[str, int] = {
    "tragion": 12032,
    "tragus": 12055,
    "otobasion_superius": 12161,
    "otobasion_inferius": 7571,
    "preauricular": 11713,
    "zygion": 11812,
    "temple": 11997,
    "exocanthion": 6805,
    "endocanthion": 6851,
    "palpebrale_superius": 6787,
    "palpebrale_inferius": 13370,
    "orbitale": 11677,
    "infraorbital": 11667,
    "brow_medial": 6983,
    "brow_mid": 6996,
    "brow_lateral": 7031,
    "alare": 11753,
    "alar_curvature": 11760,
    "subalare": 7055,
    "crista_philtri": 7210,
    "cheilion": 10404,
    "malar_eminence": 11929,
    "midcheek": 11767,
    "nasolabial_mid": 11763,
    "buccal_low": 11786,
    "masseter_centre": 7456,
    "gonion": 7596,
    "jowl_point": 11902,
    "prejowl_sulcus": 11900,
    "marionette_upper": 10367,
    "marionette_mid": 7600,
    "marionette_lower": 11778,
    "submandibular": 7689,
    "platysma_mid": 7505,
    "neck_front": 7730,
}

#: hm08 vertex of every landmark that is stated; `<name>_R` follows from the mirror map.
VERTEX_OF: dict[str, int] = {**MIDLINE, **{f"{name}_L": v for name, v in LEFT.items()}}

#: All landmark names: midline, then left and right.
NAMES: tuple[str, ...] = (*MIDLINE, *(f"{n}_{s}" for n in LEFT for s in "LR"))


#: Landmarks without a sharp feature of the skin to hold on to (names without side).
_SOFT = frozenset(
    {
        "cervical_point", "submental_mid", "tragus", "zygion", "temple", "malar_eminence",
        "midcheek", "buccal_low", "masseter_centre", "gonion", "jowl_point", "prejowl_sulcus",
        "marionette_upper", "marionette_mid", "marionette_lower", "submandibular", "platysma_mid",
        "neck_front", "nasolabial_mid", "infraorbital", "preauricular", "trichion",
    }
)  # fmt: skip


def is_soft(name: str) -> bool:
    """Whether a landmark lies on soft tissue without a feature that marks it."""
    return name.removesuffix("_L").removesuffix("_R") in _SOFT


def mirrored_name(name: str) -> str:
    """The name of the landmark on the other side (itself for midline landmarks)."""
    if name.endswith("_L"):
        return name[:-1] + "R"
    return name[:-1] + "L" if name.endswith("_R") else name
