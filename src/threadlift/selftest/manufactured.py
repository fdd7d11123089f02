"""Manufactured solutions: a smooth finite motion is imposed, and the mesh must find it.

The exact motion gives the exact stress through `law`; its work on the shape functions, integrated
with a rule of higher order than the solver's, is the consistent load of body force and boundary
traction together (the divergence theorem in weak form, so nothing is derived by hand). The
boundary is held at the exact places. Linear elements must then converge with order 2 in the
displacement and order 1 in its gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.selftest.blocks import Block, block
from threadlift.selftest.case import Case
from threadlift.selftest.held import solve
from threadlift.selftest.law import Law
from threadlift.selftest.wedge_rule import wedge_rule
from threadlift.tissue.assembly import Solid
from threadlift.tissue.supports import Supports

Motion = Callable[[NDArray], NDArray]

_STEP = 1e-30
#: Edge of the cube [mm].
SIZE = 10.0


def wavy(X: NDArray) -> NDArray:
    """A motion (...,3) with strains up to 0.3 that changes the volume."""
    k = np.pi / SIZE
    a = 0.6
    x, y, z = X[..., 0], X[..., 1], X[..., 2]
    return np.stack(
        [
            x + a * np.sin(k * y + 0.3) * np.cos(0.5 * k * z),
            y + a * np.sin(k * (z + 0.5 * x)),
            z + a * np.cos(k * x) * np.sin(0.7 * k * y + 0.2) + 0.05 * z,
        ],
        axis=-1,
    )


def isochoric(ratio: float) -> Motion:
    """A motion that keeps the volume but for a share of order 1 / ratio (ratio = bulk / mu).

    Two shears, each of which keeps the volume exactly, and a third map whose volume change times
    the bulk modulus is a pressure of the size of mu.
    """
    k = np.pi / SIZE
    a = 0.6

    def motion(X: NDArray) -> NDArray:
        x = X[..., 0] + a * np.sin(k * X[..., 1] + 0.3) * np.cos(0.5 * k * X[..., 2])
        y = X[..., 1] + a * np.sin(k * (X[..., 2] + 0.5 * x))
        z = X[..., 2] + 0.5 * a * np.cos(k * x) * np.sin(0.7 * k * y)
        pressure = np.sin(k * z + 0.4) * np.cos(0.5 * k * x)
        return np.stack([x, y, z + 0.5 * SIZE / ratio * pressure], axis=-1)

    return motion


def gradient(motion: Motion, X: NDArray) -> NDArray:
    """Deformation gradient (...,3,3) of a motion at X (...,3) by the complex step."""
    columns = []
    for j in range(3):
        moved = X.astype(complex)
        moved[..., j] += 1j * _STEP
        columns.append(np.imag(motion(moved)) / _STEP)
    return np.stack(columns, axis=-1)


@dataclass(frozen=True)
class Errors:
    """Relative L2 errors of displacement and of its gradient, with the mesh size h [mm]."""

    h_mm: float
    displacement: float
    gradient: float


def errors(body: Block, law: Law, motion: Motion, h_mm: float, *, steps: int = 1) -> Errors:
    """Solve for a manufactured motion on one mesh and measure what is missing."""
    rule = wedge_rule(body.points, body.wedges)
    F = gradient(motion, rule.x)
    stress = law.stress(F)
    load = np.zeros_like(body.points)
    weak = np.einsum("eq,eqij,eqaj->eai", rule.w, stress, rule.grad)
    np.add.at(load, body.wedges, weak)
    count = len(body.wedges)
    solid = Solid(
        body.points, body.wedges, law.elements(count), Supports(np.zeros(len(body.points)))
    )
    exact = motion(body.points) - body.points
    free = np.repeat(~body.boundary[:, None], 3, axis=1)
    u = solve(solid, free, exact, np.where(free, load, 0.0), steps=steps)
    local = u[body.wedges]
    missing = np.einsum("qa,eai->eqi", rule.N, local) - (motion(rule.x) - rule.x)
    slope = np.einsum("eai,eqaj->eqij", local, rule.grad) - (F - np.eye(3))
    return Errors(
        h_mm,
        _norm(missing, rule.w) / _norm(motion(rule.x) - rule.x, rule.w),
        _norm(slope, rule.w) / _norm(F - np.eye(3), rule.w),
    )


def _norm(values: NDArray, weights: NDArray) -> float:
    square = (values**2).reshape(*weights.shape, -1).sum(axis=-1)
    return float(np.sqrt(np.sum(weights * square)))


def refinement(
    law: Law, motion: Motion, cells: tuple[int, ...], *, layers: int = 2
) -> list[Errors]:
    """Errors on a sequence of distorted meshes of a cube."""
    out = []
    for n in cells:
        body = block((n, n, n), lambda unit: SIZE * unit, layers=layers, distortion=0.15, seed=n)
        out.append(errors(body, law, motion, SIZE / n))
    return out


def order(coarse: Errors, fine: Errors) -> tuple[float, float]:
    """Observed orders of displacement and gradient between two meshes."""
    step = np.log(coarse.h_mm / fine.h_mm)
    return (
        float(np.log(coarse.displacement / fine.displacement) / step),
        float(np.log(coarse.gradient / fine.gradient) / step),
    )


#: Shear modulus of the test material [MPa] and the two regimes: bulk over shear modulus.
MU_MPA = 1e-3
REGIMES: dict[str, tuple[Law, Motion]] = {
    "compressible": (Law(MU_MPA, 2.0 * MU_MPA), wavy),
    "nearly incompressible": (Law(MU_MPA, 300.0 * MU_MPA), isochoric(300.0)),
    "almost incompressible": (Law(MU_MPA, 1e4 * MU_MPA), isochoric(1e4)),
}


def cases() -> list[Case]:
    """Observed orders between two meshes, for a compressible and a nearly incompressible law."""
    out = []
    for name in ("compressible", "nearly incompressible"):
        # On meshes this coarse the orders are still below 2 and 1; where an element locks, both
        # drop towards 0.
        displacement, slope = order(*refinement(*REGIMES[name], (6, 12)))
        out.append(Case(f"order of u, {name}", 2.0, displacement, 0.1, "manufactured"))
        out.append(Case(f"order of grad u, {name}", 1.0, slope, 0.2, "manufactured"))
    return out
