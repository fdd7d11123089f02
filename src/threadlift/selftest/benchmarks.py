"""Published problems with known numbers, each on one mesh that a laptop solves in a second.

How the same numbers converge is in the tests and in docs/verification.md.
"""

from __future__ import annotations

from threadlift.selftest import beam, cook, cylinder, squeezed
from threadlift.selftest.case import Case

_FAMILY = "benchmark"
#: Pressure [MPa] of the linear tube; any will do.
_PRESSURE_MPA = 1e-5


def _cook() -> list[Case]:
    # 32 elements across are 1 % short on this panel, which has a singular corner.
    return [
        Case(f"Cook's panel, nu = {nu:.4g}, mm", exact, cook.tip_lift(32, nu), 0.02, _FAMILY)
        for nu, exact in cook.REFERENCE_MM.items()
    ]


def _tube() -> list[Case]:
    # Errors of second order with eight elements through the wall.
    out = []
    for nu in (0.3, 0.4999):
        exact, growth = (f(nu) for f in (_lame, _small))
        out.append(Case(f"tube under pressure, nu = {nu:.4g}, µm", exact, growth, 0.005, _FAMILY))
    half = 0.5 * cylinder.INNER_MM
    grown = cylinder.finite_growth(8, 1.5)
    return [*out, Case("tube stretched by half, mm", half, grown, 0.003, _FAMILY)]


def _lame(nu: float) -> float:
    return 1e3 * cylinder.lame_growth(nu, _PRESSURE_MPA)


def _small(nu: float) -> float:
    return 1e3 * cylinder.small_growth(8, nu, _PRESSURE_MPA)


def cases() -> list[Case]:
    """Cook's panel, the squeezed block, the tube under pressure, the bent cantilever."""
    exact = beam.elastica(1.0)
    # Eight elements across are 1/64 too stiff; the shortening is quadratic in the deflection.
    bent = beam.bent(8, 1.0, steps=4)
    sunk = squeezed.compression(8, 20)
    return [
        *_cook(),
        Case("squeezed block, share of height", squeezed.CONVERGED_20, sunk, 0.01, _FAMILY),
        *_tube(),
        Case("cantilever, deflection / length", exact[0], bent[0], 0.01, _FAMILY),
        Case("cantilever, shortening / length", exact[1], bent[1], 0.02, _FAMILY),
    ]
