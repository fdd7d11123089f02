"""The candidate threads of one face: entry x target x plane x technique, on both sides.

A candidate is a line along the skin (:mod:`threadlift.planning.paths`) and a depth under it given
as layer-node coordinate zeta (1 = skin/fat, 2 = mid fat, 3 = fat/SMAS, 4 = SMAS/deep): it starts
in the fascia that holds its anchor and rises smoothly to its plane, or lies in its plane from end
to end (floating). A loop (U, V) is the pair of its limbs: two candidates of one entry. Candidate i
of the right side is the mirror image of candidate i of the left one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]

from threadlift.evidence import table, value
from threadlift.planning.anchors import Anchor, library
from threadlift.planning.hazards import HazardField
from threadlift.planning.paths import SkinLine, skin_lines
from threadlift.planning.safety import Marks, examine
from threadlift.planning.skin import Skin
from threadlift.threads import Bed, Thread, holding_n, product
from threadlift.threads.thread import SIDES, Side
from threadlift.tissue.bed import beds_along
from threadlift.tissue.mesh import LayeredMesh

# Decimals of millimetres and newtons that a plan states; what is verified is the rounded thread.
DIGITS = 2
# Over this many millimetres a path changes from its lateral to its medial plane.
_BLEND_MM = 10.0
# The arch is this much [mm] lower than the zygion; above it the frontal branch is superficial.
_BELOW_ARCH_MM = 5.0
# Points at which the tract from the skin to an anchor is tested.
_TRACT_POINTS = 16
# A tract this much [mm] outside every risk tube needs no more.
_AMPLE_MM = 3.0


@dataclass(frozen=True)
class Candidate:
    """One candidate thread.

    `index` is the same on both sides; `thread` carries the lowest level's tension; `nodes` (k,6)
    and `weights` (k,6) embed the path in the mesh; `levels_n` are the tensions that its cogs hold,
    `p_hit` the probability that it touches any nerve, vessel or duct.
    """

    index: int
    side: Side
    entry: Anchor
    target: Anchor
    depth: str
    thread: Thread
    nodes: NDArray
    weights: NDArray
    levels_n: tuple[float, ...]
    p_hit: float = 0.0

    def at(self, tension_n: float, name: str) -> Thread:
        """The thread of a plan: this candidate pulled with tension_n [N]."""
        return replace(self.thread, id=name, tension_n=round(tension_n, DIGITS))


@dataclass(frozen=True)
class CandidateSet:
    """The safe candidates, and how many were looked at and refused for which rule."""

    candidates: tuple[Candidate, ...]
    generated: int
    refused: dict[str, int]

    def of_side(self, side: Side) -> list[Candidate]:
        """Candidates of one side in the order of their index."""
        return [c for c in self.candidates if c.side == side]


def candidates(mesh: LayeredMesh, skin: Skin, marks: Marks, hazards: HazardField) -> CandidateSet:
    """Every candidate on this mesh that the safety kernel lets pass."""
    rules = table("planning")["candidates"]
    level: Any = mesh.level
    entries, targets = library(level)
    raw: list[Candidate] = []
    generated, refused = 0, {}
    normals = _vertex_normals(mesh)
    for side in SIDES:
        open_entries = _safe_entries(mesh, side, entries, skin, hazards, rules)
        lines = _lines(mesh, normals, side, open_entries, targets, rules)
        made, hit = _of_side(mesh, side, lines, skin, marks, hazards, rules)
        generated += len(made)
        raw += _clear(made, hit, rules["turn_deg"], refused)
    safe = []
    examined = examine([c.thread for c in raw], skin, marks, hazards)
    for candidate, found in zip(raw, examined, strict=True):
        broken = sorted({v.rule for v in found.violations})
        for rule in broken:
            refused[rule] = refused.get(rule, 0) + 1
        if not broken:
            safe.append(replace(candidate, p_hit=found.p_hit))
    beds = beds_along(mesh, [c.thread.path_mm for c in safe])
    levels = [_levels(c.thread, rules["levels_n"], b) for c, b in zip(safe, beds, strict=True)]
    held = [replace(c, levels_n=n) for c, n in zip(safe, levels, strict=True) if n]
    refused["cogs-hold-too-little"] = len(safe) - len(held)
    return CandidateSet(tuple(held), generated, refused)


def _clear(
    made: Sequence[Candidate], hit: Sequence[bool], turn_deg: float, refused: dict[str, int]
) -> list[Candidate]:
    """The candidates without a kink whose path points alone meet no hazard; counts the others.

    The kernel examines every millimetre of what is left: this only spares it the hopeless ones.
    """
    left = []
    for candidate, meets in zip(made, hit, strict=True):
        if meets:
            refused["hazard-clearance"] = refused.get("hazard-clearance", 0) + 1
        elif sharpest_turn(candidate.thread, candidate.entry.group) > turn_deg:
            refused["kink"] = refused.get("kink", 0) + 1
        else:
            left.append(candidate)
    return left


Line = tuple[Anchor, Anchor, SkinLine]


def _mirror(mesh: LayeredMesh, side: Side) -> NDArray | None:
    if mesh.mirror is None:
        raise ValueError("candidates need the mesh of a face")
    return mesh.mirror if side == "right" else None


def _safe_entries(
    mesh: LayeredMesh,
    side: Side,
    entries: Sequence[Anchor],
    skin: Skin,
    hazards: HazardField,
    rules: dict[str, Any],
) -> list[Anchor]:
    """Of every group of entries the ones whose tract to the anchor is farthest from hazards."""
    mirror = _mirror(mesh, side)
    nodes = mesh.points.reshape(-1, mesh.nl, 3)
    chosen: list[Anchor] = []
    for row in rules["entries"]:
        group = [e for e in entries if e.group == row["group"]]
        zeta = np.linspace(0.0, rules["anchor_zeta"][row["group"]], _TRACT_POINTS)
        lower = np.minimum(zeta.astype(int), mesh.nl - 2)
        share = (zeta - lower)[:, None]
        spare = []
        for entry in group:
            column = entry.at(nodes, mirror)
            tract = column[lower] * (1.0 - share) + column[lower + 1] * share
            place = skin.place(tract)
            margin = hazards.meet(place, np.array([0, len(tract)])).margin_mm
            # Beyond some distance more is no safer; then the register's order decides.
            spare.append(round(min(float(margin.min(initial=np.inf)), _AMPLE_MM), 2))
        best: list[int] = []
        skin_at = [e.at(mesh.surface, mirror) for e in group]
        for i in sorted(range(len(group)), key=lambda i: (-spare[i], i)):
            apart = [float(np.linalg.norm(skin_at[i] - skin_at[j])) for j in best]
            if (
                spare[i] >= 0.0
                and len(best) < row["most"]
                and min(apart, default=np.inf) >= rules["entry_spacing_mm"]
            ):
                best.append(i)
        chosen += [group[i] for i in sorted(best)]
    return chosen


def _lines(
    mesh: LayeredMesh,
    normals: NDArray,
    side: Side,
    entries: Sequence[Anchor],
    targets: Sequence[Anchor],
    rules: dict[str, Any],
) -> list[Line]:
    """Skin lines of admissible length of one side."""
    mirror = _mirror(mesh, side)
    pairs = [(e, t) for e in entries for t in targets]
    ends = [
        (
            e.at(mesh.surface, mirror),
            e.at(normals, mirror),
            t.at(mesh.surface, mirror),
            t.at(normals, mirror),
        )
        for e, t in pairs
    ]
    found = skin_lines(mesh.surface, mesh.surface_triangles, ends, rules["step_mm"])
    low, high = rules["length_mm"]
    return [
        (e, t, line)
        for (e, t), line in zip(pairs, found, strict=True)
        if line is not None and low <= line.length_mm <= high
    ]


def _of_side(
    mesh: LayeredMesh,
    side: Side,
    lines: list[Line],
    skin: Skin,
    marks: Marks,
    hazards: HazardField,
    rules: dict[str, Any],
) -> tuple[list[Candidate], list[bool]]:
    """Candidates along these lines, and whether a point of their path meets a hazard."""
    planes = {row["name"]: row for row in rules["depths"]}
    ways = [(way, name) for way in rules["ways"] for name in way["depths"]]
    if not lines:
        return [], []
    counts = [len(line.tri) for _, _, line in lines]
    tri = np.concatenate([line.tri for _, _, line in lines])
    bary = np.concatenate([line.bary for _, _, line in lines])
    all_feet = mesh.point_at(tri, bary, np.zeros(len(tri)))[0]
    made = []
    zetas, starts = [], np.concatenate([[0], np.cumsum(counts)])
    for i, (entry, target, line) in enumerate(lines):
        feet = all_feet[starts[i] : starts[i + 1]]
        anterior = feet[:, 2] - marks.tragus[side][2]
        above = feet[:, 1] - marks.arch[side][1]
        for d, (way, name) in enumerate(ways):
            if line.length_mm < way["least_mm"]:
                continue
            anchored = way["technique"] == "anchored"
            group = entry.group if anchored else None
            zetas.append(depth_profile(line.length_mm, anterior, above, planes[name], group))
            # A two-way thread enters at its middle and leaves by both ends.
            turn = 0 if anchored else len(feet) // 2
            made.append((entry, target, line, d, feet[turn], turn))
    points, wedge, weights = mesh.point_at(
        np.concatenate([m[2].tri for m in made]),
        np.concatenate([m[2].bary for m in made]),
        np.concatenate(zetas),
    )
    place = skin.place(points)
    depth, layers, nodes = place.depth_mm, place.layers(), mesh.wedges[wedge]
    # Margins at the path points alone: what breaks a limit there breaks it along the whole way.
    ends = np.cumsum([0, *(len(m[2].tri) for m in made)])
    meets = np.any(hazards.meet(place, ends).margin_mm < 0.0, axis=1).tolist()
    out, hit, i = [], [], 0
    for k, (entry, target, line, d, entry_mm, turn) in enumerate(made):
        mine = slice(i, i + len(line.tri))
        i = mine.stop
        if (depth[mine] < 0.0).any():
            continue
        way, plane = ways[d]
        thread = Thread(
            id=f"{entry.name} > {target.name}, {plane}, {way['technique']}",
            side=side,
            product=product(way["product"]).name,
            technique=way["technique"],
            entry_mm=np.round(entry_mm, DIGITS),
            path_mm=np.round(points[mine].astype(np.float64), DIGITS),
            depth_mm=np.round(depth[mine].astype(np.float64), DIGITS),
            layer=layers[mine],
            tension_n=rules["levels_n"][0],
            turn=turn,
        )
        number = _number(entry, target, d)
        out.append(
            Candidate(number, side, entry, target, plane, thread, nodes[mine], weights[mine], ())
        )
        hit.append(meets[k])
    return out, hit


def replaced(mesh: LayeredMesh, candidate: Candidate, thread: Thread) -> Candidate:
    """The candidate along another path: embedding and tension levels of that path.

    levels_n: from the lowest one to what the product and its cogs hold there; empty if they hold
    not even that.
    """
    wedge, weights = mesh.locate(thread.path_mm)
    (bed,) = beds_along(mesh, [thread.path_mm])
    lowest = table("planning")["candidates"]["levels_n"][0]
    most = _holding(thread, bed)
    levels = (lowest, math.floor(most * 10**DIGITS) / 10**DIGITS) if most >= lowest else ()
    return replace(
        candidate, thread=thread, nodes=mesh.wedges[wedge], weights=weights, levels_n=levels
    )


def sharpest_turn(thread: Thread, group: str) -> float:
    """Largest angle [deg] between two steps of a path beyond its ramp from the anchor."""
    ramp = table("planning")["candidates"]["ramp_mm"][group][1] if thread.anchor == 0 else -1.0
    path = thread.path_mm[thread.arc_mm > ramp]
    step = np.diff(path, axis=0)
    step = step / np.linalg.norm(step, axis=1)[:, None]
    cosine = np.einsum("kc,kc->k", step[1:], step[:-1])
    return float(np.degrees(np.arccos(np.clip(cosine.min(initial=1.0), -1.0, 1.0))))


def _levels(thread: Thread, levels_n: Sequence[float], bed: Bed) -> tuple[float, ...]:
    """The tension levels [N] that the product allows and the cogs hold along this path.

    Without the bed, as the safety kernel sees it, and with it, as the tissue does.
    """
    most = _holding(thread, bed) + 1e-9
    return tuple(t for t in levels_n if t <= most)


def _holding(thread: Thread, bed: Bed) -> float:
    """The most [N] that product and cogs hold along a path, with and without the bed."""
    kind = product(thread.product)
    most = min(kind.max_tension_n, value("planning.safety.tension_thread"))
    return min(most, *(holding_n(thread, kind, b) for b in (None, bed)))


def _number(entry: Anchor, target: Anchor, depth: int) -> int:
    """A number for (entry, target, depth) that does not hang on what else is admissible."""
    return (entry.corners[0] * 100_000 + target.corners[0]) * 10 + depth


def depth_profile(
    length_mm: float,
    anterior_mm: NDArray,
    above_arch_mm: NDArray,
    plane: dict[str, Any],
    group: str | None,
) -> NDArray:
    """Layer-node coordinate (k,) of evenly spaced points of a path.

    anterior_mm (k,) distance of the points in front of the tragus: beyond the fixed SMAS the path
    runs in its medial plane; above_arch_mm (k,) height above the zygion: over the temple and the
    arch it stays above the fascia. group: of the entry, whose anchor it starts from; None: the
    thread is not anchored and lies in its plane from end to end. The ramp from the anchor is
    smooth at both ends, since a kink in depth makes a normal force that no real thread has.
    """
    rules = table("planning")["candidates"]
    s = np.linspace(0.0, length_mm, len(anterior_mm))
    border = value("planning.safety.fixed_smas_anterior")
    medially = _smooth((anterior_mm - (border - _BLEND_MM)) / _BLEND_MM)
    zeta = plane["lateral_zeta"] + (plane["zeta"] - plane["lateral_zeta"]) * medially
    over_arch = _smooth((above_arch_mm + _BELOW_ARCH_MM + _BLEND_MM) / _BLEND_MM)
    zeta = zeta + (np.minimum(zeta, rules["temple_zeta"]) - zeta) * over_arch
    if group is None:
        return zeta
    anchor_zeta = rules["anchor_zeta"][group]
    low, high = rules["ramp_mm"][group]
    ramp = float(np.clip(rules["ramp_share"] * length_mm, low, high))
    return anchor_zeta + (zeta - anchor_zeta) * _smooth(s / ramp)


def _smooth(x: NDArray) -> NDArray:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _vertex_normals(mesh: LayeredMesh) -> NDArray:
    corner = mesh.surface[mesh.surface_triangles]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    out = np.zeros_like(mesh.surface)
    np.add.at(out, mesh.surface_triangles, normal[:, None, :])
    return out / np.maximum(np.linalg.norm(out, axis=1), 1e-12)[:, None]


def _body(thread: Thread, free_mm: float) -> NDArray:
    """Path points (k,3) beyond the free length, and the very places where it ends.

    Between that place and the next path point the threads of a fan are closest.
    """
    bodies = []
    for limb in thread.limbs:
        along, points = thread.from_entry_mm[limb], thread.path_mm[limb]
        if along[-1] > free_mm:
            first = [np.interp(free_mm, along, x) for x in points.T]
            bodies += [np.array([first]), points[along > free_mm]]
    return np.concatenate(bodies) if bodies else thread.path_mm[-1:]


def conflicts(candidates: Sequence[Candidate]) -> NDArray:
    """Pairs (C,C) of one side that lie too close in the same plane beyond the common entry."""
    near = value("planning.conflict.distance")
    free = value("planning.conflict.free_length")
    bodies = []
    for c in candidates:
        bodies.append(_body(c.thread, free))
    owner = np.repeat(np.arange(len(bodies)), [len(b) for b in bodies])
    out = np.zeros((len(bodies), len(bodies)), dtype=bool)
    if not bodies:
        return out
    tree = cKDTree(np.concatenate(bodies))
    pairs = tree.query_pairs(near, output_type="ndarray")
    a, b = owner[pairs[:, 0]], owner[pairs[:, 1]]
    keep = a != b
    out[a[keep], b[keep]] = True
    return out | out.T
