"""Layers with exact solutions: sideways gravity, a pull on a nearly incompressible bar, skin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import fsolve

from threadlift.selftest.case import Case
from threadlift.selftest.held import linear
from threadlift.selftest.law import Law
from threadlift.tissue.assembly import Solid
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.gravity import body_load
from threadlift.tissue.materials import ElementMaterials, in_plane_prestress, membrane_metrics
from threadlift.tissue.supports import Supports

#: Shear modulus [MPa] and density [kg/m3] of the test material: those of fat.
MU_MPA, DENSITY = 0.75e-3, 1000.0
_GRAVITY = 9.81
_BULK_OVER_MU = 300.0
#: Fat and the skin that hangs on it [mm].
FAT_MM, SKIN_MM = 10.0, 2.0
#: How much stiffer the skin is: of no influence on the fat below, which only feels its weight.
_SKIN_OVER_FAT = 40.0


def gravity_shear(skin: bool) -> Case:
    """Sideways gravity on bonded fat of height h under skin of thickness t.

    The bottom of the skin moves by (rho g h / G) (h / 2 + t). Side faces are held as an infinite
    layer holds them (free to move along gravity), so the mesh must give the exact number.
    """
    fat = 5
    above = int(skin)
    mesh = box_mesh(
        4,
        4,
        size_mm=(20.0, 20.0),
        sublayer_mm=(SKIN_MM,) * above + (FAT_MM / fat,) * fat,
        sublayers=(0,) * above + (1,) * fat,
    )
    mu = np.where(mesh.layer == 0, _SKIN_OVER_FAT * MU_MPA, MU_MPA)
    materials = ElementMaterials.plain(mu, bulk=_BULK_OVER_MU * mu, density=DENSITY)
    solid = Solid(mesh.points, mesh.wedges, materials, Supports(np.zeros(len(mesh.points))))
    load = body_load(
        solid.geometry, mesh.wedges, materials.density, np.array([0.0, -_GRAVITY, 0.0]), solid.nodes
    )
    free = np.ones_like(mesh.points, dtype=bool)
    free[np.repeat(mesh.rim, mesh.nl)] = [False, True, False]
    free[mesh.nl - 1 :: mesh.nl] = False
    u = linear(solid, free, external=load)[above :: mesh.nl, 1]
    exact = DENSITY * _GRAVITY * 1e-9 * FAT_MM / MU_MPA * (0.5 * FAT_MM + SKIN_MM * above)
    name = "gravity shear of fat under skin, mm" if skin else "gravity shear of a layer, mm"
    # Linear elements are exact at the nodes of this one-dimensional solution.
    return Case(name, exact, float(-u.mean()), 1e-8, "layers")


def uniaxial_stress() -> Case:
    """A finite stretch by 20 %: pull on the end face of a nearly incompressible block."""
    mesh = box_mesh(4, 4, size_mm=(10.0, 10.0), sublayer_mm=(2.0,) * 6)
    bulk, along = _BULK_OVER_MU * MU_MPA, 1.2
    materials = Law(MU_MPA, bulk).elements(len(mesh.wedges))
    solid = Solid(mesh.points, mesh.wedges, materials, Supports(np.zeros(len(mesh.points))))

    def pressure(across: float) -> float:
        volume = along * across**2
        return bulk * (volume - 1.0) - MU_MPA / volume

    across = float(fsolve(lambda x: MU_MPA * x + pressure(x) * along * x, 0.9, xtol=1e-13)[0])
    stress = MU_MPA * along + pressure(across) * across**2
    force = solid.evaluate(mesh.points * (np.array([across, across, along]) - 1.0)).force
    pull = float(force[:: mesh.nl, 2].sum())
    return Case("uniaxial stretch by 20 %, N", stress * 100.0, pull, 1e-6, "layers")


def skin_prestress() -> Case:
    """Pre-stretched skin: the pull on an edge is the in-plane pre-stress times its section."""
    mesh = box_mesh(4, 4, sublayer_mm=(1.5,), sublayers=(0,))
    count = len(mesh.wedges)
    mu, k1, k2, stretch = 0.032, 0.066, 10.8, 1.057
    G, H = membrane_metrics(np.tile([0.0, 0.0, -1.0], (count, 1)), np.full(count, stretch))
    ones = np.ones(count)
    plain = ElementMaterials.plain(mu * ones, bulk=100 * mu * ones)
    materials = replace(
        plain,
        mu0=mu * stretch**-4 * ones,
        G=G,
        k1=np.full((count, 2), [k1, 0.0]),
        k2=np.full((count, 2), k2),
        H=np.stack([H, np.zeros_like(H)], axis=1),
    )
    solid = Solid(mesh.points, mesh.wedges, materials, Supports(np.zeros(len(mesh.points))))
    edge = np.isclose(mesh.surface[:, 0], mesh.surface[:, 0].max())
    pull = solid.reference_load.reshape(-1, 2, 3)[edge, :, 0].sum() / (40.0 * 1.5)
    exact = 1e3 * in_plane_prestress(mu, k1, k2, stretch)
    return Case("skin pre-stress, kPa", exact, 1e3 * float(pull), 1e-8, "layers")


def cases() -> list[Case]:
    """Gravity with and without skin, uniaxial stretch, pre-stress."""
    return [uniaxial_stress(), skin_prestress(), gravity_shear(False), gravity_shear(True)]
