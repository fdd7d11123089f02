"""The law at one quadrature point, compiled: fibres, volume, and the relaxation of slack skin.

Symbols and units follow ``materials``. Everything is a function of the deformation gradient
``F = d(position)/d(captured position)``.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from threadlift.tissue.materials import EXPONENT_CAP

#: Volume ratio below which the logarithm goes on as a parabola, with a cubic wall added. A trial
#: step may then fold an element and come back, since the energy stays finite; but at rest the wall
#: keeps every point from folding where mean dilatation alone would let single points do so.
LOG_END = 0.3
WALL = 50.0
# Squared stretches below this are treated as this: the roots of the wrinkling rule need a floor.
_FLOOR = 1e-6
TAUT, WRINKLED, SLACK = 0, 1, 2


@njit(cache=True, inline="always", error_model="numpy")
def fibre(e, k1, k2):
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


@njit(cache=True, inline="always", error_model="numpy")
def log_volume(j):
    """Ln j with its first two derivatives; continued twice differentiably below LOG_END."""
    if j >= LOG_END:
        return np.log(j), 1.0 / j, -1.0 / (j * j)
    x = (LOG_END - j) / LOG_END
    value = np.log(LOG_END) - x - 0.5 * x * x - WALL * x * x * x
    slope = (1.0 + x + 3.0 * WALL * x * x) / LOG_END
    return value, slope, -(1.0 + 6.0 * WALL * x) / (LOG_END * LOG_END)


@njit(cache=True, inline="always", error_model="numpy")
def deformation(u, wedges, e, grad, F):
    """F = 1 + sum_a u_a (grad N_a)^T: rounding scales with the strain, not with the position."""
    for i in range(3):
        for j in range(3):
            F[i, j] = 0.0
        F[i, i] = 1.0
    for a in range(6):
        n = wedges[e, a]
        for i in range(3):
            ui = u[n, i]
            for j in range(3):
                F[i, j] += ui * grad[a, j]


@njit(cache=True, inline="always", error_model="numpy")
def cofactor(F, C):
    """Cofactor matrix of F in C; returns det F."""
    C[0, 0] = F[1, 1] * F[2, 2] - F[1, 2] * F[2, 1]
    C[0, 1] = F[1, 2] * F[2, 0] - F[1, 0] * F[2, 2]
    C[0, 2] = F[1, 0] * F[2, 1] - F[1, 1] * F[2, 0]
    C[1, 0] = F[0, 2] * F[2, 1] - F[0, 1] * F[2, 2]
    C[1, 1] = F[0, 0] * F[2, 2] - F[0, 2] * F[2, 0]
    C[1, 2] = F[0, 1] * F[2, 0] - F[0, 0] * F[2, 1]
    C[2, 0] = F[0, 1] * F[1, 2] - F[0, 2] * F[1, 1]
    C[2, 1] = F[0, 2] * F[1, 0] - F[0, 0] * F[1, 2]
    C[2, 2] = F[0, 0] * F[1, 1] - F[0, 1] * F[1, 0]
    return F[0, 0] * C[0, 0] + F[0, 1] * C[0, 1] + F[0, 2] * C[0, 2]


@njit(cache=True, inline="always", error_model="numpy")
def times_metric(F, M, out):
    """Product F M in out; returns F : (F M) = C : M."""
    total = 0.0
    for i in range(3):
        for j in range(3):
            s = F[i, 0] * M[0, j] + F[i, 1] * M[1, j] + F[i, 2] * M[2, j]
            out[i, j] = s
            total += s * F[i, j]
    return total


@njit(cache=True, inline="always", error_model="numpy")
def largest_stretch(F):
    """Upper bound of the largest stretch: root of the largest row sum of |C|, 1 at rest."""
    largest = 0.0
    for i in range(3):
        row = 0.0
        for j in range(3):
            row += abs(F[0, i] * F[0, j] + F[1, i] * F[1, j] + F[2, i] * F[2, j])
        largest = max(largest, row)
    return np.sqrt(largest)


@njit(cache=True, inline="always", error_model="numpy")
def sheet_metric(F, axes, arms, c):
    """Images of the sheet axes (rows of arms) and their metric c = (c11, c22, c12, c33)."""
    for k in range(3):
        for i in range(3):
            arms[k, i] = F[i, 0] * axes[k, 0] + F[i, 1] * axes[k, 1] + F[i, 2] * axes[k, 2]
    c[0] = arms[0, 0] ** 2 + arms[0, 1] ** 2 + arms[0, 2] ** 2
    c[1] = arms[1, 0] ** 2 + arms[1, 1] ** 2 + arms[1, 2] ** 2
    c[2] = arms[0, 0] * arms[1, 0] + arms[0, 1] * arms[1, 1] + arms[0, 2] * arms[1, 2]
    c[3] = arms[2, 0] ** 2 + arms[2, 1] ** 2 + arms[2, 2] ** 2


@njit(cache=True, inline="always", error_model="numpy")
def relaxation(c, first, second, with_second):
    """What a slack sheet gives back by wrinkling: R / (mu / 2), first (4,), second (4,4) by c.

    In-plane stretches l1 >= l2 and thickness stretch l3. Where l2 < l3 the sheet would be
    compressed across and wrinkles instead: its material keeps l1 and shares the rest of its volume
    evenly, so R = (l3 - l2)^2. Where even l1 < sqrt(l2 l3) nothing is taut and only the energy of
    the volume is left: R = l1^2 + l2^2 + l3^2 - 3 J^(2/3). (Pipkin's relaxed energy of a membrane,
    written for a solid layer; continuous with its first derivative between the regimes.)
    Returns the state TAUT, WRINKLED or SLACK and R; derivatives are set only if not TAUT.
    """
    trace = c[0] + c[1]
    det = max(c[0] * c[1] - c[2] * c[2], _FLOOR * _FLOOR)
    root = np.sqrt(max(0.25 * trace * trace - det, 1e-18))
    major, minor = 0.5 * trace + root, max(0.5 * trace - root, _FLOOR)
    thick = max(c[3], _FLOOR)
    if minor >= thick:
        return TAUT, 0.0
    d = (c[1], c[0], -2.0 * c[2])
    t = (1.0, 1.0, 0.0)
    y, z = np.sqrt(minor), np.sqrt(thick)
    if major > y * z:
        m_i, m_d = -minor / (2.0 * root), 0.5 / root
        f_m, f_3 = 1.0 - z / y, 1.0 - y / z
        for k in range(3):
            first[k] = f_m * (m_i * t[k] + m_d * d[k])
        first[3] = f_3
        if with_second:
            cube = root * root * root
            m_ii, m_id, m_dd = 0.25 * det / cube, -0.125 * trace / cube, 0.25 / cube
            f_mm, f_m3 = 0.5 * z / (y * y * y), -0.5 / (y * z)
            for k in range(3):
                mk = m_i * t[k] + m_d * d[k]
                for m in range(3):
                    mm = m_i * t[m] + m_d * d[m]
                    bend = m_ii * t[k] * t[m] + m_id * (t[k] * d[m] + d[k] * t[m])
                    second[k, m] = f_mm * mk * mm + f_m * (bend + m_dd * d[k] * d[m])
                second[k, 3] = f_m3 * mk
                second[3, k] = f_m3 * mk
            second[0, 1] += f_m * m_d
            second[1, 0] += f_m * m_d
            second[2, 2] -= 2.0 * f_m * m_d
            second[3, 3] = 0.5 * y / (z * z * z)
        return WRINKLED, (z - y) * (z - y)
    volume = (det * thick) ** (1.0 / 3.0)
    f_d = -volume / det
    for k in range(3):
        first[k] = t[k] + f_d * d[k]
    first[3] = 1.0 - volume / thick
    if with_second:
        f_dd = 2.0 / 3.0 * volume / (det * det)
        f_d3 = -volume / (3.0 * det * thick)
        for k in range(3):
            for m in range(3):
                second[k, m] = f_dd * d[k] * d[m]
            second[k, 3] = f_d3 * d[k]
            second[3, k] = f_d3 * d[k]
        second[0, 1] += f_d
        second[1, 0] += f_d
        second[2, 2] -= 2.0 * f_d
        second[3, 3] = 2.0 / 3.0 * volume / (thick * thick)
    return SLACK, trace + thick - 3.0 * volume
