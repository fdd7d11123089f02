"""The template's expressions in a person's proportions."""

import numpy as np
import pytest

from threadlift.face import Face, template
from threadlift.face.expression.composites import (
    COMPOSITES,
    expression_fields,
    person_units,
    proportions,
)


def test_a_stretched_head_has_stretched_movements():
    t = template()
    stretch = np.array([1.1, 0.9, 1.2])
    np.testing.assert_allclose(proportions(t.vertices * stretch), stretch, atol=1e-12)
    plain, stretched = (expression_fields(v) for v in (t.vertices, t.vertices * stretch))
    for name in set(COMPOSITES) - {"eyes_closed"}:
        np.testing.assert_allclose(stretched[name], plain[name] * stretch, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_closed_lids_meet_on_both_sides_of_anybody(seed):
    face = Face.synthetic(seed, asymmetry=1.0)
    closed = face.vertices + face.expressions["eyes_closed"]
    for side in "LR":
        upper, lower = (face.template.landmarks[f"palpebrale_{x}_{side}"]
                        for x in ("superius", "inferius"))  # fmt: skip
        assert face.vertices[upper, 1] - face.vertices[lower, 1] > 6.0
        assert abs(closed[upper, 1] - closed[lower, 1]) < 0.6


def test_a_wider_fissure_needs_a_longer_way_of_its_own_lid_only():
    t = template()
    wide = t.vertices.copy()
    wide[t.landmarks["palpebrale_superius_L"], 1] += 3.0
    names = ("eyeBlinkLeft", "eyeBlinkRight")
    before, after = (person_units(names, v) for v in (t.vertices, wide))
    way = np.linalg.norm(after, axis=2).max(axis=1) / np.linalg.norm(before, axis=2).max(axis=1)
    assert way[0] > 1.2
    assert way[1] == pytest.approx(1.0, abs=1e-9)


def test_mirrored_people_move_mirrored():
    face = Face.synthetic(2, asymmetry=1.0)
    mirrored = face.mirrored()
    again = expression_fields(mirrored.vertices)
    for name, field in mirrored.expressions.items():
        np.testing.assert_allclose(again[name], field, atol=1e-6)
