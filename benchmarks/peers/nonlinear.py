"""Newton's method in the forms that a user of a finite-element package would try.

All start from a factor of the stiffness at rest (the project has one too) and stop at the same
relative residual. Full steps: in these problems the residual first rises with the step that
lowers the energy, so a line search on the residual would stop it.

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
_LOST = 1e3
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
        u, r, fresh = _advance(peer, u, step, norm)
        if strategy == "modified":
            stale = fresh > min(_SLOW * norm, _FAR * size)
        norm = fresh
        if norm > _LOST * size:
            break
    return Solution(u, norm / size, iteration + 1, factorisations, inner, False)


def _advance(peer: Any, u: Any, step: Any, norm: float) -> tuple[Any, Any, float]:
    """The full step; shorter only where it folds elements or blows up."""
    fraction = 1.0
    for _ in range(12):
        trial = u + fraction * step
        r = peer.residual(trial)
        fresh = np.sqrt(peer.dot(r, r))
        if np.isfinite(fresh) and fresh < 1e3 * norm:
            return trial, r, fresh
        fraction *= 0.5
    raise RuntimeError("no step keeps the elements from folding")


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
