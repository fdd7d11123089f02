"""Places on one side of a face, built from landmarks and found on the skin.

The register describes a place by a landmark (or a point between two, or on the mandibular border)
and an offset in the patient frame; published surface anatomy reads like that. Both sides are built
by the same code: the right side is reflected, built as a left one, and reflected back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline, PchipInterpolator

from threadlift.evidence import value
from threadlift.face.closest import SurfaceIndex
from threadlift.frames import MIRROR

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]
Spec = Mapping[str, Any]

SIDES: tuple[str, str] = ("left", "right")

#: Landmarks along the mandibular border, gonion to menton.
BORDER: tuple[str, ...] = ("gonion", "jowl_point", "prejowl_sulcus", "menton")


class FaceLike(Protocol):
    """What placement needs of a face: vertices (n, 3) in the patient frame, and landmarks."""

    @property
    def vertices(self) -> Array: ...  # noqa: D102
    @property
    def landmarks(self) -> Mapping[str, Array]: ...  # noqa: D102


@dataclass(frozen=True)
class OnSkin:
    """Points (k, 3) on the skin with the triangle (k,) and barycentric weights (k, 3) they lie in.

    `triangle` numbers rows of the `triangles` given to :class:`HalfFace`.
    """

    points: Array
    triangle: IntArray
    bary: Array


class HalfFace:
    """One side of a face, reflected so that lateral is +x.

    face: vertices (n, 3) [mm] and landmarks; triangles (m, 3) of its skin; side "left" | "right".
    """

    def __init__(self, face: FaceLike, triangles: IntArray, side: str) -> None:
        self.side = side
        self._sign = MIRROR if side == "right" else np.ones(3)
        self._suffix = "_R" if side == "right" else "_L"
        self._landmarks = face.landmarks
        self.triangles = triangles
        self._index = SurfaceIndex(np.asarray(face.vertices, dtype=float) * self._sign, triangles)

    @cached_property
    def size(self) -> float:
        """Tragus-to-commissure distance over that of the published series (1 = their size)."""
        span = np.linalg.norm(self.landmark("tragus") - self.landmark("cheilion"))
        return float(span / value("anatomy.reference.tragus_cheilion"))

    def landmark(self, name: str) -> Array:
        """Position (3,) of a landmark of this side, or of the midline, in the reflected frame."""
        marks = self._landmarks
        key = name if name in marks else f"{name}{self._suffix}"
        return np.asarray(marks[key], dtype=float) * self._sign

    def to_patient(self, points: Array) -> Array:
        """Reflected-frame points (..., 3) in the patient frame."""
        # Adding zero keeps the midline free of negative zeros.
        return points * self._sign + 0.0

    def target(self, spec: Spec, scale: float = 1.0) -> Array:
        """Position (3,) that a register row describes, before it is put on the skin.

        Offsets [mm] are multiplied by `scale` (ligaments grow with the face; nerves and vessels
        keep the published millimetres). `lateral_from` names the landmark from which the lateral
        offset counts (a distance from the midline), while height and depth keep their anchor.
        """
        if "border_mm" in spec:
            point = self._on_border(scale * float(spec["border_mm"]))
        elif "between" in spec:
            a, b = (self.target_of(item) for item in spec["between"])
            share = (
                scale * float(spec["at_mm"]) / float(np.linalg.norm(b - a))
                if "at_mm" in spec
                else float(spec.get("at", 0.5))
            )
            point = a + share * (b - a)
        else:
            point = self.target_of(spec["anchor"])
        if "lateral_from" in spec:
            point = np.array([self.landmark(spec["lateral_from"])[0], point[1], point[2]])
        point = point + scale * np.asarray(spec.get("offset_mm", (0.0, 0.0, 0.0)), dtype=float)
        if "toward" in spec:
            way = self.landmark(spec["toward"]) - point
            way[1] = 0.0
            point = point + scale * float(spec["toward_mm"]) * way / np.linalg.norm(way)
        return point

    def target_of(self, item: str | Spec) -> Array:
        """Position (3,) of a landmark name or of a nested place."""
        return self.landmark(item) if isinstance(item, str) else self.target(item)

    def _on_border(self, arc_mm: float) -> Array:
        points = np.stack([self.landmark(name) for name in BORDER])
        arcs = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        return np.array([np.interp(arc_mm, arcs, points[:, c]) for c in range(3)])

    def place(self, spec: Spec, scale: float = 1.0) -> OnSkin:
        """The skin point that a register row describes.

        `project` = "lateral" keeps height and forward position (side view), "frontal" keeps
        height and lateral position (front view), "closest" (default) takes the nearest point.
        """
        point = self.target(spec, scale)
        how = spec.get("project", "closest")
        if how != "closest":
            point = self._cast(point, 0 if how == "lateral" else 2)
        return self.closest(point[None])

    def closest(self, points: Array) -> OnSkin:
        """Nearest skin points of `points` (k, 3)."""
        found = self._index.closest(points)
        return OnSkin(found.point, found.triangle, found.bary)

    def _cast(self, point: Array, axis: int) -> Array:
        """Outermost skin point on the line through `point` along an axis (itself if none)."""
        u, v = (i for i in range(3) if i != axis)
        corner = self._index.vertices[self.triangles]
        a, b, c = corner[:, 0], corner[:, 1], corner[:, 2]
        area = (b[:, u] - a[:, u]) * (c[:, v] - a[:, v]) - (b[:, v] - a[:, v]) * (c[:, u] - a[:, u])
        solid = np.abs(area) > 1e-12
        area = np.where(solid, area, 1.0)
        wb = (
            (point[u] - a[:, u]) * (c[:, v] - a[:, v]) - (point[v] - a[:, v]) * (c[:, u] - a[:, u])
        ) / area
        wc = (
            (b[:, u] - a[:, u]) * (point[v] - a[:, v]) - (b[:, v] - a[:, v]) * (point[u] - a[:, u])
        ) / area
        # Rays along shared edges must hit at least one of the two triangles.
        slack = -1e-9
        hit = solid & (wb >= slack) & (wc >= slack) & (wb + wc <= 1.0 - slack)
        if not hit.any():
            return point
        depth = (a[:, axis] + wb * (b[:, axis] - a[:, axis]) + wc * (c[:, axis] - a[:, axis]))[hit]
        out = point.copy()
        out[axis] = depth.max()
        return out

    def curve(self, controls: Array, step_mm: float, closed: bool = False) -> tuple[OnSkin, Array]:
        """A smooth curve on the skin through control points (c, 3), about `step_mm` apart.

        Returns the points and their position (k,) in control-point numbers (0..c-1, or 0..c when
        closed). An open curve is monotone cubic between the controls, so that it cannot swing out;
        a closed one is a periodic spline, so that it has no corner. Both are then put on the skin.
        """
        points = np.vstack([controls, controls[:1]]) if closed else controls
        arcs = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        count = max(int(np.ceil(arcs[-1] / step_mm)), 1)
        s = np.union1d(np.linspace(0.0, arcs[-1], count + 1), arcs)
        s = s[np.concatenate([[True], np.diff(s) > 1e-9])]
        spline = (
            CubicSpline(arcs, points, axis=0, bc_type="periodic")
            if closed
            else PchipInterpolator(arcs, points, axis=0)
        )
        smooth = np.asarray(spline(s), dtype=float)
        return self.closest(smooth), np.interp(s, arcs, np.arange(len(points)))


def at_points(values: Array, triangles: IntArray, found: OnSkin) -> Array:
    """Vertex values (n, ...) interpolated to points on the skin (k, ...)."""
    return np.einsum("kc,kc...->k...", found.bary, values[triangles[found.triangle]])


def chain(half: HalfFace, specs: Sequence[Spec], scale: float = 1.0) -> Array:
    """Skin points (c, 3) of a row of places, in the reflected frame."""
    return np.concatenate([half.place(spec, scale).points for spec in specs])
