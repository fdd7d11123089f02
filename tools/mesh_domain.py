"""The part of the template that the layered mesh covers: cut, clipped, with named borders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remesh import Curve

# Closed edge loops of the hm08 head where the domain ends (left side; the mouth's is whole):
# a line just in front of where the lips meet, the lid margin, the nostril's inner edge.
CUTS = {
    "mouth": [
        416,
        417,
        449,
        5353,
        453,
        459,
        462,
        465,
        468,
        7224,
        7221,
        7218,
        7213,
        11955,
        7209,
        7177,
        7176,
        7190,
        10401,
        7188,
        7189,
        10374,
        7203,
        7198,
        7231,
        7237,
        7243,
        494,
        488,
        482,
        476,
        438,
        443,
        3706,
        429,
        428,
        3733,
        430,
    ],
    "eye": [
        6784,
        6785,
        6838,
        6841,
        6844,
        6886,
        6847,
        6850,
        6853,
        6856,
        6837,
        11695,
        6834,
        6831,
        6828,
        6825,
        6820,
        6817,
        6814,
        11693,
        6811,
        6808,
        6805,
        6802,
        6799,
        6796,
        6793,
        6790,
    ],
    "nostril": [7096, 7082, 7087, 7086, 7083, 7125, 7089, 7090, 7091, 7092, 7093, 7094],
}

# Guide points of the outer rim in side view: landmark, then the offset (z forward, y up) in mm.
RIM_GUIDE = (
    ("trichion", (60.0, -4.0)),
    ("trichion", (-12.0, -3.0)),
    ("temple_L", (17.0, 26.0)),
    ("temple_L", (2.0, 20.0)),
    ("otobasion_superius_L", (0.5, 16.0)),
    ("otobasion_superius_L", (3.0, 0.0)),
    ("tragion_L", (7.0, 0.0)),
    ("otobasion_inferius_L", (3.5, 2.0)),
    ("otobasion_inferius_L", (-2.0, -9.0)),
    ("gonion_L", (-27.0, -1.0)),
    ("gonion_L", (-30.0, -18.0)),
    ("cervical_point", (-25.0, -12.0)),
    ("cervical_point", (-8.0, -14.0)),
    ("cervical_point", (60.0, -14.0)),
)


@dataclass(frozen=True)
class Half:
    """The left half of the domain, cut out of the template but not yet clipped at the rim."""

    vertices: NDArray
    triangles: NDArray
    ids: NDArray  # template vertex of every half vertex
    hole: dict[str, set[int]]  # rim name -> half vertices on it


def midpoints(triangles: NDArray, n_coarse: int) -> dict[tuple[int, int], int]:
    """Fine vertex that Loop subdivision put on every coarse edge."""
    out: dict[int, list[int]] = {}
    for t in triangles:
        for k in range(3):
            a, m = int(t[k]), int(t[(k + 1) % 3])
            for q, r in ((a, m), (m, a)):
                if q < n_coarse <= r and q not in out.setdefault(r, []):
                    out[r].append(q)
    return {(min(p), max(p)): m for m, p in out.items() if len(p) == 2}


def cut_half(template, cuts: dict[str, list[int]]) -> Half:
    """Left half (x >= 0) of the component that holds the nose tip, cut along closed loops."""
    tri = np.asarray(template.triangles)
    mid = midpoints(tri, template.n_coarse)
    walls: set[tuple[int, int]] = set()
    on: dict[str, set[int]] = {}
    for name, loop in cuts.items():
        for a, b in zip(loop, loop[1:] + loop[:1], strict=True):
            m = mid[(min(a, b), max(a, b))]
            walls |= {(min(a, m), max(a, m)), (min(b, m), max(b, m))}
            on.setdefault(name, set()).update((a, m, b))
    side = template.vertices[tri][:, :, 0].mean(1) > 0
    owners: dict[tuple[int, int], list[int]] = {}
    for i, t in enumerate(tri):
        if side[i]:
            for a, b in ((t[0], t[1]), (t[1], t[2]), (t[2], t[0])):
                owners.setdefault((min(a, b), max(a, b)), []).append(i)
    seed = next(i for i, t in enumerate(tri) if side[i] and template.landmarks["pronasale"] in t)
    seen, todo = {seed}, [seed]
    while todo:
        t = tri[todo.pop()]
        for a, b in ((t[0], t[1]), (t[1], t[2]), (t[2], t[0])):
            key = (min(a, b), max(a, b))
            if key not in walls:
                for j in owners[key]:
                    if j not in seen:
                        seen.add(j)
                        todo.append(j)
    kept = tri[sorted(seen)]
    ids = np.unique(kept)
    back = np.full(len(template.vertices), -1)
    back[ids] = np.arange(len(ids))
    holes = {k: {int(back[v]) for v in s if back[v] >= 0} for k, s in on.items()}
    return Half(template.vertices[ids], back[kept], ids, holes)


def rim_distance(template, points: NDArray) -> NDArray:
    """Signed distance [mm] in side view to the outer rim; negative inside."""
    guide = np.array(
        [template.vertices[template.landmarks[k]][[2, 1]] + np.array(d) for k, d in RIM_GUIDE]
    )
    # Centripetal-like smoothing by repeated corner cutting of the guide polygon (Chaikin).
    line = np.vstack([guide, guide[-1] + [60.0, 0.0], guide[0] + [60.0, 0.0]])
    for _ in range(5):
        following = np.roll(line, -1, axis=0)
        line = np.stack([0.75 * line + 0.25 * following, 0.25 * line + 0.75 * following], 1)
        line = line.reshape(-1, 2)
    a, b = line, np.roll(line, -1, axis=0)
    q = points[:, None, [2, 1]]
    ab = (b - a)[None]
    t = np.clip(((q - a) * ab).sum(-1) / (ab * ab).sum(-1), 0, 1)
    dist = np.linalg.norm(q - a - t[..., None] * ab, axis=-1).min(1)
    crosses = (a[None, :, 1] > q[..., 1]) != (b[None, :, 1] > q[..., 1])
    x = (
        a[None, :, 0]
        + (q[..., 1] - a[None, :, 1]) / np.where(ab[..., 1] == 0, 1, ab[..., 1]) * (ab[..., 0])
    )
    inside = (crosses & (q[..., 0] < x)).sum(1) % 2 == 1
    return np.where(inside, -dist, dist)


def clip(half: Half, f: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Keep f < 0: points, triangles, and the half-vertex of each point (-1 on the new rim)."""
    f = np.where(np.abs(f) < 0.05, -0.05, f)
    points = list(half.vertices)
    source = list(range(len(points)))
    cache: dict[tuple[int, int], int] = {}

    def crossing(a: int, b: int) -> int:
        key = (min(a, b), max(a, b))
        if key not in cache:
            t = f[a] / (f[a] - f[b])
            cache[key] = len(points)
            points.append((1 - t) * half.vertices[a] + t * half.vertices[b])
            source.append(-1)
        return cache[key]

    out = []
    for t in half.triangles:
        inside = [f[v] < 0 for v in t]
        if all(inside):
            out.append(tuple(t))
        elif any(inside):
            k = inside.index(True) if sum(inside) == 1 else inside.index(False)
            a, b, c = int(t[k]), int(t[(k + 1) % 3]), int(t[(k + 2) % 3])
            ab, ac = crossing(a, b), crossing(a, c)
            if sum(inside) == 1:
                out.append((a, ab, ac))
            else:
                out += [(ab, b, c), (ab, c, ac)]
    tri = np.array(out)
    # Only the piece that holds the largest number of triangles: drops crumbs behind the ear.
    label = np.arange(len(points))
    while True:
        low = label[tri].min(1)
        new = label.copy()
        np.minimum.at(new, tri.ravel(), np.repeat(low, 3))
        if np.array_equal(new, label):
            break
        label = new
    main = np.bincount(label[tri[:, 0]]).argmax()
    tri = tri[label[tri[:, 0]] == main]
    used = np.unique(tri)
    back = np.full(len(points), -1)
    back[used] = np.arange(len(used))
    return np.array(points)[used], back[tri], np.array(source)[used]


