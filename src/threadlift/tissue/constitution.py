"""From tissue parameters and fields to the material of every element.

Every refinement keeps what was calibrated as a mean: the skin its mean pre-stress, the SMAS the
mean of its stiffness along and across the fibres, the fat its response to shear along the layer
when septa take a part of its stiffening, the deep layer its mean compliance over the cheek.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from threadlift.anatomy.directions import principal
from threadlift.tissue.fields import Fields
from threadlift.tissue.materials import ElementMaterials
from threadlift.tissue.mesh import LayeredMesh
from threadlift.tissue.parameters import TissueParameters
from threadlift.tissue.regions import stiffness_factor

Array = NDArray[np.float64]

_MPA_PER_KPA = 1e-3
_SKIN, _FAT, _SMAS, _DEEP = range(4)


def layer_materials(
    mesh: LayeredMesh,
    parameters: TissueParameters,
    fields: Fields | None = None,
    regional: Array | None = None,
) -> ElementMaterials:
    """Materials of all wedges: skin with tension lines that can wrinkle, stiffening fat with
    septa, SMAS with fibres, deep layer with fixed zones, glide spaces and muscle.

    Without fields skin and SMAS have no preferred direction and the layers are even. regional (8,):
    coordinates of the regions' stiffness (see `regions`; None: the same everywhere).
    """
    p, f = parameters, fields or Fields()
    layer = mesh.layer.astype(int)
    firm = (layer == _SKIN) | (layer == _SMAS)
    mu = p.layer_mu_kpa[layer] * _MPA_PER_KPA
    mu[layer == _SMAS] *= _upper_factor(mesh, p, f)
    mu[layer == _DEEP] *= _deep_factor(mesh, p, f)
    if regional is not None and np.any(regional):
        factor = _on_triangles(mesh, stiffness_factor(mesh, regional))[mesh.element_triangle]
        mu[layer != _SKIN] *= factor[layer != _SKIN]
    normal = wedge_normals(mesh)
    # The fibres of the SMAS stiffen one direction, so its matrix is softer than the mean of both.
    fibred = f.smas_lines is not None
    if fibred:
        mu[layer == _SMAS] *= 2.0 / (2.0 + p.smas_fibre_excess)
    out = ElementMaterials.plain(
        mu,
        bulk=mu * np.where(firm, p.bulk_skin, p.bulk_fat),
        b=np.where(layer == _FAT, p.fat_b / (1.0 + p.fat_septa_ratio), 0.0),
        density=p.layer_density[layer],
    )
    k1, k2, H = out.k1, out.k2, out.H
    _add_septa(layer == _FAT, p, mu, normal, k1, k2, H)
    if f.smas_lines is not None:
        smas = layer == _SMAS
        _add_smas_fibres(smas, p, mu, _axes(mesh, f.smas_lines, normal, smas), k1, k2, H)
    return _with_skin(mesh, layer == _SKIN, p, f, normal, replace(out, k1=k1, k2=k2, H=H))


def _with_skin(
    mesh: LayeredMesh,
    skin: NDArray[np.bool_],
    p: TissueParameters,
    f: Fields,
    normal: Array,
    out: ElementMaterials,
) -> ElementMaterials:
    """Pre-stretch, two families of fibres and the wrinkling rule in the elements of the skin."""
    plain = f.skin_lines is None
    law = p.skin_sheet(isotropic=plain)
    lines = np.tile(np.eye(3), (mesh.columns, 1, 1)) if f.skin_lines is None else f.skin_lines
    along = _axes(mesh, lines, normal, skin)
    across = np.cross(normal[skin], along)
    axes = np.stack([along, across, normal[skin]], axis=1)
    stretch = np.array([*law.stretch, law.thickness_stretch])
    sheet, slack, mu0 = out.sheet.copy(), out.slack.copy(), out.mu0.copy()
    sheet[skin] = axes * stretch[:, None]
    # Without pre-stretch the captured state would lie on the very edge between taut and slack.
    slack[skin] = p.skin_slack_share if p.skin_prestretch_excess > 0.0 else 1.0
    mu0[skin] = out.mu[skin] * law.thickness_stretch**2
    squares = sheet[skin][:, :, :, None] * sheet[skin][:, :, None, :]
    G, H, k1, k2 = out.G.copy(), out.H.copy(), out.k1.copy(), out.k2.copy()
    G[skin] = squares.sum(axis=1)
    H[skin] = np.einsum("fa,eaij->efij", law.weights, squares[:, :2])
    k1[skin] = np.array(law.k1) * _MPA_PER_KPA
    k2[skin] = law.k2
    return replace(out, G=G, H=H, k1=k1, k2=k2, mu0=mu0, sheet=sheet, slack=slack)


def _add_septa(
    fat: NDArray[np.bool_],
    p: TissueParameters,
    mu: Array,
    normal: Array,
    k1: Array,
    k2: Array,
    H: Array,
) -> None:
    """Septa across the fat layer, slightly slack at rest, for a part of Yeoh's stiffening.

    Under a shear g along the layer Yeoh's term stores mu b g^4 / 4 and taut septa k1 g^4 / 2, so
    k1 = mu b' / 2 takes over the part b'. Their slack keeps small loads linear.
    """
    part = p.fat_b * p.fat_septa_ratio / (1.0 + p.fat_septa_ratio)
    k1[fat, 0] = 0.5 * part * mu[fat]
    k2[fat, 0] = p.fat_septa_k2
    line = normal[fat] / (1.0 + p.fat_septa_slack)
    H[fat, 0] = line[:, :, None] * line[:, None, :]


def _add_smas_fibres(
    smas: NDArray[np.bool_],
    p: TissueParameters,
    mu: Array,
    along: Array,
    k1: Array,
    k2: Array,
    H: Array,
) -> None:
    """Fibres of the SMAS, slightly taut in the captured posture.

    In a pull along them they add 4 k1 to the 3 mu of the matrix.
    """
    k1[smas, 0] = 0.75 * p.smas_fibre_excess * mu[smas]
    k2[smas, 0] = p.smas_k2
    line = (1.0 + p.smas_prestretch_excess) * along
    H[smas, 0] = line[:, :, None] * line[:, None, :]


def _upper_factor(mesh: LayeredMesh, p: TissueParameters, f: Fields) -> Array | float:
    """Factor on the SMAS's elements: upper over lower is the parameter, their mean unchanged."""
    if f.smas_upper is None:
        return 1.0
    share = _on_triangles(mesh, f.smas_upper)[mesh.element_triangle[mesh.layer == _SMAS]]
    return p.smas_upper_factor ** (share - 0.5)


