"""A cup on a quarter disc: the skin under the aperture is drawn up, the rim sticks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from threadlift.tissue.assembly import Solid
from threadlift.tissue.mesh import LayeredMesh
from validation.blocks import base_nodes
from validation.held import Held

_MPA_PER_KPA = 1e-3
# Share of the nominal radius by which a ring of nodes counts as on it (rounding only).
_SLACK = 1e-6


def symmetric_hold(mesh: LayeredMesh) -> NDArray:
    """Held degrees of freedom (N,3) of a quarter disc: base, symmetry planes, outer edge."""
    hold = np.zeros((len(mesh.points), 3), bool)
    hold[base_nodes(mesh)] = True
    x, y = mesh.points[:, 0], mesh.points[:, 1]
    hold[x == 0.0, 0] = True
    hold[y == 0.0, 1] = True
    r = np.hypot(x, y)
    hold[r > r.max() * (1.0 - _SLACK)] = True
    return hold


def aperture_load(mesh: LayeredMesh, aperture_mm: float, pressure_kpa: float) -> NDArray:
    """Nodal loads (N,3) [N] of a uniform suction on the skin inside the aperture (dead load)."""
    load = np.zeros_like(mesh.points)
    corner = mesh.surface[mesh.surface_triangles]
    inside = (np.hypot(corner[..., 0], corner[..., 1]) <= aperture_mm * (1.0 + _SLACK)).all(axis=1)
    u, v = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    third = np.linalg.norm(np.cross(u, v), axis=1) / 6.0 * pressure_kpa * _MPA_PER_KPA
    nodes = mesh.surface_triangles[inside] * mesh.nl
    np.add.at(load[:, 2], nodes, np.repeat(third[inside, None], 3, axis=1))
    return load


def apex_uplift(
    solid: Solid,
    mesh: LayeredMesh,
    aperture_mm: float,
    rim_mm: float,
    pressure_kpa: float,
    *,
    linear: bool = False,
) -> float:
    """Uplift [mm] of the centre of the aperture under a rim that sticks out to ``rim_mm``.

    linear: small displacements, as in the closed forms by which devices are read.
    """
    hold = symmetric_hold(mesh)
    r = np.hypot(mesh.surface[:, 0], mesh.surface[:, 1])
    stuck = (r >= aperture_mm * (1.0 - _SLACK)) & (r <= rim_mm * (1.0 + _SLACK))
    hold[np.flatnonzero(stuck) * mesh.nl] = True
    held = Held(solid, hold)
    load = aperture_load(mesh, aperture_mm, pressure_kpa)
    if linear:
        return float(held.linear(load).u[0, 2])
    state = None
    # Two steps: the skin stiffens, so the linear start of a single one would overshoot.
    for share in (0.3, 1.0):
        state = held.solve(share * load, start=state)
    assert state is not None
    return float(state.u[0, 2])
