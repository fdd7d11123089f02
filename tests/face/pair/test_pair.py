"""Pairs of synthetic scans with known truth: accuracy, honesty, invariance, refusals."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from threadlift.errors import InputError
from threadlift.face.closest import SurfaceIndex
from threadlift.face.face import Face
from threadlift.face.pair import UnlikeCaptures, follow_up, posture_change
from threadlift.face.pair.alignment import align, stable_weight
from threadlift.face.pair.displacement import Displacement
from threadlift.face.pair.estimate import estimate
from threadlift.face.pair.gate import attitude_difference_deg, judge
from threadlift.face.pair.matched import Matched, follow, matched
from threadlift.face.pair.posture import displacement
from threadlift.face.scan.read import make_scan
from threadlift.face.synthetic.skin import SkinLook
from threadlift.face.synthetic.slide import displaced, slide_field
from threadlift.face.synthetic.textured import RoomLight, textured_scan
from threadlift.face.template import template
from threadlift.frames import Similarity, fit_similarity
from threadlift.quantities import Z90

pytestmark = pytest.mark.slow

NOISE_MM, SLIDE_MM = 0.4, 4.0
LOOK = SkinLook(seed=5)
EVENING = RoomLight((-0.6, 0.5, 0.7), 0.4, 0.8, (1.0, 0.95, 0.85))


@dataclass(frozen=True)
class Trial:
    before: Face
    after: Face
    pair: Matched
    tracked: Displacement
    bare: Displacement


def solved(pair, followed):
    return displacement(
        pair, estimate(pair.first, pair.alignment.target, followed.all, template()), followed
    )


def nothing(followed):
    empty = replace(followed.texture, start=np.empty((0, 3)), move=np.empty((0, 3)), sd=np.empty(0))
    return replace(followed, texture=empty)


@pytest.fixture(scope="module")
def trial():
    before = Face.synthetic(21, age_years=58.0)
    after = displaced(before, slide_field(SLIDE_MM, 21))
    scans = (
        textured_scan(before, LOOK, noise_mm=NOISE_MM, seed=1, posed=False),
        textured_scan(after, LOOK, noise_mm=NOISE_MM, seed=2, posed=False, light=EVENING),
    )
    pair = matched(*scans)
    followed = follow(pair)
    return Trial(before, after, pair, solved(pair, followed), solved(pair, nothing(followed)))


def truth(trial, out):
    """True movement (n, 3) at the registered vertices, and errors along normal and skin."""
    back = fit_similarity(trial.after.vertices, trial.before.vertices, stable_weight())
    move = back.apply(trial.after.vertices) - trial.before.vertices
    to_person = fit_similarity(
        out.vertices, trial.pair.first.to_canonical.inverse().apply(trial.pair.first.vertices)
    )
    surface = SurfaceIndex(trial.before.vertices, trial.before.triangles)
    hit = surface.closest(to_person.apply(out.vertices))
    at = np.einsum("kc,kcd->kd", hit.bary, move[trial.before.triangles[hit.triangle]])
    true = at @ to_person.rotation
    normal = np.einsum("kd,kd->k", out.mean_mm - true, out.normals)
    return true, normal, out.mean_mm - true - normal[:, None] * out.normals


def test_contour_is_right_with_and_without_texture(trial):
    for out in (trial.tracked, trial.bare):
        true, normal, _ = truth(trial, out)
        sliding = out.seen & (np.linalg.norm(true, axis=1) > 1.0)
        assert sliding.sum() > 300
        assert np.abs(normal[sliding]).mean() < 0.4
        assert np.abs(normal[out.seen]).mean() < 0.4
        assert np.mean(np.abs(normal)[out.seen] < Z90 * out.sd_normal_mm[out.seen]) > 0.8


def test_texture_shows_the_slide(trial):
    out = trial.tracked
    true, normal, along = truth(trial, out)
    sliding = out.seen & (np.linalg.norm(true, axis=1) > 1.0)
    assert out.tracked[sliding].mean() > 0.9
    miss = np.linalg.norm(normal[:, None] * out.normals + along, axis=1)
    assert miss[sliding & out.tracked].mean() < 1.0
    covered = np.abs(along)[sliding] < Z90 * out.sd_tangential_mm[sliding, None]
    assert covered.mean() > 0.85


def test_without_texture_sliding_is_unobserved_with_an_interval_that_holds_it(trial):
    out = trial.bare
    true, _, along = truth(trial, out)
    assert not out.tracked.any()
    assert np.isnan(out.vector_mm).all()
    sliding = out.seen & (np.linalg.norm(true, axis=1) > 2.0)
    covered = np.abs(along)[sliding] < Z90 * out.sd_tangential_mm[sliding, None]
    assert covered.mean() > 0.85
    up = out.zones["jowl_left"]["up"]
    assert not up.observed
    assert up.estimate.low < -2.0 < up.estimate.high
    assert "not observed" in out.notes[0]


def test_swapping_the_captures_negates_the_field(trial):
    pair = trial.pair
    swapped = Matched(pair.second, pair.first, align(pair.second, pair.first))
    back = solved(swapped, follow(swapped))
    both = trial.tracked.tracked & back.tracked
    total = np.linalg.norm(trial.tracked.mean_mm + back.mean_mm, axis=1)[both]
    assert both.sum() > 2000
    assert total.mean() < 0.35
    for zone in ("jowl_left", "jowl_right", "malar_left", "chin"):
        for name, change in trial.tracked.zones[zone].items():
            other = back.zones[zone][name].estimate
            assert abs(change.estimate.value + other.value) < 0.5, (zone, name)


def test_marks_do_what_texture_does(trial):
    t = template()
    rows = np.nonzero(t.zones["jowl_left"] + t.zones["buccal_left"] > 0.3)[0]
    marks = {
        str(i): (trial.before.vertices[i].tolist(), trial.after.vertices[i].tolist())
        for i in rows[:: len(rows) // 30]
    }
    followed = follow(trial.pair, marks, 0.3)
    out = solved(trial.pair, nothing(followed))
    _, normal, along = truth(trial, out)
    side = out.tracked & (t.zones["jowl_left"] > 0.5)
    assert side.sum() > 50
    assert np.linalg.norm(normal[:, None] * out.normals + along, axis=1)[side].mean() < 1.0
    assert not (out.tracked & (t.zones["jowl_right"] > 0.5)).any()
    far = {"a": ([0.0, 0.0, 300.0], [0.0, 0.0, 0.0])}
    with pytest.raises(InputError, match="off the skin"):
        follow(trial.pair, far)


def test_no_change_is_below_what_can_be_detected(trial):
    second = textured_scan(
        trial.before, LOOK, noise_mm=NOISE_MM, seed=3, posed=False, light=EVENING
    )
    result = follow_up(trial.pair.first.scan, second, days=90)
    out = result.displacement
    observed = [c for row in out.zones.values() for c in row.values() if c.observed]
    assert len(observed) > 40
    # Ten in a hundred are allowed by the level; errors of neighbouring zones go together.
    assert np.mean([c.detected for c in observed]) < 0.2
    assert all(c.passed for c in result.criteria)
    assert np.nanmean(np.linalg.norm(out.vector_mm, axis=1)) < 0.6


def test_a_rigid_motion_of_a_scan_does_nothing(trial):
    second = trial.pair.second.scan
    turn = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
    away = make_scan(
        0.1 * (second.vertices @ turn.T + [300.0, -50.0, 900.0]),
        second.triangles,
        texture=second.texture,
    )
    out = posture_change(trial.pair.first.scan, away)
    both = out.tracked & trial.tracked.tracked
    gap = np.linalg.norm(out.mean_mm - trial.tracked.mean_mm, axis=1)[both]
    assert gap.mean() < 0.25
    assert np.percentile(gap, 95) < 0.6


@pytest.fixture(scope="module")
def quick(trial):
    empty = nothing(follow(trial.pair)).all
    return estimate(trial.pair.first, trial.pair.alignment.target, empty, template())


def failed(pair, quick, **changes):
    found = judge(pair, replace(quick, **changes), 90.0, same_axes=True)
    error = UnlikeCaptures(found)
    bad = [c for c in found if c.passed is False]
    for c in bad:
        assert c.remedy in error.remedy
        assert c.finding in error.problem
    return [c.name for c in bad]


def test_like_captures_pass(trial, quick):
    assert failed(trial.pair, quick) == []


def test_each_difference_is_refused_by_its_name(trial, quick):
    pair = trial.pair
    assert failed(pair, quick, shape_residual_mm=3.0) == ["person"]
    assert failed(pair, quick, stable_residual_mm=1.5) == ["stable region"]
    larger = replace(pair, alignment=replace(pair.alignment, scale=1.03))
    assert failed(larger, quick) == ["scale"]
    unseen = replace(pair, second=replace(pair.second, matched=pair.second.matched & False))
    assert failed(unseen, quick) == ["coverage"]
    smile = pair.second.fit.expressions.copy()
    smile[3:5] = 0.6
    smiling = replace(
        pair, second=replace(pair.second, fit=replace(pair.second.fit, expressions=smile))
    )
    assert failed(smiling, quick) == ["expression"]


def test_a_nod_is_refused_and_other_axes_are_not(trial, quick):
    pair = trial.pair

    def turned(matrix):
        old = pair.second.to_canonical
        new = Similarity(old.rotation @ matrix, old.translation)
        return replace(pair, second=replace(pair.second, to_canonical=new))

    angle = np.radians(25.0)
    nod = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    assert attitude_difference_deg(turned(nod)) == pytest.approx(25.0, abs=3.0)
    z_up = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    assert attitude_difference_deg(turned(z_up)) < 5.0
    names = [c.name for c in judge(turned(nod), quick, 90.0, same_axes=True) if c.passed is False]
    assert "head pose" in names
    unknown = {c.name: c for c in judge(turned(nod), quick, 90.0, same_axes=False)}
    assert unknown["head pose"].passed is None


def test_harsh_light_is_refused(trial, quick):
    hard = textured_scan(
        trial.after,
        LOOK,
        noise_mm=NOISE_MM,
        seed=2,
        posed=False,
        light=RoomLight((-1.0, 0.2, 0.05), 0.95, 1.2),
    )
    scan = replace(trial.pair.second.scan, texture=hard.texture)
    pair = replace(trial.pair, second=replace(trial.pair.second, scan=scan))
    assert "light" in failed(pair, quick)


def test_another_person_and_another_expression_are_refused_from_their_scans(trial):
    stranger = textured_scan(
        Face.synthetic(22, age_years=40.0), LOOK, noise_mm=NOISE_MM, seed=4, posed=False
    )
    with pytest.raises(UnlikeCaptures) as caught:
        follow_up(trial.pair.first.scan, stranger, days=90)
    assert "person" in [c.name for c in caught.value.criteria if c.passed is False]
    smiling = displaced(trial.before, trial.before.expressions["smile"])
    second = textured_scan(smiling, LOOK, noise_mm=NOISE_MM, seed=5, posed=False)
    with pytest.raises(UnlikeCaptures) as caught:
        follow_up(trial.pair.first.scan, second, days=90)
    assert "expression" in [c.name for c in caught.value.criteria if c.passed is False]


def test_too_early_is_refused_before_anything_is_read():
    with pytest.raises(UnlikeCaptures, match="swelling"):
        follow_up("before.obj", "after.obj", days=5)