def _deep_factor(mesh: LayeredMesh, p: TissueParameters, f: Fields) -> Array:
    """Factor on the deep layer's elements: fixed zones, glide under the SMAS, muscle below.

    Glide is in the uppermost deep sublayer, muscle in the others. The whole is scaled so that the
    mean compliance over the mobile cheek, by volume, is that of the calibrated layer, which was an
    average over all of this.
    """
    deep = mesh.layer == _DEEP
    triangle = mesh.element_triangle[deep]
    sublayers = np.asarray(mesh.sublayers) == _DEEP
    uppermost = sublayers & (np.cumsum(sublayers) == 1)
    upper = np.tile(uppermost, len(mesh.surface_triangles))[deep]

    def share(values: Array | None) -> Array:
        if values is None:
            return np.zeros(len(triangle))
        return _on_triangles(mesh, values)[triangle]

    made_of = np.where(
        upper, p.deep_glide_factor ** share(f.glide), p.deep_muscle_factor ** share(f.muscle)
    )
    weight = mesh.volumes[deep] * (1.0 - share(f.fixed))
    if f.cheek is not None:
        weight = weight * share(f.cheek)
    mean = float(np.sum(weight / made_of) / np.sum(weight)) if weight.sum() > 0.0 else 1.0
    return mean * made_of * p.deep_fixed_factor ** share(f.fixed)


def _axes(mesh: LayeredMesh, lines: Array, normal: Array, rows: NDArray[np.bool_]) -> Array:
    """Unit directions (k,3), in the mid-planes of the wedges in a mask (E,), of line tensors
    (V,3,3) on the columns.
    """
    tensor = _on_triangles(mesh, lines)[mesh.element_triangle[rows]]
    return principal(tensor, normal[rows])


def _on_triangles(mesh: LayeredMesh, values: Array) -> Array:
    """Mean (T, ...) of column values (V, ...) over each surface triangle."""
    return np.asarray(values, float)[mesh.surface_triangles].mean(axis=1)


def wedge_normals(mesh: LayeredMesh) -> Array:
    """Unit normals (E,3) of the mid-surface triangle of every wedge."""
    corner = mesh.points[mesh.wedges]
    middle = 0.5 * (corner[:, :3] + corner[:, 3:])
    normal = np.cross(middle[:, 1] - middle[:, 0], middle[:, 2] - middle[:, 0])
    return normal / np.linalg.norm(normal, axis=1)[:, None]
