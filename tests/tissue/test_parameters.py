"""Tissue parameters: calibrated values, adaptation to a patient, joint spread."""

import numpy as np
import pytest

from threadlift.errors import InputError
from threadlift.tissue.parameters import SAMPLED, TissueParameters


def test_calibrated_skin_has_its_published_prestress():
    assert TissueParameters().prestress_kpa == pytest.approx(20.1, abs=0.1)
    assert list(TissueParameters().layer_mu_kpa) == [32.0, 0.80, 25.0, 0.70]


def test_age_and_poor_elasticity_loosen_and_good_elasticity_tightens():
    young, old = (TissueParameters.for_patient(age) for age in (30.0, 65.0))
    assert old.prestress_kpa < TissueParameters().prestress_kpa < young.prestress_kpa
    assert old.deep_mu_kpa < young.deep_mu_kpa
    poor, fair, good = (
        TissueParameters.for_patient(45.0, g).prestress_kpa for g in ("poor", "fair", "good")
    )
    assert poor < fair < good
    assert fair == pytest.approx(TissueParameters().prestress_kpa)
    with pytest.raises(InputError, match="elasticity grade"):
        TissueParameters.for_patient(45.0, "excellent")


def test_skin_tension_falls_and_anisotropy_rises_with_age():
    sheets = [TissueParameters.for_patient(age).skin_sheet() for age in (25.0, 45.0, 65.0)]
    tension = [s.stress() for s in sheets]
    assert [t.mean() for t in tension] == sorted((t.mean() for t in tension), reverse=True)
    ratio = [t[0] / t[1] for t in tension]
    assert ratio == sorted(ratio)
    assert TissueParameters.for_patient(45.0).tension_anisotropy == pytest.approx(2.0)


def test_deep_suction_means_soft_skin():
    soft, stiff = (TissueParameters.for_patient(r0_mm=r).skin_mu_kpa for r in (0.40, 0.20))
    assert soft < TissueParameters().skin_mu_kpa < stiff
    assert TissueParameters.for_patient(r0_mm=0.28).skin_mu_kpa == pytest.approx(32.0)
    # One probe reading cannot turn skin into leather.
    assert TissueParameters.for_patient(r0_mm=0.001).skin_mu_kpa == pytest.approx(2.5 * 32.0)


def test_samples_have_the_registered_spread_and_stay_plausible():
    rng = np.random.default_rng(4)
    drawn = [TissueParameters().sampled(rng) for _ in range(600)]
    assert all(p.plausible for p in drawn)
    logs = np.log([[p.fat_mu_kpa, p.smas_mu_kpa, p.deep_mu_kpa, p.rim_n_mm3] for p in drawn])
    assert np.median(logs, axis=0) == pytest.approx(np.log([0.80, 25.0, 0.70, 8e-4]), abs=0.1)
    assert logs.std(axis=0) == pytest.approx([0.34, 0.64, 0.56, 0.74], rel=0.15)
    assert np.corrcoef(logs[:, 2], logs[:, 3])[0, 1] == pytest.approx(-0.27, abs=0.12)


def test_samples_repeat_with_the_seed_and_zero_shift_is_the_median():
    one, two = (TissueParameters().sampled(np.random.default_rng(9)) for _ in range(2))
    assert one == two
    assert TissueParameters().shifted(np.zeros(len(SAMPLED))) == TissueParameters()


def test_every_sampled_field_varies_and_a_far_draw_is_still_a_usable_set():
    for sign in (-1.0, 1.0):
        far = TissueParameters().shifted(np.full(len(SAMPLED), 2.5 * sign))
        for name in SAMPLED:
            assert getattr(far, name) > 0.0
            assert getattr(far, name) != getattr(TissueParameters(), name)
        assert np.isfinite(far.skin_sheet().stress()).all()


def test_numbers_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="deep_mu_kpa"):
        TissueParameters(deep_mu_kpa=-0.1)
    with pytest.raises(InputError, match="base support"):
        TissueParameters().base_stiffness("cushion")
