"""Remesh a surface patch to a sizing field: split, collapse, flip, smooth (build-time only).

After Botsch and Kobbelt, "A remeshing approach to multiresolution modeling" (2004), with two
additions: the border consists of fixed corners and of curves along which border vertices slide,
and projection onto the original surface only accepts places whose normal agrees, so that
opposite walls (upper and lower lip) are never confused.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

# Botsch and Kobbelt's hysteresis: a split edge is never short enough to collapse again.
LONG, SHORT = 4.0 / 3.0, 4.0 / 5.0


def closest_on_triangles(p: NDArray, a: NDArray, b: NDArray, c: NDArray) -> NDArray:
    """Barycentric coordinates (..., 3) of the points of triangles abc nearest to p."""
    ab, ac, ap = b - a, c - a, p - a
    d00 = (ab * ab).sum(-1)
    d01 = (ab * ac).sum(-1)
    d11 = (ac * ac).sum(-1)
    d20 = (ap * ab).sum(-1)
    d21 = (ap * ac).sum(-1)
    den = np.maximum(d00 * d11 - d01 * d01, 1e-30)
    v = (d11 * d20 - d01 * d21) / den
    w = (d00 * d21 - d01 * d20) / den
    inside = (v >= 0) & (w >= 0) & (v + w <= 1)
    best = np.stack([1 - v - w, v, w], -1)
    dist = np.where(inside, 0.0, np.inf)
    zero = np.zeros_like(v)
    t = np.clip(d20 / np.maximum(d00, 1e-30), 0, 1)
    s = np.clip(d21 / np.maximum(d11, 1e-30), 0, 1)
    bc = c - b
    r = np.clip(((p - b) * bc).sum(-1) / np.maximum((bc * bc).sum(-1), 1e-30), 0, 1)
    for cand in (
        np.stack([1 - t, t, zero], -1),
        np.stack([1 - s, zero, s], -1),
        np.stack([zero, 1 - r, r], -1),
    ):
        q = cand[..., :1] * a + cand[..., 1:2] * b + cand[..., 2:] * c
        d = ((q - p) ** 2).sum(-1)
        better = d < dist
        dist = np.where(better, d, dist)
        best = np.where(better[..., None], cand, best)
    return best


class Surface:
    """The surface to stay on: triangles with a sizing field [mm] at their vertices."""

    def __init__(self, vertices: NDArray, triangles: NDArray, size: NDArray) -> None:
        self.vertices, self.triangles, self.size = vertices, triangles, size
        corner = vertices[triangles]
        normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        self.normals = normal / np.linalg.norm(normal, axis=1)[:, None]
        self._tree = KDTree(corner.mean(1))

    def project(
        self, points: NDArray, normals: NDArray, k: int = 40
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Triangle (n,), barycentric (n,3), place (n,3) nearest to points with a like normal."""
        _, near = self._tree.query(points, k=min(k, len(self.triangles)))
        corner = self.vertices[self.triangles[near]]
        bary = closest_on_triangles(
            points[:, None], corner[:, :, 0], corner[:, :, 1], corner[:, :, 2]
        )
        place = (bary[..., None] * corner).sum(2)
        dist = np.linalg.norm(place - points[:, None], axis=2)
        agree = (self.normals[near] * normals[:, None]).sum(2)
        pick = np.argmin(dist + np.where(agree > 0.2, 0.0, 1e3), axis=1)
        row = np.arange(len(points))
        return near[row, pick], bary[row, pick], place[row, pick]


@dataclass
class Curve:
    """A border curve: closed, or open between two corners; arc-length parameter [mm]."""

    points: NDArray
    closed: bool
    s: NDArray = field(init=False)

    def __post_init__(self) -> None:
        step = np.linalg.norm(np.diff(self.points, axis=0), axis=1)
        self.s = np.concatenate([[0.0], np.cumsum(step)])

    @property
    def length(self) -> float:
        """Arc length [mm]."""
        return float(self.s[-1])

    def at(self, s: float) -> NDArray:
        """Place (3,) at arc length s."""
        s = s % self.length if self.closed else s
        return np.array([np.interp(s, self.s, self.points[:, c]) for c in range(3)])

    def between(self, s0: float, s1: float, t: float) -> float:
        """Parameter a fraction t of the (short) way from s0 to s1."""
        d = s1 - s0
        if self.closed:
            d = (d + self.length / 2) % self.length - self.length / 2
            return (s0 + t * d) % self.length
        return s0 + t * d


