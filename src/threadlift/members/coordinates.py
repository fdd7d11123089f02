"""A member as a point: independent or jointly known coordinates about the plan as such.

Every coordinate is a standard normal before anything is measured: those of the tissue
(`tissue.knowledge`), thickness of the four layers, holding of the cogs, and for every thread the
hand's tension, depth and aim. What only scales a result (size, model, fading) is none of them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.members.ensemble import LAYERS, Member, nominal_member
from threadlift.tissue.knowledge import COORDINATES
from threadlift.tissue.parameters import SAMPLED
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
    s = value
    return np.concatenate(
        [
            tissue.parameters.coordinates(member.parameters),
            np.array(member.regional) - tissue.regional,
            member.thickness_z,
            [np.log(member.holding) / s("risks.spread.holding")],
            np.log(member.tension) / s("risks.spread.tension"),
            np.array(member.depth_mm) / s("risks.spread.depth"),
            np.array(member.aside_mm) / s("risks.spread.aside"),
        ]
    )


def member_at(tissue: Tissue, threads: int, point: Array) -> Member:
    """The member at coordinates (d,), of true size and with a perfect model."""
    n, own = len(SAMPLED), len(COORDINATES)
    ends = np.cumsum([n, own - n, len(LAYERS), 1, threads, threads])
    material, regional, layers, holding, tension, depth, aside = np.split(point, ends)
    plain = nominal_member(tissue, threads)
    return Member(
        name="at",
        parameters=tissue.parameters.shifted(material),
        regional=tuple((tissue.regional + regional).tolist()),
        thickness_z=tuple(layers.tolist()),
        holding=float(np.exp(value("risks.spread.holding") * holding[0])),
        tension=tuple(np.exp(value("risks.spread.tension") * tension).tolist()),
        depth_mm=tuple((value("risks.spread.depth") * depth).tolist()),
        aside_mm=tuple((value("risks.spread.aside") * aside).tolist()),
        scale=plain.scale,
        model=plain.model,
        durability_z=plain.durability_z,
    )
