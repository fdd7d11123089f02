"""Design the surface triangulation of the layered mesh on the template; write its asset.

Run once after a change of the template:  python tools/build_mesh.py
Writes src/threadlift/tissue/data/mesh_<level>.npz (see docs/decisions/0005-layered-mesh.md).

One half is cut out of the template along edge loops (lid margin, line where the lips meet, nostril)
and along a hand-drawn outer rim (hairline, in front of the ear, behind the mandibular angle, upper
neck), remeshed to a sizing field, split 1 -> 4 for the finer level, and mirrored.
"""

from __future__ import annotations

import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from display_map import display_map
from numpy.typing import NDArray
from remesh import Curve, Patch, Surface
from threadlift.face.template import template as load_template
from threadlift.tissue.mesh_asset import RIM_CODES
from threadlift.tissue.quality import edge_lengths, triangle_angles

DATA = Path(__file__).resolve().parents[1] / "src" / "threadlift" / "tissue" / "data"

# Closed edge loops of the hm08 head where the domain ends (left side; the mouth's is whole):
# a line just in front of where the lips meet, the lid margin, the nostril's inner edge.
CUTS = {
    "mouth": [
        416, 417, 449, 5353, 453, 459, 462, 465, 468, 7224, 7221, 7218, 7213, 11955, 7209,
        7177, 7176, 7190, 10401, 7188, 7189, 10374, 7203, 7198, 7231, 7237, 7243, 494, 488,
        482, 476, 438, 443, 3706, 429, 428, 3733, 430,
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

# Wanted edge length [mm] of the coarse level at landmark + offset (x, y, z) mm; in between:
# inverse distance. Threads run from the temple over cheek and jowl along the jawline.
SIZES = (
    ("trichion", (0, 0, 0), 15.3),
    ("trichion", (35, 0, -6), 15.3),
    ("temple_L", (-12, 30, 25), 14.6),
    ("temple_L", (0, 22, 0), 12.5),
    ("glabella", (0, 0, 0), 12.5),
    ("glabella", (28, 8, -4), 13.9),
    ("glabella", (45, 0, -18), 11.1),
    ("nasion", (0, 0, 0), 8.4),
    ("pronasale", (0, 0, 0), 7.0),
    ("pronasale", (9, -6, -10), 4.2),
    ("subnasale", (0, 0, 0), 7.5),
    ("labiale_superius", (0, 0, 0), 7.2),
    ("labiale_inferius", (0, 0, 0), 7.2),
    ("sublabiale", (0, 0, 0), 8.1),
    ("pogonion", (0, 0, 0), 8.6),
    ("menton", (0, 0, 0), 8.9),
    ("submental_mid", (0, 0, 0), 12.5),
    ("cervical_point", (0, 0, 0), 14.6),
    ("cervical_point", (30, 0, -8), 13.9),
    ("submandibular_L", (0, 0, 0), 10.4),
    ("exocanthion_L", (0, 0, 0), 7.2),
    ("endocanthion_L", (0, 0, 0), 7.2),
    ("exocanthion_L", (-12, 16, 6), 9.0),
    ("exocanthion_L", (-8, -14, 4), 7.8),
    ("alare_L", (0, 0, 0), 6.0),
    ("cheilion_L", (0, 0, 0), 5.0),
    ("temple_L", (0, 0, 0), 5.2),
    ("otobasion_superius_L", (0, 0, 0), 5.4),
    ("tragion_L", (0, 0, 8), 5.2),
    ("otobasion_inferius_L", (0, 0, 0), 5.4),
    ("gonion_L", (0, 0, 0), 5.2),
    ("gonion_L", (0, -14, -20), 12.5),
    ("gonion_L", (0, 0, -26), 11.1),
    ("zygion_L", (0, 0, 0), 4.9),
    ("malar_eminence_L", (0, 0, 0), 4.8),
    ("midcheek_L", (0, 0, 0), 4.8),
    ("masseter_centre_L", (0, 0, 0), 4.8),
    ("jowl_point_L", (0, 0, 0), 4.7),
    ("prejowl_sulcus_L", (0, 0, 0), 4.9),
    ("marionette_upper_L", (0, 0, 0), 4.9),
    ("marionette_lower_L", (0, 0, 0), 4.9),
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


def sizing(template, points: NDArray) -> NDArray:
    """Wanted coarse edge length [mm] by inverse-distance interpolation of SIZES."""
    sites = np.array([template.vertices[template.landmarks[k]] + np.array(d) for k, d, _ in SIZES])
    value = np.array([size for _, _, size in SIZES])
    # Squared-squared distance, softened by 6 mm so that no site makes a spike.
    weight = 1.0 / ((((points[:, None] - sites) ** 2).sum(2) + 36.0) ** 2)
    return (weight * value).sum(1) / weight.sum(1)


def refine(patch: Patch) -> None:
    """Split every triangle into four; new border vertices lie on their curve."""
    old = dict(patch.tri)
    middle: dict[tuple[int, int], int] = {}
    for a, b in patch.edges():
        v = len(patch.p)
        patch.vt.append(set())
        patch.h.append(0.5 * (patch.h[a] + patch.h[b]))
        if len(patch.edge_tris(a, b)) == 1:
            curve = patch.edge_curve(a, b)
            assert curve is not None
            s = patch.curves[curve].between(patch.param(a, curve), patch.param(b, curve), 0.5)
            patch.border[v] = (curve, s)
            patch.p.append(patch.curves[curve].at(s))
        else:
            patch.p.append(0.5 * (patch.p[a] + patch.p[b]))
        middle[(a, b)] = v
    for i in sorted(old):
        t = patch.drop(i)
        m = [middle[(min(t[k], t[(k + 1) % 3]), max(t[k], t[(k + 1) % 3]))] for k in range(3)]
        for new in ((t[0], m[0], m[2]), (t[1], m[1], m[0]), (t[2], m[2], m[1]), tuple(m)):
            patch.add(new)  # type: ignore[arg-type]
    # Midpoints that projection pushed together (corners of mouth and eye) move apart again.
    coarse = {v for t in old.values() for v in t}
    for _ in range(3):
        patch.reproject()
        patch.smooth(0.5, frozen=coarse)


def mirrored(template, half: Half, patch: Patch, names: list[str]) -> dict[str, NDArray]:
    """Both halves: embedding (template vertex ids and weights), triangles, mirror, rim codes."""
    live, at, bary, tri = patch.reproject()
    corners = half.ids[half.triangles[at]]
    rim = np.zeros(len(live), dtype=np.int8)
    midline = np.zeros(len(live), dtype=bool)
    for i, v in enumerate(live):
        where = patch.border.get(int(v))
        if where is None:
            continue
        touching = [where[0]] if where[0] >= 0 else sorted(patch.corner_params[int(v)])
        for c in touching:
            if names[c] == "midline":
                midline[i] = True
            else:
                rim[i] = RIM_CODES[names[c]]
    # Midline vertices sit on midline template edges: drop weight that rounding put elsewhere.
    on_line = np.abs(template.vertices[corners][:, :, 0]) < 1e-6
    bary = np.where(midline[:, None] & ~on_line, 0.0, bary)
    bary[bary < 1e-9] = 0.0
    bary /= bary.sum(1, keepdims=True)
    n = len(live)
    partner = np.full(n, -1)
    partner[midline] = np.flatnonzero(midline)
    partner[~midline] = n + np.arange(np.count_nonzero(~midline))
    other = np.flatnonzero(~midline)
    mirror = np.concatenate([partner, other])
    return {
        "corners": np.vstack([corners, template.mirror[corners[other]]]).astype(np.int32),
        "bary": np.vstack([bary, bary[other]]),
        "triangles": np.vstack([tri, partner[tri][:, [0, 2, 1]]]).astype(np.int32),
        "mirror": mirror.astype(np.int32),
        "rim": np.concatenate([rim, rim[other]]),
    }


def build(template) -> dict[str, dict[str, NDArray]]:
    """Arrays of the asset for both levels."""
    cuts = {k: [int(np.searchsorted(template.hm08, v)) for v in loop] for k, loop in CUTS.items()}
    half = cut_half(template, cuts)
    points, tri, source = clip(half, rim_distance(template, half.vertices))
    curves, names, border, corners = border_curves(half, points, tri, source)
    surface = Surface(half.vertices, half.triangles, sizing(template, half.vertices))
    patch = Patch(surface, points, tri, curves, border, corners)
    inside = np.zeros(len(template.vertices), dtype=bool)
    inside[half.ids[source[source >= 0]]] = True
    inside |= inside[template.mirror]

    patch.run()
    levels = {"coarse": mirrored(template, half, patch, names)}
    refine(patch)
    levels["default"] = mirrored(template, half, patch, names)
    for level in levels.values():
        display = display_map(template, level, inside)
        level["display_data"] = display.data.astype(np.float32)
        level["display_indices"] = display.indices.astype(np.int32)
        level["display_indptr"] = display.indptr.astype(np.int32)
    return levels


def write(path: Path, arrays: dict[str, NDArray]) -> None:
    """An .npz with fixed time stamps, so that the same arrays give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            info = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w") as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)


def main() -> None:
    """Build, write and describe both levels."""
    head = load_template()
    DATA.mkdir(exist_ok=True)
    for name, level in build(head).items():
        path = DATA / f"mesh_{name}.npz"
        write(path, level)
        points = np.einsum("vk,vkc->vc", level["bary"], head.vertices[level["corners"]])
        angle = triangle_angles(points, level["triangles"])
        _, length = edge_lengths(points, level["triangles"])
        sys.stdout.write(
            f"{path.name}: {path.stat().st_size} bytes, {len(points)} vertices, "
            f"{len(angle)} triangles, min angle {angle.min():.1f} deg, "
            f"edges {np.percentile(length, [0, 50, 100]).round(2)} mm\n"
        )


if __name__ == "__main__":
    main()
