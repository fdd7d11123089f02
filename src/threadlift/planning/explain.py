"""What a plan says about itself beside its threads: a reason for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.planning.reading import SkinStrain
from threadlift.planning.reasons import Ground, reasons
from threadlift.planning.verify import Verified
from threadlift.tissue import Tissue

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Explained:
    """The explaining parts of plan.json; None where there is nothing to explain."""

    thread_reasons: dict[str, Any] | None


def explain(ground: Ground, tissue: Tissue, verified: Verified, start: Array) -> Explained:
    """Explain verified threads.

    tissue: the one they were verified on; start (N,3) [mm]: a nearby solution on the coarser mesh
    of `ground`, on which they were searched.
    """
    if not verified.threads or not verified.within:
        return Explained(None)
    strain = SkinStrain(tissue.mesh, verified.threads).of(verified.displacement)
    why = reasons(ground, verified.threads, verified.lift_mm, verified.used, strain, start)
    return Explained(why.to_json())
