"""The capture benchmark: exact measures, and fits within bounds on a few people."""

import dataclasses

import numpy as np
import pytest
from validation.capture import trial
from validation.capture.measure import Comparison, compare, zones
from validation.capture.page import page
from validation.capture.scans import scan_of
from validation.capture.summary import errors, landmarks, mean_map, scale

from threadlift.face.synthetic.people import random_look, random_person
from threadlift.face.synthetic.person import synthetic_face
from threadlift.face.synthetic.relief import front_of_face
from threadlift.face.template import template
from threadlift.frames import fit_similarity


@pytest.fixture(scope="module")
def truth():
    return synthetic_face(4)


@pytest.fixture(scope="module")
def region():
    return front_of_face(template())


def moved(face, vertices):
    """`face` with other vertices, in the patient frame or not."""
    return face.in_frame(
        vertices, sd_mm=1.0, kind="scan", capture=face.capture, expressions=face.expressions
    )


def test_a_larger_copy_has_no_error_but_its_size(truth, region):
    found = compare(moved(truth, 1.03 * truth.vertices), truth, region, with_scale=True)
    assert np.abs(found.normal_mm[region]).max() < 1e-9
    assert found.surface_mm[region].max() < 1e-9
    assert found.scale == pytest.approx(1.0 / 1.03)
    assert found.landmarks_mm.max() < 1e-9


def test_a_scan_is_not_scaled(truth, region):
    found = compare(moved(truth, 1.03 * truth.vertices), truth, region, with_scale=False)
    assert found.scale == pytest.approx(1.0)
    assert np.abs(found.normal_mm[region]).mean() > 0.3


def test_a_bump_is_measured_where_it_is_with_its_sign(truth, region):
    bump = 2.0 * np.exp(
        -((np.linalg.norm(truth.vertices - truth.landmark("midcheek_L"), axis=1) / 8.0) ** 2)
    )
    vertices = truth.vertices + bump[:, None] * truth.normals
    found = compare(moved(truth, vertices), truth, region, with_scale=False)
    assert found.normal_mm[template().landmarks["midcheek_L"]] == pytest.approx(2.0, abs=0.25)
    assert found.normal_mm[template().landmarks["midcheek_R"]] == pytest.approx(0.0, abs=0.25)


def test_zones_lie_on_the_front_and_on_both_sides(region):
    for name, rows in zones().items():
        assert not rows[~region].any(), name
        assert np.array_equal(rows, rows[template().mirror]), name


def fake(variant, person, region, rng, sd=1.0, reported=1.0):
    n = len(region)
    normal = rng.normal(0.0, sd, n)
    size = float(np.exp(rng.normal(0.0, 0.02)))
    found = Comparison(
        normal, np.abs(normal), np.full(n, reported), size, np.full(len(template().landmarks), 2.0)
    )
    return trial.Result(person, variant, "", found, 0.02, region)


def test_true_standard_deviations_are_recognised(region):
    rng = np.random.default_rng(0)
    results = [fake("one", p, region, rng) for p in range(40)]
    e = errors(results)
    assert e.in_50 == pytest.approx(0.5, abs=0.02)
    assert e.in_90 == pytest.approx(0.9, abs=0.02)
    assert e.mean == pytest.approx(np.sqrt(2.0 / np.pi), abs=0.02)
    timid = errors([fake("one", p, region, rng, reported=2.0) for p in range(5)])
    assert timid.in_50 > 0.75
    assert scale(results).mean == pytest.approx(1.6, abs=0.5)
    assert scale(results).in_90 > 0.75
    assert landmarks(results)["gonion"] == pytest.approx(2.0)
    assert np.isnan(mean_map(results)[~region]).all()


def test_the_page_says_met_or_not_and_lists_refusals(region):
    rng = np.random.default_rng(1)
    results = [
        fake(variant, person, region, rng, sd=3.0 if variant == "three" else 0.4)
        for variant in trial.VARIANTS
        for person in (1, 2)
    ]
    results[0] = dataclasses.replace(results[0], refused="Too dark.", comparison=None)
    text = page(results)
    assert "1.2: **not met**" in text
    assert "1.8: met" in text
    assert "person 1, 1 photo: Too dark." in text


def test_scans_have_holes_hair_and_a_seed():
    face, age, sex, _ = random_person(3)
    look = random_look(3, age, sex)
    assert look.hair.style != "cropped"
    (scan, noise), (again, _) = scan_of(face, look, 3), scan_of(face, look, 3)
    assert 0.2 <= noise <= 0.5
    assert np.array_equal(scan.vertices, again.vertices)
    assert scan.colors is not None


@pytest.mark.slow
@pytest.mark.parametrize("person", [3, 6])
def test_fits_stay_within_bounds(person, tmp_path, monkeypatch):
    """Bounds lie about 40 % above what the benchmark found for these people."""
    monkeypatch.setattr(trial, "STORE", tmp_path)
    results = {r.variant: r for r in trial.run(person)}
    for variant, most in (("one", 2.2), ("three", 1.8)):
        assert not results[variant].refused
        assert errors([results[variant]]).mean < most
        assert errors([results[variant]]).in_90 > 0.7
    scan = errors([results["scan"]], surface=True)
    assert scan.mean < 0.55
    assert scan.p95 < 1.5


def test_alignment_of_a_scan_ignores_its_pose(truth, region):
    turned = fit_similarity(truth.vertices[:3], truth.vertices[[1, 2, 0]], with_scale=False)
    found = compare(moved(truth, turned.apply(truth.vertices)), truth, region, with_scale=False)
    assert np.abs(found.normal_mm[region]).max() < 1e-6
