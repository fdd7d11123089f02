"""Stiffness by region, and what is known about a tissue's coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from threadlift.consultation import Consultation
from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.face import Face
from threadlift.tissue import Tissue
from threadlift.tissue.knowledge import COORDINATES, Knowledge
from threadlift.tissue.parameters import SAMPLED, TissueParameters
from threadlift.tissue.regions import REGIONS, mirrored_regions, region_maps, stiffness_factor


@pytest.fixture(scope="module")
def tissue() -> Tissue:
    return Tissue.of(Face.synthetic(seed=1), level="coarse")


def test_regions_cover_the_cheek_once(tissue) -> None:
    maps = region_maps(tissue.mesh)
    assert maps.shape == (len(REGIONS), tissue.mesh.columns)
    assert maps.min() >= 0.0
    assert maps.sum(axis=0).max() <= 1.0 + 1e-12
    for zone in ("jowl_left", "malar_right", "buccal_left", "submental"):
        core = tissue.mesh.zone_weights[zone] > 0.8
        assert maps.sum(axis=0)[core].min() > 0.75


def test_a_stiffer_region_is_stiffer_below_the_skin_and_nowhere_else(tissue) -> None:
    j = REGIONS.index("lower_left")
    stiffer = tissue.varied(regional=np.eye(len(REGIONS))[j])
    ratio = stiffer.solid.materials.mu / tissue.solid.materials.mu
    mesh = tissue.mesh
    inside = region_maps(mesh)[j][mesh.surface_triangles].mean(axis=1)[mesh.element_triangle]
    below = mesh.layer != 0
    assert ratio[~below] == pytest.approx(1.0)
    assert ratio[below & (inside == 0.0)] == pytest.approx(1.0)
    full = below & (inside > 0.99)
    assert full.any()
    assert ratio[full] == pytest.approx(np.exp(value("tissue.regions.spread")), rel=0.01)


def test_another_level_and_a_member_keep_regions_and_knowledge(tissue) -> None:
    known = Knowledge(0.5 * np.eye(len(COORDINATES)), ("posture pair",))
    moved = tissue.varied(regional=np.ones(len(REGIONS)), knowledge=known)
    fine = moved.at_level("default")
    assert fine.mesh.level == "default"
    assert fine.knowledge is known
    np.testing.assert_array_equal(fine.regional, moved.regional)
    assert moved.at_level("coarse") is moved
    assert moved.varied(TissueParameters()).knowledge is known


def test_a_mirror_image_has_mirrored_regions(tissue) -> None:
    x = np.arange(float(len(REGIONS)))
    np.testing.assert_array_equal(mirrored_regions(mirrored_regions(x)), x)
    left = stiffness_factor(tissue.mesh, x)
    assert left.min() > 0.0
    assert mirrored_regions(x)[REGIONS.index("cheek_left")] == x[REGIONS.index("cheek_right")]


def test_measured_elasticity_leaves_less_open_about_the_skin_alone() -> None:
    plain = Knowledge.of(Consultation())
    graded = Knowledge.of(
        Consultation.model_validate({"measurements": {"elasticity": {"grade": "poor"}}})
    )
    assert (plain.sd == 1.0).all()
    for name, sd in zip(COORDINATES, graded.sd, strict=True):
        share = value("risks.spread.measured_share") if name.startswith("skin_") else 1.0
        assert sd == pytest.approx(share)
    assert graded.basis == ("elasticity",)
    assert plain.symmetric
    assert graded.symmetric


def test_what_tells_left_from_right_is_not_symmetric() -> None:
    root = np.eye(len(COORDINATES))
    j = COORDINATES.index("region_lower_left")
    root[j, j] = 0.5
    assert not Knowledge(root).symmetric


def test_a_spread_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="spread of tissue coordinates"):
        Knowledge(np.eye(3))
    with pytest.raises(InputError, match="NaN"):
        Knowledge(np.full((len(COORDINATES),) * 2, np.nan))


def test_coordinates_are_the_inverse_of_a_shift() -> None:
    z = np.linspace(-1.5, 1.5, len(SAMPLED))
    plain = TissueParameters()
    np.testing.assert_allclose(plain.coordinates(plain.shifted(z)), z, atol=1e-12)
