"""Fading of the lift and complications per 100."""

from itertools import pairwise

import numpy as np
import pytest
from block_case import block_thread

from threadlift.evidence import all_parameters
from threadlift.outcome.fading import MONTHS, Fading
from threadlift.outcome.side_effects import complications, rare_events


def test_the_lift_fades_from_all_of_it_and_never_returns() -> None:
    fading = Fading([block_thread()])
    table = fading.table(np.linspace(-2, 2, 33))
    assert tuple(month for month, _ in table) == MONTHS
    assert table[0][1].value == table[0][1].low == 1.0
    values = [e.value for _, e in table]
    assert all(a > b for a, b in pairwise(values))
    assert all(0.0 <= e.low < e.value < e.high <= 1.0 for _, e in table[1:])


def test_products_that_stay_longer_last_longer_and_a_mix_lies_between() -> None:
    short = block_thread()
    long = type(short)(**{**short.__dict__, "product": "plcl-2-0-molded"})
    a, b, mix = Fading([short]), Fading([long]), Fading([short, long])
    t = 6.0
    assert a.fraction(t, 0.0) < mix.fraction(t, 0.0) < b.fraction(t, 0.0)
    assert a.months(2.5, 0.0) < b.months(2.5, 0.0)


def test_duration_grows_with_the_lift_and_ends_where_it_was_never_felt() -> None:
    fading = Fading([block_thread()])
    months = [fading.months(mm, 0.0) for mm in (0.5, 1.1, 1.5, 2.5, 5.0)]
    assert months[0] == 0.0
    assert all(a <= b for a, b in pairwise(months))
    # Once a third of the lift is above what is felt, only the share counts.
    assert fading.months(5.0, 0.0) == fading.months(9.0, 0.0)


def test_complications_are_rates_with_ordered_intervals_and_sources() -> None:
    rows = complications(None)
    names = [c.name for c in rows]
    assert {"swelling", "bruising", "dimpling", "infection", "parotid_injury"} <= set(names)
    rates = [c.per_100.value for c in rows]
    assert rates == sorted(rates, reverse=True)
    for c in rows:
        assert 0.0 < c.per_100.low <= c.per_100.value <= c.per_100.high <= 100.0
        assert c.per_100.unit == "per 100"
        assert len(c.per_100.basis) >= 2
        plain = all_parameters()[f"complications.rate.{c.name}"]
        assert c.per_100.value == plain.value


@pytest.mark.parametrize("name", ["dimpling", "infection"])
def test_age_shifts_only_what_was_reported_by_age(name) -> None:
    young, old, unknown = ({c.name: c.per_100 for c in complications(a)} for a in (40, 60, None))
    assert young[name].value < unknown[name].value < old[name].value
    assert young["swelling"] == old["swelling"] == unknown["swelling"]


def test_rare_events_have_no_rate_but_are_named() -> None:
    assert "facial_nerve_weakness" in dict(rare_events())
