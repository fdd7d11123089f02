"""Surfaces and marks of a pair with known truth: accuracy, honesty, invariance."""

from dataclasses import replace

import numpy as np
import pytest
from pair_trials import paired, registered, scan_of, solved, turned

from threadlift.errors import InputError
from threadlift.face.pair.matched import follow
from threadlift.face.template import template
from threadlift.frames import Similarity
from threadlift.quantities import Z90


def test_contour_is_right_to_the_noise(trial):
    out = trial.bare
    true, normal, _ = trial.errors(out)
    sliding = out.seen & (np.linalg.norm(true, axis=1) > 1.0)
    assert sliding.sum() > 300
    for part in (sliding, out.seen):
        assert np.abs(normal[part]).mean() < 0.4
        assert np.mean(np.abs(normal)[part] < Z90 * out.sd_normal_mm[part]) > 0.8
    assert out.fractions[0] > 0.9


def test_without_texture_sliding_is_unobserved_with_an_interval_that_holds_it(trial):
    out = trial.bare
    true, _, along = trial.errors(out)
    assert not out.tracked.any()
    assert np.isnan(out.vector_mm).all()
    sliding = out.seen & (np.linalg.norm(true, axis=1) > 2.0)
    covered = np.abs(along)[sliding] < Z90 * out.sd_tangential_mm[sliding, None]
    assert covered.mean() > 0.85
    up = out.zones["jowl_left"]["up"]
    assert not up.observed
    assert up.estimate.low < -2.0 < up.estimate.high
    assert up.detectable_mm > 2.0
    assert "not observed" in out.notes[0]


@pytest.mark.slow
def test_marks_show_the_slide_where_they_are_and_only_there(trial):
    t = template()
    rows = np.nonzero(t.zones["jowl_left"] + t.zones["buccal_left"] > 0.3)[0]
    marks = {
        str(i): (trial.before.vertices[i].tolist(), trial.after.vertices[i].tolist())
        for i in rows[:: len(rows) // 30]
    }
    out = solved(trial.pair, follow(trial.pair, marks, 0.3))
    _, normal, along = trial.errors(out)
    side = out.tracked & (t.zones["jowl_left"] > 0.5)
    assert side.sum() > 25
    assert np.linalg.norm(normal[:, None] * out.normals + along, axis=1)[side].mean() < 1.0
    assert not (out.tracked & (t.zones["jowl_right"] > 0.5)).any()
    up = out.zones["jowl_left"]["up"]
    assert up.observed
    assert up.detected
    assert up.estimate.high < 0.0
    with pytest.raises(InputError, match="off the skin"):
        follow(trial.pair, {"a": ([0.0, 0.0, 300.0], [0.0, 0.0, 0.0])})


@pytest.mark.slow
def test_swapping_the_captures_negates_the_contour(trial):
    back = solved(paired(trial.pair.second, trial.pair.first))
    both = trial.bare.seen & back.seen
    total = np.abs(trial.bare.normal_mm + back.normal_mm)[both]
    assert total.mean() < 0.2
    for zone in ("jowl_left", "jowl_right", "malar_left", "chin"):
        there, here = trial.bare.zones[zone]["outward"], back.zones[zone]["outward"]
        assert abs(there.estimate.value + here.estimate.value) < 0.4, zone


@pytest.mark.slow
def test_a_rigid_motion_of_either_capture_does_nothing(trial):
    move = Similarity(
        np.array([[0.96, 0.28, 0.0], [-0.28, 0.96, 0.0], [0.0, 0.0, 1.0]]),
        np.array([30.0, -5.0, 9.0]),
    )
    for first, second in (
        (trial.pair.first, turned(trial.pair.second, move)),
        (turned(trial.pair.first, move), trial.pair.second),
    ):
        out = solved(paired(first, second))
        np.testing.assert_allclose(out.vertices, trial.bare.vertices, atol=1e-6)
        # Rounding may take or drop a patch at a lid or rim, which is felt around it; and what is
        # not observed, the part along the skin, is a guess that need not repeat itself.
        both = out.seen & trial.bare.seen
        gap = np.abs(out.normal_mm - trial.bare.normal_mm)[both]
        assert gap.mean() < 0.02
        assert np.percentile(gap, 95) < 0.08
        assert np.mean(np.abs(out.sd_normal_mm - trial.bare.sd_normal_mm)) < 0.01


@pytest.mark.slow
def test_no_change_is_below_what_can_be_detected(trial):
    again = registered(trial.before, scan_of(trial.before, 7), 7)
    out = solved(paired(trial.pair.first, again))
    outward = [row["outward"] for row in out.zones.values() if row["outward"].observed]
    assert len(outward) > 12
    # One in ten is allowed by the level; errors of neighbouring zones go together.
    assert np.mean([c.detected for c in outward]) < 0.25
    assert np.nanmean(np.abs(out.normal_mm)) < 0.4
    # The smallest detectable change of a zone lies between the noise of a patch and the prior.
    assert all(0.1 < c.detectable_mm < 1.5 for c in outward)


@pytest.mark.slow
def test_noisier_scans_detect_less(trial):
    quiet = trial.bare
    rough = registered(trial.after, _rougher(trial.pair.second.scan), 4)
    loud = solved(paired(trial.pair.first, rough))
    assert (
        loud.zones["jowl_left"]["outward"].detectable_mm
        > quiet.zones["jowl_left"]["outward"].detectable_mm
    )
    assert loud.numbers["noise_smooth_mm"] > quiet.numbers["noise_smooth_mm"]


def _rougher(scan):
    """The same scan with 1.5 mm more of smooth error."""
    rng = np.random.default_rng(4)
    waves = rng.standard_normal((60, 3)) / 12.0
    error = np.cos(scan.vertices @ waves.T + rng.uniform(0, 6.28, 60)).sum(axis=1)
    error *= 1.5 * np.sqrt(2.0 / 60.0)
    return replace(scan, vertices=scan.vertices + error[:, None] * np.array([0.0, 0.0, 1.0]))


def test_captures_that_hardly_overlap_are_refused(trial):
    half = trial.before.vertices[:, 1] < -20.0  # a scan of the chin only
    second = trial.pair.second
    with pytest.raises(InputError, match="too little of the forehead"):
        paired(trial.pair.first, turned_off(second, ~half))


def turned_off(found, rows):
    return replace(found, matched=found.matched & ~rows)
