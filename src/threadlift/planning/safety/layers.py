"""Which layers may hold a thread where: rows of the register by zone of the face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from threadlift.planning.safety.marks import Marks
from threadlift.planning.safety.rulebook import ELSEWHERE, Rulebook
from threadlift.planning.skin import NO_ZONE, Place


def zone_name(names: Sequence[str], number: int) -> str:
    """A zone in words of the register; ELSEWHERE for skin of no zone."""
    return ELSEWHERE if number == NO_ZONE else names[number]


def fixed_smas(place: Place, side: NDArray, marks: Marks, rules: Rulebook) -> NDArray:
    """Where (k,) the SMAS does not move: over the parotid, and over the temple behind its border.

    side: of each point (k,), "left" or "right".
    """
    tragus = {s: marks.tragus[s][2] for s in marks.tragus}
    arch = {s: marks.arch[s][1] for s in marks.arch}
    left = side == "left"
    anterior = place.foot_mm[:, 2] - np.where(left, tragus["left"], tragus["right"])
    over_arch = place.foot_mm[:, 1] >= np.where(left, arch["left"], arch["right"])
    return (anterior <= rules.fixed_smas_anterior) | (
        over_arch & (anterior <= rules.anchored_entry_anterior)
    )


def layer_margin(place: Place, fixed: NDArray, names: Sequence[str], rules: Rulebook) -> NDArray:
    """How far (k,) [mm] each point lies above the deepest layer that its zone allows.

    Negative: below it by more than the register's tolerance. The dermis has a rule of its own.
    """
    rows = [rules.zones.get(n, rules.zones[ELSEWHERE]) for n in (*names, ELSEWHERE)]
    # NO_ZONE is -1: the last row.
    deepest = np.array([[r.mobile, r.fixed] for r in rows])[place.zone, fixed.astype(int)]
    endless = np.full_like(place.depth_mm, np.inf)
    bottoms = np.stack([place.dermis_mm, place.fat_bottom_mm, place.smas_bottom_mm, endless])
    bottom = bottoms[deepest, np.arange(len(deepest))]
    return bottom + rules.deep_tolerance - place.depth_mm
