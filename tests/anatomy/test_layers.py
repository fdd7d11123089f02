"""Layer maps: published thickness at landmarks, age, sex and body mass, measurements, symmetry."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from threadlift import evidence
from threadlift.anatomy import LAYERS, layer_stack
from threadlift.face import template


def consult(age=None, sex=None, bmi=None, **measurements):
    patient = SimpleNamespace(age_years=age, sex=sex, bmi_kg_m2=bmi)
    empty = {"skin_thickness_mm": {}, "fat_thickness_mm": {}, "smas_depth_mm": {}}
    return SimpleNamespace(patient=patient, measurements=SimpleNamespace(**(empty | measurements)))


def measured(value, sd=0.2):
    return SimpleNamespace(value=value, sd=sd)


def at(stack, name, layer=None):
    i = template().landmarks[name]
    return float(stack.total_mm[i] if layer is None else stack.thickness(layer)[i])


@pytest.fixture(scope="module")
def stack(mean_face):
    return layer_stack(mean_face)


# --- published thickness ------------------------------------------------------------------------


# Dermis + epidermis by ultrasound, women: mean and sd of the sum [MENG22].
@pytest.mark.parametrize(
    ("landmark", "mean", "sd"),
    [
        ("glabella", 1.09, 0.23),
        ("temple_L", 0.98, 0.19),
        ("zygion_L", 1.07, 0.39),
        ("malar_eminence_L", 1.07, 0.39),
        ("submandibular_L", 1.09, 0.34),
        ("cervical_point", 1.16, 0.2),
    ],
)
def test_skin_is_within_two_sd_of_ultrasound(stack, landmark, mean, sd):
    assert abs(at(stack, landmark, "skin") - mean) < 2 * sd


# Depth of the superficial fascia by ultrasound [CASABONA19].
@pytest.mark.parametrize(
    ("landmark", "mean", "sd"),
    [
        ("midcheek_L", 4.82, 0.9),
        ("masseter_centre_L", 4.25, 0.6),
        ("platysma_mid_L", 3.71, 0.5),
    ],
)
def test_smas_depth_is_within_two_sd_of_ultrasound(stack, landmark, mean, sd):
    depth = stack.top_mm("smas")[template().landmarks[landmark]]
    assert abs(depth - mean) < 2 * sd


# Skin to bone (recalled T-Table means with default sd).
@pytest.mark.parametrize(
    ("landmark", "mean", "sd"),
    [
        ("glabella", 5.5, 1.0),
        ("nasion", 6.5, 1.5),
        ("zygion_L", 6.0, 2.0),
        ("pogonion", 11.5, 2.5),
        ("menton", 7.0, 2.0),
        ("gonion_L", 11.0, 4.0),
        ("labiale_inferius", 13.0, 2.5),
        ("sublabiale", 11.0, 2.0),
        ("masseter_centre_L", 17.5, 4.0),
        ("midcheek_L", 24.0, 5.0),
        ("alare_L", 9.5, 2.0),
        ("subnasale", 13.0, 3.0),
    ],
)
def test_total_depth_is_within_two_sd_of_forensic_tables(stack, landmark, mean, sd):
    assert abs(at(stack, landmark) - mean) < 2 * sd


def test_pattern_of_skin_and_fat(stack):
    # Thin lids, thin fat on the nose, thickest fat beside the nasolabial fold.
    assert at(stack, "palpebrale_superius_L", "skin") < 0.9
    assert at(stack, "nasolabial_mid_L", "fat") > 1.15 * at(stack, "midcheek_L", "fat")
    assert at(stack, "glabella", "fat") < at(stack, "malar_eminence_L", "fat")
    # The jowl has thinner skin, thicker fat and a deeper SMAS than the preauricular cheek.
    jowl, back = "jowl_point_L", "masseter_centre_L"
    assert at(stack, jowl, "skin") < at(stack, back, "skin")
    assert at(stack, jowl, "fat") > at(stack, back, "fat")


def test_every_layer_is_thick_enough_and_smooth(stack):
    t = template()
    edges = np.concatenate([t.skin_triangles[:, [0, 1]], t.skin_triangles[:, [1, 2]]])
    length = np.linalg.norm(t.vertices[edges[:, 0]] - t.vertices[edges[:, 1]], axis=1)
    front = (t.vertices[edges[:, 0], 2] > 10.0) & (length > 0.5)
    for layer in LAYERS:
        mm = stack.thickness(layer)
        assert mm.shape == (len(t.vertices),)
        assert np.isfinite(mm).all()
        assert mm.min() >= evidence.value(f"layers.floor.{layer}")
        slope = np.abs(mm[edges[front, 0]] - mm[edges[front, 1]]) / length[front]
        assert slope.max() < (0.9 if layer == "deep" else 0.25), layer
    assert stack.top_mm("skin") == pytest.approx(np.zeros(len(t.vertices)))
    assert stack.total_mm == pytest.approx(stack.top_mm("deep") + stack.deep_mm)


def test_left_equals_right(stack):
    mirror = template().mirror
    for layer in LAYERS:
        assert (stack.thickness(layer) == stack.thickness(layer)[mirror]).all()


# --- the person ---------------------------------------------------------------------------------


def zone_mean(face, stack, layer, zone):
    w = face.zones[zone]
    return float(w @ stack.thickness(layer) / w.sum())


def test_age_thins_skin_cheek_fat_smas_and_spares_the_jowl(mean_face):
    young = layer_stack(mean_face, consult(35, "female", 23))
    old = layer_stack(mean_face, consult(70, "female", 23))
    for layer, zone in (
        ("skin", "malar_left"),
        ("fat", "malar_left"),
        ("fat", "buccal_right"),
        ("smas", "preauricular_left"),
        ("deep", "infraorbital_left"),
    ):
        assert zone_mean(mean_face, old, layer, zone) < zone_mean(mean_face, young, layer, zone)
    jowl = [zone_mean(mean_face, s, "fat", "jowl_left") for s in (young, old)]
    cheek = [zone_mean(mean_face, s, "fat", "malar_left") for s in (young, old)]
    assert jowl[1] / jowl[0] > cheek[1] / cheek[0]
    assert jowl[1] / jowl[0] == pytest.approx(1.0, abs=0.05)


def test_men_have_thicker_skin_and_thinner_cheek_fat(mean_face):
    woman = layer_stack(mean_face, consult(45, "female", 23))
    man = layer_stack(mean_face, consult(45, "male", 23))
    assert zone_mean(mean_face, man, "skin", "malar_left") > 1.15 * zone_mean(
        mean_face, woman, "skin", "malar_left"
    )
    assert zone_mean(mean_face, man, "fat", "malar_left") < 0.92 * zone_mean(
        mean_face, woman, "fat", "malar_left"
    )


def test_body_mass_thickens_fat_most_under_the_chin(mean_face):
    lean = layer_stack(mean_face, consult(45, "female", 20))
    heavy = layer_stack(mean_face, consult(45, "female", 32))
    gain = {
        z: zone_mean(mean_face, heavy, "fat", z) - zone_mean(mean_face, lean, "fat", z)
        for z in ("submental", "buccal_left", "temple_left")
    }
    assert gain["submental"] > gain["buccal_left"] > 0.5
    # Deeper SMAS with higher body mass; its thickness does not follow body mass.
    assert (heavy.top_mm("smas") >= lean.top_mm("smas") - 1e-12).all()
    assert heavy.smas_mm == pytest.approx(lean.smas_mm)


def test_extremes_stay_above_the_floors(mean_face):
    for who in (consult(100, "male", 12), consult(16, "female", 60), consult(95, "female", 14)):
        stack = layer_stack(mean_face, who)
        for layer in LAYERS:
            assert stack.thickness(layer).min() >= evidence.value(f"layers.floor.{layer}")


def test_unknown_person_is_the_reference_with_wider_spread(mean_face, stack):
    known = layer_stack(mean_face, consult(45, "female", 23))
    assert stack.fat_mm == pytest.approx(known.fat_mm)
    assert (stack.fat_cv > known.fat_cv).all()


# --- measurements -------------------------------------------------------------------------------


def core(face, zone):
    """Mean weight of a zone: squared, as the core counts."""
    return face.zones[zone] ** 2 / (face.zones[zone] ** 2).sum()


def test_a_measurement_is_met_where_it_was_taken_and_nowhere_else(mean_face, stack):
    who = consult(fat_thickness_mm={"jowl_left": measured(8.0, 0.5)})
    got = layer_stack(mean_face, who)
    assert core(mean_face, "jowl_left") @ got.fat_mm == pytest.approx(8.0, rel=0.12)
    far = mean_face.zones["jowl_left"] < 1e-3
    assert (got.fat_mm[far] == stack.fat_mm[far]).all()
    assert got.skin_mm == pytest.approx(stack.skin_mm)
    inside = mean_face.zones["jowl_left"] > 0.9 * mean_face.zones["jowl_left"].max()
    assert (got.fat_cv[inside] < 0.5 * stack.fat_cv[inside]).all()
    assert (got.fat_cv <= stack.fat_cv).all()
    assert "measurements.fat_thickness_mm.jowl_left" in got.basis


def test_a_key_without_side_means_both(mean_face):
    both = layer_stack(mean_face, consult(skin_thickness_mm={"malar": measured(1.8)}))
    assert both.skin_mm == pytest.approx(both.skin_mm[template().mirror])
    one = layer_stack(mean_face, consult(skin_thickness_mm={"malar_left": measured(1.8)}))
    assert abs(one.skin_mm - one.skin_mm[template().mirror]).max() > 0.3


def test_smas_depth_sets_the_fat_unless_the_fat_was_measured(mean_face):
    depth = {"buccal_left": measured(7.0)}
    got = layer_stack(mean_face, consult(smas_depth_mm=depth))
    w = core(mean_face, "buccal_left")
    assert w @ got.top_mm("smas") == pytest.approx(7.0, rel=0.1)
    both = layer_stack(
        mean_face, consult(smas_depth_mm=depth, fat_thickness_mm={"buccal_left": measured(4.0)})
    )
    assert w @ both.fat_mm == pytest.approx(4.0, rel=0.1)


def test_vague_measurement_narrows_less(mean_face):
    sharp = layer_stack(mean_face, consult(fat_thickness_mm={"jowl": measured(5.0, 0.2)}))
    vague = layer_stack(mean_face, consult(fat_thickness_mm={"jowl": measured(5.0, 1.0)}))
    assert (sharp.fat_cv <= vague.fat_cv + 1e-12).all()
    assert (sharp.fat_cv < vague.fat_cv - 0.01).any()


def test_scaled_scales_and_keeps_the_floor(stack):
    twice = stack.scaled({"fat": 2.0, "skin": np.full(len(stack.skin_mm), 1e-6)})
    assert twice.fat_mm == pytest.approx(2.0 * stack.fat_mm)
    assert (twice.skin_mm == evidence.value("layers.floor.skin")).all()
    assert twice.smas_mm is stack.smas_mm
