"""Distances from thread points to the structures that must not be touched.

A structure is a curve on the skin with a depth under each of its points; a gland is a closed curve
that it fills from its capsule downwards. Lateral distance is
measured between skin foot points (straight, hence never longer than along the skin: on the safe
side), depth by depth. Position and depth scatter are Gaussian: the structure's own spread and the
operator's, added in quadrature.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from threadlift.evidence import table, value

# Structure curves and threads are sampled this finely [mm]: well below any clearance asked for.
SAMPLE_MM = 1.0

# Nothing further away than this matters to any rule; clearances are counted up to it [mm].
FAR_MM = 20.0


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
    def sd_lateral_mm(self) -> float: ...  # noqa: D102
    @property
    def sd_depth_mm(self) -> float: ...  # noqa: D102
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


def resample(
    points: NDArray, depth: NDArray, step_mm: float = SAMPLE_MM
) -> tuple[NDArray, NDArray]:
    """Polyline (k,3) with depths (k,) so that no two neighbours lie more than step_mm apart."""
    points, depth = np.asarray(points, dtype=float), np.asarray(depth, dtype=float)
    if len(points) < 2:
        return points, depth
    pieces = np.maximum(
        np.ceil(np.linalg.norm(np.diff(points, axis=0), axis=1) / step_mm), 1
    ).astype(int)
    place = np.concatenate(
        [np.concatenate([i + np.arange(n) / n for i, n in enumerate(pieces)]), [len(points) - 1.0]]
    )
    at = np.arange(len(points))
    out = np.column_stack([np.interp(place, at, points[:, c]) for c in range(3)])
    return out, np.interp(place, at, depth)


@njit(cache=True)
def _across(lateral, radius, sd):
    """Two-sided normal tail: an upper bound on the probability of reaching across a gap."""
    return min(1.0, math.erfc((lateral - radius) / (sd * math.sqrt(2.0))))


@njit(cache=True)
def _under_outline(foot, curve, first, last):
    """True when a foot point lies inside a closed outline in the side view (y, z), same side."""
    if foot[0] * curve[first, 0] <= 0.0:
        return False
    inside = False
    k = last - 1
    for i in range(first, last):
        if (curve[i, 1] > foot[1]) != (curve[k, 1] > foot[1]):
            share = (foot[1] - curve[i, 1]) / (curve[k, 1] - curve[i, 1])
            if foot[2] < curve[i, 2] + share * (curve[k, 2] - curve[i, 2]):
                inside = not inside
        k = i
    return inside


@njit(cache=True)
def _scan(
    feet,
    depth,
    fascia,
    deep_fascia,
    band,
    breach,
    curve,
    curve_depth,
    start,
    centre,
    extent,
    sd_lat,
    sd_dep,
    radius,
    below,
):
    """Per point and structure: margin to the risk tube, 3-D clearance, probability of contact."""
    n, s = len(feet), len(start) - 1
    margin = np.full((n, s), np.inf)
    clearance = np.full((n, s), FAR_MM)
    p_hit = np.zeros((n, s))
    for i in range(n):
        for j in range(s):
            dx = feet[i, 0] - centre[j, 0]
            dy = feet[i, 1] - centre[j, 1]
            dz = feet[i, 2] - centre[j, 2]
            if math.sqrt(dx * dx + dy * dy + dz * dz) > extent[j] + FAR_MM + radius[j]:
                continue
            tube = radius[j] + sd_lat[j]
            scale = sd_dep[j] * math.sqrt(2.0)
            beside_k = nearest_k = start[j]
            beside, nearest = 1e30, 1e30
            for k in range(start[j], start[j + 1]):
                dx = feet[i, 0] - curve[k, 0]
                dy = feet[i, 1] - curve[k, 1]
                dz = feet[i, 2] - curve[k, 2]
                lateral = math.sqrt(dx * dx + dy * dy + dz * dz)
                apart = depth[i] - curve_depth[k]
                if lateral < beside:
                    beside, beside_k = lateral, k
                if lateral * lateral + apart * apart < nearest:
                    nearest, nearest_k = lateral * lateral + apart * apart, k
                if not below[j] and abs(apart) < band:
                    margin[i, j] = min(margin[i, j], lateral - tube)
            if below[j]:
                # A gland fills its outline from its capsule down: above it is where threads lie.
                if _under_outline(feet[i], curve, start[j], start[j + 1]):
                    beside = 0.0
                apart = depth[i] - curve_depth[beside_k]
                gap = min(apart, 0.0)
                near = math.sqrt(beside * beside + gap * gap) - radius[j]
                clearance[i, j] = min(clearance[i, j], near)
                if apart > -radius[j]:
                    margin[i, j] = min(margin[i, j], beside - tube)
                across = _across(beside, radius[j], sd_lat[j])
                p_hit[i, j] = across * 0.5 * (1.0 + math.erf((apart + radius[j]) / scale))
                continue
            clearance[i, j] = min(clearance[i, j], math.sqrt(nearest) - radius[j])
            for k in (beside_k, nearest_k):
                dx = feet[i, 0] - curve[k, 0]
                dy = feet[i, 1] - curve[k, 1]
                dz = feet[i, 2] - curve[k, 2]
                lateral = math.sqrt(dx * dx + dy * dy + dz * dz)
                apart = depth[i] - curve_depth[k]
                level = 0.5 * (
                    math.erf((radius[j] - apart) / scale) + math.erf((radius[j] + apart) / scale)
                )
                above = depth[i] < fascia[i] and curve_depth[k] > fascia[i]
                between = depth[i] < deep_fascia[i] and curve_depth[k] > deep_fascia[i]
                if above or between:
                    level *= breach
                p_hit[i, j] = max(p_hit[i, j], _across(lateral, radius[j], sd_lat[j]) * level)
    return margin, clearance, p_hit


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

    @cached_property
    def _packed(self) -> tuple[NDArray, ...]:
        parts = [resample(s.curve_mm, s.depth_mm) for s in self.structures]
        start = np.concatenate([[0], np.cumsum([len(p) for p, _ in parts])]).astype(np.int64)
        rules = self.rules

        def numbers(name: str) -> NDArray:
            return np.array([float(np.max(getattr(s, name))) for s in self.structures])

        centre = np.array([0.5 * (p.min(axis=0) + p.max(axis=0)) for p, _ in parts])
        extent = np.array(
            [np.linalg.norm(p - c, axis=1).max() for (p, _), c in zip(parts, centre, strict=True)]
        )
        return (
            np.concatenate([p for p, _ in parts]),
            np.concatenate([d for _, d in parts]),
            start,
            centre,
            extent,
            np.hypot(self._lateral_sd(), rules.operator_lateral_sd),
            np.hypot(numbers("sd_depth_mm"), rules.operator_depth_sd),
            numbers("radius_mm") + rules.instrument_radius,
            np.array([s.kind == "gland" for s in self.structures]),
        )

    def _lateral_sd(self) -> NDArray:
        """Lateral spread (s,) [mm]: the published one, or a finger's where a pulse can be felt."""
        felt = table("planning")["palpated"]
        return np.array(
            [
                min(float(s.sd_lateral_mm), felt["sd_mm"])
                if s.name in felt["structures"]
                else float(s.sd_lateral_mm)
                for s in self.structures
            ]
        )

    def scan(
        self, feet: NDArray, depth_mm: NDArray, fascia_mm: NDArray, deep_fascia_mm: NDArray
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Margins, clearances [mm] and contact probabilities, each (k, structures).

        feet (k,3) skin foot points of thread points at depth_mm (k,); fascia_mm and
        deep_fascia_mm (k,) depths of the SMAS and of the fascia under it there, which a blunt
        cannula that runs above them seldom passes. The margin is the lateral
        distance less radius and combined spread where the depths are within the band, infinite
        elsewhere; the clearance is the nominal distance in space less the radii.
        """
        k = len(feet)
        if not self.structures:
            return np.full((k, 0), np.inf), np.full((k, 0), np.inf), np.zeros((k, 0))
        return _scan(
            np.ascontiguousarray(feet, dtype=float),
            np.ascontiguousarray(depth_mm, dtype=float),
            np.ascontiguousarray(fascia_mm, dtype=float),
            np.ascontiguousarray(deep_fascia_mm, dtype=float),
            self.rules.depth_band,
            self.rules.fascia_breach,
            *self._packed,
        )
