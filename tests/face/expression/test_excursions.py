"""Excursions in millimetres: whose they are and how sure."""

from dataclasses import replace

import numpy as np
import pytest

from threadlift.evidence import value
from threadlift.face import Face
from threadlift.face.expression.excursions import PLACES, excursions, travel


@pytest.fixture(scope="module")
def face() -> Face:
    return Face.synthetic(4)


def captured(face: Face, across: float, along: float) -> Face:
    numbers = {"smile_sd_normal_mm": across, "smile_sd_along_mm": along, "smile_sd_percent": 0.0}
    return replace(
        face, capture=replace(face.capture, numbers=numbers, measured_expressions=("smile",))
    )


def test_every_expression_says_how_far_every_place_travels(face):
    found = excursions(face)
    assert set(found) == set(face.expressions)
    for places in found.values():
        assert tuple(places) == PLACES
    corner = found["smile"]["cheilion_L"]
    field = face.expressions["smile"][face.template.landmarks["cheilion_L"]]
    assert corner.value == pytest.approx(np.linalg.norm(field))
    share = (corner.high - corner.value) / corner.value
    assert share == pytest.approx(1.645 * value("expression.model.relative_sd"), rel=1e-3)
    assert found["eyes_closed"]["menton"].high == 0.0


def test_a_captured_excursion_is_as_sure_as_its_capture_in_its_direction(face):
    i = face.template.landmarks["cheilion_L"]
    for direction, sd in ((face.normals[i], 0.2), (np.cross(face.normals[i], [0, 1, 0]), 1.4)):
        field = np.zeros_like(face.vertices)
        field[i] = 9.0 * direction / np.linalg.norm(direction)
        seen = travel(replace(captured(face, 0.2, 1.4), expressions={"smile": field}), "smile", i)
        assert seen.value == pytest.approx(9.0)
        assert seen.high - 9.0 == pytest.approx(1.645 * sd, rel=1e-3)
        assert seen.basis == ("measured",)


def test_what_was_captured_stays_so_when_saved_loaded_and_mirrored(face, tmp_path):
    seen = captured(face, 0.2, 1.4)
    seen.save(tmp_path / "face.npz")
    back = Face.load(tmp_path / "face.npz")
    assert excursions(back) == excursions(seen)
    mirrored = excursions(seen.mirrored())
    for name, places in excursions(seen).items():
        for place, e in places.items():
            other = place[:-1] + {"L": "R", "R": "L"}[place[-1]] if place[-2] == "_" else place
            assert mirrored[name][other].value == pytest.approx(e.value, abs=1e-9)
            assert mirrored[name][other].high == pytest.approx(e.high, abs=1e-6)
            assert mirrored[name][other].basis == e.basis
