"""Bayesian identification of tissue from a pair of postures.

Gauss-Newton to the most probable coordinates, with slopes from adjoint fields, and the normal
distribution about it (Laplace). The prior is what is known about the tissue so far; the error of
an observation is the noise of the pair, an error of the model that all zones share, and one of
each zone. What the model cannot explain widens the result; what has the wrong sign is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from threadlift.errors import InputError, SolverError
from threadlift.evidence import value
from threadlift.face.pair import Displacement
from threadlift.identification.observed import Observations
from threadlift.identification.sensitivity import Posture, at, slopes
from threadlift.quantities import Z90
from threadlift.repeatable import one_blas_thread
from threadlift.tissue import Tissue
from threadlift.tissue.equilibrium import Equilibrium
from threadlift.tissue.knowledge import COORDINATES, Knowledge

Array = NDArray[np.float64]
Progress = Callable[[float, str], None]

_ROUNDS = 4
#: A step of no coordinate by more than this part of its prior spread ends the iteration.
_SMALL = 0.05
_HALVINGS = 4


@dataclass(frozen=True, eq=False)
class Identified:
    """A tissue as a pair of postures leaves it.

    tissue: moved to the most probable coordinates, its `knowledge` what is left open. shift (28,):
    by how many prior standard deviations each coordinate moved. observed: what was compared;
    before, after (m,): its prediction [mm] by the tissue as it was and as it is. misfit: of the
    most probable tissue, of as many squares as there are observations; widened: factor on the
    spread for it. learnt: number of coordinates' worth of information (0: nothing). notes: what a
    reader must know.
    """

    tissue: Tissue
    shift: Array
    observed: Observations
    before: Array
    after: Array
    misfit: float
    widened: float
    learnt: float
    notes: tuple[str, ...]


@one_blas_thread
def identify(
    tissue: Tissue,
    displacement: Displacement,
    *,
    posture: str = "supine",
    captured: str = "upright",
    progress: Progress | None = None,
) -> Identified:
    """The tissue that explains where the skin went from one posture to another.

    tissue: of the first capture (its coarse mesh is used); displacement: of the pair; posture,
    captured: names of the second and the first posture. Raises InputError where the pair observed
    nothing, or moved against gravity; SolverError where the tissue has no equilibrium in the
    posture.
    """
    tell = progress or (lambda fraction, message: None)
    coarse = tissue.at_level("coarse")
    observed = Observations.of(displacement, coarse.mesh)
    fit = _Fit(coarse, observed, Posture(posture, captured))
    tell(0.0, "Turning the head")
    start = fit.at(np.zeros(len(COORDINATES)))
    jacobian = fit.slopes(start)
    _refuse_opposite(observed, start.predicted, jacobian, fit.error)
    here = start
    for round_ in range(_ROUNDS):
        tell((round_ + 1) / (_ROUNDS + 1), "Fitting the tissue to the posture")
        new = fit.step(here, jacobian)
        done = float(np.abs(new.v - here.v).max()) < _SMALL
        here = new
        if done:
            break
        jacobian = fit.slopes(here)
    tell(1.0, "Tissue fitted")
    return _conclude(tissue, fit, start, here, jacobian)


@dataclass(frozen=True, eq=False)
class _Point:
    """One tissue in the posture: v (28,) in units of the prior, prediction (m,), objective."""

    v: Array
    tissue: Tissue
    found: Equilibrium
    predicted: Array
    objective: float


class _Fit:
    """The problem of one pair."""

    def __init__(self, tissue: Tissue, observed: Observations, posture: Posture) -> None:
        self.tissue, self.observed, self.posture = tissue, observed, posture
        self.root = tissue.knowledge.root
        self.error = np.empty(0)

    def at(self, v: Array, start: Array | None = None) -> _Point:
        """The posture of the tissue at v. The error of the model follows the first prediction."""
        tissue = at(self.tissue, self.root @ v)
        found = self.posture.solved(tissue, start)
        predicted = self.observed.read(found.surface)
        if not self.error.size:
            self.error = _error(self.observed, predicted, self.observed.moved(found.surface))
        off = self.observed.mm - predicted
        objective = float(v @ v + off @ np.linalg.solve(self.error, off))
        return _Point(v, tissue, found, predicted, objective)

    def slopes(self, point: _Point) -> Array:
        """Slopes (m,28) of the prediction with v."""
        return slopes(point.tissue, point.found, self.observed) @ self.root

    def step(self, point: _Point, jacobian: Array) -> _Point:
        """The next tissue: a Gauss-Newton step, shorter where that explains less."""
        wanted = self.observed.mm - point.predicted + jacobian @ point.v
        predictive = self.error + jacobian @ jacobian.T
        goal = jacobian.T @ np.linalg.solve(predictive, wanted)
        share = 1.0
        for _ in range(_HALVINGS):
            try:
                new = self.at(point.v + share * (goal - point.v), point.found.displacement)
            except SolverError:
                share *= 0.5
                continue
            if new.objective <= point.objective + 1e-9:
                return new
            share *= 0.5
        return point


def _error(observed: Observations, predicted: Array, moved: Array) -> Array:
    """Covariance (m,m) [mm2] of an observation about the prediction of the true tissue.

    The model's own error: a share of every prediction that all zones have in common, and a share
    of how far a zone moves (m,) in any direction.
    """
    common = value("identification.model.common") * predicted
    own = value("identification.model.zone") * moved
    return np.diag(observed.sd_mm**2 + own**2) + np.outer(common, common)


def _refuse_opposite(
    observed: Observations, predicted: Array, jacobian: Array, error: Array
) -> None:
    """Refuse a pair that moved the wrong way: swapped captures, or not the stated postures."""
    spread = error + jacobian @ jacobian.T
    weighed = np.linalg.solve(spread, predicted)
    size = float(predicted @ weighed)
    share, sd = float(observed.mm @ weighed) / size, size**-0.5
    if share + Z90 * sd < 0.0:
        raise InputError(
            f"The skin moved against gravity: {share:.1f} times what this turn of the head does.",
            "Check which capture is which, and the postures they were made in.",
        )


def _conclude(tissue: Tissue, fit: _Fit, start: _Point, end: _Point, jacobian: Array) -> Identified:
    n = len(COORDINATES)
    information = jacobian.T @ np.linalg.solve(fit.error, jacobian)
    covariance = np.linalg.inv(np.eye(n) + information)
    covariance = 0.5 * (covariance + covariance.T)
    count = fit.observed.count
    limit = float(chi2.ppf(value("identification.misfit.quantile"), count))
    widened = max(1.0, float(np.sqrt(end.objective / count))) if end.objective > limit else 1.0
    # Wider, but never wider than before the pair was seen.
    eigen, axes = np.linalg.eigh(covariance)
    eigen = np.minimum(eigen * widened**2, 1.0)
    root = fit.root @ (axes * np.sqrt(eigen))
    known = tissue.knowledge
    knowledge = Knowledge(root, (*known.basis, "posture pair"))
    x = fit.root @ end.v
    moved = tissue.varied(end.tissue.parameters, regional=end.tissue.regional, knowledge=knowledge)
    return Identified(
        moved,
        end.v,
        fit.observed,
        start.predicted,
        end.predicted,
        end.objective,
        widened,
        float(np.sum(1.0 - np.diag(covariance))),
        _notes(fit, end, x, limit, widened),
    )


def _notes(fit: _Fit, end: _Point, x: Array, limit: float, widened: float) -> tuple[str, ...]:
    notes = []
    if widened > 1.0:
        off = np.abs(fit.observed.mm - end.predicted) / np.sqrt(np.diag(fit.error))
        worst = int(np.argmax(off))
        where = f"{fit.observed.zone[worst]} {fit.observed.direction[worst]}"
        notes.append(
            f"no tissue explains the whole pair (misfit {end.objective:.0f}, expected below "
            f"{limit:.0f}), least of all {where}: {fit.observed.mm[worst]:.1f} mm measured, "
            f"{end.predicted[worst]:.1f} mm explained; the spread is widened by {widened:.1f}"
        )
    far = value("identification.coordinate.far")
    notes += [
        f"{name} lies {abs(z):.1f} standard deviations from what people have"
        for name, z in zip(COORDINATES, x, strict=True)
        if abs(z) > far
    ]
    if not end.tissue.parameters.plausible:
        notes.append("the skin's pre-stress lies outside the published range")
    return tuple(notes)
