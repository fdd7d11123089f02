"""Taut strings in an elastic body: loads, string stiffness, and the exact small solve.

A thread under tension T along its segments has the potential sum_s T_s L_s(u). Its gradient is
the load on the path points, its Hessian the string stiffness T/L (I - t t'): a taut thread resists
being bent sideways. With C the compliance of the body at the path points, displacements there are

    q = (I + C S)^-1 C f,    and the body feels the load    lambda = f - S q,

which is the full linear solution, obtained from a matrix of the thread's own size.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


def string_load(points: NDArray, tension_n: NDArray) -> NDArray:
    """Forces (k,3) [N] of segment tensions (k-1,) [N] on a path's points (k,3) [mm]."""
    along = np.diff(points, axis=0)
    pull = along * (tension_n / np.linalg.norm(along, axis=1))[:, None]
    force = np.zeros_like(points)
    force[:-1] += pull
    force[1:] -= pull
    return force


def string_stiffness(points: NDArray, tension_n: NDArray) -> NDArray:
    """String stiffness (3k,3k) [N/mm] of segment tensions (k-1,) [N] on points (k,3) [mm]."""
    k = len(points)
    along = np.diff(points, axis=0)
    length = np.linalg.norm(along, axis=1)
    t = along / length[:, None]
    block = (tension_n / length)[:, None, None] * (np.eye(3) - t[:, :, None] * t[:, None, :])
    out = np.zeros((k, 3, k, 3))
    i = np.arange(k - 1)
    # Advanced indexing puts the segment axis first, so the blocks can be added as they are.
    out[i, :, i, :] += block
    out[i + 1, :, i + 1, :] += block
    out[i, :, i + 1, :] -= block
    out[i + 1, :, i, :] -= block
    return out.reshape(3 * k, 3 * k)


@njit(cache=True)
def _solve_in_place(a, b):
    """Gaussian elimination with row pivoting of a x = b (one right-hand side), overwriting both.

    Written out because a threaded LAPACK is slow on hundreds of small systems and need not give
    the same bits on every number of cores.
    """
    n = len(b)
    for k in range(n):
        pivot = k
        for i in range(k + 1, n):
            if abs(a[i, k]) > abs(a[pivot, k]):
                pivot = i
        if pivot != k:
            for j in range(k, n):
                a[k, j], a[pivot, j] = a[pivot, j], a[k, j]
            b[k], b[pivot] = b[pivot], b[k]
        for i in range(k + 1, n):
            factor = a[i, k] / a[k, k]
            if factor != 0.0:
                for j in range(k + 1, n):
                    a[i, j] -= factor * a[k, j]
                b[i] -= factor * b[k]
    for k in range(n - 1, -1, -1):
        total = b[k]
        for j in range(k + 1, n):
            total -= a[k, j] * b[j]
        b[k] = total / a[k, k]


@njit(cache=True)
def _system(compliance, force, stiffness):
    """I + C S and C f; S is block tridiagonal, whose zeros are skipped."""
    n = len(force)
    system = np.zeros((n, n))
    for k in range(n):
        for j in range(n):
            s = stiffness[k, j]
            if s != 0.0:
                for i in range(n):
                    # The compliance is symmetric: its row k is its column k.
                    system[j, i] += compliance[k, i] * s
    right = np.zeros(n)
    for i in range(n):
        system[i, i] += 1.0
        for k in range(n):
            right[i] += compliance[i, k] * force[k]
    return system.T.copy(), right


@njit(cache=True)
def tissue_load(compliance, force, stiffness):
    """Displacements q (n,) and the load on the body lambda (n,) of taut strings, n = 3 k.

    compliance (n,n) [mm/N], symmetric; force (n,) [N]; stiffness (n,n) [N/mm] of all strings
    together.
    """
    system, q = _system(compliance, force, stiffness)
    _solve_in_place(system, q)
    load = force.copy()
    n = len(force)
    for i in range(n):
        for j in range(n):
            if stiffness[i, j] != 0.0:
                load[i] -= stiffness[i, j] * q[j]
    return q, load


@njit(cache=True)
def gathered_compliance(green, rows_a, weights_a, rows_b, weights_b):
    """Compliance (3a,3b) between interpolated points from a Green's matrix over nodes.

    green (3r,3r); rows_* (a,6) node positions in it; weights_* (a,6) interpolation weights.
    """
    na, nb = len(rows_a), len(rows_b)
    out = np.zeros((3 * na, 3 * nb))
    for a in range(na):
        for b in range(nb):
            for p in range(rows_a.shape[1]):
                wp = weights_a[a, p]
                if wp == 0.0:
                    continue
                i = 3 * rows_a[a, p]
                for q in range(rows_b.shape[1]):
                    w = wp * weights_b[b, q]
                    if w == 0.0:
                        continue
                    j = 3 * rows_b[b, q]
                    for c in range(3):
                        for d in range(3):
                            out[3 * a + c, 3 * b + d] += w * green[i + c, j + d]
    return out
