"""The zones of the face by name: nine on each side and three on the midline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from threadlift.errors import InputError
from threadlift.strict_yaml import nearest

T = TypeVar("T")

#: Zones that exist on both sides (keys carry ``_left`` or ``_right``), from cranial to caudal.
BILATERAL: tuple[str, ...] = (
    "temple", "infraorbital", "malar", "nasolabial", "buccal",
    "preauricular", "marionette", "jowl", "jawline",
)  # fmt: skip
#: Zones on the midline.
MIDLINE: tuple[str, ...] = ("chin", "submental", "neck")
#: All 21 zone keys.
ZONES: tuple[str, ...] = (
    *(f"{name}_{side}" for name in BILATERAL for side in ("left", "right")),
    *MIDLINE,
)


def base_name(zone: str) -> str:
    """The zone's name without its side (``jowl_left`` → ``jowl``)."""
    return zone.removesuffix("_left").removesuffix("_right")


def side_of(zone: str) -> str:
    """``left``, ``right`` or ``midline``."""
    return zone.rsplit("_", 1)[1] if zone.endswith(("_left", "_right")) else "midline"


def mirrored_zone(zone: str) -> str:
    """The zone on the other side (a midline zone is its own mirror image)."""
    other = {"left": "right", "right": "left"}.get(side_of(zone))
    return zone if other is None else f"{base_name(zone)}_{other}"


def expand(given: Mapping[str, T], field: str) -> dict[str, T]:
    """Zone keys as a user may write them → the 21 keys, in the order of :data:`ZONES`.

    A bilateral name without a side stands for both sides; a key with a side overrides it.
    Raises InputError for a name that is no zone and for a midline zone with a side.
    """
    sided: dict[str, T] = {}
    for key, entry in given.items():
        if key in BILATERAL:
            for side in ("left", "right"):
                sided.setdefault(f"{key}_{side}", entry)
        elif key not in ZONES:
            raise _unknown_zone(str(key), field)
    sided.update({key: entry for key, entry in given.items() if key in ZONES})
    return {zone: sided[zone] for zone in ZONES if zone in sided}


def _unknown_zone(key: str, field: str) -> InputError:
    if base_name(key) in MIDLINE:
        return InputError(
            f"{field} names the zone '{key}', but {base_name(key)} lies on the midline.",
            f"Write '{base_name(key)}' without a side.",
        )
    near = nearest(key, (*BILATERAL, *ZONES))
    hint = f"Did you mean '{near}'?" if near else f"Use one of {', '.join((*BILATERAL, *MIDLINE))}."
    return InputError(f"{field} names the zone '{key}', which does not exist.", hint)
