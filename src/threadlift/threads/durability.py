"""How lift and thread strength fade with time."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from threadlift import evidence
from threadlift.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class DurabilityCurve:
    """Fraction of the early lift that is left: r + (1 - r)(½ 2^(-t/t1) + ½ 2^(-t/t2)).

    t in months after the first days' relaxation and swelling (modelled apart); `log_sd` is the
    spread of the common time scale, `r_inf_range` that of the lasting share.
    """

    profile: str
    r_inf: float
    t1_months: float
    t2_months: float
    log_sd: float
    r_inf_range: tuple[float, float]
    basis: tuple[str, ...]

    def fraction(self, months: ArrayLike) -> Array:
        """Fraction of the early lift left after `months` (any shape, >= 0)."""
        t = np.asarray(months, dtype=float)
        fade = 0.5 * np.exp2(-t / self.t1_months) + 0.5 * np.exp2(-t / self.t2_months)
        return self.r_inf + (1.0 - self.r_inf) * fade

    def at_quantile(self, z: float) -> DurabilityCurve:
        """The curve `z` standard deviations towards longer (z > 0) or shorter (z < 0) life."""
        scale = math.exp(self.log_sd * z)
        low, high = self.r_inf_range
        # The range is read as a 90 % interval on either side of the default.
        reach = (high - self.r_inf) if z > 0 else (self.r_inf - low)
        r_inf = min(max(self.r_inf + reach * z / 1.645, 0.0), 0.95)
        return replace(
            self, r_inf=r_inf, t1_months=self.t1_months * scale, t2_months=self.t2_months * scale
        )


def durability(profile: str) -> DurabilityCurve:
    """The curve of a profile ("pdo", "pdo-pessimistic", "plla", "plcl"). InputError if unknown."""
    known = evidence.table("durability")["profile"]
    if profile not in known:
        raise InputError(
            f"The durability profile '{profile}' is not in the register.",
            f"Use one of: {', '.join(known)}.",
        )
    keys = tuple(f"durability.profile.{profile}.{name}" for name in ("r_inf", "t1", "t2"))
    r_inf, t1, t2 = (evidence.parameter(key) for key in keys)
    return DurabilityCurve(
        profile=profile,
        r_inf=r_inf.value,
        t1_months=t1.value,
        t2_months=t2.value,
        log_sd=t1.log_sd or 0.0,
        r_inf_range=(r_inf.low or 0.0, r_inf.high if r_inf.high is not None else r_inf.value),
        basis=keys,
    )


def strength_fraction(material: str, weeks: ArrayLike) -> Array:
    """Share of the tensile strength left after `weeks`: exp(-ln 2 (t / half)^exponent)."""
    if material not in evidence.table("threads")["material"]:
        raise InputError(
            f"The thread material '{material}' is not in the register.",
            f"Use one of: {', '.join(evidence.table('threads')['material'])}.",
        )
    half = evidence.value(f"threads.material.{material}.strength_half")
    exponent = evidence.value(f"threads.material.{material}.strength_exponent")
    t = np.asarray(weeks, dtype=float)
    return np.asarray(np.exp(-math.log(2.0) * (t / half) ** exponent), dtype=np.float64)
