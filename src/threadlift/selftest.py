"""`threadlift selftest`: exact solutions, solved on the user's own machine.

Small problems whose answer is known on paper, run through the same elements, cables and linear
solvers as a face. A machine on which one of them fails must not be used for planning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import fsolve

from threadlift.tissue.assembly import Solid
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.cables import Cable, CableSet
from threadlift.tissue.gravity import body_load
from threadlift.tissue.linear_solver import factorise
from threadlift.tissue.materials import ElementMaterials, in_plane_prestress, membrane_metrics
from threadlift.tissue.mesh import LayeredMesh
from threadlift.tissue.supports import Supports

#: Shear modulus [MPa] and density [kg/m3] of the test material: those of fat.
_MU_MPA, _DENSITY = 0.75e-3, 1000.0
_GRAVITY = 9.81
_BULK_OVER_MU = 300.0
#: A support this stiff [N/mm] per node is a fixed node.
_FIXED = 1e4


@dataclass(frozen=True)
class Case:
    """One exact solution: `computed` must agree with `expected` to the relative `tolerance`."""

    name: str
    expected: float
    computed: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """Whether the computed number agrees."""
        return bool(abs(self.computed - self.expected) <= self.tolerance * abs(self.expected))

    def to_json(self) -> dict[str, Any]:
        """JSON form with the verdict."""
        return {
            "name": self.name,
            "expected": self.expected,
            "computed": self.computed,
            "tolerance": self.tolerance,
            "passed": self.passed,
        }


def _plain(mesh: LayeredMesh) -> ElementMaterials:
    mu = np.full(len(mesh.wedges), _MU_MPA)
    return ElementMaterials.plain(mu, bulk=_BULK_OVER_MU * mu, density=np.full(len(mu), _DENSITY))


def _base_springs(mesh: LayeredMesh) -> NDArray[np.float64]:
    springs = np.zeros(len(mesh.points))
    springs[mesh.nl - 1 :: mesh.nl] = _FIXED
    return springs


def gravity_shear() -> Case:
    """Sideways gravity on a bonded layer of height h: the surface moves by ρ g h² / 2G."""
    h = 12.0
    mesh = box_mesh(24, 24, size_mm=(240.0, 240.0), sublayer_mm=(h / 6,) * 6)
    solid = Solid(mesh.points, mesh.wedges, _plain(mesh), Supports(_base_springs(mesh)))
    load = body_load(
        solid.geometry,
        mesh.wedges,
        solid.materials.density,
        np.array([0.0, -_GRAVITY, 0.0]),
        len(mesh.points),
    )
    factor = factorise(solid.tangent(np.zeros_like(mesh.points)).csr())
    u = factor.solve(load.ravel()).reshape(-1, 3)[:: mesh.nl]
    # Away from the free edges, which the closed form does not have.
    middle = np.abs(mesh.surface[:, :2]).max(axis=1) < 30.0
    exact = _DENSITY * _GRAVITY * 1e-9 * h**2 / (2.0 * _MU_MPA)
    return Case("gravity shear of a bonded layer, mm", exact, float(-u[middle, 1].mean()), 0.02)


def uniaxial_stress() -> Case:
    """A finite stretch by 20 %: pull on the end face of a nearly incompressible block."""
    mesh = box_mesh(4, 4, size_mm=(10.0, 10.0), sublayer_mm=(2.0,) * 6)
    solid = Solid(mesh.points, mesh.wedges, _plain(mesh), Supports(np.zeros(len(mesh.points))))
    bulk, along = _BULK_OVER_MU * _MU_MPA, 1.2

    def pressure(across: float) -> float:
        volume = along * across**2
        return bulk * (volume - 1.0) - _MU_MPA / volume

    across = float(fsolve(lambda x: _MU_MPA * x + pressure(x) * along * x, 0.9, xtol=1e-13)[0])
    stress = _MU_MPA * along + pressure(across) * across**2
    force = solid.evaluate(mesh.points * (np.array([across, across, along]) - 1.0)).force
    return Case(
        "uniaxial stretch by 20 %, N", stress * 100.0, float(force[:: mesh.nl, 2].sum()), 1e-6
    )


def skin_prestress() -> Case:
    """Pre-stretched skin: the pull on an edge is the in-plane pre-stress times its section."""
    mesh = box_mesh(4, 4, sublayer_mm=(1.5,), sublayers=(0,))
    count = len(mesh.wedges)
    mu, k1, k2, stretch = 0.032, 0.066, 10.8, 1.057
    G, H = membrane_metrics(np.tile([0.0, 0.0, -1.0], (count, 1)), np.full(count, stretch))
    ones = np.ones(count)
    materials = ElementMaterials(
        mu * ones,
        0 * ones,
        k1 * ones,
        k2 * ones,
        100 * mu * ones,
        mu * stretch**-4 * ones,
        G,
        H,
        ones,
    )
    solid = Solid(mesh.points, mesh.wedges, materials, Supports(np.zeros(len(mesh.points))))
    edge = np.isclose(mesh.surface[:, 0], mesh.surface[:, 0].max())
    pull = solid.reference_load.reshape(-1, 2, 3)[edge, :, 0].sum() / (40.0 * 1.5)
    return Case(
        "skin pre-stress, kPa",
        1e3 * in_plane_prestress(mu, k1, k2, stretch),
        1e3 * float(pull),
        1e-8,
    )


def taut_string() -> Case:
    """A point load P at a on a string of length L under tension T sags by P a (L − a) / T L."""
    count, length, tension, load, at = 21, 50.0, 2.0, 1e-4, 8
    points = np.linspace([0.0, 0.0, 0.0], [length, 0.0, 0.0], count)
    held = np.ones(3 * count)
    held[[0, 1, 2, -3, -2, -1]] = 0.0
    cable = Cable("string", sp.csr_matrix(sp.diags(held)), points, np.ones(count - 1), tension)
    cables = CableSet([cable], count)
    stiffness = cables.string_stiffness(cables.state(np.zeros_like(points))).toarray()
    free = np.arange(4, 3 * count - 3, 3)
    f = np.zeros(3 * count)
    f[3 * at + 1] = load
    sag = np.linalg.solve(stiffness[np.ix_(free, free)], f[free]).max()
    a = points[at, 0]
    return Case(
        "taut string under a point load, µm",
        1e3 * load * a * (length - a) / (tension * length),
        1e3 * float(sag),
        1e-9,
    )


def no_locking() -> Case:
    """A local push on a bonded layer: at K/µ = 10⁵ it must give as much as at 10⁴."""
    mesh = box_mesh(8, 8, sublayer_mm=(2.0,) * 6)
    push = np.zeros_like(mesh.points)
    near = np.linalg.norm(mesh.surface[:, :2], axis=1) < 8.0
    push[:: mesh.nl, 2] = -1e-4 * mesh.nodal_area(0) * near
    depth = []
    for ratio in (1e4, 1e5):
        mu = np.full(len(mesh.wedges), _MU_MPA)
        solid = Solid(
            mesh.points,
            mesh.wedges,
            ElementMaterials.plain(mu, bulk=ratio * mu),
            Supports(_base_springs(mesh)),
        )
        factor = factorise(solid.tangent(np.zeros_like(mesh.points)).csr())
        depth.append(float(factor.solve(push.ravel()).reshape(-1, 3)[:: mesh.nl, 2].min()))
    return Case("no locking at K/µ = 1e5, mm", depth[0], depth[1], 0.02)


def run_selftest() -> list[Case]:
    """All cases, in the order of the building blocks."""
    return [uniaxial_stress(), skin_prestress(), gravity_shear(), no_locking(), taut_string()]
