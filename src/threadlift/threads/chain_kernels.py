"""Compiled solution of chains of elastic sections and bonded cogs.

Section i runs from cog i - 1 (or the anchor) to cog i. With the change ``d_i`` of the path's length
in it and the movement ``w_i`` of the thread at cog i relative to the tissue (positive towards the
entry) its elongation and tension are::

    e_i = d_i + w_{i-1} - w_i,    T_i = c_i max(e_i, 0),    c_i = EA / L_i

and cog i takes ``T_i - T_{i+1} = min(max(k w_i, lower_i), upper_i)``: elastic, then slipping at a
constant force. One section of a chain is pulled: either its tension is given, or its take-up,
which adds to its ``d``. For given ``d`` the movements minimise a convex energy. What the part of a
chain beyond a cog asks for is a non-decreasing piecewise linear function of that cog's movement, so
these functions are built from the far end to the pull and read back: exact, without iteration. The
minimum, as a function of ``d``, has the tensions as its gradient and a positive semidefinite second
derivative, the Schur complement of the tridiagonal stiffness of the movements.

All chains are stacked: chain j has the sections and cogs ``start[j] .. start[j + 1] - 1``. Arrays
are those of `threadlift.threads.chain.Chains`.
"""

from __future__ import annotations

import numpy as np
from numba import njit

# Added to the stiffness of the movements, relative to the bond's: two halves of equal strength
# that both slip are free to move along themselves.
_RIDGE = 1e-10
# Newton steps that take the rounding out of the movements once the slipping cogs are known.
_POLISH = 3


@njit(cache=True, inline="always")
def _bond(w, k, lower, upper):
    """Force, tangent and energy of one cog that the thread has moved by w."""
    f = k * w
    if f >= upper:
        return upper, 0.0, upper * w - 0.5 * upper * upper / k
    if f <= lower:
        return lower, 0.0, lower * w - 0.5 * lower * lower / k
    return f, k, 0.5 * f * w


@njit(cache=True)
def _unbalanced(a, b, w, change, axial, bond, lower, upper, given, level, pulled, tension, g):
    """Gradient g (b - a,) in the movements, and the tensions; returns the largest entry of g."""
    before = 0.0
    for i in range(a, b):
        if given and i == pulled:
            tension[i] = level
        else:
            tension[i] = axial[i] * max(change[i] + before - w[i], 0.0)
        before = w[i]
    worst = 0.0
    for i in range(a, b):
        beyond = tension[i + 1] if i + 1 < b else 0.0
        f = _bond(w[i], bond[i], lower[i], upper[i])[0]
        g[i - a] = f - tension[i] + beyond
        worst = max(worst, abs(g[i - a]))
    return worst


@njit(cache=True)
def _slopes(a, b, w, change, axial, bond, lower, upper, given, pulled, stiff, grip):
    """Tangents of sections and bonds."""
    before = 0.0
    for i in range(a, b):
        taut = change[i] + before - w[i] > 0.0 and not (given and i == pulled)
        stiff[i] = axial[i] if taut else 0.0
        grip[i] = _bond(w[i], bond[i], lower[i], upper[i])[1]
        before = w[i]


@njit(cache=True)
def _tridiagonal(a, b, stiff, grip, bond, rhs, x, carry):
    """Solve (H + ridge) x = rhs, H the stiffness of the movements; arrays of length b - a."""
    n = b - a
    low = 0.0
    for i in range(n):
        after = stiff[a + i + 1] if i + 1 < n else 0.0
        pivot = grip[a + i] + _RIDGE * bond[a + i] + stiff[a + i] + after
        r = rhs[i]
        if i > 0:
            pivot -= low * carry[i - 1]
            r -= low * x[i - 1]
        low = -after
        carry[i] = low / pivot
        x[i] = r / pivot
    for i in range(n - 2, -1, -1):
        x[i] -= carry[i] * x[i + 1]


@njit(cache=True)
def _at(x, y, n, w):
    """The piecewise linear function through (x, y) at w, constant beyond its ends."""
    k = np.searchsorted(x[:n], w)
    if k == 0:
        return y[0]
    if k == n:
        return y[n - 1]
    return y[k - 1] + (y[k] - y[k - 1]) * ((w - x[k - 1]) / (x[k] - x[k - 1]))


