"""What is left of the stiffness after a time: viscous relaxation per layer, and remodelling.

No time-dependent problem is solved. A load that has acted for a time is answered by the same
quasi-static law with the stiffness that is left then: ``share(layer, seconds)`` of mu and k1, by
a Prony series per layer and a slow remodelling that only matters after weeks. The calibrated
moduli are those of a load that has just been applied (pulls and suction of seconds).

Only moduli of the law are scaled. The captured face has carried its gravity and pre-tension for
years: it is fully relaxed, whatever stress is left in it is balanced by the constant reference
load, and only what is *added* to it relaxes. So thicknesses, pre-stretches, supports and ligaments
stay as they are; bulk moduli and fibres of SMAS and fat follow mu, which keeps every ratio of the
law. (The pre-stress of the skin is scaled with its moduli too: as a stiffness against bending out
of its plane it is understated by the same share.)
"""

from __future__ import annotations

from functools import cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from threadlift import evidence
from threadlift.errors import InputError

State = Literal["immediate", "posture", "24h", "long-term"]
Medium = Literal["skin", "fat", "smas", "deep", "composite"]

#: Days and seconds of a mean month.
MONTH_DAYS = 30.4375
MONTH_S = MONTH_DAYS * 86400.0


def state_seconds(state: State) -> float:
    """Time [s] since the load was applied, for a named state. InputError for other names."""
    if state not in get_args(State):
        raise InputError(
            f"There is no state '{state}' of relaxation.",
            f"Use one of: {', '.join(get_args(State))}.",
        )
    if state == "immediate":
        return 0.0
    if state == "long-term":
        return MONTH_S * evidence.value("tissue.relaxation.state.long_term")
    return evidence.value(f"tissue.relaxation.state.{'day' if state == '24h' else state}")


def share(layer: Medium, seconds: ArrayLike) -> NDArray[np.float64]:
    """Share of the immediate stiffness left after times >= 0 [s] (may be infinite), same shape.

    layer: 'skin', 'fat', 'smas', 'deep', or 'composite' for the face as one body.
    """
    time = np.asarray(seconds, float)
    if np.isnan(time).any() or (time < 0.0).any():
        raise InputError("A time of relaxation is negative or not a number.", "Give seconds >= 0.")
    left = np.ones_like(time)
    for part, constant in prony(layer):
        left = left - part * -np.expm1(-time / constant)
    half_life = MONTH_S * evidence.value("tissue.relaxation.remodelling.half_life")
    lost = evidence.value("tissue.relaxation.remodelling.share")
    return left * (1.0 - lost * -np.expm1(-np.log(2.0) * time / half_life))


def state_share(layer: Medium, state: State) -> float:
    """Share of the immediate stiffness of a layer that is left in a named state."""
    return float(share(layer, state_seconds(state)))


@cache
def prony(layer: Medium) -> tuple[tuple[float, float], ...]:
    """Terms (share, time constant [s]) of a layer's viscous relaxation."""
    if layer not in get_args(Medium):
        raise InputError(
            f"There is no relaxation of a layer '{layer}'.",
            f"Use one of: {', '.join(get_args(Medium))}.",
        )
    rows = evidence.table("tissue")["relaxation"][layer]
    count = sum(name.startswith("share_") for name in rows)
    key = f"tissue.relaxation.{layer}"
    return tuple(
        (evidence.value(f"{key}.share_{i}"), evidence.value(f"{key}.time_{i}"))
        for i in range(1, count + 1)
    )
