"""Compiled element kernels: energy, internal force and tangent of wedges with mean dilatation.

All loops run in element order on one thread, so that sums have one fixed order and results are
the same bits in every run. Symbols follow ``materials``; A = 2 (W1 G + W4 H) maps a shape gradient
to the isochoric force, and the volume term acts through q = dV/dx with the pressure
p = K (J - 1) - mu0.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from threadlift.tissue.materials import EXPONENT_CAP


@njit(cache=True, inline="always")
def _fibre(e, k1, k2):
    """Energy, first and second derivative of the tension-only fibre law at strain e = I4 - 1."""
    if e <= 0.0 or k1 == 0.0:
        return 0.0, 0.0, 0.0
    cap = np.sqrt(EXPONENT_CAP / k2)
    x = min(e, cap)
    growth = np.exp(k2 * x * x)
    energy = 0.5 * k1 / k2 * (growth - 1.0)
    first = k1 * x * growth
    second = k1 * growth * (1.0 + 2.0 * k2 * x * x)
    if e > cap:
        over = e - cap
        energy += first * over + 0.5 * second * over * over
        first += second * over
    return energy, first, second


#: Volume ratio below which the logarithm goes on as a parabola, with a cubic wall added. A trial
#: step may then fold an element and come back, since the energy stays finite; but at rest the wall
#: keeps every point from folding where mean dilatation alone would let single points do so.
LOG_END = 0.3
WALL = 50.0


@njit(cache=True, inline="always")
def _log(j):
    """Ln j with its first two derivatives; continued twice differentiably below LOG_END."""
    if j >= LOG_END:
        return np.log(j), 1.0 / j, -1.0 / (j * j)
    x = (LOG_END - j) / LOG_END
    value = np.log(LOG_END) - x - 0.5 * x * x - WALL * x * x * x
    slope = (1.0 + x + 3.0 * WALL * x * x) / LOG_END
    return value, slope, -(1.0 + 6.0 * WALL * x) / (LOG_END * LOG_END)


@njit(cache=True, inline="always")
def _deformation(x, wedges, e, grad, F):
    """F = sum_a x_a (grad N_a)^T at one quadrature point."""
    for i in range(3):
        for j in range(3):
            F[i, j] = 0.0
    for a in range(6):
        n = wedges[e, a]
        for i in range(3):
            xi = x[n, i]
            for j in range(3):
                F[i, j] += xi * grad[a, j]


@njit(cache=True, inline="always")
def _cofactor(F, C):
    """Cofactor matrix of F (so that det F = F : C / 3 = first row product)."""
    C[0, 0] = F[1, 1] * F[2, 2] - F[1, 2] * F[2, 1]
    C[0, 1] = F[1, 2] * F[2, 0] - F[1, 0] * F[2, 2]
    C[0, 2] = F[1, 0] * F[2, 1] - F[1, 1] * F[2, 0]
    C[1, 0] = F[0, 2] * F[2, 1] - F[0, 1] * F[2, 2]
    C[1, 1] = F[0, 0] * F[2, 2] - F[0, 2] * F[2, 0]
    C[1, 2] = F[0, 1] * F[2, 0] - F[0, 0] * F[2, 1]
    C[2, 0] = F[0, 1] * F[1, 2] - F[0, 2] * F[1, 1]
    C[2, 1] = F[0, 2] * F[1, 0] - F[0, 0] * F[1, 2]
    C[2, 2] = F[0, 0] * F[1, 1] - F[0, 1] * F[1, 0]


@njit(cache=True, inline="always")
def _times_metric(F, M, out):
    """Product F M in out; returns F : (F M) = C : M."""
    total = 0.0
    for i in range(3):
        for j in range(3):
            s = F[i, 0] * M[0, j] + F[i, 1] * M[1, j] + F[i, 2] * M[2, j]
            out[i, j] = s
            total += s * F[i, j]
    return total


@njit(cache=True, inline="always")
def _largest_stretch(F):
    """Upper bound of the largest stretch: root of the largest row sum of |C|, 1 at rest."""
    largest = 0.0
    for i in range(3):
        row = 0.0
        for j in range(3):
            row += abs(F[0, i] * F[0, j] + F[1, i] * F[1, j] + F[2, i] * F[2, j])
        largest = max(largest, row)
    return np.sqrt(largest)


@njit(cache=True, nogil=True)
def energy_force(x, wedges, energy, force, grads, weights, volume, mu, b, k1, k2, bulk, mu0, G, H):
    """Element energies (E,) [N mm] and nodal internal forces (N,3) [N]; returns the smallest det F.

    ``energy`` and ``force`` are overwritten.
    """
    F, FG, FH, cof = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    P = np.empty((3, 3))
    q, f = np.empty((6, 3)), np.empty((6, 3))
    force[:] = 0.0
    smallest = np.inf
    for e in range(wedges.shape[0]):
        q[:] = 0.0
        f[:] = 0.0
        current = 0.0
        total = 0.0
        for p in range(6):
            w = weights[e, p]
            _deformation(x, wedges, e, grads[e, p], F)
            _cofactor(F, cof)
            det = F[0, 0] * cof[0, 0] + F[0, 1] * cof[0, 1] + F[0, 2] * cof[0, 2]
            smallest = min(smallest, det)
            current += w * det
            i1 = _times_metric(F, G[e], FG) - 3.0
            log, slope, _ = _log(det)
            shape = i1 - 2.0 * log
            total += w * mu[e] * (0.5 * i1 + 0.25 * b[e] * shape * shape + det - 1.0 - log)
            w1 = mu[e] * (1.0 + b[e] * shape)
            local = mu[e] - w1 * slope
            for i in range(3):
                for j in range(3):
                    P[i, j] = w1 * FG[i, j] + local * cof[i, j]
            if k1[e] > 0.0:
                i4 = _times_metric(F, H[e], FH) - 1.0
                psi, first, _ = _fibre(i4, k1[e], k2[e])
                total += w * psi
                for i in range(3):
                    for j in range(3):
                        P[i, j] += 2.0 * first * FH[i, j]
            for a in range(6):
                for i in range(3):
                    g0, g1, g2 = grads[e, p, a, 0], grads[e, p, a, 1], grads[e, p, a, 2]
                    f[a, i] += w * (P[i, 0] * g0 + P[i, 1] * g1 + P[i, 2] * g2)
                    q[a, i] += w * (cof[i, 0] * g0 + cof[i, 1] * g1 + cof[i, 2] * g2)
        dilation = current / volume[e] - 1.0
        energy[e] = total + volume[e] * dilation * (0.5 * bulk[e] * dilation - mu0[e])
        pressure = bulk[e] * dilation - mu0[e]
        for a in range(6):
            n = wedges[e, a]
            for i in range(3):
                force[n, i] += f[a, i] + pressure * q[a, i]
    return smallest


@njit(cache=True, nogil=True)
def tangent(x, wedges, safe, slots, blocks, grads, weights, volume, mu, b, k1, k2, bulk, mu0, G, H):
    """Add the second derivative of the energy to ``blocks`` (nnz blocks, 3, 3) [N/mm].

    ``safe``: limit the pressure in its geometric part so that every element stays positive
    semidefinite: the second derivative of det F lies between plus and minus the largest stretch,
    the isochoric part above W1 times the smallest eigenvalue of G.
    ``slots`` (E,6,6) gives the block of every pair of element nodes.
    """
    F, FG, FH, cof = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    A = np.empty((3, 3))
    q = np.empty(18)
    v, h = np.empty(18), np.empty(18)
    scalar = np.empty((6, 6))
    cross = np.empty((6, 6, 3))
    K = np.empty((18, 18))
    ag = np.empty(3)
    for e in range(wedges.shape[0]):
        K[:] = 0.0
        q[:] = 0.0
        scalar[:] = 0.0
        cross[:] = 0.0
        current = 0.0
        for p in range(6):
            _deformation(x, wedges, e, grads[e, p], F)
            _cofactor(F, cof)
            current += weights[e, p] * (
                F[0, 0] * cof[0, 0] + F[0, 1] * cof[0, 1] + F[0, 2] * cof[0, 2]
            )
        dilation = current / volume[e] - 1.0
        pressure = bulk[e] * dilation - mu0[e]
        for p in range(6):
            w = weights[e, p]
            g = grads[e, p]
            _deformation(x, wedges, e, g, F)
            _cofactor(F, cof)
            det = F[0, 0] * cof[0, 0] + F[0, 1] * cof[0, 1] + F[0, 2] * cof[0, 2]
            i1 = _times_metric(F, G[e], FG) - 3.0
            log, slope, curve = _log(det)
            w1 = mu[e] * (1.0 + b[e] * (i1 - 2.0 * log))
            bend = pressure + mu[e] - w1 * slope
            if safe:
                limit = w1 * mu0[e] / mu[e] / _largest_stretch(F)
                bend = min(max(bend, -limit), limit)
            bend *= w
            for i in range(3):
                for j in range(3):
                    A[i, j] = w1 * G[e, i, j]
            second = 0.0
            if k1[e] > 0.0:
                i4 = _times_metric(F, H[e], FH) - 1.0
                _, first, second = _fibre(i4, k1[e], k2[e])
                for i in range(3):
                    for j in range(3):
                        A[i, j] += 2.0 * first * H[e, i, j]
            for a in range(6):
                g0, g1, g2 = g[a, 0], g[a, 1], g[a, 2]
                for i in range(3):
                    v[3 * a + i] = cof[i, 0] * g0 + cof[i, 1] * g1 + cof[i, 2] * g2
                    q[3 * a + i] += w * v[3 * a + i]
                for j in range(3):
                    ag[j] = w * (A[j, 0] * g0 + A[j, 1] * g1 + A[j, 2] * g2)
                for c in range(a, 6):
                    scalar[a, c] += ag[0] * g[c, 0] + ag[1] * g[c, 1] + ag[2] * g[c, 2]
                for c in range(a + 1, 6):
                    n0 = g1 * g[c, 2] - g2 * g[c, 1]
                    n1 = g2 * g[c, 0] - g0 * g[c, 2]
                    n2 = g0 * g[c, 1] - g1 * g[c, 0]
                    for i in range(3):
                        cross[a, c, i] += bend * (F[i, 0] * n0 + F[i, 1] * n1 + F[i, 2] * n2)
            factor = -w * w1 * curve
            for r in range(18):
                vr = factor * v[r]
                for s in range(18):
                    K[r, s] += vr * v[s]
            if b[e] > 0.0:
                factor = 2.0 * w * mu[e] * b[e]
                for a in range(6):
                    for i in range(3):
                        v[3 * a + i] = (
                            FG[i, 0] * g[a, 0] + FG[i, 1] * g[a, 1] + FG[i, 2] * g[a, 2]
                        ) - slope * v[3 * a + i]
                for r in range(18):
                    vr = factor * v[r]
                    for s in range(18):
                        K[r, s] += vr * v[s]
            if second > 0.0:
                factor = 4.0 * w * second
                for a in range(6):
                    for i in range(3):
                        h[3 * a + i] = FH[i, 0] * g[a, 0] + FH[i, 1] * g[a, 1] + FH[i, 2] * g[a, 2]
                for r in range(18):
                    hr = factor * h[r]
                    for s in range(18):
                        K[r, s] += hr * h[s]
        stiff = bulk[e] / volume[e]
        for r in range(18):
            qr = stiff * q[r]
            for s in range(18):
                K[r, s] += qr * q[s]
        for a in range(6):
            for c in range(a, 6):
                s = scalar[a, c]
                c0, c1, c2 = cross[a, c, 0], cross[a, c, 1], cross[a, c, 2]
                r, t = 3 * a, 3 * c
                K[r, t] += s
                K[r + 1, t + 1] += s
                K[r + 2, t + 2] += s
                K[r, t + 1] += c2
                K[r, t + 2] -= c1
                K[r + 1, t] -= c2
                K[r + 1, t + 2] += c0
                K[r + 2, t] += c1
                K[r + 2, t + 1] -= c0
        for a in range(6):
            for c in range(a, 6):
                upper, lower = slots[e, a, c], slots[e, c, a]
                for i in range(3):
                    for j in range(3):
                        value = K[3 * a + i, 3 * c + j]
                        blocks[upper, i, j] += value
                        if a != c:
                            blocks[lower, j, i] += value


@njit(cache=True, nogil=True)
def block_matvec(indptr, indices, blocks, x, out):
    """Product K x (N,3) in out for a block matrix with 3 x 3 blocks; x (N,3)."""
    for r in range(indptr.shape[0] - 1):
        s0, s1, s2 = 0.0, 0.0, 0.0
        for k in range(indptr[r], indptr[r + 1]):
            c = indices[k]
            x0, x1, x2 = x[c, 0], x[c, 1], x[c, 2]
            s0 += blocks[k, 0, 0] * x0 + blocks[k, 0, 1] * x1 + blocks[k, 0, 2] * x2
            s1 += blocks[k, 1, 0] * x0 + blocks[k, 1, 1] * x1 + blocks[k, 1, 2] * x2
            s2 += blocks[k, 2, 0] * x0 + blocks[k, 2, 1] * x1 + blocks[k, 2, 2] * x2
        out[r, 0] = s0
        out[r, 1] = s1
        out[r, 2] = s2
