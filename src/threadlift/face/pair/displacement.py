"""The result of a pair: where the skin went, and what of that was observed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from threadlift.errors import InputError
from threadlift.face.face import vertex_normals
from threadlift.face.scan.model import face_region
from threadlift.face.template import Array, BoolArray, template
from threadlift.quantities import Z90, Estimate

#: Directions of a zone's change: along the skin's normal, and along the axes of the patient frame
#: (lateral: away from the midline, on midline zones to the patient's left).
DIRECTIONS = ("outward", "up", "lateral", "forward")
_BASIS = ("measured on both captures", "pair.prior.lower", "pair.noise.smooth")


@dataclass(frozen=True)
class ZoneChange:
    """Mean displacement of a zone in one direction.

    estimate: [mm], 90 % interval. detectable_mm: smallest change of this zone and direction that
    this pair could tell from none (90 %). observed: whether the captures say anything about it;
    where not, the interval is what people do and its middle means nothing.
    """

    estimate: Estimate
    detectable_mm: float
    observed: bool

    @property
    def detected(self) -> bool:
        """Whether a change was observed that is larger than the smallest detectable one."""
        return self.observed and abs(self.estimate.value) > self.detectable_mm

    @property
    def verdict(self) -> str:
        """In words: 'changed', 'below the smallest detectable change' or 'not observed'."""
        if not self.observed:
            return "not observed"
        return "changed" if self.detected else "below the smallest detectable change"

    def to_json(self) -> dict[str, Any]:
        """Plain data; no value where nothing was observed."""
        data = self.estimate.to_json()
        if not self.observed:
            data.pop("value")
        return {
            **data,
            "observed": self.observed,
            "smallest_detectable_mm": round(self.detectable_mm, 3),
            "verdict": self.verdict,
        }


def zone_change(mean: float, sd: float, prior_sd: float, largest_sd: float) -> ZoneChange:
    """Change of a zone from its posterior: observed where the captures at least halve the prior
    spread and leave no more than `largest_sd` [mm].
    """
    return ZoneChange(
        Estimate.from_sd(mean, sd, "mm", _BASIS), Z90 * sd, sd <= min(0.5 * prior_sd, largest_sd)
    )


@dataclass(frozen=True, eq=False)
class Displacement:
    """Displacement of one person's skin from a first to a second capture.

    Attributes
    ----------
    vertices: (n, 3) the first capture's registered template [mm, its patient frame].
    mean_mm: (n, 3) most probable displacement, complete and finite, for display and for models
        that weigh it by its spread. Where nothing was observed it is a guess: use `vector_mm`,
        `normal_mm` and `tangential_mm` for what was seen.
    sd_normal_mm: (n,) standard deviation along the normal. sd_tangential_mm: (n,) the same along
        each of two directions in the skin; about 3 mm where nothing was tracked.
    seen: (n,) the normal component was observed. tracked: (n,) so was the tangential one.
    zones: zone key -> direction (see DIRECTIONS) -> change.
    numbers: measured quality by name, unit at its end. notes: what a reader must know.
    first, second: names of the captures.
    """

    vertices: Array
    mean_mm: Array
    sd_normal_mm: Array
    sd_tangential_mm: Array
    tracked: BoolArray
    seen: BoolArray
    zones: Mapping[str, Mapping[str, ZoneChange]]
    numbers: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    first: str = "first"
    second: str = "second"

    def __post_init__(self) -> None:
        n = len(template().vertices)
        for name in _FIELDS:
            array = getattr(self, name)
            shape = (n, 3) if name in ("vertices", "mean_mm") else (n,)
            if array.shape != shape or not np.isfinite(array).all():
                raise InputError(
                    f"{name} of a displacement has shape {array.shape}, not {shape}, or holds NaN.",
                    "Give one row per vertex of the template.",
                )

    @cached_property
    def normals(self) -> Array:
        """(n, 3) outward unit normals of the first surface."""
        return vertex_normals(self.vertices, template().triangles)

    @cached_property
    def _along(self) -> Array:
        return np.einsum("kd,kd->k", self.mean_mm, self.normals)

    @cached_property
    def normal_mm(self) -> Array:
        """(n,) change of contour along the normal [mm]; NaN where it was not observed."""
        return np.where(self.seen, self._along, np.nan)

    @cached_property
    def tangential_mm(self) -> Array:
        """(n, 3) movement along the skin [mm]; NaN where it was not observed: never zero."""
        along = self.mean_mm - self._along[:, None] * self.normals
        return np.where(self.tracked[:, None], along, np.nan)

    @cached_property
    def vector_mm(self) -> Array:
        """(n, 3) the full displacement [mm]; NaN where a part of it was not observed."""
        return np.where((self.tracked & self.seen)[:, None], self.mean_mm, np.nan)

    def component(self, vertex: int, direction: Array) -> Estimate:
        """Displacement of a vertex along a direction (3,) [mm] with its 90 % interval.

        Always an interval, observed or not; where unobserved it is as wide as people differ.
        Raises InputError for a direction without length.
        """
        length = float(np.linalg.norm(direction))
        if not length > 0.0:
            raise InputError("The direction has no length.", "Give a vector other than zero.")
        along = np.asarray(direction, dtype=float) / length
        n = float(along @ self.normals[vertex])
        variance = (n * self.sd_normal_mm[vertex]) ** 2
        variance += (1.0 - n * n) * self.sd_tangential_mm[vertex] ** 2
        mean = float(along @ self.mean_mm[vertex])
        return Estimate.from_sd(mean, float(np.sqrt(variance)), "mm", _BASIS)

    @property
    def fractions(self) -> tuple[float, float]:
        """Share of the face whose normal and whose tangential movement was observed."""
        face = face_region(template())
        return float(self.seen[face].mean()), float(self.tracked[face].mean())

    def to_json(self) -> dict[str, Any]:
        """Plain data without the vertex fields (these are in the file that `save` writes)."""
        seen, tracked = self.fractions
        return {
            "first": self.first,
            "second": self.second,
            "seen_fraction": round(seen, 4),
            "tracked_fraction": round(tracked, 4),
            "zones": {
                zone: {name: change.to_json() for name, change in changes.items()}
                for zone, changes in self.zones.items()
            },
            "numbers": {k: round(float(v), 4) for k, v in self.numbers.items()},
            "notes": list(self.notes),
        }

    def save(self, path: Path | str) -> None:
        """Write as .npz (fields, zones, numbers)."""
        arrays: dict[str, Any] = {name: getattr(self, name) for name in _FIELDS}
        changes = [(zone, name, c) for zone, row in self.zones.items() for name, c in row.items()]
        arrays |= {
            "names": np.array([self.first, self.second]),
            "notes": np.array(list(self.notes), dtype=str),
            "number_names": np.array(list(self.numbers), dtype=str),
            "numbers": np.array(list(self.numbers.values()), dtype=float),
            "zone_names": np.array([f"{zone}/{name}" for zone, name, _ in changes], dtype=str),
            "zone_values": np.array(
                [
                    [c.estimate.value, c.estimate.low, c.estimate.high, c.detectable_mm, c.observed]
                    for _, _, c in changes
                ],
                dtype=float,
            ).reshape(-1, 5),
        }
        np.savez_compressed(path, **arrays)

    @classmethod
    def load(cls, path: Path | str) -> Displacement:
        """Read what `save` wrote. Raises InputError when the file is not such a file."""
        try:
            with np.load(path) as stored:
                data = {name: stored[name] for name in stored.files}
            zones: dict[str, dict[str, ZoneChange]] = {}
            for key, row in zip(data["zone_names"].tolist(), data["zone_values"], strict=True):
                zone, name = key.split("/")
                mean, low, high, detectable, observed = (float(x) for x in row)
                estimate = Estimate(mean, low, high, "mm", _BASIS)
                zones.setdefault(zone, {})[name] = ZoneChange(estimate, detectable, bool(observed))
            numbers = zip(data["number_names"].tolist(), data["numbers"].tolist(), strict=True)
            first, second = data["names"].tolist()
            fields = {name: data[name] for name in _FIELDS}
            notes = tuple(data["notes"].tolist())
        except (OSError, KeyError, ValueError) as error:
            raise InputError(
                f"{path} is not a saved displacement ({error}).",
                "Give a file written by Displacement.save.",
            ) from error
        return cls(
            **fields, zones=zones, numbers=dict(numbers), notes=notes, first=first, second=second
        )


_FIELDS = ("vertices", "mean_mm", "sd_normal_mm", "sd_tangential_mm", "tracked", "seen")
