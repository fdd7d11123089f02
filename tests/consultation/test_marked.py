"""What a record may say of structures that were found on the patient, and what it may not."""

from __future__ import annotations

import pytest

from threadlift import evidence
from threadlift.consultation import Consultation
from threadlift.consultation.marked import FIELD, entries
from threadlift.consultation.marking_methods import markable, methods
from threadlift.errors import InputError
from threadlift.quantities import Z90

GOOD = {
    "structure": "facial_artery",
    "side": "left",
    "found_by": "ultrasound",
    "points": ["10 mm in front of the tragus", [52.0, -40.0, 60.0]],
}


def changed(**fields):
    return [{**GOOD, **fields}]


def test_a_mark_keeps_what_was_written_and_the_accuracy_of_its_method() -> None:
    (found,) = entries([GOOD])
    assert [p.at for p in found.points] == ["10 mm in front of the tragus", None]
    assert found.points[1].at_mm == [52.0, -40.0, 60.0]
    assert found.lateral_sd_mm == evidence.value("marking.method.ultrasound.lateral")
    own = entries(changed(accuracy_mm=2.0))[0]
    assert own.lateral_sd_mm == pytest.approx(2.0 / Z90)


def test_a_depth_of_the_entry_counts_for_points_that_have_none() -> None:
    points = [{"at_mm": [52.0, -40.0, 60.0], "depth_mm": 5.0}, [50.0, -50.0, 62.0]]
    (found,) = entries(changed(points=points, depth_mm=7.0))
    assert [found.depth_of(p) for p in found.points] == [5.0, 7.0]
    assert found.depth_sd_mm == evidence.value("marking.method.ultrasound.depth")


def test_every_structure_of_the_register_that_a_method_finds_exists() -> None:
    for method in methods().values():
        assert set(method.finds) <= set(markable()), method.name


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"structure": "facial_arterie"}, "Did you mean 'facial_artery'"),
        ({"found_by": "ultrasond"}, "Did you mean 'ultrasound'"),
        ({"found_by": "transillumination"}, "does not find the facial artery"),
        ({"side": "both"}, "side is 'both'"),
        ({"points": []}, "points"),
        ({"points": [{"at": "on the tragus", "at_mm": [1.0, 2.0, 3.0]}]}, "only one"),
        ({"points": [3.0]}, "point 1"),
        ({"depth_mm": 0.1}, "depth_mm"),
        ({"found_by": "palpation", "depth_mm": 5.0}, "depth"),
        ({"depth_accuracy_mm": 1.0}, "depth"),
        ({"accuracy_mm": 0.01}, "no such mark is surer"),
        ({"accuracy_mm": 50.0}, "the atlas alone is right within"),
        ({"structure": "masseteric", "found_by": "palpation", "depth_mm": 5.0}, "no depth"),
    ],
)
def test_what_cannot_have_been_marked_is_refused_by_name(fields, words) -> None:
    with pytest.raises(InputError) as refused:
        entries([GOOD, *changed(**fields)])
    assert f"{FIELD}, entry 2" in str(refused.value)
    assert words in str(refused.value)


def test_marks_are_part_of_the_record_and_of_its_mirror_image() -> None:
    record = Consultation(marked_structures=entries([GOOD]))
    (other,) = record.mirrored().marked_structures
    assert other.side == "right"
    assert other.points[0].at == GOOD["points"][0]
    assert other.points[1].at_mm == [-52.0, -40.0, 60.0]
    assert record.mirrored().mirrored() == record
