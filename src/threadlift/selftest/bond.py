"""Bond and slip of cogs on a straight thread in tissue that stays: shear lag in closed form.

With n equal sections of stiffness c and equal bonds k the balance of every cog is a difference
equation. Its decaying solution is T_i = T_0 sinh((n - i) q) / sinh(n q) with 2 cosh(q) = 2 + k / c;
where the first m cogs slip at their holding force F, T_m = T_0 - m F starts the same decay.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.selftest.case import Case
from threadlift.threads.chain import Chains

_COGS, _AXIAL, _BOND, _HOLDING = 12, 8.0, 0.9, 0.35


def chain_tensions(pull: float, *, holding: float = _HOLDING) -> NDArray:
    """Tension (n,) [N] before every cog of a thread that is pulled at its first section."""
    ones = np.ones(_COGS)
    chains = Chains(
        start=np.array([0, _COGS]),
        axial=_AXIAL * ones,
        bond=_BOND * ones,
        lower=-holding * ones,
        upper=holding * ones,
        pulled=np.array([0]),
        given=np.array([True]),
    )
    return chains.solve(np.zeros(_COGS), chains.level(np.array([pull]))).tension


def shear_lag(pull: float, *, holding: float = _HOLDING) -> tuple[NDArray, int]:
    """The same in closed form, and the number of cogs that slip."""
    q = np.arccosh(1.0 + 0.5 * _BOND / _AXIAL)
    for slipping in range(_COGS):
        left = _COGS - slipping
        start = pull - slipping * holding
        tail = start * np.sinh((left - np.arange(left + 1)) * q) / np.sinh(left * q)
        if tail[0] - tail[1] <= holding:
            before = pull - holding * np.arange(slipping)
            return np.concatenate([before, tail[:-1]]), slipping
    return pull - holding * np.arange(_COGS), _COGS


def cases() -> list[Case]:
    """An elastic chain and one of which a part slips: the tension in the middle."""
    out = []
    for name, pull in (("hold", 0.5), ("in part slip", 2.5)):
        exact, _ = shear_lag(pull)
        computed = chain_tensions(pull)
        middle = _COGS // 3
        title = f"tension where cogs {name}, N"
        out.append(Case(title, float(exact[middle]), float(computed[middle]), 1e-8, "threads"))
    return out
