"""Which retaining ligament carries most when the cheek is pulled (BRANDT12, HONG25)."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from threadlift.tissue import Tissue
from threadlift.tissue.supports import Bars
from validation.row import Experiment, Row, protocol
from validation.whole_face import CHEEK, cheek_weight, mean_face_tissue

#: Register names in the published order, strongest first.
PUBLISHED = ("zygomatic", "orbicularis_retaining", "mandibular")


def ligament_forces(tissue: Tissue, u: NDArray) -> dict[str, NDArray]:
    """Force (3,) [N] of every ligament on the tissue at displacement u (N,3)."""
    bars = tissue.solid.supports.bars
    assert bars is not None
    # Bars run ligament by ligament, two per attachment point: one in the dermis, one in the SMAS.
    sizes = [2 * len(line.points_mm) for line in tissue.ligaments]
    out = {}
    for line, (a, b) in zip(
        tissue.ligaments, pairwise(np.concatenate([[0], np.cumsum(sizes)])), strict=True
    ):
        part = replace(bars, **{f.name: getattr(bars, f.name)[a:b] for f in fields(Bars)})
        out[line.name] = -part.energy_force(tissue.solid.points + u)[1].sum(axis=0)
    return out


def run() -> Experiment:
    """Upward reaction of each ligament to a downward pull on both cheeks."""
    tissue = mean_face_tissue()
    load = np.zeros_like(tissue.mesh.points)
    for side in ("left", "right"):
        weight = cheek_weight(tissue, [f"{zone}_{side}" for zone in CHEEK])
        load[:: tissue.mesh.nl, 1] -= protocol("ligaments.pull") * weight / weight.sum()
    u = tissue.equilibrium([], loads=load).displacement
    rest, pulled = (ligament_forces(tissue, x) for x in (np.zeros_like(u), u))
    gain = {n: float((pulled[f"{n} left"] - rest[f"{n} left"])[1]) for n in PUBLISHED}
    pairs = [(a, b) for i, a in enumerate(PUBLISHED) for b in PUBLISHED[i + 1 :]]
    kept = sum(gain[a] > gain[b] for a, b in pairs) / len(pairs)
    forces = ", ".join(f"{name.replace('_', ' ')} {gain[name]:.3f} N" for name in PUBLISHED)
    row = Row(
        "order of the ligaments' reactions, cheek pulled down",
        "ligaments.order",
        kept,
        "predicted",
        False,
        f"upward reaction to {protocol('ligaments.pull'):g} N: {forces}",
    )
    return Experiment(
        "row_ligaments",
        "Ligament order",
        (row,),
        "Certain: the order of strength (tension tests) and of penetration force. Guessed: that "
        "the order of strength is that of the load in use, where and how the cheek is pulled "
        "(evenly, downwards). Not independent: the stiffnesses in the register were chosen in the "
        "published order of stiffness, though not the forces. The reactions are small and close "
        "to each other, so the order can turn with the mesh or the fields of the deep layer.",
    )