@njit(cache=True)
def _where(x, y, n, level):
    """The first place at which the non-decreasing function through (x, y) reaches the level."""
    k = np.searchsorted(y[:n], level)
    if k == 0:
        return x[0]
    if k == n:
        return x[n - 1]
    return x[k - 1] + (x[k] - x[k - 1]) * ((level - y[k - 1]) / (y[k] - y[k - 1]))


@njit(cache=True)
def _demands(bond, lower, upper, axial, change, x, y, count, zero):
    """What every cog with all beyond it asks for, as functions of its movement.

    Row i of x, y with count[i] points: force that holds cog i at movement x. zero[i]: movement at
    which it needs none. Built from the last cog on; section i lies before cog i.
    """
    m = len(bond)
    px, py = np.empty(2 * m), np.empty(2 * m)
    points = 0
    for i in range(m - 1, -1, -1):
        # Merge the breakpoints of the bond with those of the tension of the section beyond.
        corner = (lower[i] / bond[i], upper[i] / bond[i])
        a, b, n = 0, 0, 0
        while a < 2 or b < points:
            if b == points or (a < 2 and corner[a] <= px[b]):
                here = corner[a]
                a += 1
            else:
                here = px[b]
                b += 1
            x[i, n] = here
            y[i, n] = _bond(here, bond[i], lower[i], upper[i])[0]
            if points:
                y[i, n] += _at(px, py, points, here)
            n += 1
        count[i] = n
        zero[i] = _where(x[i], y[i], n, 0.0)
        if i == 0:
            break
        # Tension of section i as a function of the movement at its near end.
        px[0], py[0], points = zero[i] - change[i], 0.0, 1
        for j in range(n):
            if y[i, j] > 0.0:
                px[points] = x[i, j] + y[i, j] / axial[i] - change[i]
                py[points] = y[i, j]
                points += 1


@njit(cache=True)
def _beyond(x, y, n, zero, axial, change, near):
    """Movement of the cog at the far end of a section whose near end moves by `near`."""
    if near + change <= zero:
        return zero
    low_x, low_s = zero, zero
    for j in range(n):
        if y[j] <= 0.0:
            continue
        s = x[j] + y[j] / axial
        if s >= near + change:
            return low_x + (x[j] - low_x) * ((near + change - low_s) / (s - low_s))
        low_x, low_s = x[j], s
    return low_x + (near + change - low_s)


@njit(cache=True)
def _read_back(x, y, count, zero, axial, change, w):
    """Movements of all cogs from that of the first, w[0]."""
    for i in range(1, len(w)):
        w[i] = _beyond(x[i], y[i], count[i], zero[i], axial[i], change[i], w[i - 1])


@njit(cache=True)
def _balance(x, y, n, zero, far_x, far_y, far_n, far_zero, axial, change):
    """Movement of the cog before an elastic section between two demands (see _demands)."""
    rising, falling = -np.inf, np.inf
    at_rising, at_falling = 0.0, 0.0
    for j in range(n + far_n + 1):
        if j < n:
            w = x[j]
        elif j < n + far_n:
            k = j - n
            w = change - far_x[k] - max(far_y[k], 0.0) / axial
        else:
            w = change - far_zero
        end = _beyond(far_x, far_y, far_n, far_zero, axial, change, -w)
        f = _at(x, y, n, w) - axial * max(change - w - end, 0.0)
        if f <= 0.0 and w > rising:
            rising, at_rising = w, f
        if f >= 0.0 and w < falling:
            falling, at_falling = w, f
    if at_falling - at_rising <= 0.0:
        return rising
    return rising - (falling - rising) * (at_rising / (at_falling - at_rising))


