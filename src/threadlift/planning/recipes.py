"""Plans by recipe on one face: product, number, place, direction, depth, pull -> goal and risks.

A recipe is the way in which threads are placed without looking at the face: so many threads of one
product, side by side, all pulled alike, the same on both sides. Only candidates that the safety
kernel let pass are used, so every factor picks among what the factors before it leave open: a
place; an entry from which that place is reached (from the steepest to the flattest pull); a plane
that is open there (from the shallowest down). Responses are superposed columns of the search.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numba import njit
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.planning.candidates import Candidate
from threadlift.planning.recipe_library import SideLibrary, depth_range, fans, side_library
from threadlift.planning.responses import Columns
from threadlift.planning.rows import KINDS, Rows
from threadlift.threads import Product, products
from threadlift.threads.durability import durability
from threadlift.threads.thread import SIDES, Side
from threadlift.tissue.mesh import LayeredMesh

Array = NDArray[np.float64]
Points = Mapping[str, Array]

FACTORS = ("product", "number", "location", "direction", "depth", "tension")
#: Outputs of a recipe with their units.
OUTPUTS = {
    "goal": "1",
    "goal_within_limits": "1",
    "goal_later": "1",
    "cheekbone_prominence": "mm",
    "indentation": "mm",
    "overshoot": "1",
    "asymmetry": "mm",
    "touching": "1",
}


@dataclass(frozen=True)
class Recipes:
    """Everything that recipes on one face are made of.

    levels_n (L,) tensions of the columns, from zero; fan (T,N) places beside each place, itself
    first, -1 where there is none; later (P,) share of the lift that is left after the register's
    months; pull_n: range of the pull per thread; depth_mm: of the paths' mean depths.
    """

    sides: tuple[SideLibrary, ...]
    places: tuple[str, ...]
    fan: NDArray
    products: tuple[Product, ...]
    levels_n: Array
    later: Array
    rows: Rows
    pull_n: tuple[float, float]
    depth_mm: tuple[float, float]
    technique: str

    @classmethod
    def of(
        cls, mesh: LayeredMesh, candidates: Sequence[Candidate], columns: Columns, rows: Rows
    ) -> Recipes | None:
        """From the candidates of a face and their columns; None where there is no such plan.

        Techniques cannot be mixed in a recipe: the one with most candidates is used.
        """
        techniques = [c.thread.technique for c in candidates]
        if not techniques:
            return None
        main = max(sorted(set(techniques)), key=techniques.count)
        known = [i for i, t in enumerate(techniques) if t == main]
        longest = max(candidates[i].thread.length_mm for i in known)
        kinds = tuple(p for p in products().values() if p.length_mm >= longest)
        sides: list[Side] = [s for s in SIDES if len(rows.zones_of(s)) and
                 any(candidates[i].side == s for i in known)]  # fmt: skip
        found = {s: [i for i in known if candidates[i].side == s] for s in sides}
        names = [{candidates[i].target.name for i in mine} for mine in found.values()]
        places = sorted(set.intersection(*names)) if names else []
        if not places or not kinds:
            return None
        levels = np.concatenate([[0.0], np.unique(columns.tension_n)])
        libraries = tuple(
            side_library(s, mesh, candidates, found[s], places, columns, levels, rows, kinds)
            for s in sides
        )
        ends = {candidates[i].target.name: candidates[i].thread.path_mm[-1]
                for i in found[sides[0]]}  # fmt: skip
        months = value("planning.sensitivity.later")
        return cls(
            libraries,
            tuple(places),
            fans(
                np.array([ends[p] for p in places]), int(value("planning.sensitivity.most_threads"))
            ),
            kinds,
            levels,
            np.array([float(durability(p.durability).fraction(months)) for p in kinds]),
            rows,
            (float(levels[1]), float(levels[-1])),
            depth_range([candidates[i] for i in known]),
            main,
        )

    @property
    def most(self) -> int:
        """Largest number of threads per side."""
        return self.fan.shape[1]

    @cached_property
    def _goal_columns(self) -> NDArray:
        return np.concatenate([lib.zones for lib in self.sides])

    def evaluate(self, x: Points, total_n: float | None = None) -> Array:
        """Outputs (n, len(OUTPUTS)) of recipes given as uniform numbers by factor.

        Each factor is (n,1): one choice for the plan, its threads side by side; or (n, most): one
        per thread, places chosen independently. total_n: pull [N] per side that all threads
        share; the factor `tension` is then not asked for.
        """
        n = len(x["product"])
        kind = _pick(x["product"][:, 0], len(self.products))
        number = 1 + _pick(x["number"][:, 0], self.most)
        place = self._places(x["location"], number)
        if total_n is None:
            low, high = self.pull_n
            pull = low + _wide(x["tension"], self.most) * (high - low)
        else:
            pull = np.tile((total_n / number)[:, None], (1, self.most))
        goal, worst, clear = [], [], np.zeros(n)
        room = np.ones((n, len(self.sides)))
        for s, lib in enumerate(self.sides):
            who = _candidates(lib, place, _wide(x["direction"], self.most),
                              _wide(x["depth"], self.most))  # fmt: skip
            held = np.where(who >= 0, np.minimum(pull, lib.hold[who, kind[:, None]]), 0.0)
            part, limits = _totals(who, held, self.levels_n, lib.response, len(lib.zones), lib.dip)
            goal.append(part)
            worst.append(limits)
            clear += np.where(who >= 0, lib.clear[who], 0.0).sum(axis=1)
            room[:, s] = self._room(part, limits, held.sum(axis=1))
        return self._outputs(goal, np.array(worst), clear, room, self.later[kind])

    def _places(self, location: Array, number: NDArray) -> NDArray:
        """Places (n,most) of the threads; -1: no such thread."""
        if location.shape[1] == 1:
            place = self.fan[_pick(location[:, 0], len(self.places))]
        else:
            place = _pick(location, len(self.places))
        return np.where(np.arange(self.most) < number[:, None], place, -1)

    @staticmethod
    def _room(share: Array, limits: Array, pull_n: Array) -> Array:
        """Share (n,) of the pull at which a side keeps every limit on side effects."""
        used = np.column_stack(
            [
                limits / value("planning.limits.linear_excess"),
                share.max(axis=1) / value("planning.limits.overshoot"),
                pull_n / value("planning.safety.tension_side"),
            ]
        ).max(axis=1)
        return 1.0 / np.maximum(used, 1.0)

    def _outputs(
        self, goal: Sequence[Array], worst: Array, clear: Array, room: Array, later: Array
    ) -> Array:
        share = np.concatenate(goal, axis=1)
        kept = np.concatenate([g * room[:, [s]] for s, g in enumerate(goal)], axis=1)
        limit = self.rows.limit_mm
        return np.column_stack(
            [
                self._attained(share),
                self._attained(kept),
                self._attained(share * later[:, None]),
                *(limit[k] * worst[:, :, i].max(axis=0) for i, k in enumerate(KINDS)),
                share.max(axis=1),
                self._uneven(share),
                1.0 - np.exp(clear),
            ]
        )

    def _attained(self, share: Array) -> Array:
        weights = self.rows.weights[self._goal_columns]
        return np.clip(share, 0.0, 1.0) @ weights / weights.sum()

    def _uneven(self, share: Array) -> Array:
        """Largest left-right difference (n,) of what is left of a zone's goal [mm]."""
        rest = self.rows.goal_mm[self._goal_columns] * (1.0 - share)
        names = [self.rows.zones[i] for i in self._goal_columns]
        worst = np.zeros(len(share))
        for i, name in enumerate(names):
            other = name.removesuffix("left") + "right"
            if name.endswith("_left") and other in names:
                worst = np.maximum(worst, np.abs(rest[:, i] - rest[:, names.index(other)]))
        return worst