def border_curves(half: Half, points: NDArray, tri: NDArray, source: NDArray):
    """Border of the clipped half as curves with names, border params and corners."""
    directed = {(int(t[k]), int(t[(k + 1) % 3])) for t in tri for k in range(3)}
    follow = {a: b for a, b in directed if (b, a) not in directed}

    def name(a: int, b: int) -> str:
        if abs(points[a, 0]) < 1e-6 and abs(points[b, 0]) < 1e-6:
            return "midline"
        for key, on in half.hole.items():
            if source[a] in on and source[b] in on:
                return key
        return "outer"

    curves: list[Curve] = []
    names: list[str] = []
    border: dict[int, tuple[int, float]] = {}
    corners: dict[int, dict[int, float]] = {}
    left = dict(follow)
    loops = []
    while left:
        start = min(left)
        loop = [start]
        while left[loop[-1]] != start:
            loop.append(left[loop[-1]])
        for v in loop:
            del left[v]
        loops.append(loop)
    for loop in loops:
        tags = [name(a, b) for a, b in zip(loop, loop[1:] + loop[:1], strict=True)]
        x = points[loop, 0]
        breaks = [i for i in range(len(loop)) if tags[i] != tags[i - 1]]
        # The corners of mouth and eye stay vertices: they are landmarks and sharp.
        for key, extremes in (("mouth", (np.argmax,)), ("eye", (np.argmin, np.argmax))):
            on = np.array([key in (tags[i], tags[i - 1]) for i in range(len(loop))])
            if on.any():
                for pick in extremes:
                    worst = -np.inf if pick is np.argmax else np.inf
                    breaks.append(int(pick(np.where(on, x, worst))))
        breaks = sorted(set(breaks))
        if not breaks:
            curves.append(Curve(points[[*loop, loop[0]]], closed=True))
            names.append(tags[0])
            for v, s in zip(loop, curves[-1].s, strict=False):
                border[v] = (len(curves) - 1, float(s))
            continue
        for i, start in enumerate(breaks):
            stop = breaks[(i + 1) % len(breaks)]
            count = (stop - start) % len(loop) or len(loop)
            run = [loop[(start + k) % len(loop)] for k in range(count + 1)]
            curves.append(Curve(points[run], closed=False))
            names.append(tags[start])
            for v, s in zip(run[1:-1], curves[-1].s[1:-1], strict=True):
                border[v] = (len(curves) - 1, float(s))
            for v, s in ((run[0], 0.0), (run[-1], curves[-1].length)):
                border[v] = (-1, 0.0)
                corners.setdefault(v, {})[len(curves) - 1] = s
    return curves, names, border, corners
