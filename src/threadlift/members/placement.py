"""A thread where the hand really put it: deeper or shallower than planned, and to one side."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from threadlift.face.closest import SurfaceIndex
from threadlift.threads.thread import Thread
from threadlift.tissue.mesh import LayeredMesh

Array = NDArray[np.float64]

#: The entry is where it was planned; over this length [mm] a shift in depth grows to its full size.
_RAMP_MM = 15.0
#: A thread stays at least this far below the surface and above the base [mm].
_MARGIN_MM = 0.4
_LAYERS = np.array(["skin", "fat", "smas", "deep"])


@dataclass(frozen=True)
class Course:
    """Points (k,3) [mm] of one path or of many, one after the other, and what a slip needs of them.

    depth_mm (k,) below the skin; from_entry_mm (k,) along the path; share (k,) of the way from the
    entry to the end of the limb; tangent (k,3) unit, away from the entry; sign (k,) +1 on the left,
    -1 on the right, so that mirror images slip the mirrored way.
    """

    path_mm: Array
    depth_mm: Array
    from_entry_mm: Array
    share: Array
    tangent: Array
    sign: Array

    @classmethod
    def of(cls, thread: Thread) -> Course:
        """The course of one thread."""
        path, away = thread.path_mm, thread.from_entry_mm
        tangent = np.gradient(path, axis=0)
        tangent = tangent / np.linalg.norm(tangent, axis=1)[:, None]
        share = np.zeros(len(path))
        for limb in thread.limbs:
            share[limb] = away[limb] / away[limb[-1]]
        # Before the turn the limb runs against the order of its points.
        tangent[: thread.turn] *= -1.0
        sign = np.full(len(path), 1.0 if thread.side == "left" else -1.0)
        return cls(path, np.asarray(thread.depth_mm), away, share, tangent, sign)

    @classmethod
    def joined(cls, parts: list[Course]) -> Course:
        """Many courses as one."""
        return cls(
            *(
                np.concatenate([getattr(p, name) for p in parts])
                for name in cls.__dataclass_fields__
            )
        )


class Ground:
    """Columns of tissue under the skin of one mesh, found from points in them."""

    def __init__(self, mesh: LayeredMesh) -> None:
        self._skin = SurfaceIndex(mesh.surface, mesh.surface_triangles)
        grid = mesh.points.reshape(-1, mesh.nl, 3)
        arrow = grid[:, -1] - grid[:, 0]
        total = np.linalg.norm(arrow, axis=1)
        below = np.cumsum(mesh.sublayer_mm, axis=1)
        sublayers = np.asarray(mesh.sublayers)
        last = [int(np.flatnonzero(sublayers == layer)[-1]) for layer in range(3)]
        # Per column: direction inwards, depth of the base, undersides of skin, fat and SMAS.
        self._fields = np.column_stack([arrow / total[:, None], total, below[:, last]])

    def under(self, points: Array) -> tuple[Array, Array, Array, Array]:
        """Nearest skin (k,3), direction inwards (k,3), depth of the base (k,), undersides (k,3)."""
        near = self._skin.closest(points)
        corner = self._skin.triangles[near.triangle]
        fields = np.einsum("kc,kcf->kf", near.bary, self._fields[corner])
        inward = fields[:, :3] / np.linalg.norm(fields[:, :3], axis=1)[:, None]
        return near.point, inward, fields[:, 3], fields[:, 4:]

    def slipped(
        self, course: Course, deeper_mm: Array | float, aside_mm: Array | float
    ) -> tuple[Array, Array, Array]:
        """Points (k,3), depths (k,) [mm] and layers (k,) of a course that slipped.

        deeper_mm: (k,) or one for all, reached over the ramp behind the entry; aside_mm: alike, at
        the end of the limb: a wrong direction, which grows with the way. The depth below the skin
        is kept on the way aside.
        """
        foot, inward, total, undersides = self.under(course.path_mm)
        path = course.path_mm
        if np.any(aside_mm):
            across = course.sign[:, None] * np.cross(course.tangent, inward)
            across /= np.maximum(np.linalg.norm(across, axis=1), 1e-12)[:, None]
            beside = foot + (course.share * aside_mm)[:, None] * across
            new_foot, new_inward, total, undersides = self.under(beside)
            path = path + (new_foot - foot) + course.depth_mm[:, None] * (new_inward - inward)
            inward = new_inward
        wanted = course.depth_mm + deeper_mm * np.minimum(course.from_entry_mm / _RAMP_MM, 1.0)
        # What was planned outside the margins (an entry at the surface) stays where it was planned.
        low = np.minimum(course.depth_mm, _MARGIN_MM)
        high = np.maximum(course.depth_mm, total - _MARGIN_MM)
        depth = np.clip(wanted, low, high)
        path = path + (depth - course.depth_mm)[:, None] * inward
        return path, depth, _LAYERS[(depth[:, None] > undersides).sum(axis=1)]


def displaced(
    thread: Thread, deeper_mm: float, mesh: LayeredMesh | Ground, aside_mm: float = 0.0
) -> Thread:
    """The thread `deeper_mm` deeper (negative: shallower), its end `aside_mm` off to one side."""
    if deeper_mm == 0.0 and aside_mm == 0.0:
        return thread
    ground = mesh if isinstance(mesh, Ground) else Ground(mesh)
    path, depth, layer = ground.slipped(Course.of(thread), deeper_mm, aside_mm)
    return replace(thread, path_mm=path, depth_mm=depth, layer=tuple(layer.tolist()))