def _pick(u: Array, count: int) -> NDArray:
    return np.minimum((u * count).astype(np.int64), count - 1)


def _wide(u: Array, most: int) -> Array:
    return np.broadcast_to(u, (len(u), most)) if u.shape[1] == 1 else u


def _candidates(lib: SideLibrary, place: NDArray, direction: Array, depth: Array) -> NDArray:
    """Candidates (n,most) of one side; -1: no thread."""
    at = np.maximum(place, 0)
    entry = np.minimum((direction * lib.entries[at]).astype(np.int64), lib.entries[at] - 1)
    open_to = lib.depths[at, entry]
    plane = np.minimum((depth * open_to).astype(np.int64), open_to - 1)
    return np.where(place >= 0, lib.candidate[at, entry, plane], -1)


@njit(cache=True)
def _totals(who, held, levels, response, goals, dip):
    """Goal shares (n,Z), and the largest share of the cheekbone's and of the dips' limits (n,2).

    who (n,N) candidates, held (n,N) their tensions [N]; responses between levels are interpolated,
    above the last one continued in proportion.
    """
    n, most = who.shape
    q = response.shape[2]
    share = np.zeros((n, goals))
    worst = np.zeros((n, 2))
    total = np.zeros(q)
    last = len(levels) - 1
    for i in range(n):
        total[:] = 0.0
        for j in range(most):
            c = who[i, j]
            if c < 0:
                continue
            t = held[i, j]
            if t >= levels[last]:
                low, a, b = last - 1, 0.0, t / levels[last]
            else:
                low = 0
                while levels[low + 1] <= t:
                    low += 1
                b = (t - levels[low]) / (levels[low + 1] - levels[low])
                a = 1.0 - b
            for k in range(q):
                total[k] += a * response[c, low, k] + b * response[c, low + 1, k]
        for k in range(goals):
            share[i, k] = total[k]
        for k in range(goals, q):
            kind = 1 if dip[k - goals] else 0
            worst[i, kind] = max(worst[i, kind], total[k])
    return share, worst


def ranges(recipes: Recipes) -> dict[str, object]:
    """What the factors ranged over, for the record."""
    libraries = recipes.sides
    open_to = np.concatenate([lib.entries for lib in libraries])
    planes = np.concatenate([lib.depths[lib.depths > 0] for lib in libraries])
    return {
        "product": [p.name for p in recipes.products],
        "number": [1, recipes.most],
        "location": list(recipes.places),
        "direction": [int(open_to.min()), int(open_to.max())],
        "depth": [int(planes.min()), int(planes.max())],
        "depth_mm": list(recipes.depth_mm),
        "tension_n": list(recipes.pull_n),
        "sides": [lib.side for lib in libraries],
        "technique": recipes.technique,
        "candidates": sum(len(lib.hold) for lib in libraries),
    }
