"""Other ways to place threads that a plan sets beside its recommendation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import table
from threadlift.planning.optimise import SideGrid
from threadlift.planning.search import Choice
from threadlift.planning.sentences import Sentence, sentence
from threadlift.threads.thread import SIDES, Side

# Planes whose layer-node coordinates differ by less are the same; mid fat is 2.
_SAME_PLANE = 0.4
_MID_FAT = 2.3
# Largest tension [N] of the alternative with little pull.
_LOW_TENSION_N = 1.0


@dataclass(frozen=True)
class Variant:
    """A way to place threads: name, title and note, threads per side, admitted items by side."""

    name: str
    title: Sentence
    note: Sentence
    most: int
    keep: Mapping[Side, NDArray]


OPTIMUM = Variant(
    "optimum-of-search",
    sentence("optimum"),
    sentence("optimum-note"),
    0,
    {},
)


def variants(
    grids: Mapping[Side, SideGrid | None], choice: Mapping[Side, Choice], count: int
) -> list[Variant]:
    """The alternatives that are worth solving for a choice of `count` threads per side."""
    every: dict[Side, NDArray] = {}
    gentle: dict[Side, NDArray] = {}
    planes: dict[Side, NDArray] = {}
    used: list[float] = []
    zeta = {row["name"]: row["zeta"] for row in table("planning")["candidates"]["depths"]}
    for side in SIDES:
        grid = grids[side]
        if grid is not None:
            chosen = [grid.problem.candidate[i] for i in choice[side].items]
            used += [zeta[grid.candidates[c].depth] for c in chosen]
    # The plane of most threads; every plane of the same depth in the cheek counts as the same.
    main = max(sorted(set(used)), key=used.count) if used else 0.0
    for side in SIDES:
        grid = grids[side]
        if grid is None:
            continue
        p = grid.problem
        every[side] = np.ones(len(p.attain), dtype=bool)
        gentle[side] = p.tension_n <= _LOW_TENSION_N
        planes[side] = np.array(
            [abs(zeta[grid.candidates[c].depth] - main) > _SAME_PLANE for c in p.candidate],
            dtype=bool,
        )
    out = []
    if count > 1:
        fewer = count - 1
        out.append(
            Variant(
                "fewer-threads",
                sentence("fewer", n=fewer) if fewer > 1 else sentence("single"),
                sentence("fewer-note"),
                fewer,
                every,
            )
        )
    out.append(
        Variant(
            "other-plane",
            sentence("plane"),
            sentence("plane-fat-note" if main > _MID_FAT else "plane-smas-note"),
            count,
            planes,
        )
    )
    out.append(
        Variant(
            "gentle",
            sentence("gentle"),
            sentence("gentle-note", most_n=_LOW_TENSION_N),
            count,
            gentle,
        )
    )
    return out
