"""The candidate threads of one face: entry x target x depth profile, on both sides.

A candidate is a line along the skin (:mod:`threadlift.planning.paths`) and a depth under it given
as layer-node coordinate zeta (1 = skin/fat, 2 = mid fat, 3 = fat/SMAS, 4 = SMAS/deep): it starts
in the fascia that holds its anchor and rises smoothly to its plane. Candidate i of the right side
is the mirror image of candidate i of the left one.
"""

from __future__ import annotations

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
from threadlift.threads import Bed, Thread, product, tension_profile
from threadlift.threads.thread import SIDES, Side
from threadlift.tissue.bed import bed_along
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
    normals = _vertex_normals(mesh)
    for side in SIDES:
        open_entries = _safe_entries(mesh, side, entries, skin, hazards, rules)
        lines = _lines(mesh, normals, side, open_entries, targets, rules)
        raw += _of_side(mesh, side, lines, skin, marks, rules)
    refused: dict[str, int] = {}
    safe = []
    examined = examine([c.thread for c in raw], skin, marks, hazards)
    for candidate, found in zip(raw, examined, strict=True):
        broken = sorted({v.rule for v in found.violations})
        if sharpest_turn(candidate.thread, candidate.entry.group) > rules["turn_deg"]:
            broken.append("kink")
        for rule in broken:
            refused[rule] = refused.get(rule, 0) + 1
        if not broken:
            bed = bed_along(mesh, candidate.thread.path_mm)
            levels = _levels(candidate.thread, rules["levels_n"], bed)
            if levels:
                safe.append(replace(candidate, levels_n=levels, p_hit=found.p_hit))
    return CandidateSet(tuple(safe), len(raw), refused)


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
    rules: dict[str, Any],
) -> list[Candidate]:
    depths = rules["depths"]
    made = []
    for entry, target, line in lines:
        feet, _, _ = mesh.point_at(line.tri, line.bary, np.zeros(len(line.tri)))
        anterior = feet[:, 2] - marks.tragus[side][2]
        above = feet[:, 1] - marks.arch[side][1]
        for d, row in enumerate(depths):
            zeta = depth_profile(line.length_mm, anterior, above, row, entry.group)
            points, wedge, weights = mesh.point_at(line.tri, line.bary, zeta)
            made.append((entry, target, d, feet[0], points, mesh.wedges[wedge], weights))
    if not made:
        return []
    place = skin.place(np.concatenate([m[4] for m in made]))
    depth, layers = place.depth_mm, place.layers()
    out, i = [], 0
    kind = product(rules["product"])
    for entry, target, d, entry_mm, points, nodes, weights in made:
        mine = slice(i, i + len(points))
        i = mine.stop
        if (depth[mine] < 0.0).any():
            continue
        thread = Thread(
            id=f"{entry.name} > {target.name}, {depths[d]['name']}",
            side=side,
            product=kind.name,
            technique="anchored",
            entry_mm=np.round(entry_mm, DIGITS),
            path_mm=np.round(points, DIGITS),
            depth_mm=np.round(depth[mine].astype(np.float64), DIGITS),
            layer=layers[mine],
            tension_n=rules["levels_n"][0],
        )
        number = _number(entry, target, d)
        out.append(
            Candidate(number, side, entry, target, depths[d]["name"], thread, nodes, weights, ())
        )
    return out


def sharpest_turn(thread: Thread, group: str) -> float:
    """Largest angle [deg] between two steps of a path beyond its ramp from the anchor."""
    ramp = table("planning")["candidates"]["ramp_mm"][group][1]
    path = thread.path_mm[thread.arc_mm > ramp]
    step = np.diff(path, axis=0)
    step = step / np.linalg.norm(step, axis=1)[:, None]
    cosine = np.einsum("kc,kc->k", step[1:], step[:-1])
    return float(np.degrees(np.arccos(np.clip(cosine.min(initial=1.0), -1.0, 1.0))))


def _levels(thread: Thread, levels_n: Sequence[float], bed: Bed) -> tuple[float, ...]:
    """The tension levels [N] that the product allows and the cogs hold along this path.

    Without the bed, as the safety kernel sees it, and with it, as the tissue does.
    """
    kind = product(thread.product)
    most = min(kind.max_tension_n, value("planning.safety.tension_thread"))
    holding = min(
        tension_profile(thread, kind, bed=b, tension_n=most).effective_n for b in (None, bed)
    )
    return tuple(t for t in levels_n if t <= holding + 1e-9)


def _number(entry: Anchor, target: Anchor, depth: int) -> int:
    """A number for (entry, target, depth) that does not hang on what else is admissible."""
    return (entry.corners[0] * 100_000 + target.corners[0]) * 10 + depth


def depth_profile(
    length_mm: float,
    anterior_mm: NDArray,
    above_arch_mm: NDArray,
    plane: dict[str, Any],
    group: str,
) -> NDArray:
    """Layer-node coordinate (k,) of evenly spaced points of a path.

    anterior_mm (k,) distance of the points in front of the tragus: beyond the fixed SMAS the path
    runs in its medial plane; above_arch_mm (k,) height above the zygion: over the temple and the
    arch it stays above the fascia. The ramp from the anchor is smooth at both ends, since a kink
    in depth makes a normal force that no real thread has.
    """
    rules = table("planning")["candidates"]
    s = np.linspace(0.0, length_mm, len(anterior_mm))
    border = value("planning.safety.fixed_smas_anterior")
    medially = _smooth((anterior_mm - (border - _BLEND_MM)) / _BLEND_MM)
    zeta = plane["lateral_zeta"] + (plane["zeta"] - plane["lateral_zeta"]) * medially
    over_arch = _smooth((above_arch_mm + _BELOW_ARCH_MM + _BLEND_MM) / _BLEND_MM)
    zeta = zeta + (np.minimum(zeta, rules["temple_zeta"]) - zeta) * over_arch
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


def conflicts(candidates: Sequence[Candidate]) -> NDArray:
    """Pairs (C,C) of one side that lie too close in the same plane beyond the common entry."""
    near = value("planning.conflict.distance")
    free = value("planning.conflict.free_length")
    bodies = []
    for c in candidates:
        points = c.thread.path_mm[c.thread.arc_mm >= free]
        bodies.append(points if len(points) else c.thread.path_mm[-1:])
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
