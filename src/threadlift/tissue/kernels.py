"""Compiled element kernels: energy, internal force and tangent of wedges with mean dilatation.

Each kernel works through a part of an element order, so that parts without common nodes can run
side by side (``chunks``) and every sum still has one fixed order: the same bits on any number of
processors. Symbols follow ``materials``; A = 2 (W1 G + W4 H) maps a shape gradient to the isochoric
force. The volume term acts through q = dV/dx with the pressure p = K (J - 1) - mu0, where J is the
mean over the element and its partner (``pairing``): so the elements' volumes come first, then the
pressures (``assembly``), then their forces.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from threadlift.tissue.law import (
    TAUT,
    cofactor,
    deformation,
    fibre,
    largest_stretch,
    log_volume,
    relaxation,
    sheet_metric,
    times_metric,
)

# Rank-one terms of one element at most: bulk; volume, stiffening, two fibres and four of a slack
# sheet at six points.
_ROWS = 49


@njit(cache=True, nogil=True, error_model="numpy")
def energy_force(
    order, u, wedges, energy, now, swell, smallest, force,
    grads, weights, mu, b, k1, k2, mu0, G, H, sheet, slack,
):  # fmt: skip
    """All but the pressure, for the elements in order.

    Energies (E,) [N mm], volumes ``now`` (E,) [mm3], their derivatives ``swell`` (E,6,3) [mm2] and
    the smallest det F (E,) are set; nodal internal forces are added to ``force`` (N,3) [N].
    """
    F, FG, FH, cof = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    P, arms = np.empty((3, 3)), np.empty((3, 3))
    c, first, second = np.empty(4), np.empty(4), np.empty((4, 4))
    f = np.empty((6, 3))
    for e in order:
        q = swell[e]
        q[:] = 0.0
        f[:] = 0.0
        current = 0.0
        total = 0.0
        least = np.inf
        for p in range(6):
            w = weights[e, p]
            g = grads[e, p]
            deformation(u, wedges, e, g, F)
            det = cofactor(F, cof)
            least = min(least, det)
            current += w * det
            i1 = times_metric(F, G[e], FG) - 3.0
            log, slope, _ = log_volume(det)
            shape = i1 - 2.0 * log
            total += w * mu[e] * (0.5 * i1 + 0.25 * b[e] * shape * shape + det - 1.0 - log)
            w1 = mu[e] * (1.0 + b[e] * shape)
            local = mu[e] - w1 * slope
            for i in range(3):
                for j in range(3):
                    P[i, j] = w1 * FG[i, j] + local * cof[i, j]
            for m in range(2):
                if k1[e, m] > 0.0:
                    i4 = times_metric(F, H[e, m], FH) - 1.0
                    psi, pull, _ = fibre(i4, k1[e, m], k2[e, m])
                    total += w * psi
                    for i in range(3):
                        for j in range(3):
                            P[i, j] += 2.0 * pull * FH[i, j]
            if slack[e] < 1.0:
                sheet_metric(F, sheet[e], arms, c)
                state, gain = relaxation(c, first, second, False)
                if state != TAUT:
                    share = (1.0 - slack[e]) * mu[e]
                    total -= 0.5 * w * share * gain
                    for i in range(3):
                        a0 = first[0] * arms[0, i] + 0.5 * first[2] * arms[1, i]
                        a1 = first[1] * arms[1, i] + 0.5 * first[2] * arms[0, i]
                        a2 = first[3] * arms[2, i]
                        for j in range(3):
                            P[i, j] -= share * (
                                a0 * sheet[e, 0, j] + a1 * sheet[e, 1, j] + a2 * sheet[e, 2, j]
                            )
            for a in range(6):
                g0, g1, g2 = g[a, 0], g[a, 1], g[a, 2]
                for i in range(3):
                    f[a, i] += w * (P[i, 0] * g0 + P[i, 1] * g1 + P[i, 2] * g2)
                    q[a, i] += w * (cof[i, 0] * g0 + cof[i, 1] * g1 + cof[i, 2] * g2)
        energy[e] = total
        now[e] = current
        smallest[e] = least
        for a in range(6):
            n = wedges[e, a]
            for i in range(3):
                force[n, i] += f[a, i]


@njit(cache=True, nogil=True, error_model="numpy")
def pressure_force(order, wedges, pressure, swell, force):
    """Add the nodal forces (N,3) [N] of the pressures (E,) [MPa] of the elements in order."""
    for e in order:
        for a in range(6):
            n = wedges[e, a]
            for i in range(3):
                force[n, i] += pressure[e] * swell[e, a, i]


@njit(cache=True, inline="always", error_model="numpy")
def _rank_one(X, V, row, factor, M, g):
    """Row of the factors: V the vector (M g_a)_i (18,), X the same times factor."""
    for a in range(6):
        g0, g1, g2 = g[a, 0], g[a, 1], g[a, 2]
        for i in range(3):
            value = M[i, 0] * g0 + M[i, 1] * g1 + M[i, 2] * g2
            V[row, 3 * a + i] = value
            X[row, 3 * a + i] = factor * value


@njit(cache=True, inline="always", error_model="numpy")
def _sheet_rows(V, row, arms, axes, g):
    """Derivatives of the sheet metric (c11, c22, c12, c33) by the nodal positions: four rows."""
    for a in range(6):
        n0 = axes[0, 0] * g[a, 0] + axes[0, 1] * g[a, 1] + axes[0, 2] * g[a, 2]
        n1 = axes[1, 0] * g[a, 0] + axes[1, 1] * g[a, 1] + axes[1, 2] * g[a, 2]
        n2 = axes[2, 0] * g[a, 0] + axes[2, 1] * g[a, 1] + axes[2, 2] * g[a, 2]
        for i in range(3):
            V[row, 3 * a + i] = 2.0 * n0 * arms[0, i]
            V[row + 1, 3 * a + i] = 2.0 * n1 * arms[1, i]
            V[row + 2, 3 * a + i] = n0 * arms[1, i] + n1 * arms[0, i]
            V[row + 3, 3 * a + i] = 2.0 * n2 * arms[2, i]


@njit(cache=True, inline="always", error_model="numpy")
def _add_blocks(e, rows, X, V, AG, BF, g, slots, blocks):
    """Sum up the 3 x 3 blocks of one element, each in registers, and add them to the matrix.

    X^T V (rows,18) is the material part; AG (6,6,3) = w A g and BF (6,3,3) = w p F the geometric
    one. Only blocks a <= m are summed; the others are their transposes. Pairs without a slot are
    left out.
    """
    for a in range(6):
        for m in range(a, 6):
            d = slots[e, a, m]
            if d < 0:
                continue
            k00, k01, k02 = 0.0, 0.0, 0.0
            k10, k11, k12 = 0.0, 0.0, 0.0
            k20, k21, k22 = 0.0, 0.0, 0.0
            for r in range(rows):
                x0, x1, x2 = X[r, 3 * a], X[r, 3 * a + 1], X[r, 3 * a + 2]
                v0, v1, v2 = V[r, 3 * m], V[r, 3 * m + 1], V[r, 3 * m + 2]
                k00 += x0 * v0
                k01 += x0 * v1
                k02 += x0 * v2
                k10 += x1 * v0
                k11 += x1 * v1
                k12 += x1 * v2
                k20 += x2 * v0
                k21 += x2 * v1
                k22 += x2 * v2
            scalar, c0, c1, c2 = 0.0, 0.0, 0.0, 0.0
            for p in range(6):
                h0, h1, h2 = g[p, m, 0], g[p, m, 1], g[p, m, 2]
                scalar += AG[p, a, 0] * h0 + AG[p, a, 1] * h1 + AG[p, a, 2] * h2
                g0, g1, g2 = g[p, a, 0], g[p, a, 1], g[p, a, 2]
                n0, n1, n2 = g1 * h2 - g2 * h1, g2 * h0 - g0 * h2, g0 * h1 - g1 * h0
                c0 += BF[p, 0, 0] * n0 + BF[p, 0, 1] * n1 + BF[p, 0, 2] * n2
                c1 += BF[p, 1, 0] * n0 + BF[p, 1, 1] * n1 + BF[p, 1, 2] * n2
                c2 += BF[p, 2, 0] * n0 + BF[p, 2, 1] * n1 + BF[p, 2, 2] * n2
            k00 += scalar
            k11 += scalar
            k22 += scalar
            k01 += c2
            k02 -= c1
            k10 -= c2
            k12 += c0
            k20 += c1
            k21 -= c0
            blocks[d, 0, 0] += k00
            blocks[d, 0, 1] += k01
            blocks[d, 0, 2] += k02
            blocks[d, 1, 0] += k10
            blocks[d, 1, 1] += k11
            blocks[d, 1, 2] += k12
            blocks[d, 2, 0] += k20
            blocks[d, 2, 1] += k21
            blocks[d, 2, 2] += k22
            if a != m:
                t = slots[e, m, a]
                blocks[t, 0, 0] += k00
                blocks[t, 0, 1] += k10
                blocks[t, 0, 2] += k20
                blocks[t, 1, 0] += k01
                blocks[t, 1, 1] += k11
                blocks[t, 1, 2] += k21
                blocks[t, 2, 0] += k02
                blocks[t, 2, 1] += k12
                blocks[t, 2, 2] += k22


@njit(cache=True, nogil=True, error_model="numpy")
def tangent(
    order, u, wedges, pressure, rise, safe, slots, swell, blocks,
    grads, weights, mu, b, k1, k2, mu0, G, H, sheet, slack,
):  # fmt: skip
    """Add the second derivative of the energy to ``blocks`` (nnz blocks, 3, 3) [N/mm].

    pressure (E,) [MPa] is that of u, rise (E,) [MPa/mm3] its derivative by the volume. What couples
    an element to its partner is left to ``pair_blocks``, for which ``swell`` (E,6,3) [mm2] is set.
    ``safe``: limit the pressure so that every element stays positive semidefinite (the second
    derivative of det F lies between plus and minus the largest stretch, the isochoric part above W1
    times the smallest eigenvalue of G) and leave the wrinkling rule out. ``slots`` (E,6,6) gives
    the block of every pair of element nodes, -1 for none.
    """
    F, FG, FH, cof = np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3)), np.empty((3, 3))
    A, arms = np.empty((3, 3)), np.empty((3, 3))
    c, first, second = np.empty(4), np.empty(4), np.empty((4, 4))
    q = np.empty(18)
    X, V = np.empty((_ROWS, 18)), np.empty((_ROWS, 18))
    AG, BF = np.empty((6, 6, 3)), np.empty((6, 3, 3))
    for e in order:
        q[:] = 0.0
        rows = 1  # row 0 is the bulk term, known last
        for p in range(6):
            w = weights[e, p]
            g = grads[e, p]
            deformation(u, wedges, e, g, F)
            det = cofactor(F, cof)
            i1 = times_metric(F, G[e], FG) - 3.0
            log, slope, curve = log_volume(det)
            w1 = mu[e] * (1.0 + b[e] * (i1 - 2.0 * log))
            bend = pressure[e] + mu[e] - w1 * slope
            if safe:
                limit = w1 * mu0[e] / mu[e] / largest_stretch(F)
                bend = min(max(bend, -limit), limit)
            for i in range(3):
                for j in range(3):
                    BF[p, i, j] = w * bend * F[i, j]
                    A[i, j] = w1 * G[e, i, j]
            _rank_one(X, V, rows, -w * w1 * curve, cof, g)
            for r in range(18):
                q[r] += w * V[rows, r]
            rows += 1
            if b[e] > 0.0:
                for i in range(3):
                    for j in range(3):
                        FG[i, j] -= slope * cof[i, j]
                _rank_one(X, V, rows, 2.0 * w * mu[e] * b[e], FG, g)
                rows += 1
            for m in range(2):
                if k1[e, m] > 0.0:
                    i4 = times_metric(F, H[e, m], FH) - 1.0
                    if i4 > 0.0:
                        _, pull, stiff = fibre(i4, k1[e, m], k2[e, m])
                        for i in range(3):
                            for j in range(3):
                                A[i, j] += 2.0 * pull * H[e, m, i, j]
                        _rank_one(X, V, rows, 4.0 * w * stiff, FH, g)
                        rows += 1
            if slack[e] < 1.0 and not safe:
                sheet_metric(F, sheet[e], arms, c)
                state, _ = relaxation(c, first, second, True)
                if state != TAUT:
                    axes = sheet[e]
                    share = (1.0 - slack[e]) * mu[e]
                    for i in range(3):
                        for j in range(3):
                            A[i, j] -= share * (
                                first[0] * axes[0, i] * axes[0, j]
                                + first[1] * axes[1, i] * axes[1, j]
                                + 0.5
                                * first[2]
                                * (axes[0, i] * axes[1, j] + axes[1, i] * axes[0, j])
                                + first[3] * axes[2, i] * axes[2, j]
                            )
                    _sheet_rows(V, rows, arms, axes, g)
                    for k in range(4):
                        for r in range(18):
                            total = 0.0
                            for m in range(4):
                                total += second[k, m] * V[rows + m, r]
                            X[rows + k, r] = -0.5 * w * share * total
                    rows += 4
            for a in range(6):
                g0, g1, g2 = w * g[a, 0], w * g[a, 1], w * g[a, 2]
                for j in range(3):
                    AG[p, a, j] = A[j, 0] * g0 + A[j, 1] * g1 + A[j, 2] * g2
        for r in range(18):
            V[0, r] = q[r]
            X[0, r] = rise[e] * q[r]
            swell[e, r // 3, r % 3] = q[r]
        _add_blocks(e, rows, X, V, AG, BF, grads[e], slots, blocks)


@njit(cache=True, nogil=True, error_model="numpy")
def pair_blocks(order, pairs, rise, swell, slots, blocks):
    """Add what couples two elements through their common pressure, for the pairs in order.

    pairs (P,2) of elements; slots (P,2,6,6): blocks of the nodes of the first with those of the
    second, and back, -1 for none.
    """
    for k in order:
        one, two = pairs[k, 0], pairs[k, 1]
        for a in range(6):
            x0 = rise[one] * swell[one, a, 0]
            x1 = rise[one] * swell[one, a, 1]
            x2 = rise[one] * swell[one, a, 2]
            for m in range(6):
                there, back = slots[k, 0, a, m], slots[k, 1, m, a]
                if there < 0:
                    continue
                for j in range(3):
                    v = swell[two, m, j]
                    blocks[there, 0, j] += x0 * v
                    blocks[there, 1, j] += x1 * v
                    blocks[there, 2, j] += x2 * v
                    blocks[back, j, 0] += x0 * v
                    blocks[back, j, 1] += x1 * v
                    blocks[back, j, 2] += x2 * v


@njit(cache=True, nogil=True, error_model="numpy")
def block_matvec(start, stop, indptr, indices, blocks, x, out):
    """Rows start to stop of the product K x (N,3) in out, for 3 x 3 blocks; x (N,3)."""
    for r in range(start, stop):
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
