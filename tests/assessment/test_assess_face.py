"""The assessment on a real (synthetic) face of the template."""

from importlib.resources import as_file, files

import numpy as np
import pytest

from threadlift.assessment import assess
from threadlift.consultation import ZONES, Consultation, mirrored_zone
from threadlift.face.synthetic.person import synthetic_face
from threadlift.interop.file_models import AssessmentModel

FLIP = np.array([-1.0, 1.0, 1.0])


@pytest.fixture(scope="module")
def record() -> Consultation:
    with as_file(files("threadlift") / "examples" / "consultation.yaml") as path:
        return Consultation.load(path)


@pytest.fixture(scope="module")
def person():
    return synthetic_face(seed=2, age_years=55.0, sex="female", jowl_mm=3.0, asymmetry=1.0)


def test_it_keeps_the_contract_and_knows_every_zone(person, record) -> None:
    a = assess(person, None, record)
    AssessmentModel.model_validate(a.to_json())
    assert a.main_issue == "jawline"
    assert set(a.sag) == set(ZONES)
    assert set(a.movement_mm) == {"smile", "pucker", "frown", "jaw_open", "eyes_closed"}


def test_every_lift_leads_up_and_away_from_the_mouth(person, record) -> None:
    for zone, goal in assess(person, None, record).goal.items():
        side = 1.0 if zone.endswith("_left") else -1.0
        assert goal.direction[1] > 0.5, zone
        assert side * goal.direction[0] > -0.3, zone


def test_the_mirrored_person_has_the_mirrored_assessment(person, record) -> None:
    a = assess(person, None, record)
    b = assess(person.mirrored(), None, record.mirrored())
    assert (a.main_issue, a.shares) == (b.main_issue, b.shares)
    for zone, goal in a.goal.items():
        twin = b.goal[mirrored_zone(zone)]
        assert twin.mm == pytest.approx(goal.mm, abs=1e-6)
        np.testing.assert_allclose(twin.direction, goal.direction * FLIP, atol=1e-6)
    for name, e in a.symmetry.zones.items():
        assert b.symmetry.zones[name].value == pytest.approx(-e.value, abs=1e-6)


def test_proportions_are_those_of_people(person, record) -> None:
    ratios = assess(person, None, record).proportions
    assert 0.2 < ratios["third_lower"].value < 0.5
    assert 0.15 < ratios["fifth_intercanthal"].value < 0.32
    assert 0.6 < ratios["gonial_of_bizygomatic"].value < 0.95
