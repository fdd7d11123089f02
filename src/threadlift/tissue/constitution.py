"""From tissue parameters to the material of every element."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from threadlift.tissue.materials import ElementMaterials, membrane_metrics
from threadlift.tissue.mesh import LayeredMesh
from threadlift.tissue.parameters import TissueParameters

_MPA_PER_KPA = 1e-3


def layer_materials(
    mesh: LayeredMesh, parameters: TissueParameters, fixed: NDArray | None = None
) -> ElementMaterials:
    """Materials of all wedges by layer: pre-stretched skin, stiffening fat, SMAS, deep tissue.

    fixed: (V,) 0..1, where the deep layer is stiffer by the parameters' factor (geometrically).
    """
    p = parameters
    layer = mesh.layer.astype(int)
    mu = p.layer_mu_kpa[layer] * _MPA_PER_KPA
    if fixed is not None:
        share = np.asarray(fixed, float)[mesh.surface_triangles].mean(axis=1)
        deep = layer == 3
        mu = np.where(deep, mu * p.deep_fixed_factor ** share[mesh.element_triangle], mu)
    firm = (layer == 0) | (layer == 2)
    bulk = mu * np.where(firm, p.bulk_skin, p.bulk_fat)
    skin = layer == 0
    plain = ElementMaterials.plain(
        mu, bulk=bulk, b=np.where(layer == 1, p.fat_b, 0.0), density=p.layer_density[layer]
    )
    G, H, mu0 = plain.G, plain.H, plain.mu0.copy()
    stretch = np.full(int(skin.sum()), p.prestretch)
    G[skin], H[skin, 0] = membrane_metrics(wedge_normals(mesh)[skin], stretch)
    mu0[skin] = mu[skin] * stretch**-4
    return replace(
        plain,
        mu0=mu0,
        G=G,
        H=H,
        k1=np.where(skin, p.skin_k1_kpa * _MPA_PER_KPA, 0.0)[:, None] * np.array([1.0, 0.0]),
        k2=np.where(skin, p.skin_k2, 1.0)[:, None] * np.ones(2),
    )


def wedge_normals(mesh: LayeredMesh) -> NDArray:
    """Unit normals (E,3) of the mid-surface triangle of every wedge."""
    corner = mesh.points[mesh.wedges]
    middle = 0.5 * (corner[:, :3] + corner[:, 3:])
    normal = np.cross(middle[:, 1] - middle[:, 0], middle[:, 2] - middle[:, 0])
    return normal / np.linalg.norm(normal, axis=1)[:, None]
