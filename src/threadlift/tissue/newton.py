"""Energy minimisation: trust-region Newton with a preconditioned conjugate-gradient inner solve.

The tangent of compressed tissue is indefinite, so a semidefinite relative of it drives the
iteration until a full step agrees with its model; from there on the exact one does. Near the end a
tangent is kept for as long as steps that contract like the last one soon reach the tolerance. The
inner iteration (Steihaug's) is preconditioned by a factor of a nearby positive definite matrix,
stops at the trust radius and follows negative curvature to it: no factorisation of an indefinite
matrix is ever needed. Steps are judged by the change of energy, summed term by term; where that
change drowns in rounding, by the work of the residual along the step, which keeps its digits to the
end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import SolverError

#: Newton iterations after which a load is called not solvable; healthy cases need 4 to 25.
MAX_ITERATIONS = 80
#: Inner iterations per Newton step; a step that uses them all is still a descent step.
MAX_INNER = 150
#: Inner iterations of a first step with the preconditioner of another problem, and the share of the
#: residual at which they end sooner: the nonlinearity takes back what more would gain.
ROUGH_INNER = 8
_ROUGH_FORCING = 0.3
#: Step reductions before an iteration is given up.
MAX_BACKTRACKS = 25
# Standard trust-region constants (Nocedal & Wright, Numerical optimization, ch. 4).
_ACCEPT, _POOR, _GOOD = 1e-4, 0.25, 0.75
# Relative residual below which a full step that agrees with its model brings the exact tangent.
_NEAR = 0.3
# Steps that a tangent may be kept for: a step with it costs about a third of one with a new one.
_KEPT_STEPS = 3
# A kept tangent leaves about the share of the residual that it left last time: solving the inner
# system to less than this part of that share gains nothing.
_KEPT_FORCING = 0.3
# A step so small against the largest one, without convergence, will not get anywhere.
_STALLED = 1e-11
# Energy terms are accurate to a few units in the last place: below this share of their absolute
# sum a change of energy is noise.
_NOISE = 1e-15


class Preconditioner(Protocol):
    """Approximate inverse of the second derivative."""

    def precondition(self, rhs: NDArray) -> NDArray:
        """M^-1 rhs for rhs (3N,)."""
        ...


@dataclass(frozen=True)
class Point:
    """Energy terms (m,), gradient (N,3) [N] and smallest det F at one displacement."""

    energy: NDArray
    gradient: NDArray
    min_jacobian: float


class Problem(Protocol):
    """Energy of displacements u (N,3)."""

    def evaluate(self, u: NDArray) -> Point:
        """Energy terms, gradient and smallest det F at u."""
        ...

    def hessian(self, u: NDArray, safe: bool) -> Callable[[NDArray], NDArray]:
        """The second derivative at u as an operator on (N,3), or a semidefinite one like it."""
        ...


@dataclass(frozen=True)
class Step:
    """One inner solve: step (N,3), model decrease, M-norm, iterations and why it ended."""

    p: NDArray
    decrease: float
    norm: float
    iterations: int
    reason: str


@dataclass(frozen=True)
class Minimum:
    """Converged displacement (N,3) with its residual history."""

    u: NDArray
    residual: float
    iterations: int
    cg_iterations: int
    min_jacobian: float
    history: tuple[float, ...]


def _dot(a: NDArray, b: NDArray) -> float:
    # Not BLAS: waking its threads for one inner product costs more than the product.
    return float(np.einsum("i,i->", a.ravel(), b.ravel()))


def _norm(a: NDArray) -> float:
    return float(np.sqrt(_dot(a, a)))


def steihaug(
    gradient: NDArray,
    times: Callable[[NDArray], NDArray],
    solver: Preconditioner,
    *,
    tolerance: float,
    radius: float,
    limit: int = MAX_INNER,
) -> Step:
    """Minimise g.p + p.H p / 2 within |p|_M <= radius by preconditioned conjugate gradients.

    tolerance is relative to the norm of the gradient.
    """
    r = gradient.copy()
    shape = r.shape
    y = solver.precondition(r.ravel()).reshape(shape)
    d = -y
    p = np.zeros_like(r)
    hp = np.zeros_like(r)
    rho = _dot(r, y)
    target = tolerance * _norm(r)
    pp, pd, dd = 0.0, 0.0, rho
    reason, count = "limit", 0
    for count in range(1, limit + 1):
        hd = times(d)
        curvature = _dot(d, hd)
        alpha = rho / curvature if curvature > 0.0 else np.inf
        ahead = pp + 2.0 * alpha * pd + alpha**2 * dd if np.isfinite(alpha) else np.inf
        if ahead >= radius**2:
            if not np.isfinite(radius):
                # Negative curvature before any radius is known: keep what the iteration has
                # found, or the preconditioned gradient itself.
                alpha = 0.0 if count > 1 else 1.0
                reason = "negative curvature"
            else:
                gap = max(radius**2 - pp, 0.0)
                root = np.sqrt(pd * pd + dd * gap)
                alpha = gap / (pd + root) if pd + root > 0.0 else 0.0
                reason = "boundary" if curvature > 0.0 else "negative curvature"
            p += alpha * d
            hp += alpha * hd
            pp = pp + 2.0 * alpha * pd + alpha**2 * dd
            break
        p += alpha * d
        hp += alpha * hd
        r += alpha * hd
        pp = ahead
        if _norm(r) <= target:
            reason = "converged"
            break
        y = solver.precondition(r.ravel()).reshape(shape)
        fresh = _dot(r, y)
        beta = fresh / rho
        rho = fresh
        pd = beta * (pd + alpha * dd)
        dd = rho + beta**2 * dd
        d = beta * d - y
    decrease = -(_dot(gradient, p) + 0.5 * _dot(p, hp))
    return Step(p, decrease, float(np.sqrt(max(pp, 0.0))), count, reason)


def energy_change(before: Point, after: Point, step: NDArray, rounding: float = 0.0) -> float:
    """Change of energy along a step, from whichever of two formulas has more digits.

    Term by term the rounding is that of the single terms; the trapezoidal work of the gradients
    is exact to third order in the step and has no cancellation, so it decides once the change is
    below the noise of the terms. rounding [N mm]: what the terms carry even where they are small
    themselves, as differences of larger numbers.
    """
    difference = float(np.sum(after.energy - before.energy))
    noise = max(_NOISE * float(np.abs(before.energy).sum()), rounding)
    if abs(difference) > 1e4 * noise:
        return difference
    return 0.5 * _dot(before.gradient + after.gradient, step)


def minimise(
    problem: Problem,
    u: NDArray,
    solver: Preconditioner,
    *,
    load: float,
    tolerance: float,
    rounding: float = 0.0,
    energy_rounding: float = 0.0,
    max_iterations: int = MAX_ITERATIONS,
    refresh: Callable[[NDArray, int, bool], Preconditioner | None] | None = None,
    rough: bool = False,
) -> Minimum:
    """Displacement (N,3) with |gradient| <= tolerance * load, started at u.

    load [N] is the size of the applied forces; below ``rounding`` [N] a residual is noise and
    counts as zero (tiny loads); ``energy_rounding`` [N mm] is likewise for changes of energy.
    ``refresh(u, inner, safe)`` may return a better preconditioner, or mend the present one, after a
    step that took ``inner`` iterations and before a new tangent. ``rough``: the preconditioner is
    that of another problem; few inner iterations with it make a first step, and ``refresh`` gives a
    better one for the rest. Raises SolverError, with reason and remedy, when no such displacement
    is found.
    """
    here = problem.evaluate(u)
    radius = np.inf
    largest, total, history = 0.0, 0, []
    safe, times, rate = True, None, 1.0
    limit = max(tolerance * load, rounding)
    for iteration in range(max_iterations + 1):
        residual = _norm(here.gradient)
        history.append(residual / load)
        if not np.isfinite(residual):
            raise SolverError(
                "The tissue model produced numbers that are not finite.",
                "Check tissue parameters, tensions and the face.",
            )
        if residual <= limit:
            if here.min_jacobian <= 0.0:
                raise SolverError(
                    "An element of the tissue folds in equilibrium.",
                    "Lower the tensions, or use threads that run deeper.",
                )
            return Minimum(u, residual / load, iteration, total, here.min_jacobian, tuple(history))
        if iteration == max_iterations:
            break
        # Superlinear forcing, but never more digits than the final tolerance asks for.
        forcing = max(min(0.1, 0.5 * np.sqrt(residual / load)), 0.3 * limit / residual)
        if times is None:
            times = problem.hessian(u, safe)
        else:
            forcing = max(forcing, _KEPT_FORCING * rate)
        opening = rough and iteration == 0
        most = ROUGH_INNER if opening else MAX_INNER
        forcing = max(forcing, _ROUGH_FORCING) if opening else forcing
        step = steihaug(here.gradient, times, solver, tolerance=forcing, radius=radius, limit=most)
        total += step.iterations
        if step.norm < _STALLED * max(largest, step.norm):
            break
        largest = max(largest, step.norm)
        u, here, radius, full = _advance(problem, u, here, step, radius, energy_rounding)
        left = _norm(here.gradient)
        trusted = full and (step.reason == "converged" or (opening and step.reason == "limit"))
        rate = left / residual
        if safe or not trusted or not left * rate**_KEPT_STEPS <= limit:
            times = None
        safe = left > _NEAR * load or not trusted
        better = None
        if refresh is not None and times is None:
            better = refresh(u, step.iterations, safe)
        if better is not None:
            # The radius is measured in the norm of the preconditioner: start it anew.
            solver, radius = better, np.inf
    raise SolverError(
        f"The equilibrium was not reached in {len(history) - 1} iterations "
        f"(relative residual {history[-1]:.1e}).",
        "Lower the tensions, or use threads that run deeper.",
    )


def _advance(
    problem: Problem, u: NDArray, here: Point, step: Step, radius: float, rounding: float
) -> tuple[NDArray, Point, float, bool]:
    """Accept the step or a shorter one along it.

    Gives the new point, the trust radius and whether the model held over the full step.
    """
    slope = _dot(here.gradient, step.p)
    fraction = 1.0
    for _ in range(MAX_BACKTRACKS):
        p = fraction * step.p
        trial_u = u + p
        trial = problem.evaluate(trial_u)
        curvature = -2.0 * (step.decrease + slope)
        predicted = -(fraction * slope + 0.5 * fraction**2 * curvature)
        if np.isfinite(trial.gradient).all() and predicted > 0.0:
            ratio = -energy_change(here, trial, p, rounding) / predicted
            if ratio > _ACCEPT:
                size = fraction * step.norm
                if fraction < 1.0 or ratio < _POOR:
                    radius = size if ratio >= _POOR else 0.5 * size
                elif ratio > _GOOD and step.reason in ("boundary", "negative curvature"):
                    radius = 2.0 * max(size, radius) if np.isfinite(radius) else 2.0 * size
                return trial_u, trial, radius, fraction == 1.0 and ratio > _POOR
            # Minimum of the parabola through energy and slope, kept within safe bounds.
            change = -ratio * predicted
            bend = 2.0 * (change - fraction * slope) / fraction**2
            guess = -slope / bend if bend > 0.0 else 0.5 * fraction
            fraction = float(np.clip(guess, 0.1 * fraction, 0.5 * fraction))
        else:
            fraction *= 0.4
    raise SolverError(
        "No shorter step lowers the energy of the tissue any more.",
        "Lower the tensions, or use threads that run deeper.",
    )
