"""The rules that one thread has to keep where it lies: layers, depths, ends, distances, pull."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.planning.safety.layers import zone_name
from threadlift.planning.safety.marks import Marks
from threadlift.planning.safety.report import Point, Violation
from threadlift.planning.safety.rulebook import Rulebook, TechniqueRules
from threadlift.planning.skin import Place
from threadlift.threads import Thread, products, tension_profile

#: Tension [N] below what tension is stated to.
_STATED_N = 1e-3


@dataclass(frozen=True)
class Way:
    """One thread as measured in the face.

    points (n,3) samples of tract and path, place where they lie, body: number of tract samples;
    layer_margin (n,) [mm]; stated (n,): samples that are the path's own points; entered: number of
    the path point that the tract leads to.
    """

    thread: Thread
    rules: TechniqueRules
    points: NDArray
    place: Place
    body: int
    layer_margin: NDArray
    stated: NDArray
    entered: int

    def from_entry_mm(self) -> NDArray:
        """Distance (n,) along the thread of each sample from the entry: down the tract, then along.

        On a path that is entered in its middle it counts to both sides.
        """
        length = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        tract = np.concatenate([[0.0], np.cumsum(length[: self.body - 1])])
        path = np.concatenate([[0.0], np.cumsum(length[self.body :])])
        reached = path[np.flatnonzero(self.stated[self.body :])[self.entered]]
        return np.concatenate([tract, tract[-1] + np.abs(path - reached)])


def at(point: NDArray) -> Point:
    """A point as numbers."""
    return float(point[0]), float(point[1]), float(point[2])


def worst(
    thread: str, rule: str, margin: NDArray, where: NDArray, unit: str = "mm", what: str = ""
) -> list[Violation]:
    """One violation at the point of the least margin (k,), if that is negative or not a number."""
    broken = ~(margin >= 0.0)
    if not broken.any():
        return []
    unknown = np.isnan(margin)
    i = int(np.argmax(unknown)) if unknown.any() else int(np.argmin(margin))
    short = -1.0 if unknown.any() else float(margin[i])
    return [Violation(thread, rule, what, at(where[i]), short, unit)]


def geometry(way: Way, marks: Marks, names: Sequence[str], rules: Rulebook) -> list[Violation]:
    """Layers, depths, ends, and what threads keep away from.

    names: of the skin's zones.
    """
    thread = way.thread
    if not way.place.measurable().all():
        return worst(thread.id, "not-measurable", np.array([np.nan]), thread.entry_mm[None])
    path, where = way.place.part(slice(way.body, None)), way.points[way.body :]
    buried = ~_exit_tracts(way, path, rules)
    own = way.place.part(way.stated)
    name = thread.id

    def distance(others: NDArray) -> NDArray:
        return np.sqrt(((where[:, None] - others[None]) ** 2).sum(axis=2).min(axis=1))

    found = worst(
        name, "in-dermis", (path.depth_mm - path.dermis_mm - rules.below_dermis)[buried],
        where[buried],
    )  # fmt: skip
    layer = way.layer_margin[way.body :]
    zone = zone_name(names, int(path.zone[int(np.argmin(layer))]))
    found += worst(name, "layer-not-allowed", layer, where, what=zone)
    found += worst(
        name,
        "stated-depth",
        rules.depth_mismatch - np.abs(own.depth_mm - thread.depth_mm),
        thread.path_mm,
    )
    found += worst(
        name, "near-mouth-corner", distance(marks.commissures) - rules.commissure_distance, where
    )
    found += worst(name, "near-eyelid", distance(marks.canthi) - rules.eyelid_distance, where)
    side = np.sign(marks.tragus[thread.side][0])
    found += worst(name, "crosses-midline", side * where[:, 0], where)
    return found + _entry(way, marks, names, rules) + _ends(way, marks, rules)


def _entry(way: Way, marks: Marks, names: Sequence[str], rules: Rulebook) -> list[Violation]:
    thread, entry = way.thread, way.place.part(slice(0, 1))
    here = thread.entry_mm[None]
    found = worst(thread.id, "entry-on-skin", rules.entry_on_skin - np.abs(entry.depth_mm), here)
    zone = zone_name(names, int(entry.zone[0]))
    if zone in way.rules.no_entry:
        found += worst(thread.id, "entry-zone", np.array([-1.0]), here, "1", zone)
    if way.rules.anchored:
        # The anchor needs the fixed lateral SMAS or the temporal fascia under it.
        anterior = entry.foot_mm[:, 2] - marks.tragus[thread.side][2]
        reach = rules.anchored_entry_anterior - anterior
        found += worst(thread.id, "anchor-in-mobile-zone", reach, here)
    return found


def _open_ends(way: Way) -> tuple[int, ...]:
    """The ends (0 first, -1 last) that the technique may bring out through the skin."""
    return {"none": (), "end": (-1,), "both": (0, -1)}[way.rules.exits]


def _exit_tracts(way: Way, path: Place, rules: Rulebook) -> NDArray:
    """Samples (k,) of the path on the way out through the dermis to an exit in the skin."""
    shallow = path.depth_mm < path.dermis_mm + rules.below_dermis
    out = np.zeros(len(shallow), dtype=bool)
    deep = np.flatnonzero(~shallow)
    for end in _open_ends(way):
        if shallow[end] and len(deep):
            tract = slice(None, deep[0]) if end == 0 else slice(deep[-1] + 1, None)
            out[tract] = True
    return out


def _ends(way: Way, marks: Marks, rules: Rulebook) -> list[Violation]:
    """Exits lie on the skin and away from the lids; buried ends not under thin skin."""
    thread, path = way.thread, way.place.part(slice(way.body, None))
    found = []
    # The end of a thread that is entered at its start is that start only for its anchor.
    ends = (0, -1) if way.rules.entry == "middle" else (-1,)
    for end in ends:
        here = thread.path_mm[end][None]
        depth, dermis = path.depth_mm[end], path.dermis_mm[end]
        if end in _open_ends(way) and depth < dermis + rules.below_dermis:
            found += worst(
                thread.id, "exit-on-skin", np.array([rules.entry_on_skin - abs(depth)]), here
            )
            lids = np.linalg.norm(marks.canthi - here, axis=1).min()
            found += worst(
                thread.id, "exit-near-eyelid", np.array([lids - rules.exit_eyelid_distance]), here
            )
        else:
            found += worst(
                thread.id, "end-under-thin-skin", np.array([dermis - rules.end_skin]), here
            )
    return found


def pull(thread: Thread, rules: Rulebook) -> list[Violation]:
    """Limits of tension and length: register, product, and what its cogs hold."""
    known, here = products(), thread.entry_mm[None]
    if thread.product not in known:
        return worst(thread.id, "unknown-product", np.array([-1.0]), here, "1")
    product = known[thread.product]
    most = min(rules.tension_thread, product.max_tension_n)
    spare = product.length_mm - thread.length_mm
    profile = tension_profile(thread, product)
    return [
        *worst(thread.id, "thread-tension", np.array([most - thread.tension_n]), here, "N"),
        *worst(thread.id, "too-long", np.array([spare]), here),
        *worst(thread.id, "cogs-slip", np.array([_STATED_N - profile.excess_n]), here, "N"),
    ]


def unknown_technique(thread: Thread) -> Violation:
    """A technique that the register has no rules for cannot be judged."""
    return Violation(
        thread.id, "unknown-technique", thread.technique, at(thread.entry_mm), -1.0, "1"
    )
