"""A member as a point: independent or jointly known coordinates about the plan as such.

Every coordinate is a standard normal before anything is measured: those of the tissue
(`tissue.knowledge`), thickness of the four layers, holding of the cogs, and for every thread the
hand's tension, depth and aim. What only scales a result (size, model, fading) is none of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.members.ensemble import LAYERS, Member
from threadlift.tissue.knowledge import COORDINATES
from threadlift.tissue.tissue import Tissue

Array = NDArray[np.float64]

#: What a hand does to every thread, in the order of the last coordinates.
HAND = ("tension", "depth", "aside")


def names(threads: int) -> tuple[str, ...]:
    """Names of all coordinates for a number of threads; those of threads end in `:number`."""
    return (
        *COORDINATES,
        *(f"thickness_{layer}" for layer in LAYERS),
        "holding",
        *(f"{error}:{i}" for error in HAND for i in range(threads)),
    )


def point_of(tissue: Tissue, member: Member) -> Array:
    """Coordinates (d,) of a member about the tissue that it was drawn for."""
    return np.concatenate(
        [
            tissue.parameters.coordinates(member.parameters),
            np.array(member.regional) - tissue.regional,
            member.thickness_z,
            [np.log(member.holding) / value("risks.spread.holding")],
            np.log(member.tension) / value("risks.spread.tension"),
            np.array(member.depth_mm) / value("risks.spread.depth"),
            np.array(member.aside_mm) / value("risks.spread.aside"),
        ]
    )
