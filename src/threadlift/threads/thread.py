"""A planned thread: geometry, layer and depth, product and tension, and its JSON form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from threadlift.errors import InputError
from threadlift.frames import MIRROR

Array = NDArray[np.float64]
Side = Literal["left", "right"]
Technique = Literal["anchored", "floating"]

SIDES: tuple[Side, ...] = ("left", "right")
TECHNIQUES: tuple[Technique, ...] = ("anchored", "floating")
LAYERS: tuple[str, ...] = ("skin", "fat", "smas", "deep")

#: Decimals of millimetres and newtons in JSON: finer than anybody can place a thread, coarse
#: enough that a plan's hash does not hang on the last bits.
_DIGITS = 4


def _frozen(values: ArrayLike) -> Array:
    array = np.array(values, dtype=float)
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class Thread:
    """One thread. Patient frame, mm, N.

    `path_mm` (k, 3) runs inside the tissue from the entry (proximal, where an anchored thread
    is held) to the far end; `depth_mm` (k,) below the skin and `layer` (k,) belong to the same
    points. `technique`: "anchored" = held at the entry, cogs pull towards it; "floating" =
    two-way, the cogs of each half pull towards the middle and hold each other.
    `tension_n` is what is applied at placement, before relaxation.
    """

    id: str
    side: Side
    product: str
    technique: Technique
    entry_mm: Array
    path_mm: Array
    depth_mm: Array
    layer: tuple[str, ...]
    tension_n: float

    def __post_init__(self) -> None:
        for name in ("entry_mm", "path_mm", "depth_mm"):
            object.__setattr__(self, name, _frozen(getattr(self, name)))
        object.__setattr__(self, "layer", tuple(self.layer))
        problem = self._problem()
        if problem:
            raise InputError(
                f"Thread '{self.id}': {problem}.",
                "Give k path points (k, 3) in mm with k depths and k layers, and a tension in N.",
            )

    def _problem(self) -> str:
        k = len(self.path_mm)
        if self.path_mm.ndim != 2 or self.path_mm.shape[1:] != (3,) or k < 2:
            return "the path needs at least two points with three coordinates"
        if self.entry_mm.shape != (3,):
            return "the entry needs three coordinates"
        if self.depth_mm.shape != (k,) or len(self.layer) != k:
            return (
                f"{k} path points do not go with {self.depth_mm.size} depths and "
                f"{len(self.layer)} layers"
            )
        if not all(np.isfinite(a).all() for a in (self.path_mm, self.entry_mm, self.depth_mm)):
            return "a coordinate or depth is not a finite number"
        if (self.depth_mm < 0.0).any():
            return "a depth is negative"
        if not (np.linalg.norm(np.diff(self.path_mm, axis=0), axis=1) > 0.0).all():
            return "two successive path points coincide"
        if not (math.isfinite(self.tension_n) and self.tension_n >= 0.0):
            return f"the tension {self.tension_n} N is not a number of at least zero"
        if self.side not in SIDES:
            return f"the side '{self.side}' is not left or right"
        if self.technique not in TECHNIQUES:
            return f"the technique '{self.technique}' is not one of {', '.join(TECHNIQUES)}"
        unknown = sorted(set(self.layer) - set(LAYERS))
        return f"unknown layer '{unknown[0]}'" if unknown else ""

    @property
    def arc_mm(self) -> Array:
        """Arc length from the first path point to each path point (k,) [mm]."""
        steps = np.linalg.norm(np.diff(self.path_mm, axis=0), axis=1)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def length_mm(self) -> float:
        """Length of the path in the tissue [mm]."""
        return float(self.arc_mm[-1])

    def with_tension(self, tension_n: float) -> Thread:
        """The same thread pulled with another tension [N]."""
        return replace(self, tension_n=tension_n)

    def mirrored(self) -> Thread:
        """The mirror image across the midsagittal plane (the side changes, the id stays)."""
        return replace(
            self,
            side="right" if self.side == "left" else "left",
            entry_mm=self.entry_mm * MIRROR,
            path_mm=self.path_mm * MIRROR,
        )

    def to_json(self) -> dict[str, Any]:
        """The form that plan.json holds."""
        return {
            "id": self.id,
            "side": self.side,
            "product": self.product,
            "technique": self.technique,
            "entry_mm": _rounded(self.entry_mm),
            "path_mm": [_rounded(p) for p in self.path_mm],
            "depth_mm": _rounded(self.depth_mm),
            "layer": list(self.layer),
            "tension_n": round(float(self.tension_n), _DIGITS),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Thread:
        """Inverse of :meth:`to_json`. Raises InputError for a missing or malformed field."""
        name = data.get("id", "?") if isinstance(data, dict) else "?"
        try:
            return cls(
                id=str(data["id"]),
                side=cast("Side", data["side"]),
                product=str(data["product"]),
                technique=cast("Technique", data["technique"]),
                entry_mm=_frozen(data["entry_mm"]),
                path_mm=_frozen(data["path_mm"]),
                depth_mm=_frozen(data["depth_mm"]),
                layer=tuple(str(x) for x in cast("Sequence[str]", data["layer"])),
                tension_n=float(data["tension_n"]),
            )
        except KeyError as error:
            raise InputError(
                f"Thread '{name}' has no field {error}.",
                "See the plan.json schema for the fields of a thread.",
            ) from error
        except (TypeError, ValueError) as error:
            raise InputError(
                f"Thread '{name}' has a field that is not a number or list of numbers ({error}).",
                "See the plan.json schema for the fields of a thread.",
            ) from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Thread) and self.to_json() == other.to_json()

    def __hash__(self) -> int:
        return hash((self.id, self.side, self.product, round(self.tension_n, _DIGITS)))


def _rounded(values: Array) -> list[float]:
    # Adding zero turns -0.0 into 0.0, so that a mirrored midline point hashes like its original.
    return [round(float(v), _DIGITS) + 0.0 for v in values]
