"""Distances from thread points to the structures that must not be touched.

A structure is a curve on the skin with a depth under each of its points; a gland is a closed curve
that it fills from its capsule downwards. Lateral distance is
measured between skin foot points (straight, hence never longer than along the skin: on the safe
side), depth by depth. Position and depth scatter are Gaussian: the structure's own spread and the
operator's (:mod:`threadlift.planning.contact` says how they make a probability).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from threadlift.anatomy import Marked
from threadlift.anatomy.following import scatter
from threadlift.errors import InputError
from threadlift.evidence import table, value
from threadlift.planning.contact import FAR_MM, SPAN_SD, meet
from threadlift.planning.skin import Place

# Structure curves and threads are sampled this finely [mm]: well below any clearance asked for.
SAMPLE_MM = 1.0
# A spread below this [mm] is none: how it changes along a course means nothing.
_SURE_MM = 1e-3


class StructureLike(Protocol):
    """What the kernel needs to know of a structure (see ``threadlift.anatomy.structures``)."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def side(self) -> str: ...  # noqa: D102
    @property
    def curve_mm(self) -> NDArray: ...  # noqa: D102
    @property
    def depth_mm(self) -> NDArray: ...  # noqa: D102
    @property
    def sd_lateral_mm(self) -> float | NDArray: ...  # noqa: D102
    @property
    def sd_depth_mm(self) -> float | NDArray: ...  # noqa: D102
    @property
    def radius_mm(self) -> float: ...  # noqa: D102


@dataclass(frozen=True)
class HazardRules:
    """Numbers of the hazard test [mm, 1]; see the register's ``planning.safety``."""

    operator_lateral_sd: float
    operator_depth_sd: float
    depth_band: float
    instrument_radius: float
    p_hit_structure: float
    p_hit_gland: float
    fascia_breach: float

    @classmethod
    def from_register(cls) -> HazardRules:
        """The register's numbers."""
        names = cls.__dataclass_fields__
        return cls(**{name: value(f"planning.safety.{name}") for name in names})


def pieces_of(length_mm: NDArray) -> NDArray:
    """Pieces (k,) of at most SAMPLE_MM into which segments (k,) [mm] are cut, at least one.

    A segment of whole millimetres is that many pieces in every frame, whatever the rounding.
    """
    return np.maximum(np.ceil(length_mm / SAMPLE_MM - 1e-6), 1).astype(int)


def resample(points: NDArray, *fields: NDArray) -> tuple[NDArray, ...]:
    """Polyline (k,3) with fields (k,) so that no two neighbours lie over SAMPLE_MM apart."""
    points = np.asarray(points, dtype=float)
    length = np.linalg.norm(np.diff(points, axis=0), axis=1)
    pieces = pieces_of(length)
    place = np.append(
        np.repeat(np.arange(len(pieces)), pieces)
        + np.concatenate([np.arange(n) / n for n in pieces] or [np.zeros(0)]),
        len(points) - 1.0,
    )
    at = np.arange(len(points))
    out = np.column_stack([np.interp(place, at, points[:, c]) for c in range(3)])
    return out, *(np.interp(place, at, np.asarray(field, dtype=float)) for field in fields)


@dataclass(frozen=True)
class Meeting:
    """How threads meet structures; every array (threads, structures).

    margin_mm: lateral distance less radius and combined spread where the depths are within the
    band, infinite elsewhere; clearance_mm: nominal distance in space less the radii, counted up to
    20 mm; p_contact: upper bound on the probability of contact (:mod:`.contact`). `*_at`: the
    sample where that is least or likeliest, -1 where nothing is near.
    """

    margin_mm: NDArray
    clearance_mm: NDArray
    p_contact: NDArray
    margin_at: NDArray
    clearance_at: NDArray
    contact_at: NDArray


