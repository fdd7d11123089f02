"""A thread placed a little differently: the same thread with an end, its depth or its pull changed.

A move acts on the column coordinates of the path (place on the skin and layer-node coordinate), so
that a thread whose end is shifted stays in its plane, and one that is sunk keeps its course.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.planning.rows import vertex_normals
from threadlift.planning.skin import Skin
from threadlift.threads import Thread
from threadlift.tissue.mesh import LayeredMesh

Kind = Literal["entry-across", "target-along", "target-across", "depth", "tension", "left-out"]

# Over this many millimetres from an anchor a change of depth grows to its full size.
_RAMP_MM = 10.0
# Decimals of millimetres that a plan states: a moved thread is stated like a planned one.
_DIGITS = 2
_AXES = (("medial", "lateral"), ("down", "up"), ("back", "forward"))


@dataclass(frozen=True)
class Move:
    """One change: kind, signed size, unit, and the anatomical direction in which the end goes.

    `by` counts along the path away from the entry, to the left of somebody who looks along the
    thread from outside (across), deeper, or as a share of the tension; `toward` is set once the
    move is applied to a thread.
    """

    kind: Kind
    by: float
    unit: str
    toward: str = ""

    def to_json(self) -> dict[str, Any]:
        """The form that plan.json holds."""
        return {"kind": self.kind, "by": self.by, "unit": self.unit, "toward": self.toward}


def moves() -> tuple[Move, ...]:
    """The changes that every thread of a plan is asked about (sizes from the register)."""
    shift, sink, pull = (value(f"planning.reasons.{n}") for n in ("shift", "sink", "pull"))
    both = (-1.0, 1.0)
    kinds: tuple[Kind, ...] = ("entry-across", "target-along", "target-across")
    return (
        *(Move(kind, sign * shift, "mm") for kind in kinds for sign in both),
        *(Move("depth", sign * sink, "mm", "deeper" if sign > 0 else "shallower") for sign in both),
        *(Move("tension", sign * pull, "1", "tighter" if sign > 0 else "looser") for sign in both),
        Move("left-out", 0.0, "1"),
    )


def moved(mesh: LayeredMesh, skin: Skin, thread: Thread, move: Move) -> tuple[Thread, Move] | None:
    """A thread after a move, and the move with its direction; None where it leaves the mesh.

    A thread that is left out is None, too. Paths keep the number of their points.
    """
    if move.kind == "left-out":
        return None
    if move.kind == "tension":
        return thread.with_tension(round(thread.tension_n * (1.0 + move.by), _DIGITS)), move
    if move.kind == "depth":
        return _rebuilt(skin, thread, _sunk(mesh, thread, move.by), thread.entry_mm), move
    return _shifted(mesh, skin, thread, move)


def _sunk(mesh: LayeredMesh, thread: Thread, by_mm: float) -> NDArray:
    """Path points (k,3) by_mm deeper along the columns; an anchor stays where it is held."""
    tri, bary, _ = mesh.locator.columns(thread.path_mm)
    ends = [mesh.point_at(tri, bary, np.full(len(tri), z))[0] for z in (0.0, mesh.nl - 1.0)]
    inward = ends[1] - ends[0]
    inward /= np.linalg.norm(inward, axis=1)[:, None]
    share = np.ones(len(tri))
    if thread.technique != "floating":
        ramp = np.clip(thread.from_entry_mm / _RAMP_MM, 0.0, 1.0)
        share = ramp * ramp * (3.0 - 2.0 * ramp)
    return thread.path_mm + by_mm * share[:, None] * inward


def _shifted(
    mesh: LayeredMesh, skin: Skin, thread: Thread, move: Move
) -> tuple[Thread, Move] | None:
    """An end moved along the skin; the rest follows in proportion to its distance from the other.

    The thread stays in its plane: every point keeps its layer-node coordinate.
    """
    tri, bary, zeta = mesh.locator.columns(thread.path_mm)
    feet = mesh.point_at(tri, bary, np.zeros(len(tri)))[0]
    normals = vertex_normals(mesh.surface, mesh.surface_triangles)
    normal = np.einsum("kc,kcd->kd", bary, normals[mesh.surface_triangles[tri]])
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    along = np.gradient(feet, axis=0)
    along -= np.einsum("kc,kc->k", along, normal)[:, None] * normal
    along /= np.maximum(np.linalg.norm(along, axis=1), 1e-12)[:, None]
    direction = along if move.kind == "target-along" else np.cross(normal, along)
    share = thread.outwards
    if move.kind == "entry-across":
        share = 1.0 - share
    wanted = feet + move.by * share[:, None] * direction
    place = mesh.paths.nearest(wanted)
    new_tri, new_bary = place[0], place[1]
    points, _, _ = mesh.point_at(new_tri, new_bary, zeta)
    new_feet = mesh.point_at(new_tri, new_bary, np.zeros(len(tri)))[0]
    end = (thread.anchor or 0) if move.kind == "entry-across" else -1
    step = new_feet[end] - feet[end]
    # The skin ends at the rims: an end that cannot go as far as asked has no answer.
    if np.linalg.norm(step) < 0.8 * abs(move.by):
        return None
    entry = thread.entry_mm + (new_feet[thread.turn] - feet[thread.turn])
    toward = _toward(step, 1.0 if thread.side == "left" else -1.0)
    return _rebuilt(skin, thread, points, entry), replace(move, toward=toward)


def _toward(step: NDArray, outward: float) -> str:
    """The anatomical direction that a step (3,) [mm] mostly goes."""
    seen = step * np.array([outward, 1.0, 1.0])
    axis = int(np.argmax(np.abs(seen)))
    return _AXES[axis][int(seen[axis] > 0.0)]


def _rebuilt(skin: Skin, thread: Thread, points: NDArray, entry: NDArray) -> Thread:
    """The thread along other points (k,3), its depths and layers measured in the face."""
    place = skin.place(points)
    return replace(
        thread,
        entry_mm=np.round(entry, _DIGITS),
        path_mm=np.round(points, _DIGITS),
        depth_mm=np.round(np.maximum(place.depth_mm, 0.0), _DIGITS),
        layer=place.layers(),
    )
