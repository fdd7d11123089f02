"""Numbers and threads that the tests of the outcome share."""

from __future__ import annotations

import numpy as np

from threadlift.threads.thread import Thread

#: Centres (x > 0 half) of the zones on the block [mm]; y is up.
ZONES = {"malar": (22.0, 10.0), "jowl": (12.0, -28.0), "temple": (30.0, 42.0)}
UP = np.array([0.0, 1.0, 0.0])


def block_thread(side: str = "left", tension: float = 0.6, depth: float = 6.0) -> Thread:
    sign = 1.0 if side == "left" else -1.0
    path = np.linspace([sign * 30.0, 40.0, -depth], [sign * 12.0, -35.0, -depth], 32)
    return Thread(
        id=f"{side}-1", side=side, product="pdo-2-0-molded", technique="anchored",
        entry_mm=path[0], path_mm=path, depth_mm=np.full(32, depth),
        layer=("smas" if 5.5 < depth < 7.0 else "fat",) * 32, tension_n=tension,
    )  # fmt: skip
