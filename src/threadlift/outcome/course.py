"""The course of a lift: from the hour of the procedure to two years, zone by zone.

Three things follow each other. Within a day the tissue relaxes under threads that stay tied
(`tissue.settled`: solved for the plan as such). For up to two weeks swelling stands on top; it is
told apart, because it is no lift. Then bonds, threads and tissue let the lift fade on the curve of
the product (`threads.durability`), whose scatter between people is the ensemble's. A thread's own
strength is told beside it: how long the polymer bears the pull that is left in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import SolverError
from threadlift.evidence import parameter, value
from threadlift.outcome.fading import Fading
from threadlift.outcome.measures import Probe
from threadlift.quantities import Z90, Estimate
from threadlift.threads import product
from threadlift.threads.durability import strength_fraction
from threadlift.threads.thread import Thread
from threadlift.tissue.equilibrium import Equilibrium
from threadlift.tissue.relaxation import MONTH_DAYS
from threadlift.tissue.settled import settled
from threadlift.tissue.tissue import Tissue

Array = NDArray[np.float64]

_DAY = 1.0 / MONTH_DAYS
#: Times [months]: the hour itself, a day, a week, two weeks, then months.
TIMES = (0.0, _DAY, 7 * _DAY, 14 * _DAY, 1.0, 3.0, 6.0, 12.0, 18.0, 24.0)
_WEEKS_PER_MONTH = MONTH_DAYS / 7.0
#: Time [months] to which the strength of threads is followed, and its resolution.
_HORIZON, _STEP = 36.0, 0.1
_TOLERANCE = 1e-4
#: Lifts below this [mm] have no share that could be kept.
_LEAST_MM = 0.05


@dataclass(frozen=True)
class Relaxed:
    """What a day leaves of the plan as such: share of the lift by zone, tension [N] by thread."""

    share: Mapping[str, float]
    tension_n: Mapping[str, float]


def relaxed(
    tissue: Tissue, threads: Sequence[Thread], placed: Equilibrium, probe: Probe
) -> Relaxed | None:
    """A day after the procedure, the threads tied; None where the tissue finds no equilibrium."""
    try:
        later = settled(tissue, threads, placed, "24h", tolerance=_TOLERANCE)
    except SolverError:
        return None
    first, then = (probe.read(e.surface).lift_mm for e in (placed, later))
    share = {
        z: float(np.clip(then[z] / mm, 0.0, 1.5)) if abs(mm) > _LEAST_MM else 1.0
        for z, mm in first.items()
    }
    return Relaxed(share, {s.name: float(s.tension_n) for s in later.threads})


@dataclass(frozen=True)
class Course:
    """lift_mm: by zone the lift at `TIMES`; swelling_mm: height of the swelling at them;
    visible_months: by zone, until when the lift can be told from none; bears_months: by thread,
    until when its polymer bears its pull; relaxed: whether the first day was solved.
    """

    lift_mm: Mapping[str, tuple[Estimate, ...]]
    swelling_mm: tuple[Estimate, ...]
    visible_months: Mapping[str, Estimate]
    bears_months: Mapping[str, Estimate]
    relaxed: bool

    def to_json(self) -> dict[str, Any]:
        """The `course` part of outcome.json."""
        return {
            "months": [round(t, 4) for t in TIMES],
            "lift_mm": {z: [e.to_json() for e in row] for z, row in self.lift_mm.items()},
            "swelling_mm": [e.to_json() for e in self.swelling_mm],
            "visible_months": {z: e.to_json() for z, e in self.visible_months.items()},
            "bears_months": {t: e.to_json() for t, e in self.bears_months.items()},
            "relaxed": self.relaxed,
        }


def course(
    lift: Mapping[str, Array],
    durability_z: Array,
    threads: Sequence[Thread],
    fading: Fading,
    day: Relaxed | None,
    zones: Sequence[str],
) -> Course:
    """The course of an ensemble.

    lift: by zone (n,) [mm] at the procedure; durability_z (n,): the members' quantiles of the
    fading curve; day: what a day leaves; zones: those that are told.
    """
    left = np.array([fading.fraction(TIMES, float(z)) for z in durability_z])
    basis = ("model", "risks.spread.model", *fading.basis)
    rows, visible = {}, {}
    for zone in zones:
        keep = 1.0 if day is None else day.share.get(zone, 1.0)
        after = np.where(np.array(TIMES) >= _DAY, keep, 1.0)
        samples = lift[zone][:, None] * left * after
        rows[zone] = tuple(Estimate.from_samples(x, "mm", basis) for x in samples.T)
        visible[zone] = Estimate.from_samples(
            _visible_until(keep * lift[zone], durability_z, fading), "months", basis
        )
    tension = {} if day is None else day.tension_n
    return Course(
        rows,
        tuple(swelling(t) for t in TIMES),
        visible,
        {t.id: bears(t, tension.get(t.id, t.tension_n)) for t in threads},
        day is not None,
    )


def _visible_until(lift: Array, z: Array, fading: Fading) -> Array:
    """Months (n,) until a lift is below what photographs can tell from none."""
    least = value("planning.limits.useful_lift")
    t = np.arange(0.0, value("risks.short_duration.horizon") + 0.5 * _STEP, _STEP)
    out = []
    for mm, q in zip(lift, z, strict=True):
        gone = mm * fading.fraction(t, float(q)) < least
        out.append(float(t[np.argmax(gone)]) if gone.any() else float(t[-1]))
    return np.array(out)


def swelling(months: float) -> Estimate:
    """Height of the swelling [mm]: full at once, gone after days, falling evenly."""
    height, days = (parameter(f"durability.swelling.{k}") for k in ("height", "duration"))

    def at(mm: float, last: float) -> float:
        return mm * max(0.0, 1.0 - months / (last * _DAY))

    return Estimate(
        at(height.value, days.value),
        at(height.low or height.value, days.low or days.value),
        at(height.high or height.value, days.high or days.value), "mm",
        ("durability.swelling.height", "durability.swelling.duration"),
    )  # fmt: skip


def bears(thread: Thread, tension_n: float) -> Estimate:
    """Months for which a thread's polymer bears a pull [N], by the spread of its half-life."""
    kind = product(thread.product)
    half = parameter(f"threads.material.{kind.material}.strength_half")
    t = np.arange(0.0, _HORIZON + 0.5 * _STEP, _STEP)
    strength = kind.strength_n * strength_fraction(kind.material, t * _WEEKS_PER_MONTH)
    weak = strength < tension_n
    months = float(t[np.argmax(weak)]) if weak.any() else _HORIZON

    # Time only counts in half-lives.
    factor = float(np.exp(Z90 * (half.log_sd or 0.0)))
    return Estimate(
        months, months / factor, min(months * factor, _HORIZON), "months",
        (f"threads.material.{kind.material}.strength_half",),
    )  # fmt: skip
