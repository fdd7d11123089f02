"""A planned thread: geometry, layer and depth, product and tension, and its JSON form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from threadlift.errors import InputError
from threadlift.frames import MIRROR

Array = NDArray[np.float64]
Side = Literal["left", "right"]
Technique = Literal["anchored", "floating", "U", "V"]

SIDES: tuple[Side, ...] = ("left", "right")
TECHNIQUES: tuple[Technique, ...] = ("anchored", "floating", "U", "V")
#: One thread, two limbs that hang on one anchor between them.
TWO_LIMBED: tuple[Technique, ...] = ("U", "V")
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

    `path_mm` (k, 3) runs inside the tissue from one end to the other; `depth_mm` (k,) below the
    skin and `layer` (k,) belong to the same points. `turn` numbers the path point that lies under
    the entry. `technique`: "anchored" = the path begins at the entry (turn 0), where the thread is
    held, and the cogs pull towards it; "U" and "V" = one thread with two limbs, bitten into the
    fascia at the turn, the cogs of each limb pull towards it ("U": limbs side by side, "V": limbs
    that part); "floating" = two-way, the cogs of each half pull towards the middle and hold each
    other. `tension_n` is what is applied at placement, before relaxation; in a loop both limbs
    carry it.
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
    turn: int = 0

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
        if self.technique in TWO_LIMBED and not 0 < self.turn < k - 1:
            return f"a {self.technique} turns between its two limbs, not at path point {self.turn}"
        if self.technique == "anchored" and self.turn != 0:
            return f"an anchored thread begins at its anchor, not at path point {self.turn}"
        if not 0 <= self.turn < k:
            return f"the path has no point {self.turn} under the entry"
        unknown = sorted(set(self.layer) - set(LAYERS))
        return f"unknown layer '{unknown[0]}'" if unknown else ""

    @cached_property
    def arc_mm(self) -> Array:
        """Arc length from the first path point to each path point (k,) [mm]."""
        steps = np.linalg.norm(np.diff(self.path_mm, axis=0), axis=1)
        return _frozen(np.concatenate([[0.0], np.cumsum(steps)]))

    @property
    def length_mm(self) -> float:
        """Length of the path in the tissue [mm]."""
        return float(self.arc_mm[-1])

    @property
    def from_entry_mm(self) -> Array:
        """Distance along the path (k,) [mm] from the point under the entry, both ways."""
        arc = self.arc_mm
        return np.abs(arc - arc[self.turn])

    @property
    def outwards(self) -> Array:
        """Share (k,) of the way from the anchor to the end of the limb, 0..1.

        Of a floating thread, which has no anchor: from the first end to the last.
        """
        if self.anchor is None:
            return self.arc_mm / self.length_mm
        out = np.zeros(len(self.path_mm))
        for limb in self.limbs:
            out[limb] = self.from_entry_mm[limb] / self.from_entry_mm[limb[-1]]
        return out

    @property
    def anchor(self) -> int | None:
        """Number of the path point that is held in the fascia; None for a floating thread."""
        return None if self.technique == "floating" else self.turn

    @property
    def middle_mm(self) -> float:
        """Arc length [mm] on both sides of which cogs hold opposite ways (0: all one way)."""
        if self.technique == "floating":
            return self.length_mm / 2.0
        return float(self.arc_mm[self.turn])

    @property
    def pull_n(self) -> float:
        """What the thread pulls with in all [N]: a loop pulls with both limbs."""
        return self.tension_n * (2.0 if self.technique in TWO_LIMBED else 1.0)

    @property
    def limbs(self) -> tuple[NDArray[np.intp], ...]:
        """Path point numbers of each limb, from the point under the entry outwards."""
        ways = (np.arange(self.turn, -1, -1), np.arange(self.turn, len(self.path_mm)))
        return tuple(w for w in ways if len(w) > 1)

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
            "turn": self.turn,
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
                turn=int(data.get("turn", 0)),
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
