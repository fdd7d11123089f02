"""What a plan says beside its threads: reasons, what decides on this face, and the trade-off."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.planning.linear import LinearModel
from threadlift.planning.pareto import trade_off
from threadlift.planning.reading import SkinStrain, limits_used
from threadlift.planning.reasons import Ground, Shown, reasons
from threadlift.planning.recipes import Recipes
from threadlift.planning.rows import Rows
from threadlift.planning.sensitivity import sensitivity
from threadlift.planning.verify import Verified, solve
from threadlift.tissue import Tissue

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Explained:
    """The explaining parts of plan.json; None where there is nothing to explain."""

    thread_reasons: dict[str, Any] | None
    sensitivity: dict[str, Any] | None
    pareto: list[dict[str, Any]] | None = None


def explain(
    ground: Ground,
    tissue: Tissue,
    rows: Rows,
    verified: Verified,
    start: Array,
    model: LinearModel,
    max_threads: int,
    seed: int,
    progress: Callable[[float, str], None],
) -> Explained:
    """Explain verified threads.

    tissue: the one they were verified on, with its rows; start (N,3) [mm]: a nearby solution on
    the mesh of `ground`, on which they were searched; model: what the search knew of other threads
    on this face; max_threads: per side, of the search.
    """
    if not verified.threads or not verified.within:
        return Explained(None, None)
    progress(0.0, "Asking what stops every thread from being elsewhere")
    strain = SkinStrain(tissue.mesh, verified.threads).of(verified.displacement)
    size = limits_used(rows, verified.read)
    shown = Shown(verified.lift_mm, verified.used, size, strain)
    why = reasons(ground, verified.threads, shown, start)
    kept = model.limited(ground.rows.limit_mm)
    recipes = Recipes.of(ground.tissue.mesh, kept.candidates, kept.columns, ground.rows)
    decides = None if recipes is None else sensitivity(recipes, seed=seed).to_json()
    progress(0.4, "Weighing goal against threads and side effects")
    plain = verified
    if tissue.mesh.level != ground.tissue.mesh.level:
        plain = solve(ground.tissue, ground.rows, verified.chosen, start)
    points = trade_off(
        ground.tissue, kept, ground.rows, ground.case, plain, max_threads,
        (verified.goal_attained, max(size.values())),
        lambda f: progress(0.4 + 0.6 * f, "Weighing goal against threads and side effects"),
    )  # fmt: skip
    return Explained(why.to_json(), decides, [p.to_json() for p in points])
