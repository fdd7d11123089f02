"""Members that were not solved, read from the linear response and from what solved ones add to it.

Of a large ensemble a part is solved. Softer tissue moves in proportion to what it moves already,
so the linear answer is taken on the logarithm wherever the plan moves something at all. For each
quantity the solved members say how that answer has to be stretched (slope and offset by least
squares) and what it leaves out (the rest); a member that was not solved gets its own answer and the
rest of the solved one whose lift is nearest. Where the answer says nothing of a quantity, its slope
vanishes and the rest is all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.members import Member
from threadlift.members.coordinates import point_of
from threadlift.members.response import Response
from threadlift.outcome.measures import Probe, Reading
from threadlift.outcome.model import LOCAL
from threadlift.tissue import Tissue

Array = NDArray[np.float64]

#: Share of the largest lift below which a lift has no logarithm, and the largest logarithm.
_ENOUGH, _MOST = 0.1, 3.0


@dataclass(frozen=True, eq=False)
class Linear:
    """Linear answers of members: keys of the quantities (lift by zone, then local risks), values
    (n,q) and those of the plan as such (q,); points (n,d): the members' coordinates.
    """

    keys: tuple[str, ...]
    values: Array
    plan: Array
    points: Array

    @classmethod
    def of(
        cls,
        tissue: Tissue,
        probe: Probe,
        surface: Array,
        response: Response,
        members: Sequence[Member],
    ) -> Linear:
        """The answers of members; surface (V,3) [mm]: of the skin under the plan as such."""
        points = np.array([point_of(tissue, m) for m in members])
        plan = cls.read(probe, surface)
        read = [cls.read(probe, surface + np.tensordot(c, response.skin, axes=1)) for c in points]
        keys = (*probe.read(surface).lift_mm, *LOCAL)
        return cls(keys, _grown(np.array(read), plan), plan, points)

    @staticmethod
    def read(probe: Probe, surface: Array) -> Array:
        """The quantities (q,) of a displacement (V,3) of the skin."""
        return _flat(probe.read(surface))


def _grown(linear: Array, plan: Array) -> Array:
    """Linear answers (n,q) continued on the logarithm, where the plan (q,) has enough of it."""
    lifts = plan[: len(plan) - len(LOCAL)]
    enough = (
        plan
        > np.r_[np.full(len(lifts), _ENOUGH * np.abs(lifts).max(initial=0.0)), np.zeros(len(LOCAL))]
    )
    base = np.where(enough, plan, 1.0)
    ratio = np.clip(linear / base - 1.0, -_MOST, _MOST)
    return np.where(enough, base * np.exp(ratio), linear)


def _flat(reading: Reading) -> Array:
    return np.array([*reading.lift_mm.values(), *(reading.values[n] for n in LOCAL)])


@dataclass(frozen=True, eq=False)
class Correction:
    """What solved members say about the linear answer.

    slope, offset (q,): of the solved value over the linear one; solved (s,q): values of the solved
    members; rest (s,q): what is left out of them.
    """

    slope: Array
    offset: Array
    solved: Array
    rest: Array

    @classmethod
    def of(cls, linear: Array, solved: Array) -> Correction:
        """From linear (s,q) and solved (s,q) values of the same members."""
        x, y = linear - linear.mean(axis=0), solved - solved.mean(axis=0)
        spread = (x**2).sum(axis=0)
        slope = np.divide(
            (x * y).sum(axis=0), spread, out=np.zeros(len(spread)), where=spread > 0.0
        )
        offset = solved.mean(axis=0) - slope * linear.mean(axis=0)
        rest = solved - (slope * linear + offset)
        return cls(slope, offset, solved, rest)

    @property
    def explained(self) -> Array:
        """Share (q,) of the solved members' variance that the linear answer explains."""
        return self.explained_of(np.eye(len(self.slope)))

    def explained_of(self, take: Array) -> Array:
        """The same of combinations (c,q) of the quantities."""
        total, left = (np.var(x @ take.T, axis=0) for x in (self.solved, self.rest))
        share = np.divide(left, total, out=np.ones(len(take)), where=total > 0.0)
        return np.maximum(1.0 - share, 0.0)


def extended(
    linear: Linear, solved: Sequence[tuple[int, Reading]], every: int, weights: Array
) -> tuple[list[tuple[int, Reading]], Correction]:
    """Readings of all members but those that were tried without success.

    solved: index and reading of the members that were; every: members up to this index were tried;
    weights (q,): of the quantities in the lift by which like members are found.
    """
    index = np.array([i for i, _ in solved])
    values = np.array([_flat(r) for _, r in solved])
    correction = Correction.of(linear.values[index], values)
    size = linear.values @ weights
    zones = linear.keys[: len(linear.keys) - len(LOCAL)]
    out = list(solved)
    for i in range(every, len(linear.values)):
        donor = int(np.argmin(np.abs(size[index] - size[i])))
        found = correction.slope * linear.values[i] + correction.offset + correction.rest[donor]
        lift = dict(zip(zones, found[: len(zones)].tolist(), strict=True))
        local = {n: float(x) for n, x in zip(LOCAL, found[len(zones) :], strict=True)}
        out.append((i, Reading(lift, local, {})))
    return out, correction