@njit(cache=True)
def _one_chain(a, b, change, axial, bond, lower, upper, given, level, pulled, w):
    """Movements of one chain."""
    m = b - pulled
    x, y = np.empty((m, 2 * m)), np.empty((m, 2 * m))
    count, zero = np.empty(m, np.int64), np.empty(m)
    k, lo, hi = bond[pulled:b], lower[pulled:b], upper[pulled:b]
    c, d = axial[pulled:b], change[pulled:b]
    _demands(k, lo, hi, c, d, x, y, count, zero)
    near = pulled - a
    if near == 0:
        if given:
            w[pulled] = _where(x[0], y[0], count[0], level)
        else:
            w[pulled] = _beyond(x[0], y[0], count[0], zero[0], c[0], d[0], 0.0)
    else:
        # The cogs before the pulled section, seen from it: mirrored.
        nx, ny = np.empty((near, 2 * near)), np.empty((near, 2 * near))
        ncount, nzero = np.empty(near, np.int64), np.empty(near)
        nk, nlo, nhi = bond[a:pulled][::-1], -upper[a:pulled][::-1], -lower[a:pulled][::-1]
        nc, nd = np.ones(near), np.zeros(near)
        nc[1:] = axial[a + 1 : pulled][::-1]
        nd[1:] = change[a + 1 : pulled][::-1]
        _demands(nk, nlo, nhi, nc, nd, nx, ny, ncount, nzero)
        nw = np.empty(near)
        if given:
            nw[0] = _where(nx[0], ny[0], ncount[0], level)
            w[pulled] = _where(x[0], y[0], count[0], level)
        else:
            nw[0] = _balance(
                nx[0], ny[0], ncount[0], nzero[0], x[0], y[0], count[0], zero[0], c[0], d[0]
            )
            w[pulled] = _beyond(x[0], y[0], count[0], zero[0], c[0], d[0], -nw[0])
        _read_back(nx, ny, ncount, nzero, nc, nd, nw)
        w[a:pulled] = -nw[::-1]
    _read_back(x, y, count, zero, c, d, w[pulled:b])


@njit(cache=True)
def solve_chains(
    start, change, axial, bond, lower, upper, given, level, pulled, w, tension, stiff, grip
):
    """Movements w, tensions and tangents of all chains; nan for changes that are not finite."""
    for j in range(len(start) - 1):
        a, b = start[j], start[j + 1]
        n = b - a
        if n == 0:
            continue
        if not (np.isfinite(change[a:b]).all() and np.isfinite(level[j])):
            w[a:b] = np.nan
            tension[a:b] = np.nan
            continue
        law = (change, axial, bond, lower, upper, given[j])
        _one_chain(a, b, *law, level[j], pulled[j], w)
        g, p, carry, best = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
        least = _unbalanced(a, b, w, *law, level[j], pulled[j], tension, g)
        for _ in range(_POLISH):
            _slopes(a, b, w, *law, pulled[j], stiff, grip)
            best[:] = w[a:b]
            g[:] = -g
            _tridiagonal(a, b, stiff, grip, bond, g, p, carry)
            w[a:b] += p
            worst = _unbalanced(a, b, w, *law, level[j], pulled[j], tension, g)
            if worst >= least:
                w[a:b] = best
                break
            least = worst
        _unbalanced(a, b, w, *law, level[j], pulled[j], tension, g)
        _slopes(a, b, w, *law, pulled[j], stiff, grip)


@njit(cache=True)
def condensed(start, axial_change, push, stiff, grip, bond, out):
    """Change of the tensions when sections change by axial_change and cogs are pushed by push."""
    for j in range(len(start) - 1):
        a, b = start[j], start[j + 1]
        n = b - a
        rhs, x, carry = np.empty(n), np.empty(n), np.empty(n)
        for i in range(a, b):
            beyond = stiff[i + 1] * axial_change[i + 1] if i + 1 < b else 0.0
            rhs[i - a] = push[i] + stiff[i] * axial_change[i] - beyond
        if n:
            _tridiagonal(a, b, stiff, grip, bond, rhs, x, carry)
        before = 0.0
        for i in range(a, b):
            out[i] = stiff[i] * (axial_change[i] + before - x[i - a])
            before = x[i - a]


@njit(cache=True)
def chain_energy(start, change, axial, bond, lower, upper, given, level, pulled, w, section, cog):
    """Energy of every section and of every cog [N mm]."""
    for j in range(len(start) - 1):
        before = 0.0
        for i in range(start[j], start[j + 1]):
            e = change[i] + before - w[i]
            if given[j] and i == pulled[j]:
                section[i] = level[j] * e
            else:
                section[i] = 0.5 * axial[i] * max(e, 0.0) ** 2
            cog[i] = _bond(w[i], bond[i], lower[i], upper[i])[2]
            before = w[i]
