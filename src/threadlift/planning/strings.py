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


@njit(cache=True, error_model="numpy")
def string_load(points, tension_n):
    """Forces (k,3) [N] of segment tensions (k-1,) [N] on a path's points (k,3) [mm]."""
    force = np.zeros(points.shape)
    for s in range(len(points) - 1):
        along = points[s + 1] - points[s]
        pull = along * (tension_n[s] / np.sqrt((along * along).sum()))
        force[s] += pull
        force[s + 1] -= pull
    return force


@njit(cache=True, error_model="numpy")
def string_stiffness(points, tension_n):
    """String stiffness (3k,3k) [N/mm] of segment tensions (k-1,) [N] on points (k,3) [mm]."""
    n = 3 * len(points)
    out = np.zeros((n, n))
    for s in range(len(points) - 1):
        along = points[s + 1] - points[s]
        length = np.sqrt((along * along).sum())
        for c in range(3):
            for d in range(3):
                own = 1.0 if c == d else 0.0
                x = tension_n[s] / length * (own - along[c] * along[d] / length**2)
                i, j = 3 * s + c, 3 * s + d
                out[i, j] += x
                out[i + 3, j + 3] += x
                out[i, j + 3] -= x
                out[i + 3, j] -= x
    return out


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


@njit(cache=True)
def read_load(adjoint, at, weights, load):
    """Rows (q,) under forces (k,3) [N] on interpolated points.

    adjoint (3w,q): rows' response per unit load on nodes; at, weights (k,6): of every point the
    positions of its nodes among these and their shares.
    """
    out = np.zeros(adjoint.shape[1])
    for k in range(len(at)):
        for p in range(at.shape[1]):
            w = weights[k, p]
            if w == 0.0:
                continue
            for c in range(3):
                x, row = w * load[k, c], adjoint[3 * at[k, p] + c]
                for q in range(len(out)):
                    out[q] += x * row[q]
    return out
