"""Write docs/images/tissue.png: mesh, layers and displacement of a synthetic face.

    python tools/tissue_pictures.py [picture.png]

Four anchored threads per side of 1.5 N. Left: the skin mesh, refined along one thread. Middle: a
cut through the cheek from the front of the ear to the lip, with the layers before and after.
Right: where the skin moves.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from numpy.typing import NDArray

from threadlift.face import Face
from threadlift.threads.thread import Thread
from threadlift.tissue import Equilibrium, LayeredMesh, Tissue

OUT = Path(__file__).resolve().parent.parent / "docs" / "images" / "tissue.png"
LAYER_COLORS = ("#e8b89a", "#f2dc8c", "#c9605b", "#e9d3b4")
ENDS = (("temple", "jowl"), ("temple", "nasolabial"), ("preauricular", "jowl"),
        ("preauricular", "marionette"))  # fmt: skip
YAW_DEG = 35.0
#: Middle of the SMAS in column coordinates.
DEPTH = 3.5


def threads(tissue: Tissue, tension_n: float) -> list[Thread]:
    """Four threads on each side between zone centres."""
    mesh, out = tissue.mesh, []
    for side in ("left", "right"):
        for i, zones in enumerate(ENDS):
            weights = [mesh.zone_weights[f"{z}_{side}"] for z in zones]
            start, end = (w @ mesh.surface / w.sum() for w in weights)
            tri, bary = mesh.surface_path(start + np.array([0.0, 4.0 * i, 0.0]), end)
            path, skin = (mesh.point_at(tri, bary, np.full(len(tri), z))[0] for z in (DEPTH, 0.0))
            depth = np.linalg.norm(path - skin, axis=1)
            out.append(
                Thread(
                    f"{side}{i}",
                    side,
                    "plla-3-0-cone",
                    "anchored",
                    path[0],
                    path,
                    depth,
                    ("smas",) * len(path),
                    tension_n,
                )
            )
    return out


def seen(points: NDArray) -> tuple[NDArray, NDArray]:
    """Screen coordinates (n,2) and nearness (n,) of points (n,3) in a three-quarter view."""
    a = np.radians(YAW_DEG)
    x = np.cos(a) * points[:, 0] - np.sin(a) * points[:, 2]
    return np.stack([x, points[:, 1]], axis=1), np.sin(a) * points[:, 0] + np.cos(a) * points[:, 2]


def skin(
    ax: plt.Axes, mesh: LayeredMesh, values: NDArray | None, **style: object
) -> PolyCollection:
    """Triangles that face the viewer, from the back to the front."""
    xy, near = seen(mesh.surface)
    t = mesh.surface_triangles
    u, v = xy[t[:, 1]] - xy[t[:, 0]], xy[t[:, 2]] - xy[t[:, 0]]
    front = np.flatnonzero(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0] > 0.0)
    front = front[np.argsort(near[t[front]].mean(axis=1))]
    patches = PolyCollection(xy[t[front]], **style)
    if values is not None:
        patches.set_array(values[t[front]].mean(axis=1))
    ax.add_collection(patches)
    ax.set_aspect("equal")
    ax.autoscale()
    ax.axis("off")
    return patches


def cut(ax: plt.Axes, tissue: Tissue, found: Equilibrium) -> None:
    """Layers along a path over the skin, drawn in the plane of its ends: captured and lifted."""
    mesh = tissue.mesh
    ends = [mesh.zone_weights[f"{z}_left"] @ mesh.surface for z in ("preauricular", "nasolabial")]
    sums = [mesh.zone_weights[f"{z}_left"].sum() for z in ("preauricular", "nasolabial")]
    start, end = (e / s for e, s in zip(ends, sums, strict=True))
    tri, bary = mesh.surface_path(start, end, 1.0)
    along = (end - start) / np.linalg.norm(end - start)
    grid = mesh.points.reshape(-1, mesh.nl, 3)
    moved = grid + found.displacement.reshape(grid.shape)
    corner = mesh.surface_triangles[tri]
    lines = [np.einsum("kn,knlc->klc", bary, g[corner]) for g in (grid, moved)]
    inward = lines[0][:, -1] - lines[0][:, 0]
    down = inward.mean(axis=0) - (inward.mean(axis=0) @ along) * along
    down /= np.linalg.norm(down)
    for number, line in enumerate(lines):
        flat = np.stack([line @ along, -(line @ down)], axis=-1)
        flat -= np.array([start @ along, -(start @ down)])
        if number == 0:
            for k, layer in enumerate(mesh.sublayers):
                ring = np.concatenate([flat[:, k], flat[::-1, k + 1]])
                ax.fill(*ring.T, color=LAYER_COLORS[layer], lw=0.3, ec="white")
        ax.add_collection(
            LineCollection(
                [flat[:, k] for k in (0, 1, 3, 4, mesh.nl - 1)],
                colors="#555555" if number == 0 else "#10406a",
                linestyles="-" if number else ":",
                linewidths=1.0,
            )
        )
    ax.set_aspect("equal")
    ax.autoscale()
    ax.set_xlabel("mm from the ear towards the lip")
    ax.set_ylabel("mm")
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_title("Skin, fat, SMAS, deep; blue: lifted", fontsize=9)


def main() -> None:
    """Solve and draw."""
    mpl.use("Agg")
    tissue = Tissue.of(Face.synthetic(seed=1, age_years=62.0), level="default")
    plan = threads(tissue, 1.5)
    found = tissue.equilibrium(plan)
    figure, axes = plt.subplots(1, 3, figsize=(15, 6), width_ratios=[1, 1.15, 1])
    refined = tissue.refined_along(plan[:1])
    skin(axes[0], refined.mesh, None, facecolors="#f4e3d6", edgecolors="#8a6d5c", linewidths=0.15)
    axes[0].set_title(
        f"Default mesh ({tissue.ndof:,} unknowns), refined along one thread", fontsize=9
    )
    cut(axes[1], tissue, found)
    size = np.linalg.norm(found.surface, axis=1)
    patches = skin(axes[2], tissue.mesh, size, cmap="viridis", linewidths=0.0, antialiased=False)
    for state in found.threads:
        xy, near = seen(state.path_mm)
        if near.mean() > 0.0 and state.path_mm[0, 0] > 0.0:
            axes[2].plot(*xy.T, color="white", lw=1.2)
    bar = figure.colorbar(patches, ax=axes[2], shrink=0.6)
    bar.set_label("displacement of the skin, mm")
    axes[2].set_title("Eight threads of 1.5 N", fontsize=9)
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    figure.savefig(target, dpi=90, bbox_inches="tight")
    print(target)


if __name__ == "__main__":
    main()
