"""The cut rim holds as the tissue beyond it would: blocks cut out of larger ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from threadlift.tissue import Tissue, TissueParameters
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.fields import Fields
from threadlift.tissue.supports import _strip_stiffness, rim_stiffness

P = TissueParameters()
CALIBRATED = (1.5, 2.5, 2.5, 1.0, 1.0, 6.0)
FOREHEAD = (1.1, 0.9, 0.9, 1.5, 0.5, 0.5)
PAROTID = (1.2, 1.5, 1.5, 1.4, 4.9, 4.9)
SPOTS = np.array([[0.0, 0.0], [0.0, 20.0], [20.0, 0.0], [0.0, 40.0], [40.0, 0.0]])


def answer(size_mm, cells, stack, fixed, parameters=P):
    """Displacement along y at the spots of the skin under a pull on the fascia in the middle."""
    mesh = box_mesh(cells, cells, size_mm=(size_mm, size_mm), sublayer_mm=stack)
    tissue = Tissue(mesh, parameters, fields=Fields(fixed=np.full(mesh.columns, fixed)))
    load = np.zeros_like(mesh.points)
    load[3 :: mesh.nl, 1] = np.exp(-0.5 * (mesh.surface[:, :2] ** 2).sum(axis=1) / 6.0**2)
    load /= load.sum()
    u = tissue.rest.solve(load.ravel()).reshape(-1, 3)[:: mesh.nl, 1]
    near = np.linalg.norm(mesh.surface[:, None, :2] - SPOTS, axis=2).argmin(axis=0)
    return u[near]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stack", "fixed"), [(CALIBRATED, 0.0), (FOREHEAD, 0.0), (PAROTID, 1.0)],
    ids=["calibration", "forehead", "parotid"],
)  # fmt: skip
def test_block_cut_out_of_a_larger_one_answers_a_pull_alike(stack, fixed):
    whole = answer(240.0, 48, stack, fixed)
    cut = answer(80.0, 16, stack, fixed)
    assert cut == pytest.approx(whole, abs=0.09 * whole[0])
    loose = answer(80.0, 16, stack, fixed, TissueParameters(rim_n_mm3=1e-9))
    assert np.abs(loose - whole).max() > 2.0 * np.abs(cut - whole).max()


def test_stack_of_the_calibration_has_the_calibrated_spring():
    mesh = box_mesh(2, 2, sublayer_mm=CALIBRATED)
    bone, nowhere = np.full(mesh.columns, P.base_bone_n_mm3), np.zeros(mesh.columns)
    assert rim_stiffness(mesh, P, bone, nowhere) == pytest.approx(P.rim_n_mm3)


def test_thin_and_fixed_tissue_holds_more_and_a_soft_base_less():
    mesh = box_mesh(2, 2, sublayer_mm=CALIBRATED)
    thin = box_mesh(2, 2, sublayer_mm=FOREHEAD)
    bone, nowhere = np.full(mesh.columns, P.base_bone_n_mm3), np.zeros(mesh.columns)
    soft = np.full(mesh.columns, P.base_submental_n_mm3)
    plain = rim_stiffness(mesh, P, bone, nowhere)
    assert (rim_stiffness(thin, P, bone, nowhere) > 2.0 * plain).all()
    assert (rim_stiffness(mesh, P, bone, nowhere + 1.0) > 1.3 * plain).all()
    assert (rim_stiffness(mesh, P, soft, nowhere) < plain).all()


def test_strip_formula_is_the_sum_of_the_matrix_that_solves_the_sheets_equation():
    depth = np.array([[1.2, 1.5], [3.0, 5.0], [1.1, 1.0], [4.0, 7.0]])
    base, fixed = np.array([0.1, 5e-4]), np.array([0.3, 0.0])
    found = _strip_stiffness(P, depth, base, fixed)
    for i in range(2):
        skin, fat, smas, deep = depth[:, i]
        n = 1e-3 * np.array([P.skin_sheet(isotropic=True).sheet_modulus * skin,
                             4.0 * P.smas_mu_kpa * smas])  # fmt: skip
        k = 1e-3 * P.fat_mu_kpa / fat
        d = 1e-3 * P.deep_mu_kpa * P.deep_fixed_factor ** fixed[i] / deep
        d = 1.0 / (1.0 / d + 1.0 / base[i])
        root = np.diag(np.sqrt(n))
        inner = np.linalg.inv(root) @ [[k, -k], [-k, k + d]] @ np.linalg.inv(root)
        assert found[i] == pytest.approx((root @ np.real(sqrtm(inner)) @ root).sum())


def test_tissue_without_stiffness_keeps_the_registered_spring():
    none = TissueParameters(skin_mu_kpa=0.0, skin_k1_kpa=0.0, fat_mu_kpa=0.0, smas_mu_kpa=0.0,
                            deep_mu_kpa=0.0)  # fmt: skip
    mesh = box_mesh(2, 2)
    bone = np.full(mesh.columns, P.base_bone_n_mm3)
    springs = rim_stiffness(mesh, none, bone, np.zeros(mesh.columns))
    assert np.isfinite(springs).all()