class Patch:
    """A triangulated patch under remeshing.

    border[v] is None inside, (curve id, s) on a curve, and (-1, 0) at a fixed corner;
    corner_params[v] gives a corner's parameter on each curve that ends there.
    """

    def __init__(
        self,
        surface: Surface,
        points: NDArray,
        triangles: NDArray,
        curves: list[Curve],
        border: dict[int, tuple[int, float]],
        corner_params: dict[int, dict[int, float]],
    ) -> None:
        self.surface, self.curves = surface, curves
        self.p = [np.array(x) for x in points]
        self.tri: dict[int, tuple[int, int, int]] = {
            i: (int(t[0]), int(t[1]), int(t[2])) for i, t in enumerate(triangles)
        }
        self.next = len(self.tri)
        self.vt: list[set[int]] = [set() for _ in self.p]
        for i, t in self.tri.items():
            for v in t:
                self.vt[v].add(i)
        self.border = dict(border)
        self.corner_params = corner_params
        self.h = list(np.zeros(len(self.p)))
        self.reproject()

    def edge_tris(self, a: int, b: int) -> set[int]:
        """Triangles on edge ab."""
        return self.vt[a] & self.vt[b]

    def param(self, v: int, curve: int) -> float | None:
        """Arc length of border vertex v on a curve; None if it is not on it."""
        where = self.border.get(v)
        if where is None:
            return None
        if where[0] == -1:
            return self.corner_params[v].get(curve)
        return where[1] if where[0] == curve else None

    def edge_curve(self, a: int, b: int) -> int | None:
        """The curve on which border edge ab lies."""
        for q in (a, b):
            where = self.border[q]
            if where[0] >= 0:
                return where[0]
        common = set(self.corner_params[a]) & set(self.corner_params[b])
        return min(common) if common else None

    def edges(self) -> list[tuple[int, int]]:
        """All edges (a < b), sorted."""
        return sorted(
            {
                (min(t[i], t[j]), max(t[i], t[j]))
                for t in self.tri.values()
                for i, j in ((0, 1), (1, 2), (2, 0))
            }
        )

    def target(self, a: int, b: int) -> float:
        """Wanted length [mm] of edge ab."""
        return 0.5 * (self.h[a] + self.h[b])

    def length(self, a: int, b: int) -> float:
        """Length [mm] of edge ab."""
        return float(np.linalg.norm(self.p[a] - self.p[b]))

    def normal(self, t: tuple[int, int, int]) -> NDArray:
        """Normal (3,) of a triangle, twice its area long."""
        a, b, c = (self.p[v] for v in t)
        return np.cross(b - a, c - a)

    def add(self, t: tuple[int, int, int]) -> None:
        """Add a triangle."""
        self.tri[self.next] = t
        for v in t:
            self.vt[v].add(self.next)
        self.next += 1

    def drop(self, i: int) -> tuple[int, int, int]:
        """Remove a triangle and return it."""
        t = self.tri.pop(i)
        for v in t:
            self.vt[v].discard(i)
        return t

    def split(self, a: int, b: int) -> None:
        """Halve edge ab; on the border along its curve."""
        sides = self.edge_tris(a, b)
        v = len(self.p)
        self.vt.append(set())
        self.h.append(0.5 * (self.h[a] + self.h[b]))
        if len(sides) == 1:
            curve = self.edge_curve(a, b)
            assert curve is not None
            sa, sb = self.param(a, curve), self.param(b, curve)
            assert sa is not None
            assert sb is not None
            s = self.curves[curve].between(sa, sb, 0.5)
            self.border[v] = (curve, s)
            self.p.append(self.curves[curve].at(s))
        else:
            self.p.append(0.5 * (self.p[a] + self.p[b]))
        for i in sorted(sides):
            t = self.drop(i)
            self.add(tuple(v if q == b else q for q in t))  # type: ignore[arg-type]
            self.add(tuple(v if q == a else q for q in t))  # type: ignore[arg-type]

    def collapse(self, a: int, b: int) -> bool:
        """Merge a into b (or into their middle when both are inside) if that stays valid."""
        sides = self.edge_tris(a, b)
        on_a, on_b = self.border.get(a), self.border.get(b)
        if on_a is not None and on_b is None:
            a, b, on_a, on_b = b, a, on_b, on_a
        if on_a is not None and on_b is not None:
            if len(sides) != 1:
                return False
            if on_a[0] == -1:
                a, b, on_a, on_b = b, a, on_b, on_a
            if on_a[0] == -1 or (on_b[0] not in (-1, on_a[0])):
                return False
        ring_a = {v for i in self.vt[a] for v in self.tri[i]} - {a}
        ring_b = {v for i in self.vt[b] for v in self.tri[i]} - {b}
        opposite = {v for i in sides for v in self.tri[i]} - {a, b}
        if (ring_a & ring_b) != opposite:
            return False
        place = self.p[b] if on_b is not None else 0.5 * (self.p[a] + self.p[b])
        for v in (ring_a | ring_b) - {a, b}:
            if np.linalg.norm(self.p[v] - place) > LONG * 0.5 * (self.h[v] + self.h[b]):
                return False
        for i in (self.vt[a] | self.vt[b]) - sides:
            t = self.tri[i]
            old = self.normal(t)
            q = [place if v in (a, b) else self.p[v] for v in t]
            new = np.cross(q[1] - q[0], q[2] - q[0])
            if old @ new < 0.3 * np.linalg.norm(old) * np.linalg.norm(new):
                return False
            # A triangle whose corners are all on the border would join two curves.
            if all(v == b or v in self.border for v in t if v != a) and on_b is not None:
                others = [v for v in t if v not in (a, b)]
                if all(len(self.edge_tris(u, b)) == 0 for u in others):
                    return False
        for i in sorted(sides):
            self.drop(i)
        for i in sorted(self.vt[a]):
            t = self.drop(i)
            self.add(tuple(b if q == a else q for q in t))  # type: ignore[arg-type]
        self.border.pop(a, None)
        self.p[b] = place
        return True

    def flip_if_better(self, a: int, b: int) -> bool:
        """Flip ab when the two opposite angles sum to more than pi (intrinsic Delaunay)."""
        sides = sorted(self.edge_tris(a, b))
        if len(sides) != 2:
            return False
        t0, t1 = self.tri[sides[0]], self.tri[sides[1]]
        c = next(v for v in t0 if v not in (a, b))
        d = next(v for v in t1 if v not in (a, b))
        if self.edge_tris(c, d) or c == d:
            return False

        def angle(o: int) -> float:
            u, w = self.p[a] - self.p[o], self.p[b] - self.p[o]
            return float(np.arctan2(np.linalg.norm(np.cross(u, w)), u @ w))

        if angle(c) + angle(d) <= np.pi + 1e-3:
            return False
        if t0[(t0.index(a) + 1) % 3] != b:
            a, b = b, a
        n0, n1 = (a, d, c), (b, c, d)
        mean = self.normal(t0) + self.normal(t1)
        for t in (n0, n1):
            n = self.normal(t)
            if n @ mean < 0.5 * np.linalg.norm(n) * np.linalg.norm(mean):
                return False
        self.drop(sides[0])
        self.drop(sides[1])
        self.add(n0)
        self.add(n1)
        return True

    def arrays(self) -> tuple[NDArray, NDArray, NDArray]:
        """Live vertex ids, their positions, and triangles over them."""
        live = np.array(sorted({v for t in self.tri.values() for v in t}))
        renumber = np.full(len(self.p), -1)
        renumber[live] = np.arange(len(live))
        tris = renumber[np.array([self.tri[i] for i in sorted(self.tri)])]
        return live, np.array([self.p[v] for v in live]), tris

    def vertex_normals(self, points: NDArray, tris: NDArray) -> NDArray:
        """Area-weighted unit normals (n,3)."""
        n = np.zeros_like(points)
        face = np.cross(
            points[tris[:, 1]] - points[tris[:, 0]], points[tris[:, 2]] - points[tris[:, 0]]
        )
        for k in range(3):
            np.add.at(n, tris[:, k], face)
        return n / np.linalg.norm(n, axis=1)[:, None]

    def reproject(self) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """Put vertices on the surface; returns live ids, surface triangles, barycentrics, tris."""
        live, points, tris = self.arrays()
        at, bary, place = self.surface.project(points, self.vertex_normals(points, tris))
        size = (self.surface.size[self.surface.triangles[at]] * bary).sum(1)
        for i, v in enumerate(live):
            if v not in self.border:
                self.p[v] = place[i]
            self.h[v] = float(size[i])
        return live, at, bary, tris

    def smooth(self, amount: float = 0.8, frozen: set[int] | None = None) -> None:
        """Move vertices to the weighted centroid of their fan, border ones along their curve."""
        live, points, tris = self.arrays()
        h = np.array([self.h[v] for v in live])
        corner = points[tris]
        normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        area = np.linalg.norm(normal, axis=1) / 2
        weight = area / h[tris].mean(1) ** 4
        total = np.zeros(len(live))
        centre = np.zeros_like(points)
        for k in range(3):
            np.add.at(total, tris[:, k], weight)
            np.add.at(centre, tris[:, k], weight[:, None] * corner.mean(1))
        centre /= total[:, None]
        vn = self.vertex_normals(points, tris)
        move = centre - points
        move -= (move * vn).sum(1)[:, None] * vn
        for i, v in enumerate(live):
            where = self.border.get(int(v))
            if frozen is not None and v in frozen:
                continue
            if where is None:
                self.p[v] = points[i] + amount * move[i]
            elif where[0] >= 0:
                self._slide(int(v), amount)
        self.reproject()

    def _slide(self, v: int, amount: float) -> None:
        curve, s = self.border[v]
        ring = {u for i in self.vt[v] for u in self.tri[i]} - {v}
        ends = [u for u in sorted(ring) if len(self.edge_tris(u, v)) == 1]
        params = [self.param(u, curve) for u in ends]
        if len(params) != 2 or params[0] is None or params[1] is None:
            return
        c = self.curves[curve]
        # Both gaps in units of the wanted size: balance them.
        gaps = []
        for u, q in zip(ends, params, strict=True):
            d = abs(c.between(s, q, 1.0) - s)
            d = min(d, c.length - d) if c.closed else d
            gaps.append(d / self.target(u, v))
        share = 0.5 * (gaps[1] - gaps[0]) / max(gaps[0] + gaps[1], 1e-9)
        toward = params[1] if share > 0 else params[0]
        s = c.between(s, toward, amount * abs(share))
        self.border[v] = (curve, s)
        self.p[v] = c.at(s)

    def run(self, rounds: int = 12, polish: int = 25) -> None:
        """Alternate the four operations, then polish with flips and smoothing only."""
        for _ in range(rounds):
            for a, b in sorted(self.edges(), key=lambda e: -self.length(*e)):
                if self.length(a, b) > LONG * self.target(a, b):
                    self.split(a, b)
            for a, b in sorted(self.edges(), key=lambda e: self.length(*e)):
                if (
                    self.vt[a]
                    and self.vt[b]
                    and self.edge_tris(a, b)
                    and self.length(a, b) < SHORT * self.target(a, b)
                ):
                    self.collapse(a, b)
            self.flips()
            for _ in range(3):
                self.smooth()
                self.flips()
        for _ in range(polish):
            self.smooth(0.6)
            self.flips()

    def flips(self, sweeps: int = 4) -> None:
        """Flip edges until none gets better."""
        for _ in range(sweeps):
            if not sum(self.flip_if_better(a, b) for a, b in self.edges()):
                break
