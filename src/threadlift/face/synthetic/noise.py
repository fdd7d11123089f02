"""Procedural noise and spots in space, anchored to the template.

Evaluated at the template's own coordinates, not at pixels or at the person's, so the same pore
lies on the same piece of skin in every view, expression and posture.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


@njit(cache=True, inline="always")
def _hash(i, j, k, seed):
    """Uniform 32-bit number of a lattice cell (xxHash-like multiply and xor-shift rounds)."""
    h = np.uint32(seed)
    h = np.uint32(h ^ (np.uint32(i) * np.uint32(0x9E3779B1)))
    h = np.uint32((h ^ (h >> np.uint32(15))) * np.uint32(0x85EBCA77))
    h = np.uint32(h ^ (np.uint32(j) * np.uint32(0xC2B2AE3D)))
    h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(0x27D4EB2F))
    h = np.uint32(h ^ (np.uint32(k) * np.uint32(0x165667B1)))
    h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x9E3779B1))
    return np.uint32(h ^ (h >> np.uint32(14)))


@njit(cache=True)
def _value_noise(points, pitch, seed):
    """Value and gradient of smooth noise; see :func:`noise`."""
    n = points.shape[0]
    value = np.empty(n)
    slope = np.empty((n, 3))
    corner = np.empty(8)
    for p in range(n):
        x, y, z = points[p, 0] / pitch[0], points[p, 1] / pitch[1], points[p, 2] / pitch[2]
        i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
        fx, fy, fz = x - i, y - j, z - k
        for c in range(8):
            h = _hash(i + (c & 1), j + ((c >> 1) & 1), k + (c >> 2), seed)
            corner[c] = h * (2.0 / 4294967295.0) - 1.0
        u = fx * fx * fx * (fx * (6.0 * fx - 15.0) + 10.0)
        v = fy * fy * fy * (fy * (6.0 * fy - 15.0) + 10.0)
        w = fz * fz * fz * (fz * (6.0 * fz - 15.0) + 10.0)
        du = 30.0 * fx * fx * (fx * (fx - 2.0) + 1.0)
        dv = 30.0 * fy * fy * (fy * (fy - 2.0) + 1.0)
        dw = 30.0 * fz * fz * (fz * (fz - 2.0) + 1.0)
        a, b, c_, d = corner[0], corner[1], corner[2], corner[3]
        e, f, g, h_ = corner[4], corner[5], corner[6], corner[7]
        near = a + u * (b - a) + v * (c_ - a + u * (d - c_ - b + a))
        far = e + u * (f - e) + v * (g - e + u * (h_ - g - f + e))
        value[p] = near + w * (far - near)
        dx_near = (b - a) + v * (d - c_ - b + a)
        dx_far = (f - e) + v * (h_ - g - f + e)
        dy_near = (c_ - a) + u * (d - c_ - b + a)
        dy_far = (g - e) + u * (h_ - g - f + e)
        slope[p, 0] = du * (dx_near + w * (dx_far - dx_near)) / pitch[0]
        slope[p, 1] = dv * (dy_near + w * (dy_far - dy_near)) / pitch[1]
        slope[p, 2] = dw * (far - near) / pitch[2]
    return value, slope


@njit(cache=True)
def _spots(points, cell, share, low, high, seed):
    n = points.shape[0]
    out = np.zeros(n)
    for p in range(n):
        x, y, z = points[p, 0] / cell, points[p, 1] / cell, points[p, 2] / cell
        # A spot reaches 0.75 cells beyond its centre at most: these eight cells are all.
        i0, j0, k0 = int(np.floor(x - 0.5)), int(np.floor(y - 0.5)), int(np.floor(z - 0.5))
        for c in range(8):
            i, j, k = i0 + (c & 1), j0 + ((c >> 1) & 1), k0 + (c >> 2)
            h = _hash(i, j, k, seed)
            if h > share * 4294967295.0:
                continue
            a = _hash(i, j, k, seed + 1)
            cx = i + 0.25 + 0.5 * (a & np.uint32(1023)) / 1023.0
            cy = j + 0.25 + 0.5 * ((a >> np.uint32(10)) & np.uint32(1023)) / 1023.0
            cz = k + 0.25 + 0.5 * ((a >> np.uint32(20)) & np.uint32(1023)) / 1023.0
            radius = low + (high - low) * _hash(i, j, k, seed + 2) / 4294967295.0
            d = cell * np.sqrt((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2) / radius
            if d < 1.3:
                soft = min(max((1.3 - d) / 0.6, 0.0), 1.0)
                out[p] = max(out[p], soft * soft * (3.0 - 2.0 * soft))
    return out


def noise(points: Array, pitch_mm: float | tuple[float, float, float], seed: int) -> Array:
    """Smooth noise (k,) in -1..1 (standard deviation about 0.35) at `points` (k, 3) [mm].

    pitch_mm: distance of the lattice planes, one number or one per axis (streaks).
    """
    return noise_and_slope(points, pitch_mm, seed)[0]


def noise_and_slope(
    points: Array, pitch_mm: float | tuple[float, float, float], seed: int
) -> tuple[Array, Array]:
    """The same with its exact gradient (k, 3) [1/mm]."""
    pitch = np.broadcast_to(np.asarray(pitch_mm, dtype=float), (3,)).copy()
    return _value_noise(np.ascontiguousarray(points, dtype=float), pitch, seed & 0x7FFFFFFF)


def spots(
    points: Array, cell_mm: float, share: float, radius_mm: tuple[float, float], seed: int
) -> Array:
    """Coverage (k,) 0..1 by round spots at `points` (k, 3) [mm].

    One spot may lie in each cube of `cell_mm`, with probability `share`; its radius is drawn from
    `radius_mm`, of which the upper bound must be below 0.57 cells (a spot never leaves the
    neighbourhood that is searched). Raises ValueError otherwise.
    """
    if radius_mm[1] * 1.3 > 0.75 * cell_mm:
        raise ValueError(f"spots of {radius_mm[1]} mm do not fit into cells of {cell_mm} mm")
    return _spots(
        np.ascontiguousarray(points, dtype=float),
        float(cell_mm),
        float(share),
        float(radius_mm[0]),
        float(radius_mm[1]),
        seed & 0x7FFFFFFF,
    )
