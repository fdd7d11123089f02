"""What an assessment says, on a stand-in face whose geometry is known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from threadlift.assessment import Assessment, assess, need_mm, skin_direction
from threadlift.assessment.sagging import main_issue
from threadlift.consultation import ZONES, Consultation, mirrored_zone, parse
from threadlift.evidence import value

FLIP = np.array([-1.0, 1.0, 1.0])


def record(**grades: float) -> Consultation:
    sagging = ", ".join(f"{zone}: {grade}" for zone, grade in grades.items())
    return parse(f"patient: {{age_years: 50, sex: female}}\nsagging: {{{sagging}}}")


@pytest.mark.parametrize(
    ("grades", "issue"),
    [
        ({"malar": 3, "nasolabial": 3, "jowl": 0.5, "jawline": 0.5}, "midface"),
        ({"malar": 0.5, "nasolabial": 0.5, "jowl": 3, "jawline": 3}, "jawline"),
        ({"malar": 2.5, "nasolabial": 2.5, "jowl": 2.5, "jawline": 2.5}, "both"),
        ({"malar": 0, "nasolabial": 0, "jowl": 0, "jawline": 0}, "neither"),
    ],
)
def test_main_issue_follows_the_grades(grades, issue) -> None:
    found = main_issue(record(**grades))
    assert found.main == issue
    assert found.probability[issue] > 0.8
    assert sum(found.probability.values()) == pytest.approx(1.0)
    assert found.shares["midface"].value + found.shares["jawline"].value == pytest.approx(1.0)


def test_a_close_call_says_so() -> None:
    found = main_issue(record(malar=1.5, nasolabial=1.5, jowl=2, jawline=2))
    assert max(found.probability.values()) < 0.8


def test_what_was_not_graded_is_expected_from_age_with_a_wider_interval(face) -> None:
    graded = assess(face, None, record(jowl=2)).sag["jowl_left"]
    young = assess(face, None, parse("patient: {age_years: 35}")).sag["jowl_left"]
    old = assess(face, None, parse("patient: {age_years: 70}")).sag["jowl_left"]
    assert graded.graded
    assert not old.graded
    assert young.degree.value < old.degree.value
    width = graded.degree.high - graded.degree.low
    # Compared away from the ends of the scale, where an interval is cut.
    middle = assess(face, None, parse("patient: {age_years: 56}")).sag["jowl_left"].degree
    assert middle.high - middle.low > width


def test_directions_are_unit_tangents_and_mirror_images(face) -> None:
    sag = assess(face, None, record(jowl=2, malar=1)).sag
    assert set(sag) == set(ZONES)
    for zone, s in sag.items():
        assert np.linalg.norm(s.direction) == pytest.approx(1.0)
        np.testing.assert_allclose(
            sag[mirrored_zone(zone)].direction, s.direction * FLIP, atol=1e-9
        )
    for zone in ("jowl_left", "malar_left", "temple_left", "chin"):
        assert sag[zone].direction[1] < -0.5, zone
    assert sag["jowl_left"].direction[0] < 0 < sag["jowl_right"].direction[0]


def test_medial_and_lateral_lean_to_opposite_sides_of_down() -> None:
    normal = np.array([0.6, 0.0, 0.8])
    down, medial, lateral = (
        skin_direction(n, "jowl_left", normal) for n in ("down", "down_medial", "down_lateral")
    )
    np.testing.assert_allclose(down, [0, -1, 0])
    assert medial[0] < 0 < lateral[0]
    assert medial @ down == pytest.approx(np.cos(np.deg2rad(35.0)))
    assert abs(medial @ normal) < 1e-12


def test_goal_grows_with_the_grade_up_to_the_cap_and_points_against_the_sag(face) -> None:
    cap = value("assessment.goal.cap_mm")
    last = 0.0
    for grade in (0.5, 1, 2, 3, 4):
        a = assess(face, None, record(jowl=grade))
        goal = a.goal["jowl_left"]
        assert last < goal.mm <= cap or goal.mm == last == cap
        np.testing.assert_allclose(goal.direction, -a.sag["jowl_left"].direction)
        last = goal.mm
    assert need_mm("jowl_left", 4) == cap
    assert set(a.goal) == {"jowl_left", "jowl_right"}


def test_priorities_scale_the_goal_and_zero_removes_it(face) -> None:
    base = "sagging: {jowl: 2, malar: 2}\ngoals: {priorities: {jowl: 1, malar: %s}}"
    full = assess(face, None, parse(base % 1)).goal["malar_left"]
    half = assess(face, None, parse(base % 0.5)).goal["malar_left"]
    assert half.mm < full.mm
    assert half.weight == pytest.approx(0.5 * full.weight)
    assert "malar_left" not in assess(face, None, parse(base % 0)).goal


def test_a_mirrored_patient_has_the_mirrored_assessment(face) -> None:
    rng = np.random.default_rng(0)
    lopsided = replace(
        face, vertices=face.vertices + 0.4 * rng.standard_normal((len(face.vertices), 3))
    )
    lopsided = replace(
        lopsided, vertices=lopsided.vertices - [0, 1.2, 0] * face.zones["jowl_left"][:, None]
    )
    c = parse(
        "sagging: {jowl_left: 3, jowl_right: {grade: 2, direction: down}, malar: 1}\n"
        "movement: {smile: {left_mm: 9}}\ngoals: {priorities: {jowl_left: 1, malar: 0.5}}"
    )
    a, b = assess(lopsided, None, c), assess(lopsided.mirrored(), None, c.mirrored())
    assert a.main_issue == b.main_issue
    assert a.shares == b.shares
    for zone, goal in a.goal.items():
        twin = b.goal[mirrored_zone(zone)]
        assert twin.mm == pytest.approx(goal.mm)
        np.testing.assert_allclose(twin.direction, goal.direction * FLIP, atol=1e-9)
    for name, e in a.symmetry.pairs.items():
        assert b.symmetry.pairs[name].value == pytest.approx(e.value, abs=1e-9)
    for name, e in a.symmetry.zones.items():
        assert b.symmetry.zones[name].value == pytest.approx(-e.value, abs=1e-9)
    assert b.movement_mm["smile"]["right"].value == 9


def test_a_symmetric_face_is_symmetric_and_a_lowered_side_is_found(face) -> None:
    even = assess(face).symmetry
    assert even.overall.value < 1e-9
    assert all(abs(e.value) < 1e-9 for e in even.zones.values())
    low = replace(face, vertices=face.vertices - [0, 2, 0] * face.zones["jowl_left"][:, None])
    c = record(jowl=2)
    a, b = assess(face, None, c), assess(low, None, c)
    assert b.symmetry.zones["jowl"].value > 0.5
    assert b.goal["jowl_left"].mm > a.goal["jowl_left"].mm
    assert b.goal["jowl_right"].mm == pytest.approx(a.goal["jowl_right"].mm)
    photo = assess(replace(low, kind="photo"), None, c)
    assert photo.goal["jowl_left"].mm == pytest.approx(photo.goal["jowl_right"].mm)
    assert any(m.item == "3D scan" for m in photo.missing)


def test_proportions_do_not_depend_on_size_and_thirds_add_up(face) -> None:
    a = assess(face).proportions
    b = assess(replace(face, vertices=1.1 * face.vertices)).proportions
    for name, e in a.items():
        assert b[name].value == pytest.approx(e.value)
    thirds = sum(a[f"third_{n}"].value for n in ("upper", "middle", "lower"))
    assert thirds == pytest.approx(1.0)


def test_a_measured_smile_replaces_the_modelled_one(face) -> None:
    modelled = assess(face).movement_mm["smile"]
    i = face.landmarks["cheilion_L"]
    assert modelled["left"].value == pytest.approx(np.linalg.norm(face.expressions["smile"][i]))
    c = parse("movement: {smile: {left_mm: 8}}")
    measured = assess(face, None, c).movement_mm["smile"]
    assert measured["left"].value == 8
    assert measured["right"] == modelled["right"]


def test_a_captured_smile_has_the_spread_of_its_capture(face) -> None:
    modelled = assess(face).movement_mm["smile"]["left"]
    spread = {"smile_sd_normal_mm": 0.4, "smile_sd_along_mm": 0.4, "smile_sd_percent": 0.0}
    captured = replace(face, measured_expressions=("smile",), numbers=spread)
    seen = assess(captured).movement_mm["smile"]["left"]
    assert seen.value == modelled.value
    assert seen.high - seen.value == pytest.approx(1.645 * 0.4, rel=1e-3)
    assert seen.basis == ("measured",)
    assert modelled.basis[0] == "model"
    by_hand = assess(captured, None, parse("movement: {smile: {left_mm: 8}}"))
    assert by_hand.movement_mm["smile"]["left"].value == 8


def test_json_has_the_contract_and_survives_a_round_trip(face) -> None:
    a = assess(face, None, record(jowl=2, malar=1))
    data = json.loads(json.dumps(a.to_json()))
    assert data["schema"] == "threadlift.assessment/1"
    assert {"main_issue", "shares", "sag", "proportions", "symmetry_mm", "movement_mm", "goal",
            "missing"} <= set(data)  # fmt: skip
    assert set(data["sag"]["jowl_left"]) >= {"degree", "direction"}
    assert isinstance(data["goal"]["jowl_left"], float)
    assert Assessment.from_json(data).to_json() == data
