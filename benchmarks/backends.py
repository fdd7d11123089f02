"""The two linear back ends on the same systems: MKL PARDISO against SciPy's SuperLU.

They solve the coarse mesh of a synthetic face in turns, so that whatever else the machine is doing
hits both. Only the ratios of the medians mean anything.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from threadlift.face.synthetic.person import synthetic_face
from threadlift.tissue import Tissue
from threadlift.tissue.linear_solver import Backend, factorise

ROUNDS = 5
RIGHT_HAND_SIDES = 32
BACKENDS: tuple[Backend, ...] = ("pardiso", "splu")


def timed(work: Callable[[], object]) -> float:
    """Wall time [s] of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Factorisation, one and many right-hand sides: SciPy's SuperLU against MKL PARDISO."""
    tissue = Tissue.of(synthetic_face(seed=1), None, level="coarse")
    matrix = tissue.rest.matrix
    rhs = np.random.default_rng(0).normal(size=(tissue.ndof, RIGHT_HAND_SIDES))
    times: dict[tuple[str, Backend], list[float]] = {}
    for _ in range(ROUNDS):
        for backend in BACKENDS:
            factor = factorise(matrix, backend=backend)
            for name, work in (
                ("analyse and factorise", partial(factorise, matrix, backend=backend)),
                ("one right-hand side", lambda f=factor: f.solve(rhs[:, 0].copy())),
                (f"{RIGHT_HAND_SIDES} right-hand sides", lambda f=factor: f.solve(rhs)),
            ):
                times.setdefault((name, backend), []).append(timed(work))
    print(f"{tissue.ndof} unknowns, {matrix.nnz} non-zeros, load average {os.getloadavg()[0]:.1f}")
    print(f"{'':28}{'pardiso s':>12}{'splu s':>12}{'ratio':>9}")
    for name in dict.fromkeys(n for n, _ in times):
        fast = statistics.median(times[name, "pardiso"])
        slow = statistics.median(times[name, "splu"])
        print(f"{name:28}{fast:12.4f}{slow:12.4f}{slow / fast:9.1f}")


if __name__ == "__main__":
    main()
