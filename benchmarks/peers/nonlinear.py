"""Newton's method in the forms that a user of a finite-element package would try.

All start from a factor of the stiffness at rest (the project has one too) and stop at the same
relative residual. The line search is on the work of the residual along the step (PETSc calls it
critical point): in these problems the residual itself first rises with the step that lowers the
energy, so a search on its norm would stop the iteration.

* ``newton``: the tangent is assembled and factorised in every iteration.
* ``modified``: only far from the solution, or when the residual fell too little under the old
  factor.
* ``lagged``: the tangent is assembled in every iteration, and solved by conjugate gradients that
  are preconditioned by an old factor; that is renewed when they take long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

STRATEGIES = ("newton", "modified", "lagged")
_MAX_ITERATIONS = 40
# Relative residual beyond which an iteration has diverged; healthy ones rise to 10 and fall.
_LOST = 1e6
# Line search: work left along the step, as a share of that at its start; trials.
_FLAT, _MAX_SEARCH = 0.5, 8
# Modified Newton: a fall of the residual that is worse than this pays for a new factor, and so does
# a residual above this share of the load.
_SLOW, _FAR = 0.3, 0.1
# Lagged: inner iterations after which a new factor pays, and the most there may be.
_LONG, _MOST = 25, 200


@dataclass(frozen=True)
class Solution:
    """Displacements in the peer's own layout, relative residual, counts."""

    u: Any
    residual: float
    iterations: int
    factorisations: int
    inner: int
    converged: bool


def solve(peer: Any, factor: Any, strategy: str, tolerance: float) -> Solution:
    """Equilibrium from rest; ``factor`` holds the stiffness at rest on entry."""
    u = np.zeros_like(peer.loads)
    size = np.sqrt(peer.dot(peer.loads, peer.loads))
    r = peer.residual(u)
    norm = np.sqrt(peer.dot(r, r))
    factorisations, inner, stale, iteration = 0, 0, False, 0
    for iteration in range(_MAX_ITERATIONS):
        if norm <= tolerance * size:
            return Solution(u, norm / size, iteration, factorisations, inner, True)
        if strategy == "lagged":
            matrix = peer.tangent(u)
            if stale:
                factor.update(matrix)
                factorisations += 1
            forcing = max(min(0.1, 0.5 * np.sqrt(norm / size)), 0.3 * tolerance * size / norm)
            step, count = _conjugate_gradients(peer, matrix, factor, -r, forcing)
            inner += count
            stale = count > _LONG
        else:
            if iteration > 0 and (strategy == "newton" or stale):
                factor.update(peer.tangent(u))
                factorisations += 1
            step = factor.solve(-r)
        u, r, fresh = _advance(peer, u, step, r)
        if strategy == "modified":
            stale = fresh > min(_SLOW * norm, _FAR * size)
        norm = fresh
        if norm > _LOST * size:
            break
    return Solution(u, norm / size, iteration + 1, factorisations, inner, False)


def _advance(peer: Any, u: Any, step: Any, r: Any) -> tuple[Any, Any, float]:
    """The full step, or a shorter one near which the residual does no work along the step."""
    work = peer.dot(step, r)
    fraction, low, high = 1.0, 0.0, np.inf
    slope = work
    found = None
    for _ in range(_MAX_SEARCH):
        trial = u + fraction * step
        fresh = peer.residual(trial)
        norm = np.sqrt(peer.dot(fresh, fresh))
        if not np.isfinite(norm):
            high, fraction = fraction, 0.5 * (low + fraction)
            continue
        found = trial, fresh, norm
        after = peer.dot(step, fresh)
        if abs(after) <= _FLAT * abs(work) or work >= 0.0 or (after < 0.0 and high == np.inf):
            return found
        # Secant between the last point before the minimum and this one, kept off the ends.
        if after > 0.0:
            high = fraction
            guess = low + (high - low) * slope / (slope - after)
        else:
            low, slope = fraction, after
            guess = 0.5 * (low + high)
        fraction = float(np.clip(guess, low + 0.1 * (high - low), high - 0.1 * (high - low)))
    if found is None:
        raise RuntimeError("no step keeps the elements from folding")
    return found


def _conjugate_gradients(
    peer: Any, matrix: Any, factor: Any, rhs: Any, tolerance: float
) -> tuple[Any, int]:
    x = np.zeros_like(rhs)
    r = rhs.copy()
    target = tolerance * np.sqrt(peer.dot(r, r))
    y = factor.solve(r)
    d, rho = y.copy(), peer.dot(r, y)
    for count in range(1, _MOST + 1):
        ad = peer.times(matrix, d)
        curvature = peer.dot(d, ad)
        if curvature <= 0.0:
            return (x if count > 1 else d), count
        alpha = rho / curvature
        x += alpha * d
        r -= alpha * ad
        if np.sqrt(peer.dot(r, r)) <= target:
            return x, count
        y = factor.solve(r)
        fresh = peer.dot(r, y)
        d = y + (fresh / rho) * d
        rho = fresh
    return x, _MOST
