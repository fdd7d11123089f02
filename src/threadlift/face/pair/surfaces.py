"""How far the second surface lies from the first: patch by patch, along its normal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from threadlift.face.closest import SurfaceIndex
from threadlift.face.scan.register import Registration
from threadlift.face.scan.registration import Target
from threadlift.face.template import Array, BoolArray, IntArray, Template

#: Distance of patches and reach of each [mm]: finer ones add rows, not knowledge, because
#: scanners err smoothly over about a centimetre.
PATCH_MM, PATCH_REACH_MM = 5.5, 3.5
#: A scan point belongs to the registered surface within this distance [mm].
ON_MESH_MM = 2.5
#: How far the second surface may lie from where the first one is expected [mm].
REACH_MM = 9.0
#: Cosine of the largest angle between the two surfaces at a pair of points.
FACING = 0.7
FEWEST_POINTS = 4
POOLED = 6
#: Rows without any noise would make the system singular [mm].
LEAST_SD_MM = 0.02
#: Scan points used at most; a fixed stride thins denser scans.
MOST_POINTS = 60_000


@dataclass(frozen=True)
class Patches:
    """Pieces of the first scan.

    nodes: (p,) template vertices in their middle. points: (k, 3) scan points [mm], with outward
    normals (k, 3) and their patch (k,).
    """

    nodes: IntArray
    points: Array
    normals: Array
    patch: IntArray


@dataclass(frozen=True)
class Gaps:
    """Per patch: direction (p, 3), distance (p,) from first to second surface along it [mm],
    standard deviation (p,) of the independent part and of a single point (p,), and whether both
    scans show the patch (p,).
    """

    direction: Array
    amount: Array
    sd: Array
    point_sd: Array
    seen: BoolArray


def patches(first: Registration, t: Template, usable: BoolArray) -> Patches:
    """Cut the part of the first scan that lies on `usable` (n,) template vertices into patches."""
    candidates = np.nonzero(usable & first.matched)[0]
    nodes = spread_out(first.vertices[candidates], PATCH_MM)
    nodes = candidates[nodes]
    inner = np.nonzero(~first.target.border)[0]
    inner = inner[:: max(len(inner) // MOST_POINTS, 1)]
    points, normals = first.scan_vertices[inner], first.target.normals[inner]
    mesh = SurfaceIndex(first.vertices, t.triangles)
    near = mesh.closest(points, normals, 0.5, ON_MESH_MM).found
    points, normals = points[near], normals[near]
    distance, patch = KDTree(first.vertices[nodes]).query(points)
    mine = distance < PATCH_REACH_MM
    return Patches(nodes, points[mine], normals[mine], np.asarray(patch)[mine])


def spread_out(points: Array, distance_mm: float) -> NDArray[np.int64]:
    """Rows of points (k, 3), chosen in order, no two of them nearer than `distance_mm`."""
    tree = KDTree(points)
    free = np.ones(len(points), dtype=bool)
    chosen = []
    for i in range(len(points)):
        if free[i]:
            chosen.append(i)
            free[tree.query_ball_point(points[i], distance_mm)] = False
    return np.array(chosen, dtype=np.int64)


def gaps(cut: Patches, second: Target, expected: Array) -> Gaps:
    """Distances from the first to the second surface; `expected` (p, 3) [mm] is where to look."""
    count = len(cut.nodes)
    start = cut.points + expected[cut.patch]
    foot, n, valid = second.correspond(start, cut.normals, REACH_MM, FACING)
    own, n, foot = cut.patch[valid], n[valid], foot[valid]
    base = cut.points[valid]
    number = np.bincount(own, minlength=count)
    seen = number >= FEWEST_POINTS
    direction = np.stack([np.bincount(own, n[:, c], count) for c in range(3)], axis=1)
    direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-12)
    # Along each point's own normal, so that a curved patch is not read as a shift.
    gap = np.einsum("kd,kd->k", n, foot - base)
    gap -= np.einsum("kd,kd->k", n - direction[own], expected[own])
    amount = np.bincount(own, gap, count) / np.maximum(number, 1)
    square = np.bincount(own, (gap - amount[own]) ** 2, count)
    # Few points tell their own scatter badly: the usual one counts as POOLED points more.
    usual = float(square[seen].sum() / max(np.sum(number[seen] - 1), 1))
    point_variance = (square + POOLED * usual) / (np.maximum(number - 1, 0) + POOLED)
    sd = np.sqrt(point_variance / np.maximum(number, 1))
    return Gaps(direction, amount, np.maximum(sd, LEAST_SD_MM), np.sqrt(point_variance), seen)
