"""From members' readings to corrected samples, from samples to estimates and verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.members.ensemble import Member
from threadlift.outcome.cover import Cover
from threadlift.outcome.fading import Fading
from threadlift.outcome.measures import Probe, Reading
from threadlift.outcome.model import LOCAL, RISKS, UNITS, Risk, Verdict
from threadlift.outcome.remedies import Remedy
from threadlift.quantities import DEFAULT_LEVEL, Estimate
from threadlift.threads.thread import Thread

Array = NDArray[np.float64]

#: Where an estimate does not rest on the model.
_BASIS = {"thread_visibility": ("risks.spread.depth", "layers.cv.skin")}
#: Below this (in its own unit) a coarse nominal value is no divisor; differences are added then.
_SMALL = {"lift": 0.1, "cheekbone_prominence": 0.05, "indentation": 0.05, "overpull": 0.5}
#: A coarse mesh whose nominal value is off by more than this factor does not predict a ratio.
_MOST_CORRECTION = 3.0
#: Register keys that every ensemble estimate rests on.
SPREADS = tuple(f"risks.spread.{n}" for n in ("tension", "depth", "aside", "holding", "model"))


@dataclass(frozen=True)
class Samples:
    """Ensemble values: lift (members,) by zone, risk values (members,) by name."""

    lift: dict[str, Array]
    risks: dict[str, Array]
    durability_z: Array


def _corrected(kind: str, member: Array, fine: float, coarse: float) -> Array:
    """Coarse values moved by what the finer mesh says about the plan as such."""
    small = _SMALL[kind]
    if abs(coarse) > small and fine * coarse > 0.0:
        ratio = fine / coarse
        if 1.0 / _MOST_CORRECTION < ratio < _MOST_CORRECTION:
            return member * ratio
    return member + (fine - coarse)


def samples_of(
    fine: Reading,
    coarse: Reading,
    good: Sequence[tuple[Member, Reading]],
    probe: Probe,
    fading: Fading,
    cover: Cover,
) -> Samples:
    """Values of all members: the coarse readings moved to the fine mesh, size and model included.

    fine, coarse: readings of the plan as such on both meshes; good: members that were solved;
    probe: of the fine mesh, for what follows from the lift; cover: of the threads.
    """
    # A larger face under the same force moves less in proportion to its size.
    overall = np.array([m.model / m.scale for m, _ in good])
    z = np.array([m.durability_z for m, _ in good])
    lift = {
        zone: overall
        * _corrected("lift", np.array([r.lift_mm[zone] for _, r in good]), mm, coarse.lift_mm[zone])
        for zone, mm in fine.lift_mm.items()
        if zone in coarse.lift_mm
    }
    risks = {}
    for name in LOCAL:
        raw = np.array([r.values[name] for _, r in good])
        risks[name] = overall * np.maximum(
            _corrected(name, raw, fine.values[name], coarse.values[name]), 0.0
        )
    per_member = [{zone: float(x[i]) for zone, x in lift.items()} for i in range(len(good))]
    risks["asymmetry"] = np.array([probe.asymmetry(one)[0] for one in per_member])
    risks["insufficient_effect"] = np.array([1.0 - probe.attained(one) for one in per_member])
    risks["short_duration"] = np.array(
        [
            fading.months(_best_lift(one, probe), float(q))
            for one, q in zip(per_member, z, strict=True)
        ]
    )
    risks["thread_visibility"] = np.array([cover.least(m) for m, _ in good])
    return Samples(lift, risks, z)


def _best_lift(lift: Mapping[str, float], probe: Probe) -> float:
    """Largest lift over the zones with a goal (over all without any) [mm]."""
    zones = [zone for zone in probe.goal if zone in lift] or list(lift)
    return max((lift[zone] for zone in zones), default=0.0)


def estimate_of(samples: Array, unit: str, basis: tuple[str, ...], failed_share: float) -> Estimate:
    """Median and 90 % interval; failed members may lie in either tail, so they widen it."""
    tail = max(0.0, 0.5 * (1.0 - DEFAULT_LEVEL) - 0.5 * failed_share)
    low, middle, high = np.quantile(samples, [tail, 0.5, 1.0 - tail])
    return Estimate(float(middle), float(low), float(high), unit, basis)


def risks_of(
    samples: Samples,
    fine: Reading,
    probe: Probe,
    fading: Fading,
    threads: Sequence[Thread],
    failed_share: float,
    cover: Cover,
    remedy: Mapping[str, Remedy],
) -> dict[str, Risk]:
    """Every named risk.

    failed_share widens the intervals; thin cover tightens the limits of dents.
    """
    found = {}
    for name in RISKS:
        moderate = value(f"risks.{name}.moderate")
        high = value(f"risks.{name}.high")
        if name == "indentation":
            thin = min(1.0, _cover_mm(threads) / value("risks.indentation.cover_mm"))
            moderate, high = moderate * max(thin, 0.5), high * max(thin, 0.5)
        x = samples.risks[name]
        basis = _BASIS.get(name) or (
            fading.basis if name == "short_duration" else ("model", *SPREADS)
        )
        vertex = cover.place() if name == "thread_visibility" else fine.vertex.get(name)
        verdict, beyond = verdict_of(x, moderate, high)
        found[name] = Risk(
            estimate=estimate_of(x, UNITS[name], basis, failed_share),
            verdict=verdict,
            moderate=moderate,
            high=high,
            probability_high=beyond,
            place=None if vertex is None else probe.place(vertex),
            remedy=remedy.get(name),
        )
    return found


def verdict_of(samples: Array, moderate: float, high: float) -> tuple[Verdict, float]:
    """Verdict by the share of members beyond each threshold (months: below it)."""
    sign = 1.0 if high > moderate else -1.0
    share = value("risks.verdict.share")
    beyond = float(np.mean(sign * samples >= sign * high))
    if beyond >= share:
        return "high", beyond
    return ("moderate" if np.mean(sign * samples >= sign * moderate) >= share else "low"), beyond


def _cover_mm(threads: Sequence[Thread]) -> float:
    """Smallest depth below the skin in the inner half of any thread's length [mm]."""
    depths = []
    for t in threads:
        inner = (t.arc_mm > 0.25 * t.length_mm) & (t.arc_mm < 0.75 * t.length_mm)
        depths.append(float((t.depth_mm[inner] if inner.any() else t.depth_mm).min()))
    return min(depths)
