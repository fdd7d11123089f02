"""What a displacement means for a plan: goal, lift and side effects, in the plan's own measures.

What a finer solve of the plan showed beyond the mesh and model that are read here is taken over as
one factor per quantity, so that a reading of the plan itself gives the plan's own numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.planning.rows import KINDS, Rows, smoother
from threadlift.planning.search import attained_value
from threadlift.threads import Thread
from threadlift.threads.thread import SIDES
from threadlift.tissue.mesh import LayeredMesh
from threadlift.tissue.skin_strain import near_threads, principal_strains, triangle_average

Array = NDArray[np.float64]

#: Risks that a displacement decides, with their units. How long a lift lasts is the outcome's.
UNITS = {
    "cheekbone_prominence": "mm",
    "indentation": "mm",
    "overpull": "%",
    "overshoot": "1",
    "asymmetry": "mm",
    "insufficient_effect": "1",
}
_ROW = {risk: kind for kind, risk in KINDS.items()}
# A value further off than this factor does not predict a ratio (as in the outcome).
_MOST_CORRECTION = 3.0
_NEGLIGIBLE = 1e-3


@dataclass(frozen=True)
class Reading:
    """Lift [mm] by zone with a goal, weighted share of the goal (0..1), the search's objective.

    risks: by name of :data:`UNITS`; used: largest share in use of each limit, by kind and side.
    """

    lift_mm: dict[str, float]
    goal_attained: float
    objective: float
    risks: dict[str, float]
    used: dict[str, float]


@dataclass(frozen=True)
class Factors:
    """Verified over read: by zone, of the size of a side effect and of the share of its limit that
    counts (by limit and side; they differ where limits must hold in most tissues), of the strain.
    """

    zone: dict[str, float] = field(default_factory=dict)
    size: dict[str, float] = field(default_factory=dict)
    limit: dict[str, float] = field(default_factory=dict)
    strain: float = 1.0


def ratio(verified: float, read: float) -> float:
    """A factor that turns what is read into what was verified; 1 where either says too little."""
    if read <= _NEGLIGIBLE or verified <= _NEGLIGIBLE:
        return 1.0
    return float(np.clip(verified / read, 1.0 / _MOST_CORRECTION, _MOST_CORRECTION))


class SkinStrain:
    """Largest smoothed stretch or shortening of the skin of one mesh over given threads."""

    def __init__(self, mesh: LayeredMesh, threads: Sequence[Thread]) -> None:
        self._nl, self._surface, self._triangles = mesh.nl, mesh.surface, mesh.surface_triangles
        self._local = smoother(mesh.surface, mesh.nodal_area(), value("risks.read.local_mm"))
        self._average = triangle_average(mesh.surface, mesh.surface_triangles)
        over = near_threads(
            mesh.surface, [t.path_mm for t in threads], [t.depth_mm for t in threads]
        )
        self._near = over & ~np.asarray(mesh.rim, dtype=bool)

    def of(self, displacement: Array) -> float:
        """In per cent, under displacements (N,3) [mm] of the mesh's nodes."""
        skin = displacement[:: self._nl]
        longest, shortest = principal_strains(self._surface, self._triangles, skin)
        smooth = self._local @ (self._average @ np.maximum(longest, -shortest))
        return 100.0 * float(np.max(smooth[self._near], initial=0.0))


class Reader:
    """Reads displacements (N,3) [mm] of one mesh by the rows of a plan."""

    def __init__(self, mesh: LayeredMesh, rows: Rows, threads: Sequence[Thread]) -> None:
        self.rows = rows
        self._strain = SkinStrain(mesh, threads)

    def of(
        self, displacement: Array, threads: Sequence[Thread], factors: Factors | None = None
    ) -> Reading:
        """The reading of a displacement under these threads, brought to the verified level."""
        f = factors or Factors()
        rows, read = self.rows, self.rows.read(displacement)
        share = read[: rows.goals] * np.array([f.zone.get(z, 1.0) for z in rows.zones])
        lift = dict(zip(rows.zones, (share * rows.goal_mm).tolist(), strict=True))
        plain = limits_used(rows, read)
        plain["overshoot"] = float(share.max(initial=0.0)) / value("planning.limits.overshoot")
        used = {k: u * f.limit.get(k, 1.0) for k, u in plain.items()}
        attained = _attained(share, rows.weights)
        risks = {
            name: self.rows.limit_mm[row]
            * max(plain[f"{row}_{s}"] * f.size.get(f"{row}_{s}", 1.0) for s in SIDES)
            for name, row in _ROW.items()
        }
        risks["overpull"] = f.strain * self._strain.of(displacement)
        risks["overshoot"] = float(share.max(initial=0.0))
        risks["asymmetry"] = uneven_mm(lift, rows)
        risks["insufficient_effect"] = 1.0 - attained
        return Reading(lift, attained, self._objective(share, threads), risks, used)

    def _objective(self, share: Array, threads: Sequence[Thread]) -> float:
        """The search's objective: mean of the sides with a goal, costs of threads included."""
        total, sides = 0.0, 0
        for side in SIDES:
            zones = self.rows.zones_of(side)
            if len(zones) == 0:
                continue
            sides += 1
            weights = self.rows.weights[zones]
            total += attained_value(
                share[zones], weights / weights.sum(), value("planning.objective.worst_zone_share")
            )
            mine = [t.tension_n for t in threads if t.side == side]
            total -= len(mine) * value("planning.objective.thread_cost")
            total -= sum(mine) * value("planning.objective.tension_cost")
        return total / max(sides, 1)


def limits_used(rows: Rows, read: Array) -> dict[str, float]:
    """Largest share in use of each limit, by kind and side, from row values (q,)."""
    names, limits = np.array(rows.limit_name), read[rows.goals :]
    return {
        f"{kind}_{side}": max(
            0.0, float(limits[(names == kind) & (rows.limit_side == side)].max(initial=0.0))
        )
        for kind in _ROW.values()
        for side in SIDES
    }


def _attained(share: Array, weights: Array) -> float:
    if weights.sum() <= 0.0:
        return 0.0
    return float(np.clip(share, 0.0, 1.0) @ weights / weights.sum())


def uneven_mm(lift_mm: Mapping[str, float], rows: Rows) -> float:
    """Largest left-right difference of what is left of a zone's goal [mm]."""
    left_mm = {
        z: goal - lift_mm[z] for z, goal in zip(rows.zones, rows.goal_mm.tolist(), strict=True)
    }
    pairs: list[Any] = [
        abs(left_mm[z] - left_mm[other])
        for z in left_mm
        if z.endswith("_left") and (other := z.removesuffix("left") + "right") in left_mm
    ]
    return max(pairs, default=0.0)
