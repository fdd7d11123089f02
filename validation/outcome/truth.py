"""Synthetic patients whose truth comes from a finer, different model.

What differs from the model that predicts: the finer mesh; skin without tension lines and a deep
layer without glide spaces and muscle; fat that stiffens more or less, with other septa; thickness
that varies from place to place and not layer by layer; stiffness that varies in blotches and not by
region; threads off by heavy-tailed errors and along a wavering path. No allowance factor is drawn:
what the prediction's allowance stands for is what differs here. What a capture would read
afterwards is taken without its noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from threadlift.evidence import value
from threadlift.members.ensemble import LAYERS
from threadlift.members.placement import Course, Ground
from threadlift.threads import Thread
from threadlift.tissue import Tissue
from threadlift.tissue.assembly import Solid
from threadlift.tissue.equilibrium import Equilibrium

Array = NDArray[np.float64]

#: Log-spread of what the predicting model does not vary: law of the fat, its septa.
LAW_SD = 0.3
#: Size of blotches of thickness and of stiffness [mm], log-spread of the stiffness in them.
BLOTCH_MM, BLOTCH_SD = 25.0, 0.2
#: Degrees of freedom of the hand's errors: heavier tails than the normal ones of the prediction.
HAND_DOF = 5.0
#: A path wavers by so much [mm] to the side and in depth, between its ends.
WAVER_MM = 0.5


@dataclass(frozen=True)
class Patient:
    """One true patient: its tissue on the fine mesh and its threads as they came to lie."""

    tissue: Tissue
    threads: tuple[Thread, ...]
    holding: float
    scale: float

    def solved(self, start: Array) -> Equilibrium:
        """What happens, from a nearby displacement (N,3). Raises SolverError."""
        cables = [self.tissue.bonded(t, holding_scale=self.holding) for t in self.threads]
        return self.tissue.equilibrium(cables, tolerance=3e-3, start=start, max_iterations=40)


def drawn(tissue: Tissue, threads: Sequence[Thread], rng: np.random.Generator) -> Patient:
    """A patient for whom the threads were planned on `tissue` (of the fine mesh)."""
    parameters = tissue.parameters.sampled(rng)
    parameters = replace(
        parameters,
        fat_b=parameters.fat_b * float(np.exp(LAW_SD * rng.standard_normal())),
        fat_septa_k2=parameters.fat_septa_k2 * float(np.exp(LAW_SD * rng.standard_normal())),
        smas_k2=parameters.smas_k2 * float(np.exp(LAW_SD * rng.standard_normal())),
    )
    assert tissue.stack is not None
    assert tissue.face is not None
    points = np.asarray(tissue.face.vertices)
    factors = {layer: np.exp(tissue.stack.cv(layer) * _mixed(points, rng)) for layer in LAYERS}
    fields = None
    if tissue.fields is not None:
        fields = replace(tissue.fields, skin_lines=None, glide=None, muscle=None)
    plain = tissue.varied(parameters, tissue.stack.scaled(factors))
    made = Tissue(
        plain.mesh,
        parameters,
        base=plain.base,
        fields=fields,
        ligaments=plain.ligaments,
        face=plain.face,
        consultation=plain.consultation,
        stack=plain.stack,
        backend=plain.backend,
    )
    _blotched(made, rng)
    holding = float(
        np.exp(value("risks.spread.holding") * np.clip(rng.standard_normal(), -2.5, 2.5))
    )
    scale = float(np.exp(value("risks.spread.scale_scan") * rng.standard_normal()))
    return Patient(made, tuple(_placed(made, t, rng) for t in threads), holding, scale)


def _mixed(points: Array, rng: np.random.Generator) -> Array:
    """A field (n,) of unit variance: half of it the same everywhere, half in blotches."""
    return np.sqrt(0.5) * (rng.standard_normal() + _blotches(points, rng))


def _blotches(points: Array, rng: np.random.Generator) -> Array:
    """A smooth random field (n,) of unit variance at points (n,3), from bumps around seeds."""
    low, high = points.min(axis=0) - BLOTCH_MM, points.max(axis=0) + BLOTCH_MM
    count = int(np.prod((high - low) / BLOTCH_MM) * 2) + 1
    seeds = rng.uniform(low, high, (count, 3))
    height = rng.standard_normal(count)
    near = KDTree(points).sparse_distance_matrix(
        KDTree(seeds), 3.0 * BLOTCH_MM, output_type="coo_matrix"
    )
    bell = np.exp(-0.5 * (near.data / BLOTCH_MM) ** 2)
    total, square = np.zeros(len(points)), np.zeros(len(points))
    np.add.at(total, near.row, bell * height[near.col])
    np.add.at(square, near.row, bell**2)
    return total / np.sqrt(np.maximum(square, 1e-12))


def _blotched(tissue: Tissue, rng: np.random.Generator) -> None:
    """Stiffness below the skin, in blotches: a body that `Tissue` itself does not make."""
    mesh, solid = tissue.mesh, tissue.solid
    factor = np.exp(BLOTCH_SD * _blotches(np.asarray(mesh.surface), rng))
    element = factor[mesh.surface_triangles].mean(axis=1)[mesh.element_triangle]
    f = np.where(mesh.layer != 0, element, 1.0)
    m = solid.materials
    made = replace(m, mu=m.mu * f, bulk=m.bulk * f, mu0=m.mu0 * f, k1=m.k1 * f[:, None])
    tissue.solid = Solid(
        solid.points, solid.wedges, made, solid.supports,
        geometry=solid.geometry, pattern=solid.pattern,
    )  # fmt: skip


def _placed(tissue: Tissue, thread: Thread, rng: np.random.Generator) -> Thread:
    """The thread as this hand places it: heavy-tailed errors, a wavering path."""

    def error(sd: float) -> float:
        t = rng.standard_t(HAND_DOF) / np.sqrt(HAND_DOF / (HAND_DOF - 2.0))
        return float(np.clip(sd * t, -4.0 * sd, 4.0 * sd))

    course = Course.of(thread)
    along = course.share
    waver = np.sin(np.pi * along * rng.integers(1, 4) + rng.uniform(0.0, np.pi))
    ends = np.sin(np.pi * along)
    deeper = error(value("risks.spread.depth")) + WAVER_MM * waver * ends
    aside = error(value("risks.spread.aside")) + WAVER_MM * rng.standard_normal() * ends
    path, depth, layer = Ground(tissue.mesh).slipped(course, deeper, aside)
    tension = thread.tension_n * float(np.exp(error(value("risks.spread.tension"))))
    return replace(
        thread,
        path_mm=path,
        entry_mm=path[thread.turn],
        depth_mm=depth,
        layer=tuple(str(x) for x in layer),
        tension_n=tension,
    )
