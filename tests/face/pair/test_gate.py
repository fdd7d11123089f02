"""Unlike captures are refused, each difference by its name and with its remedy."""

from dataclasses import replace

import numpy as np
import pytest

from threadlift.face.pair import UnlikeCaptures, follow_up
from threadlift.face.pair.estimate import estimate
from threadlift.face.pair.gate import attitude_difference_deg, judge
from threadlift.face.pair.tracking import no_tracks
from threadlift.face.scan.model import EXPRESSIONS
from threadlift.face.template import template
from threadlift.frames import Similarity


@pytest.fixture(scope="module")
def quick(trial):
    return estimate(trial.pair.first, trial.pair.alignment.target, no_tracks(), template())


def failed(pair, quick, **changes):
    """Names of the criteria that fail; each must be in the error's text with its remedy."""
    found = judge(pair, replace(quick, **changes), 90.0, same_axes=True)
    bad = [c for c in found if c.verdict == "unusable"]
    error = UnlikeCaptures(found)
    for c in bad:
        assert c.statement in error.problem
        assert c.remedy
        assert c.remedy in error.remedy
    return [c.name for c in bad]


def second(pair, **changes):
    return replace(pair, second=replace(pair.second, **changes))


def test_like_captures_pass(trial, quick):
    assert failed(trial.pair, quick) == []


def test_another_person_and_a_restless_forehead(trial, quick):
    assert failed(trial.pair, quick, shape_residual_mm=3.0) == ["person"]
    assert failed(trial.pair, quick, stable_residual_mm=1.5) == ["stable region"]


def test_another_scale(trial, quick):
    for scale in (0.97, 1.03):
        pair = replace(trial.pair, alignment=replace(trial.pair.alignment, scale=scale))
        assert failed(pair, quick) == ["scale"]


def test_half_a_face(trial, quick):
    left = trial.before.vertices[:, 0] > 5.0
    pair = second(trial.pair, matched=trial.pair.second.matched & left)
    assert failed(pair, quick) == ["coverage"]


@pytest.mark.parametrize("name", ["mouthSmileLeft", "jawOpen", "mouthPucker", "browInnerUp"])
def test_another_expression(trial, quick, name):
    weights = trial.pair.second.fit.expressions.copy()
    weights[EXPRESSIONS.index(name)] = 0.6
    pair = second(trial.pair, fit=replace(trial.pair.second.fit, expressions=weights))
    assert failed(pair, quick) == ["expression"]


def test_a_blink_is_no_expression(trial, quick):
    weights = trial.pair.second.fit.expressions.copy()
    weights[EXPRESSIONS.index("eyeBlinkLeft")] = 0.9
    pair = second(trial.pair, fit=replace(trial.pair.second.fit, expressions=weights))
    assert failed(pair, quick) == []


def rotated(pair, matrix):
    old = pair.second.to_canonical
    return second(pair, to_canonical=Similarity(old.rotation @ matrix, old.translation))


def test_a_nod_is_refused_but_not_other_axes(trial, quick):
    angle = np.radians(25.0)
    c, s = np.cos(angle), np.sin(angle)
    nod = rotated(trial.pair, np.array([[1, 0, 0], [0, c, -s], [0, s, c]], dtype=float))
    assert attitude_difference_deg(nod) == pytest.approx(25.0, abs=2.0)
    assert failed(nod, quick) == ["head pose"]
    z_up = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    assert attitude_difference_deg(rotated(trial.pair, z_up)) < 2.0
    unknown = {c.name: c for c in judge(nod, quick, 90.0, same_axes=False)}["head pose"]
    assert unknown.verdict == "unjudged"
    assert "not judged" in unknown.statement


def test_without_texture_light_is_not_judged(trial, quick):
    light = {c.name: c for c in judge(trial.pair, quick, 90.0, same_axes=True)}["light"]
    assert light.verdict == "unjudged"
    assert light.value is None


def test_too_early_is_refused_before_anything_is_read():
    with pytest.raises(UnlikeCaptures, match="swelling") as caught:
        follow_up("before.obj", "after.obj", days=5)
    assert "after day 14" in caught.value.remedy
