"""Patch tests: what is homogeneous must come out homogeneous, for every term of the law."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.selftest.blocks import Block, block
from threadlift.selftest.case import Case
from threadlift.selftest.held import solve
from threadlift.selftest.law import Fibres, Law
from threadlift.tissue.assembly import Solid
from threadlift.tissue.supports import Supports

_MU = 1e-3
#: Volume ratio of all patches: its pressure is of the size of the other stresses, so that no term
#: drowns in another.
_VOLUME = 1.002


def _of_volume(F: list[list[float]]) -> NDArray:
    """The deformation gradient with the ratio of its columns kept and det F = _VOLUME."""
    out = np.array(F)
    return out * (_VOLUME / np.linalg.det(out)) ** (1.0 / 3.0)


#: A finite, generic deformation.
STRETCHED = _of_volume([[1.25, 0.10, -0.05], [0.05, 1.00, 0.10], [-0.02, 0.12, 0.85]])
#: One that compresses the plane of the sheet of `laws` across one axis, so that it wrinkles.
WRINKLED = _of_volume([[1.20, 0.03, 0.02], [0.01, 0.65, -0.03], [0.02, 0.01, 1.20]])
#: One that compresses the plane of the sheet both ways: slack.
SLACK = _of_volume([[0.75, 0.03, 0.02], [0.01, 0.80, -0.03], [0.02, 0.01, 1.60]])


def _turn() -> NDArray:
    """A rotation in rows: a sheet that is aligned with no axis."""
    q, _ = np.linalg.qr(np.array([[1.0, 0.2, -0.1], [0.1, 1.0, 0.3], [-0.2, 0.1, 1.0]]))
    return q.T


def laws() -> dict[str, tuple[Law, NDArray]]:
    """One law per term, all at once last, each with the deformation that brings its term out."""
    axes = _turn()
    m, n = axes[:2]
    stretch = np.array([1.08, 1.03, 1.0 / (1.08 * 1.03)])
    sheet = stretch[:, None] * axes
    G = sheet.T @ sheet
    along, across = np.outer(m, m), np.outer(n, n)
    families = (
        Fibres(2e-3, 9.0, 1.05 * (0.8 * along + 0.2 * across)),
        Fibres(1e-3, 11.0, 1.05 * (0.3 * along + 0.7 * across)),
    )
    mu0 = _MU * stretch[2] ** 2
    # The deformation acts on the sheet's own axes.
    taut, wrinkled, slack = (axes.T @ F @ axes for F in (STRETCHED, WRINKLED, SLACK))
    return {
        "matrix": (Law(_MU, 0.0), STRETCHED),
        "volume": (Law(_MU, 300 * _MU), STRETCHED),
        "stiffening": (Law(_MU, 300 * _MU, b=8.0), STRETCHED),
        "pre-strain": (Law(_MU, 300 * _MU, G=G, mu0=mu0), STRETCHED),
        "fibres": (Law(_MU, 300 * _MU, fibres=families), taut),
        "wrinkled": (Law(_MU, 300 * _MU, G=G, mu0=mu0, sheet=sheet, slack=0.1), wrinkled),
        "slack": (Law(_MU, 300 * _MU, G=G, mu0=mu0, sheet=sheet, slack=0.1), slack),
        "all terms": (
            Law(_MU, 300 * _MU, b=3.0, G=G, mu0=mu0, fibres=families, sheet=sheet, slack=0.1),
            wrinkled,
        ),
    }


def patch_block() -> Block:
    """A distorted block of wedges, 12 mm."""
    return block((3, 3, 3), lambda unit: 12.0 * unit, distortion=0.25, seed=4)


def solid_of(body: Block, law: Law) -> Solid:
    """A free body of one law."""
    return Solid(
        body.points,
        body.wedges,
        law.elements(len(body.wedges)),
        Supports(np.zeros(len(body.points))),
    )


def internal_force(solid: Solid, u: NDArray) -> NDArray:
    """Internal nodal force (N,3) [N], that of the captured state included."""
    return solid.evaluate(u).force + solid.reference_load


def mean_stress(solid: Solid, force: NDArray) -> NDArray:
    """Mean first Piola stress (3,3) [MPa] of a body from its nodal forces.

    The divergence theorem: the moments of the boundary forces about the reference places are the
    volume integral of the stress.
    """
    return np.einsum("ni,nj->ij", force, solid.points) / solid.geometry.volume.sum()


def stress_error(law: Law, F: NDArray) -> float:
    """Largest relative error of stress and of inner forces under an affine displacement."""
    body = patch_block()
    solid = solid_of(body, law)
    force = internal_force(solid, body.points @ (F - np.eye(3)).T)
    exact = law.stress(F)
    # Without pre-strain the captured state is free of stress; with it, its stress is in `exact`.
    off = np.abs(mean_stress(solid, force) - exact).max() / np.abs(exact).max()
    inner = np.abs(force[~body.boundary]).max() / np.abs(force).max()
    return float(max(off, inner))


def turned_error(law: Law, F: NDArray) -> float:
    """Largest relative difference between the forces of a turned body and its turned forces."""
    body = patch_block()
    solid = solid_of(body, law)
    angle = 1.1
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    turn = turn @ _turn()
    force = internal_force(solid, body.points @ (F - np.eye(3)).T)
    moved = body.points @ (turn @ F - np.eye(3)).T + [3.0, -2.0, 5.0]
    return float(np.abs(internal_force(solid, moved) - force @ turn.T).max() / np.abs(force).max())


def solved_error(law: Law, F: NDArray) -> float:
    """Largest relative error of the inner nodes when the boundary of a patch is moved affinely."""
    body = patch_block()
    solid = solid_of(body, law)
    exact = body.points @ (F - np.eye(3)).T
    free = np.repeat(~body.boundary[:, None], 3, axis=1)
    away = np.random.default_rng(8).uniform(-0.3, 0.3, exact.shape)
    u = solve(solid, free, exact, tolerance=1e-11, away=away)
    return float(np.abs(u - exact).max() / np.abs(exact).max())


def cases() -> list[Case]:
    """Stress of every term, objectivity, and one patch solved at finite strain."""
    out = []
    for name, (law, F) in laws().items():
        # Rounding of the bulk term, 300 times the shear modulus, is the largest.
        error = stress_error(law, F)
        out.append(Case(f"patch of wedges, stress: {name}", 0.0, error, 1e-11, "patch", 1.0))
    whole = laws()["all terms"]
    out.append(Case("patch turned as a rigid body", 0.0, turned_error(*whole), 1e-11, "patch", 1.0))
    out.append(
        Case(
            "patch solved at finite strain",
            0.0,
            solved_error(*laws()["stiffening"]),
            1e-8,
            "patch",
            1.0,
        )
    )
    return out