@dataclass(frozen=True)
class HazardField:
    """Structures packed for fast tests; order as given."""

    structures: tuple[StructureLike, ...]
    rules: HazardRules

    @classmethod
    def of(
        cls, structures: Iterable[StructureLike], rules: HazardRules | None = None
    ) -> HazardField:
        """Pack structures; rules default to the register's."""
        return cls(tuple(structures), rules or HazardRules.from_register())

    def __post_init__(self) -> None:
        for s in self.structures:
            _refuse_unusable(s)

    @cached_property
    def gland(self) -> NDArray:
        """Which structures (s,) are glands."""
        return np.array([s.kind == "gland" for s in self.structures], dtype=bool)

    @cached_property
    def _packed(self) -> tuple[NDArray, ...]:
        parts = [
            resample(s.curve_mm, s.depth_mm, _along(s, _lateral_sd(s)), _along(s, s.sd_depth_mm))
            for s in self.structures
        ]
        rules = self.rules
        start = np.concatenate([[0], np.cumsum([len(p[0]) for p in parts])]).astype(np.int64)
        curve, depth, own, own_depth = (
            np.concatenate(column) for column in zip(*parts, strict=True)
        )
        lateral = np.hypot(own, rules.operator_lateral_sd)
        radius = np.array([s.radius_mm for s in self.structures]) + rules.instrument_radius
        centre = np.array([0.5 * (p.min(axis=0) + p.max(axis=0)) for p, *_ in parts])
        extent = np.array(
            [np.linalg.norm(p - c, axis=1).max() for (p, *_), c in zip(parts, centre, strict=True)]
        )
        widest = np.maximum.reduceat(lateral, start[:-1])
        return (
            curve,
            np.concatenate([_tangents(p[0]) for p in parts]),
            depth,
            np.concatenate([_slopes(p[0], p[1]) for p in parts]),
            own,
            lateral,
            np.hypot(own_depth, rules.operator_depth_sd),
            np.concatenate([_slopes(p[0], np.log(np.maximum(p[2], _SURE_MM))) for p in parts]),
            np.concatenate([_slopes(p[0], np.log(np.maximum(p[3], _SURE_MM))) for p in parts]),
            start,
            centre,
            np.maximum(FAR_MM, SPAN_SD * widest) + radius + extent,
            radius,
            self.gland,
        )

    def meet(self, place: Place, starts: NDArray, pieces: NDArray | None = None) -> Meeting:
        """How threads meet the structures.

        place: samples of all threads measured in the face, neighbours about SAMPLE_MM apart;
        starts (t+1,): where each thread begins; pieces (p+1,): where its unbroken pieces begin
        (None: a thread is one piece). Above a fascia (the SMAS, and the one under it) a
        blunt cannula seldom passes to what lies beyond: `fascia_breach`.
        """
        if not self.structures:
            none = np.zeros((len(starts) - 1, 0))
            where = none.astype(int)
            return Meeting(none, none, none, where, where, where)
        margin, clearance, p, at = meet(
            np.ascontiguousarray(place.foot_mm),
            np.ascontiguousarray(place.normal),
            np.maximum(place.depth_mm, 0.0),
            np.ascontiguousarray(place.fat_bottom_mm),
            np.ascontiguousarray(place.smas_bottom_mm),
            np.ascontiguousarray(starts, dtype=np.int64),
            np.ascontiguousarray(starts if pieces is None else pieces, dtype=np.int64),
            self.rules.depth_band,
            self.rules.fascia_breach,
            self.rules.operator_lateral_sd,
            *self._packed,
        )
        return Meeting(margin, clearance, p, at[:, :, 0], at[:, :, 1], at[:, :, 2])


def _along(structure: StructureLike, spread: float | NDArray) -> NDArray:
    """A spread [mm] at every point (k,) of a structure's curve."""
    return np.broadcast_to(np.asarray(spread, dtype=float), len(structure.curve_mm))


def _lateral_sd(structure: StructureLike) -> float | NDArray:
    """Lateral spread [mm]: the structure's own, or a finger's where a pulse is felt before entry.

    Where the structure was marked in the consultation, the mark says how sure its place is; the
    finger is assumed for the rest.
    """
    own = structure.sd_lateral_mm
    if structure.name not in table("planning")["palpated"]["structures"]:
        return own
    felt = value("marking.method.palpation.lateral")
    marked: Marked | None = getattr(structure, "marked", None)
    if marked is None:
        return np.minimum(own, felt)
    return np.minimum(own, scatter(marked.weight, marked.sd_lateral_mm, felt))


def _refuse_unusable(s: StructureLike) -> None:
    """A structure that the kernel cannot measure against is an error, never a free pass."""
    curve, depth = np.asarray(s.curve_mm, dtype=float), np.asarray(s.depth_mm, dtype=float)
    spreads = (s.sd_lateral_mm, s.sd_depth_mm, s.radius_mm)
    numbers = np.concatenate([np.ravel(np.asarray(x, dtype=float)) for x in spreads])
    sizes = {np.size(x) for x in spreads[:2]}
    sound = (
        curve.ndim == 2
        and curve.shape[1:] == (3,)
        and len(curve) > 0
        and depth.shape == (len(curve),)
        and np.isfinite(curve).all()
        and np.isfinite(depth).all()
        and np.isfinite(numbers).all()
        and (numbers >= 0.0).all()
        and sizes <= {1, len(curve)}
    )
    if not sound:
        raise InputError(
            f"The structure '{s.name}' has no usable curve, depth, spread or radius.",
            "Give points (k, 3) [mm] with k depths, finite numbers, and spreads of at least zero.",
        )


def _tangents(points: NDArray) -> NDArray:
    """Unit tangents (k,3) of a polyline; zero for a single point."""
    if len(points) < 2:
        return np.zeros_like(points)
    step = np.gradient(points, axis=0)
    return step / np.maximum(np.linalg.norm(step, axis=1), 1e-12)[:, None]


def _slopes(points: NDArray, depth: NDArray) -> NDArray:
    """Steepest change (k,) of depth along a polyline at its points [mm per mm]."""
    length = np.maximum(np.linalg.norm(np.diff(points, axis=0), axis=1), 1e-12)
    slope = np.abs(np.diff(depth)) / length
    return np.maximum(np.append(slope, 0.0), np.append(0.0, slope))
