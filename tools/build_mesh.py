"""Design the surface triangulation of the layered mesh on the template; write its asset.

Run once after a change of the template:  python tools/build_mesh.py
Writes src/threadlift/tissue/data/mesh_<level>.npz (see docs/decisions/0005-layered-mesh.md).

One half is cut out of the template along edge loops (lid margin, line where the lips meet, nostril)
and along a hand-drawn outer rim (hairline, in front of the ear, behind the mandibular angle, upper
neck), remeshed to a sizing field, split 1 -> 4 for each finer level, and mirrored.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

import numpy as np
from matplotlib.path import Path as MplPath
from numpy.typing import NDArray
from scipy.spatial import KDTree

from display_map import display_map
from mesh_domain import CUTS, Half, border_curves, clip, cut_half, rim_distance
from remesh import Patch, Surface
from threadlift.face.template import template as load_template
from threadlift.tissue.mesh_asset import RIM_CODES
from threadlift.tissue.quality import edge_lengths, triangle_angles

DATA = Path(__file__).resolve().parents[1] / "src" / "threadlift" / "tissue" / "data"

# Wanted edge length [mm] of the coarse level where threads go, and how much it grows per mm away
# from there. Edges of the default level are half as long, those of the reference level a quarter.
THREADS_MM = 5.2
GROWTH = 0.5
COARSEST_MM = 12.0
# Where threads go, in side view: temporal, preauricular and mandibular entries, and every way from
# there to infraorbital, nasolabial, marionette, jowl and jawline targets. Corners: landmark, then
# the offset (z forward, y up) in mm; medial of MEDIAL_MM nothing is pulled.
THREADS_GUIDE = (
    ("temple_L", (1.0, 15.0)),
    ("temple_L", (23.0, 15.0)),
    ("temple_L", (47.0, -9.0)),
    ("orbitale_L", (2.0, 14.0)),
    ("orbitale_L", (14.0, -8.0)),
    ("jowl_point_L", (30.0, 34.0)),
    ("jowl_point_L", (30.0, 12.0)),
    ("prejowl_sulcus_L", (14.0, -2.0)),
    ("jowl_point_L", (-6.0, -9.0)),
    ("gonion_L", (-10.0, -2.0)),
    ("gonion_L", (-15.0, 12.0)),
    ("tragion_L", (11.0, 0.0)),
)
MEDIAL_MM = 21.0
# Elsewhere: wanted edge length [mm] at landmark + offset (x, y, z) mm; in between inverse distance.
SIZES = (
    ("trichion", (0, 0, 0), 16.0),
    ("trichion", (35, 0, -6), 16.0),
    ("temple_L", (-12, 30, 25), 16.0),
    ("glabella", (0, 0, 0), 12.5),
    ("glabella", (28, 8, -4), 13.9),
    ("glabella", (45, 0, -18), 12.0),
    ("nasion", (0, 0, 0), 8.4),
    ("pronasale", (0, 0, 0), 7.0),
    ("pronasale", (9, -6, -10), 5.0),
    ("subnasale", (0, 0, 0), 7.5),
    ("labiale_superius", (0, 0, 0), 7.2),
    ("labiale_inferius", (0, 0, 0), 7.2),
    ("sublabiale", (0, 0, 0), 8.1),
    ("pogonion", (0, 0, 0), 9.0),
    ("menton", (0, 0, 0), 9.5),
    ("submental_mid", (0, 0, 0), 14.0),
    ("cervical_point", (0, 0, 0), 16.0),
    ("cervical_point", (30, 0, -8), 16.0),
    ("submandibular_L", (0, 0, 0), 12.0),
    ("exocanthion_L", (0, 0, 0), 7.2),
    ("endocanthion_L", (0, 0, 0), 7.2),
    ("exocanthion_L", (-12, 16, 6), 10.0),
    ("exocanthion_L", (-8, -14, 4), 8.5),
    ("alare_L", (0, 0, 0), 6.0),
    ("cheilion_L", (0, 0, 0), 5.0),
    ("gonion_L", (0, -14, -20), 14.0),
    ("gonion_L", (0, 0, -26), 12.0),
    ("otobasion_superius_L", (0, 0, 0), 8.0),
    ("otobasion_inferius_L", (0, 0, 0), 8.0),
)


def sizing(template, points: NDArray) -> NDArray:
    """Wanted coarse edge length [mm]: THREADS_MM where threads go, graded up to SIZES elsewhere."""
    sites = np.array([template.vertices[template.landmarks[k]] + np.array(d) for k, d, _ in SIZES])
    value = np.array([size for _, _, size in SIZES])
    # Squared-squared distance, softened by 6 mm so that no site makes a spike.
    weight = 1.0 / ((((points[:, None] - sites) ** 2).sum(2) + 36.0) ** 2)
    plain = (weight * value).sum(1) / weight.sum(1)
    left = thread_region(template) & (template.vertices[:, 0] > 0.0)
    away, _ = KDTree(template.vertices[left]).query(points)
    return np.minimum(np.minimum(plain, COARSEST_MM), THREADS_MM + GROWTH * away)


def thread_region(template) -> NDArray:
    """Mask (n,) of the template vertices, both sides, under which threads run."""
    guide = np.array(
        [template.vertices[template.landmarks[k]][[2, 1]] + np.array(d) for k, d in THREADS_GUIDE]
    )
    side = MplPath(guide).contains_points(template.vertices[:, [2, 1]])
    return side & (np.abs(template.vertices[:, 0]) > MEDIAL_MM) & template.skin


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
    both = np.vstack([corners, template.mirror[corners[other]]])
    weights = np.vstack([bary, bary[other]])
    return {
        "corners": both.astype(np.int32),
        # Single precision moves no vertex by more than a nanometre or two; mesh_asset sums to 1.
        "bary": weights.astype(np.float32),
        "threads": (weights * thread_region(template)[both]).sum(1) > 0.5,
        "triangles": np.vstack([tri, partner[tri][:, [0, 2, 1]]]).astype(np.int32),
        "mirror": mirror.astype(np.int32),
        "rim": np.concatenate([rim, rim[other]]),
    }


def build(template) -> dict[str, dict[str, NDArray]]:
    """Arrays of the asset for all levels."""
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
    for name in ("default", "reference"):
        refine(patch)
        levels[name] = mirrored(template, half, patch, names)
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
    """Build, write and describe all levels."""
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
