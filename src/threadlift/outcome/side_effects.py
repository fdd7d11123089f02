"""Complications per 100 people treated, from the evidence register, for this patient's age."""

from __future__ import annotations

import math

from threadlift import evidence
from threadlift.evidence import Parameter
from threadlift.outcome.model import Complication
from threadlift.quantities import Estimate

#: Age [years] at which the pooled studies split their patients (NIU21).
_SPLIT_AGE = 50.0


def complications(age_years: float | None) -> tuple[Complication, ...]:
    """Every complication with a rate, most frequent first.

    The interval spans what the reviews and series reported, so it predicts the rate of a further
    study rather than pooling them into one precise number. Where the reviews give rates by age,
    the rate is shifted to the patient's age group.
    """
    rows = []
    for name in evidence.table("complications")["rate"]:
        rate = evidence.parameter(f"complications.rate.{name}")
        rows.append(Complication(name, _estimate(rate, _age_factor(name, age_years))))
    return tuple(sorted(rows, key=lambda c: (-c.per_100.value, c.name)))


def rare_events() -> tuple[tuple[str, str], ...]:
    """Events that reports know without a rate: (name, note)."""
    return tuple((r["name"], r.get("note", "")) for r in evidence.table("complications")["rare"])


def _age_factor(name: str, age_years: float | None) -> Parameter | None:
    if age_years is None:
        return None
    group = "over" if age_years > _SPLIT_AGE else "under"
    key = f"complications.factor.{name}_{group}_50"
    return evidence.all_parameters().get(key)


def _estimate(rate: Parameter, factor: Parameter | None) -> Estimate:
    down, up = _log_reach(rate)
    value, basis = rate.value, rate.basis
    if factor is not None:
        # Both spreads are between studies: they add in quadrature on the logarithm.
        other_down, other_up = _log_reach(factor)
        down, up = math.hypot(down, other_down), math.hypot(up, other_up)
        value, basis = value * factor.value, (*basis, *factor.basis)
    value = min(value, 100.0)
    return Estimate(
        value, value * math.exp(-down), min(value * math.exp(up), 100.0), "per 100", basis
    )


def _log_reach(p: Parameter) -> tuple[float, float]:
    """Distance on the logarithm from the value down to the low and up to the high end."""
    low = p.value if p.low is None else p.low
    high = p.value if p.high is None else p.high
    return math.log(p.value / low), math.log(high / p.value)
