"""Textured scans through the whole of it: registration, tracking, follow-up, refusals."""

from dataclasses import replace

import numpy as np
import pytest
from pair_trials import NOISE_MM, SLIDE_MM, Trial, paired, person, solved

from threadlift.face.face import Face
from threadlift.face.pair import UnlikeCaptures, follow_up, posture_change
from threadlift.face.pair.gate import light_difference
from threadlift.face.pair.matched import follow, matched
from threadlift.face.scan.read import make_scan
from threadlift.face.synthetic.skin import SkinLook
from threadlift.face.synthetic.slide import displaced
from threadlift.face.synthetic.textured import RoomLight, textured_scan
from threadlift.quantities import Z90

pytestmark = pytest.mark.slow

LOOK = SkinLook(seed=5)
EVENING = RoomLight((-0.6, 0.5, 0.7), 0.4, 0.8, (1.0, 0.95, 0.85))


def seen(face, seed, light=None):
    return textured_scan(face, LOOK, noise_mm=NOISE_MM, seed=seed, posed=False, light=light)


@pytest.fixture(scope="module")
def textured():
    before, after = person(SLIDE_MM)
    pair = matched(seen(before, 3), seen(after, 4, EVENING))
    return Trial(before, after, pair, solved(pair, follow(pair)))


def test_texture_shows_the_slide(textured):
    out = textured.bare
    true, normal, along = textured.errors(out)
    sliding = out.seen & (np.linalg.norm(true, axis=1) > 1.0)
    assert out.tracked[sliding].mean() > 0.9
    miss = np.linalg.norm(normal[:, None] * out.normals + along, axis=1)
    assert np.abs(normal[sliding]).mean() < 0.4
    assert miss[sliding & out.tracked].mean() < 1.0
    covered = np.abs(along)[sliding] < Z90 * out.sd_tangential_mm[sliding, None]
    assert covered.mean() > 0.85


def test_swapping_the_captures_negates_the_field(textured):
    swapped = paired(textured.pair.second, textured.pair.first)
    back = solved(swapped, follow(swapped))
    both = textured.bare.tracked & back.tracked
    assert both.sum() > 2000
    total = np.linalg.norm(textured.bare.mean_mm + back.mean_mm, axis=1)[both]
    assert total.mean() < 0.4
    for zone in ("jowl_left", "jowl_right", "malar_left"):
        for name, change in textured.bare.zones[zone].items():
            other = back.zones[zone][name].estimate
            assert abs(change.estimate.value + other.value) < 0.5, (zone, name)


def test_harsh_light_is_told_from_soft_light(textured):
    hard = textured_scan(
        textured.after,
        LOOK,
        noise_mm=NOISE_MM,
        seed=4,
        posed=False,
        light=RoomLight((-1.0, 0.2, 0.05), 0.95, 1.2),
    )
    scan = replace(textured.pair.second.scan, texture=hard.texture)
    pair = replace(textured.pair, second=replace(textured.pair.second, scan=scan))
    alike, harsh = light_difference(textured.pair), light_difference(pair)
    assert alike is not None
    assert harsh is not None
    assert alike < 0.35 < harsh


def test_pose_and_unit_of_a_file_do_not_matter(textured):
    second = textured.pair.second.scan
    turn = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
    away = make_scan(
        0.1 * (second.vertices @ turn.T + np.array([300.0, -50.0, 900.0])),
        second.triangles,
        texture=second.texture,
    )
    out = posture_change(textured.pair.first.scan, away)
    both = out.tracked & textured.bare.tracked
    gap = np.linalg.norm(out.mean_mm - textured.bare.mean_mm, axis=1)[both]
    assert gap.mean() < 0.25
    assert np.percentile(gap, 95) < 0.6


def test_no_change_is_below_what_can_be_detected(textured):
    result = follow_up(textured.pair.first.scan, seen(textured.before, 7, EVENING), days=90)
    out = result.displacement
    observed = [c for row in out.zones.values() for c in row.values() if c.observed]
    assert len(observed) > 40
    assert np.mean([c.detected for c in observed]) < 0.2
    assert all(c.verdict == "good" for c in result.criteria)
    assert np.nanmean(np.linalg.norm(out.vector_mm, axis=1)) < 0.6
    assert result.to_json()["criteria"][0]["name"] == "elapsed time"


@pytest.mark.parametrize("reason", ["person", "expression"])
def test_unlike_scans_are_refused(textured, reason):
    if reason == "person":
        other = Face.synthetic(22, age_years=40.0)
    else:
        other = displaced(textured.before, textured.before.expressions["smile"])
    with pytest.raises(UnlikeCaptures) as caught:
        follow_up(textured.pair.first.scan, seen(other, 8), days=90)
    assert reason in [c.name for c in caught.value.criteria if c.verdict == "unusable"]
