"""The candidates of a face in the order in which recipes pick among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.planning.candidates import Candidate
from threadlift.planning.responses import Columns
from threadlift.planning.rows import Rows
from threadlift.threads import Product
from threadlift.threads.cogs import cog_arcs, holding_factor
from threadlift.threads.thread import Side
from threadlift.tissue.bed import bed_along
from threadlift.tissue.mesh import LayeredMesh

Array = NDArray[np.float64]


@dataclass(frozen=True)
class SideLibrary:
    """The candidates of one side by place, direction and depth.

    entries (T,) open directions per place; depths (T,E) open planes; candidate (T,E,D) rows of
    `response` (C,L,q) at the tension levels; hold (C,P) [N] what each product's cogs hold there;
    clear (C,) logarithm of the chance to touch nothing; goals: number of goal columns, then limit
    columns; dip: mask (q - goals,) of the dips among them.
    """

    side: Side
    entries: NDArray
    depths: NDArray
    candidate: NDArray
    response: Array
    hold: Array
    clear: Array
    zones: NDArray
    dip: NDArray


def side_library(
    side: Side,
    mesh: LayeredMesh,
    candidates: Sequence[Candidate],
    mine: Sequence[int],
    places: Sequence[str],
    columns: Columns,
    levels: Array,
    rows: Rows,
    kinds: Sequence[Product],
) -> SideLibrary:
    """One side's candidates sorted by place, direction and depth."""
    number = {p: t for t, p in enumerate(places)}
    tree: dict[int, dict[str, list[int]]] = {t: {} for t in range(len(places))}
    used = [i for i in mine if candidates[i].target.name in number]
    for c, i in enumerate(used):
        branch = tree[number[candidates[i].target.name]]
        branch.setdefault(candidates[i].entry.name, []).append(c)
    sorted_tree = []
    for t in range(len(places)):
        branches = [
            sorted(b, key=lambda c: (_mean_depth(candidates[used[c]]), used[c]))
            for b in tree[t].values()
        ]
        branches.sort(key=lambda b: (-_steepness(candidates[used[b[0]]]), used[b[0]]))
        sorted_tree.append(branches)
    width = max(len(b) for b in sorted_tree)
    depth = max(len(b) for branches in sorted_tree for b in branches)
    table_of = np.full((len(places), width, depth), -1, dtype=np.int64)
    depths = np.zeros((len(places), width), dtype=np.int64)
    for t, branches in enumerate(sorted_tree):
        for e, branch in enumerate(branches):
            depths[t, e] = len(branch)
            table_of[t, e, : len(branch)] = branch
    zones, limits = rows.zones_of(side), rows.limits_of(side)
    names = np.array(rows.limit_name)[limits - rows.goals]
    return SideLibrary(
        side,
        np.array([len(b) for b in sorted_tree]),
        depths,
        table_of,
        _on_levels(columns, used, levels, np.concatenate([zones, limits])),
        _holding(mesh, [candidates[i] for i in used], kinds),
        np.log1p(-np.minimum([candidates[i].p_hit for i in used], 0.999)),
        zones,
        names == "dip",
    )


def _steepness(candidate: Candidate) -> float:
    """How much of the pull goes up, 1: straight up."""
    path = candidate.thread.path_mm
    pull = path[0] - path[-1]
    return round(float(pull[1] / np.linalg.norm(pull)), 6)


def _mean_depth(candidate: Candidate) -> float:
    return round(float(np.mean(candidate.thread.depth_mm)), 3)


def depth_range(candidates: Sequence[Candidate]) -> tuple[float, float]:
    """Smallest and largest mean depth of a path [mm]."""
    depths = [_mean_depth(c) for c in candidates]
    return min(depths), max(depths)


def _on_levels(columns: Columns, used: Sequence[int], levels: Array, part: NDArray) -> Array:
    """Responses (C,L,q) at common levels; beyond a candidate's last one in proportion."""
    out = np.zeros((len(used), len(levels), len(part)))
    position = np.full(int(columns.candidate.max(initial=0)) + 1, -1, dtype=np.int64)
    position[list(used)] = np.arange(len(used))
    for i, (who, tension) in enumerate(zip(columns.candidate, columns.tension_n, strict=True)):
        c = position[who]
        if c >= 0:
            level = int(np.searchsorted(levels, tension))
            out[c, level:] = columns.response[i][part] * (levels[level:] / tension)[:, None]
    return out


def _holding(mesh: LayeredMesh, candidates: Sequence[Candidate], kinds: Sequence[Product]) -> Array:
    """Tension (C,P) [N] that each product's cogs hold along each path, or the product allows.

    With and without the bed, as the safety kernel and the tissue see it (as in the candidates).
    """
    ends = np.cumsum([len(c.thread.path_mm) for c in candidates])[:-1]
    bed = bed_along(mesh, np.concatenate([c.thread.path_mm for c in candidates]))
    most = value("planning.safety.tension_thread")
    out = np.zeros((len(candidates), len(kinds)))
    fields = [np.split(f, ends) for f in (bed.skin_mm, bed.fat_mm, bed.jowl)]
    for i, candidate in enumerate(candidates):
        thread = candidate.thread
        own = type(bed)(*(f[i] for f in fields))
        factors = [holding_factor(thread.layer, thread.depth_mm, b) for b in (None, own)]
        for p, kind in enumerate(kinds):
            arcs = cog_arcs(thread, kind)
            held = min(float(np.interp(arcs, thread.arc_mm, f).sum()) for f in factors)
            out[i, p] = min(kind.cog_holding_n * held, kind.max_tension_n, most)
    return out


def fans(ends: Array, most: int) -> NDArray:
    """Places (T,most) next to each place in order of distance, itself first; -1: no more."""
    out = np.full((len(ends), most), -1, dtype=np.int64)
    for t, end in enumerate(ends):
        order = np.argsort(np.round(np.linalg.norm(ends - end, axis=1), 6), kind="stable")[:most]
        out[t, : len(order)] = order
    return out
