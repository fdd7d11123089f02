"""Which change of the plan would lower a risk, and what it would cost of the lift.

From the first-order answer about the plan: one thread pulled less or more by a tenth, or placed
half a millimetre deeper or shallower. The change that lowers the risk most for what it takes from
the lift is told; it is no new plan and has not been asked of the safety kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.outcome.model import LOCAL
from threadlift.outcome.uncertainty import LIFT, QUANTITIES, Answer
from threadlift.threads.thread import Thread

Array = NDArray[np.float64]
Change = Literal["less_pull", "more_pull", "deeper", "shallower"]

#: Sizes of the changes: share of the tension, and depth [mm].
PULL_SHARE, DEPTH_MM = 0.1, 0.5
#: A change that moves a risk by less than this share of it is none worth telling.
_WORTH = 0.02


@dataclass(frozen=True)
class Remedy:
    """thread: id; amount: in the unit of the change (share of the pull, mm); risk: change of the
    risk in its unit (None: it follows from the lift); lift_share: change of the mean lift as a
    share of it.
    """

    thread: str
    change: Change
    amount: float
    risk: float | None
    lift_share: float

    def to_json(self) -> dict[str, Any]:
        """The `remedy` of a risk."""
        return {
            "thread": self.thread,
            "change": self.change,
            "amount": self.amount,
            "risk": None if self.risk is None else round(self.risk, 4) + 0.0,
            "lift_share": round(self.lift_share, 4) + 0.0,
        }


def remedies(threads: Sequence[Thread], answer: Answer) -> Mapping[str, Remedy]:
    """The best change for every local risk, and for too little effect; none where none helps."""
    at = {n: j for j, n in enumerate(answer.names)}
    sizes: dict[Change, tuple[str, float]] = {
        "less_pull": ("tension", float(np.log1p(-PULL_SHARE)) / value("risks.spread.tension")),
        "more_pull": ("tension", float(np.log1p(PULL_SHARE)) / value("risks.spread.tension")),
        "deeper": ("depth", DEPTH_MM / value("risks.spread.depth")),
        "shallower": ("depth", -DEPTH_MM / value("risks.spread.depth")),
    }
    lift = QUANTITIES.index(LIFT)
    whole = max(float(answer.middle[lift]), 1e-9)
    found: dict[str, Remedy] = {}
    tried: list[tuple[str, Change, Array]] = [
        (t.id, change, answer.slopes[:, at[f"{name}:{i}"]] * size)
        for i, t in enumerate(threads)
        for change, (name, size) in sizes.items()
    ]
    for risk in LOCAL:
        k = QUANTITIES.index(risk)
        middle = max(float(answer.middle[k]), 1e-9)
        best = max(
            tried, key=lambda x: (-x[2][k] / middle + min(float(x[2][lift]) / whole, 0.0), x[0])
        )
        if best[2][k] / middle < -_WORTH:
            found[risk] = _remedy(best, float(best[2][k]), float(best[2][lift]) / whole)
    best = max(tried, key=lambda x: (float(x[2][lift]), x[0]))
    gain = float(best[2][lift]) / whole
    if gain > _WORTH:
        found["insufficient_effect"] = _remedy(best, None, gain)
    return found


def _remedy(tried: tuple[str, Change, Array], risk: float | None, lift_share: float) -> Remedy:
    thread, change, _ = tried
    amount = PULL_SHARE if change in ("less_pull", "more_pull") else DEPTH_MM
    return Remedy(thread, change, amount, risk, lift_share)
