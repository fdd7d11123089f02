"""Lines along the skin from an entry to a target: sections of the surface by a plane.

The plane holds both ends and the mean of the skin's normals there, so that a path is what a
straight needle bent to the cheek follows: smooth, without the kinks of an edge path, the same for
a mirrored or moved face. All paths of a plan are made in one call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

# A section is sampled this finely [mm] to measure its arc length before it is divided evenly.
_FINE_MM = 2.5
# Rays that graze the shared edge of two triangles must hit one of them despite rounding.
_EDGE = 1e-9


@dataclass(frozen=True)
class SkinLine:
    """Surface places along a line: triangle (k,), barycentric (k,3), length [mm]."""

    tri: NDArray
    bary: NDArray
    length_mm: float


@njit(cache=True)
def shoot(origins, directions, surface, triangles, outermost):
    """Where lines through origins (k,3) along directions (k,3) meet the surface.

    Returns triangle (k,) (-1 = nowhere), barycentric (k,3) and the signed distance (k,): of all
    meetings the one nearest to the origin, or the one farthest along when `outermost`.
    """
    n = len(origins)
    # Most triangles are passed by at a distance: their enclosing spheres tell which.
    middle = np.empty((len(triangles), 3))
    reach = np.empty(len(triangles))
    for t in range(len(triangles)):
        far = 0.0
        for d in range(3):
            middle[t, d] = (
                surface[triangles[t, 0], d] + surface[triangles[t, 1], d]
                + surface[triangles[t, 2], d]
            ) / 3.0  # fmt: skip
        for corner in range(3):
            square = 0.0
            for d in range(3):
                square += (surface[triangles[t, corner], d] - middle[t, d]) ** 2
            far = max(far, square)
        reach[t] = far * (1.0 + 1e-6)
    tri = np.full(n, -1, np.int64)
    bary = np.zeros((n, 3))
    place = np.zeros(n)
    for i in range(n):
        best = 1e30
        dx, dy, dz = directions[i, 0], directions[i, 1], directions[i, 2]
        length = dx * dx + dy * dy + dz * dz
        for t in range(len(triangles)):
            mx, my, mz = (
                middle[t, 0] - origins[i, 0], middle[t, 1] - origins[i, 1],
                middle[t, 2] - origins[i, 2],
            )  # fmt: skip
            along = mx * dx + my * dy + mz * dz
            if (mx * mx + my * my + mz * mz - reach[t]) * length > along * along:
                continue
            a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            ux = surface[b, 0] - surface[a, 0]
            uy = surface[b, 1] - surface[a, 1]
            uz = surface[b, 2] - surface[a, 2]
            vx = surface[c, 0] - surface[a, 0]
            vy = surface[c, 1] - surface[a, 1]
            vz = surface[c, 2] - surface[a, 2]
            px, py, pz = dy * vz - dz * vy, dz * vx - dx * vz, dx * vy - dy * vx
            det = ux * px + uy * py + uz * pz
            if abs(det) < 1e-12:
                continue
            sx = origins[i, 0] - surface[a, 0]
            sy = origins[i, 1] - surface[a, 1]
            sz = origins[i, 2] - surface[a, 2]
            u = (sx * px + sy * py + sz * pz) / det
            if u < -_EDGE or u > 1.0 + _EDGE:
                continue
            qx, qy, qz = sy * uz - sz * uy, sz * ux - sx * uz, sx * uy - sy * ux
            v = (dx * qx + dy * qy + dz * qz) / det
            if v < -_EDGE or u + v > 1.0 + _EDGE:
                continue
            s = (vx * qx + vy * qy + vz * qz) / det
            key = -s if outermost else abs(s)
            if key < best:
                best = key
                tri[i] = t
                bary[i, 0], bary[i, 1], bary[i, 2] = 1.0 - u - v, u, v
                place[i] = s
    return tri, bary, place


def skin_lines(
    surface: NDArray,
    triangles: NDArray,
    ends: Sequence[tuple[NDArray, NDArray, NDArray, NDArray]],
    step_mm: float,
) -> list[SkinLine | None]:
    """Lines for (start (3,), its normal (3,), end (3,), its normal (3,)) pairs, evenly divided.

    None where the section leaves the surface. `step_mm` is the spacing aimed at; a line is
    divided into whole steps.
    """
    if not ends:
        return []
    fine = [np.linspace(0.0, 1.0, _count(a, b, _FINE_MM)) for a, _, b, _ in ends]
    first = _sections(surface, triangles, ends, fine)
    even: list[NDArray] = []
    lengths = []
    for t, section in zip(fine, first, strict=True):
        if section is None:
            even.append(np.zeros(0))
            lengths.append(0.0)
            continue
        points = _points(surface, triangles, *section)
        arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        count = max(2, round(arc[-1] / step_mm) + 1)
        even.append(np.interp(np.linspace(0.0, arc[-1], count), arc, t))
        lengths.append(float(arc[-1]))
    second = _sections(surface, triangles, ends, even)
    return [
        None if section is None else SkinLine(section[0], section[1], length)
        for section, length in zip(second, lengths, strict=True)
    ]


def _count(a: NDArray, b: NDArray, step: float) -> int:
    return max(3, int(np.ceil(np.linalg.norm(b - a) / step)) + 1)


def _points(surface: NDArray, triangles: NDArray, tri: NDArray, bary: NDArray) -> NDArray:
    return np.einsum("kc,kcd->kd", bary, surface[triangles[tri]])


def _sections(
    surface: NDArray,
    triangles: NDArray,
    ends: Sequence[tuple[NDArray, NDArray, NDArray, NDArray]],
    at: Sequence[NDArray],
) -> list[tuple[NDArray, NDArray] | None]:
    origins, directions = [], []
    for (start, n0, end, n1), t in zip(ends, at, strict=True):
        chord = end - start
        mean = n0 + n1
        mean = mean - chord * (mean @ chord) / (chord @ chord)
        origins.append(start + t[:, None] * chord)
        directions.append(np.tile(mean / np.linalg.norm(mean), (len(t), 1)))
    tri, bary, _ = shoot(
        np.concatenate(origins),
        np.concatenate(directions),
        np.ascontiguousarray(surface, dtype=float),
        np.ascontiguousarray(triangles, dtype=np.int64),
        False,
    )
    out: list[tuple[NDArray, NDArray] | None] = []
    i = 0
    for t in at:
        mine = slice(i, i + len(t))
        i = mine.stop
        whole = len(t) > 0 and bool((tri[mine] >= 0).all())
        out.append((tri[mine], np.clip(bary[mine], 0.0, 1.0)) if whole else None)
    return out
