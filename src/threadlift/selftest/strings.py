"""Threads alone: taut strings, a sagging one, and prescribed take-up against springs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.selftest.case import Case
from threadlift.selftest.held import Held, between_free
from threadlift.tissue import newton
from threadlift.tissue.cables import Cable, CableSet

LENGTH_MM, TENSION_N = 50.0, 2.0


@dataclass(frozen=True)
class Springs:
    """Cables whose nodes hang on springs k (N,) [N/mm] and carry loads (N,3) [N]: no tissue."""

    cables: CableSet
    k: NDArray
    load: NDArray

    def evaluate(self, u: NDArray) -> newton.Point:
        """Energy terms, forces and a volume ratio that does not exist (1) at u (N,3)."""
        state = self.cables.state(u)
        held = self.k[:, None] * u
        own = 0.5 * np.sum(held * u, axis=1) - np.sum(self.load * u, axis=1)
        force = self.cables.force(state) + held - self.load
        return newton.Point(np.concatenate([state.energy, own]), force, 1.0)

    def hessian(self, u: NDArray, safe: bool) -> Callable[[NDArray], NDArray]:
        """Stiffness at u as an operator on (N,3)."""
        state = self.cables.state(u)
        return lambda p: self.cables.times(state, p) + self.k[:, None] * p


def _string(segments: int, **pull: float) -> tuple[CableSet, NDArray]:
    points = np.linspace([0.0, 0.0, 0.0], [LENGTH_MM, 0.0, 0.0], segments + 1)
    every = sp.csr_matrix(sp.eye(3 * len(points)))
    cable = Cable("string", every, points, np.ones(segments), **pull)
    return CableSet([cable], len(points)), points


def _balance(springs: Springs, free: NDArray) -> NDArray:
    zero = np.zeros_like(springs.load)
    state = springs.cables.state(zero)
    # Where only the length of the thread resists, its own stiffness is missing from the strings.
    stiff = springs.cables.string_stiffness(state) + sp.diags(np.repeat(springs.k + 1e-3, 3))
    problem = Held(springs, free)
    size = float(np.linalg.norm(problem.evaluate(zero).gradient))
    factor = between_free(sp.csr_matrix(stiff), free)
    return newton.minimise(problem, zero, factor, load=size, tolerance=1e-9).u


def point_load() -> Case:
    """A small load P at a on a string under tension T sags by P a (L - a) / (T L)."""
    segments, at, load = 20, 8, 1e-4
    cables, points = _string(segments, tension_n=TENSION_N)
    stiffness = cables.string_stiffness(cables.state(np.zeros_like(points))).toarray()
    free = np.arange(4, 3 * segments, 3)
    f = np.zeros(3 * segments + 3)
    f[3 * at + 1] = load
    sag = float(np.linalg.solve(stiffness[np.ix_(free, free)], f[free]).max())
    a = points[at, 0]
    exact = load * a * (LENGTH_MM - a) / (TENSION_N * LENGTH_MM)
    return Case("taut string under a point load, µm", 1e3 * exact, 1e3 * sag, 1e-9, "threads")


def sagging(segments: int) -> tuple[float, float]:
    """Exact sag [mm] of a string under a large uniform load, and that of ``segments`` segments.

    The tension is the same all along (the thread slides) and the nodes are guided across: then the
    sine of the slope grows evenly and the string is an arc of radius tension over load.
    """
    weight = 0.06
    cables, points = _string(segments, tension_n=TENSION_N)
    load = np.zeros_like(points)
    load[:, 1] = -weight * LENGTH_MM / segments
    free = np.zeros_like(points, dtype=bool)
    free[1:-1, 1] = True
    u = _balance(Springs(cables, np.zeros(len(points)), load), free)
    radius = TENSION_N / weight
    return radius - float(np.sqrt(radius**2 - (LENGTH_MM / 2.0) ** 2)), float(-u[:, 1].min())


def elastic_bar() -> Case:
    """An elastic thread stretched by a force at its free end: F L / EA."""
    ea, force = 40.0, 0.7
    cables, points = _string(10, shortening_mm=0.0, ea_n=ea)
    load = np.zeros_like(points)
    load[-1, 0] = force
    free = np.zeros_like(points, dtype=bool)
    free[-1, 0] = True
    stretch = float(_balance(Springs(cables, np.zeros(len(points)), load), free)[-1, 0])
    return Case("elastic thread under a pull, mm", force * LENGTH_MM / ea, stretch, 1e-9, "threads")


def take_up() -> Case:
    """Thread drawn in by s against an end spring k: tension s / (1 / k + L / EA)."""
    ea, spring, drawn = 40.0, 0.5, 3.0
    cables, points = _string(10, shortening_mm=drawn, ea_n=ea)
    k = np.zeros(len(points))
    k[-1] = spring
    free = np.zeros_like(points, dtype=bool)
    free[-1, 0] = True
    u = _balance(Springs(cables, k, np.zeros_like(points)), free)
    tension = float(cables.state(u).tension.mean())
    exact = drawn / (1.0 / spring + LENGTH_MM / ea)
    return Case("tension of a thread drawn in, N", exact, tension, 1e-9, "threads")


def cases() -> list[Case]:
    """Point load, large sag, elastic pull, take-up."""
    exact, sag = sagging(40)
    # Straight segments in an arc: the sag of the middle is off by the square of their share.
    arc = Case("sag of a string under a large load, mm", exact, sag, 2e-3, "threads")
    return [point_load(), arc, elastic_bar(), take_up()]
