"""What a plan says beside its threads: their reasons, and what decides on this face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.planning.reading import SkinStrain, limits_used
from threadlift.planning.reasons import Ground, Shown, reasons
from threadlift.planning.recipes import Recipes
from threadlift.planning.rows import Rows
from threadlift.planning.sensitivity import sensitivity
from threadlift.planning.verify import Verified
from threadlift.tissue import Tissue

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Explained:
    """The explaining parts of plan.json; None where there is nothing to explain."""

    thread_reasons: dict[str, Any] | None
    sensitivity: dict[str, Any] | None


def explain(
    ground: Ground,
    tissue: Tissue,
    rows: Rows,
    verified: Verified,
    start: Array,
    recipes: Recipes | None,
    seed: int,
) -> Explained:
    """Explain verified threads.

    tissue: the one they were verified on, with its rows; start (N,3) [mm]: a nearby solution on
    the mesh of `ground`, on which they were searched; recipes: other ways to place threads on this
    face.
    """
    if not verified.threads or not verified.within:
        return Explained(None, None)
    strain = SkinStrain(tissue.mesh, verified.threads).of(verified.displacement)
    size = limits_used(rows, verified.read)
    shown = Shown(verified.lift_mm, verified.used, size, strain)
    why = reasons(ground, verified.threads, shown, start)
    decides = None if recipes is None else sensitivity(recipes, seed=seed).to_json()
    return Explained(why.to_json(), decides)
