"""Directions in which columns may stand: the visibility cones of the fans of triangles.

A wedge is valid only when its column directions see the inside of every incident triangle.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Multiplicative weights find the widest direction of a fan to a degree within this many steps.
_CONE_STEPS = 60
_CONE_RATE = 4.0
# Where every triangle is seen this well (sine of the angle) no wider direction is looked for.
_WIDE = 0.95
# A smoothed direction may use up this share of the widest direction's clearance.
_CONE_SHARE = 0.55


@njit(cache=True)
def triangle_normals(surface, triangles):
    """Unit normals (T,3)."""
    out = np.empty((len(triangles), 3))
    for t in range(len(triangles)):
        a, b, c = surface[triangles[t, 0]], surface[triangles[t, 1]], surface[triangles[t, 2]]
        ux, uy, uz = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        vx, vy, vz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        size = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-300
        out[t, 0], out[t, 1], out[t, 2] = nx / size, ny / size, nz / size
    return out


@njit(cache=True)
def widest_directions(normals, ptr, fan):
    """Direction (V,3) with the largest smallest -d.n over each fan, and that clearance (V,).

    Weights instead of picking the worst face: the answer does not depend on the order of faces.
    """
    count = len(ptr) - 1
    best = np.zeros((count, 3))
    clearance = np.full(count, -2.0)
    for v in range(count):
        k = ptr[v + 1] - ptr[v]
        w = np.ones(k)
        for _ in range(_CONE_STEPS):
            dx, dy, dz = 0.0, 0.0, 0.0
            for i in range(k):
                n = normals[fan[ptr[v] + i]]
                dx -= w[i] * n[0]
                dy -= w[i] * n[1]
                dz -= w[i] * n[2]
            size = np.sqrt(dx * dx + dy * dy + dz * dz) + 1e-300
            dx, dy, dz = dx / size, dy / size, dz / size
            low, total = 2.0, 0.0
            for i in range(k):
                n = normals[fan[ptr[v] + i]]
                see = -(dx * n[0] + dy * n[1] + dz * n[2])
                low = min(low, see)
                w[i] *= np.exp(-_CONE_RATE * see)
                total += w[i]
            for i in range(k):
                w[i] /= total
            if low > clearance[v]:
                clearance[v] = low
                best[v, 0], best[v, 1], best[v, 2] = dx, dy, dz
            if low > _WIDE:
                break
    return best, clearance


@njit(cache=True)
def smoothed_directions(widest, clearance, normals, ptr, fan, ring_ptr, ring, passes):
    """Average with the neighbours, then step back into the cone of the fan; (V,3) unit."""
    count = len(widest)
    d = widest.copy()
    new = np.empty_like(d)
    step = np.empty(3)
    for _ in range(passes):
        for v in range(count):
            need = _CONE_SHARE * clearance[v]
            x = d[v].copy()
            for i in range(ring_ptr[v], ring_ptr[v + 1]):
                for c in range(3):
                    x[c] += d[ring[i], c]
            inside = False
            for _ in range(20):
                size = np.sqrt(x[0] ** 2 + x[1] ** 2 + x[2] ** 2) + 1e-300
                for c in range(3):
                    x[c] /= size
                step[:] = 0.0
                short = 0
                for i in range(ptr[v], ptr[v + 1]):
                    n = normals[fan[i]]
                    lack = need + (x[0] * n[0] + x[1] * n[1] + x[2] * n[2])
                    if lack > 1e-9:
                        short += 1
                        for c in range(3):
                            step[c] -= 1.5 * lack * n[c]
                if short == 0:
                    inside = True
                    break
                for c in range(3):
                    x[c] += step[c] / short
            for c in range(3):
                new[v, c] = x[c] if inside else widest[v, c]
        d[:] = new
    return d
