"""A scan-like surface of a face: its own topology, noise, a cut border, an arbitrary pose."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import trimesh
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from threadlift.errors import InputError
from threadlift.face.face import Face
from threadlift.face.template import Array, BoolArray, IntArray

#: Correlation length of the smooth part of the noise [mm]: scanners err in patches of about a cm.
CORRELATION_MM = 12.0
#: Cosines that make up the smooth noise; enough for it to look Gaussian.
HARMONICS = 96
#: Extent of the scan on the template [mm]: behind the tragi, above the hairline, below the chin.
BACK_MM, TOP_MM, BOTTOM_MM = -12.0, 82.0, -118.0


def synthetic_scan(
    face: Face, noise_mm: float = 0.4, seed: int = 0, spacing_mm: float = 1.5, *, posed: bool = True
) -> tuple[Array, IntArray]:
    """Vertices (v, 3) [mm] and triangles (t, 3) of a scan of `face`.

    noise_mm: standard deviation of the error along the normal, half its variance smooth over
    about a centimetre, half independent. spacing_mm: distance of neighbouring points. posed:
    whether to place the scan in an arbitrary rigid pose (no correspondence, no patient frame).

    The surface is the visible one (skin and the open part of the eyes), cut irregularly behind
    the ears, above the hairline and on the neck. Raises InputError for a negative noise or a
    spacing outside 0.5..10 mm.
    """
    if not 0.0 <= noise_mm <= 5.0:
        raise InputError(f"noise_mm is {noise_mm}.", "Use 0 to 5 mm.")
    if not 0.5 <= spacing_mm <= 10.0:
        raise InputError(f"spacing_mm is {spacing_mm}.", "Use 0.5 to 10 mm.")
    rng = np.random.default_rng(seed)
    keep = _extent(face, rng)
    triangles = face.triangles[keep[face.triangles].all(axis=1)]
    points, normals, triangles = _refined(face.vertices, face.normals, triangles, 0.7 * spacing_mm)
    points, normals, triangles = _clustered(points, normals, triangles, spacing_mm, rng)
    points, normals, triangles = _main_piece(points, normals, triangles)
    error = (
        np.sqrt(0.5) * noise_mm * (_smooth_noise(points, rng) + rng.standard_normal(len(points)))
    )
    points = points + error[:, None] * normals
    if posed:
        rotation = _random_rotation(rng)
        points = points @ rotation.T + rng.uniform(-400.0, 400.0, 3)
    return points, triangles


def write_scan(scan: tuple[Array, IntArray], path: Path | str) -> Path:
    """Write a scan as PLY, OBJ, STL or GLB, by the ending of `path`; returns the path."""
    trimesh.Trimesh(*scan, process=False).export(str(path))
    return Path(path)


def _extent(face: Face, rng: np.random.Generator) -> BoolArray:
    """Which vertices (n,) the scanner saw, with a ragged border."""
    t = face.template
    v = t.vertices
    ragged = 3.0 * _smooth_noise(v, rng)
    inside = (v[:, 2] > BACK_MM + ragged) & (v[:, 1] < TOP_MM + ragged)
    inside &= v[:, 1] > BOTTOM_MM + ragged
    return inside & (t.skin | _open_eyes(face))


def _open_eyes(face: Face) -> BoolArray:
    """Part (n,) of the eyeballs between the lids."""
    t, mark = face.template, face.landmarks
    seen = np.zeros(len(t.vertices), dtype=bool)
    for side, s in (("left", "L"), ("right", "R")):
        rows = t.eyes[side]
        p = face.vertices[rows]
        inner, outer = mark[f"endocanthion_{s}"], mark[f"exocanthion_{s}"]
        upper, lower = mark[f"palpebrale_superius_{s}"], mark[f"palpebrale_inferius_{s}"]
        share = (p[:, 0] - inner[0]) / (outer[0] - inner[0])
        chord = inner[1] + share * (outer[1] - inner[1])
        arch = np.clip(4.0 * share * (1.0 - share), 0.0, 1.0)
        middle = 0.5 * (inner[1] + outer[1])
        high = chord + arch * (upper[1] - middle)
        low = chord + arch * (lower[1] - middle)
        seen[rows] = (
            (share > 0.0)
            & (share < 1.0)
            & (p[:, 1] < high)
            & (p[:, 1] > low)
            & (p[:, 2] > p[:, 2].mean())
        )
    return seen


def _refined(
    points: Array, normals: Array, triangles: IntArray, edge_mm: float
) -> tuple[Array, Array, IntArray]:
    """Halve all triangles until the longest edge is below `edge_mm`."""
    while True:
        p = points[triangles]
        longest = np.linalg.norm(p - np.roll(p, -1, axis=1), axis=2).max(axis=1)
        long = longest > edge_mm
        if not long.any():
            return points, normals, triangles
        # Only the long ones are split; their hanging nodes vanish in the clustering.
        corners = triangles[long]
        ends = np.sort(np.stack([corners, np.roll(corners, -1, axis=1)], axis=2), axis=2)
        code, number = np.unique(ends[..., 0] * len(points) + ends[..., 1], return_inverse=True)
        edges = np.stack(np.divmod(code, len(points)), axis=1)
        middle = number.reshape(-1, 3) + len(points)
        points = np.concatenate([points, points[edges].mean(axis=1)])
        normals = np.concatenate([normals, normals[edges].mean(axis=1)])
        a, b, c = corners.T
        ab, bc, ca = middle.T
        split = np.concatenate(
            [np.stack(q, axis=1) for q in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
        )
        triangles = np.concatenate([triangles[~long], split])


def _clustered(
    points: Array, normals: Array, triangles: IntArray, cell_mm: float, rng: np.random.Generator
) -> tuple[Array, Array, IntArray]:
    """One point per cell of a randomly turned grid: a topology of its own, points on the surface.

    The point kept is the one nearest to its cell's mean, so nothing moves off the surface.
    """
    grid = np.floor(points @ _random_rotation(rng).T / cell_mm + rng.uniform(0.0, 1.0, 3))
    used = np.unique(triangles)
    # Front and back of thin parts (lips, ears) share cells but must not be welded.
    facing = (normals[used, 2] > 0.0).astype(np.int64)
    index = (grid[used] - grid.min(axis=0)).astype(np.int64)
    extent = index.max(axis=0) + 1
    code = ((index[:, 0] * extent[1] + index[:, 1]) * extent[2] + index[:, 2]) * 2 + facing
    _, cell = np.unique(code, return_inverse=True)
    count = np.bincount(cell)
    mean = np.stack([np.bincount(cell, weights=points[used, c]) / count for c in range(3)], axis=1)
    distance = np.linalg.norm(points[used] - mean[cell], axis=1)
    order = np.lexsort((distance, cell))
    first = order[np.concatenate([[0], np.cumsum(count)[:-1]])]
    new = np.full(len(points), -1)
    new[used] = cell
    welded = new[triangles]
    proper = (welded[:, 0] != welded[:, 1]) & (welded[:, 1] != welded[:, 2])
    proper &= welded[:, 2] != welded[:, 0]
    welded = welded[proper]
    low, middle, high = np.sort(welded, axis=1).T
    _, once = np.unique((low * len(first) + middle) * len(first) + high, return_index=True)
    normal = normals[used[first]]
    return (
        points[used[first]],
        normal / np.linalg.norm(normal, axis=1, keepdims=True),
        welded[np.sort(once)],
    )


def _main_piece(
    points: Array, normals: Array, triangles: IntArray
) -> tuple[Array, Array, IntArray]:
    """Drop fragments smaller than a hundredth of the largest piece, and unused points."""
    n = len(points)
    a, b = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]]).T
    _, piece = connected_components(coo_matrix((np.ones(len(a)), (a, b)), shape=(n, n)), False)
    size = np.bincount(piece[triangles[:, 0]], minlength=piece.max() + 1)
    triangles = triangles[size[piece[triangles[:, 0]]] >= 0.01 * size.max()]
    used, renumbered = np.unique(triangles, return_inverse=True)
    return points[used], normals[used], renumbered.reshape(-1, 3)


def _smooth_noise(points: Array, rng: np.random.Generator) -> NDArray[np.float64]:
    """Unit-variance noise (n,) with a Gaussian correlation of CORRELATION_MM."""
    waves = rng.standard_normal((HARMONICS, 3)) / CORRELATION_MM
    phases = rng.uniform(0.0, 2.0 * np.pi, HARMONICS)
    return np.sqrt(2.0 / HARMONICS) * np.cos(points @ waves.T + phases).sum(axis=1)


def _random_rotation(rng: np.random.Generator) -> Array:
    q = rng.standard_normal(4)
    w, x, y, z = q / np.linalg.norm(q)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
