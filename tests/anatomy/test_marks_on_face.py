"""What was found on the patient overrides the atlas, near the marks, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from conftest import person

from threadlift import evidence, strict_yaml
from threadlift.anatomy import layer_stack, ligaments, markings, structures
from threadlift.anatomy.marking import Marking
from threadlift.consultation import Consultation
from threadlift.consultation.marked import entries
from threadlift.errors import InputError
from threadlift.face.closest import SurfaceIndex
from threadlift.face.template import template

ARTERY = ("facial_artery", "left")


def record(*points, structure="facial_artery", side="left", found_by="ultrasound", **fields):
    row = {"structure": structure, "side": side, "found_by": found_by, "points": list(points)}
    return Consultation(marked_structures=entries([{**row, **fields}]))


def atlas(face, key=ARTERY):
    return {(s.name, s.side): s for s in structures(face)}[key]


def placed(face, consultation, key=ARTERY):
    found = structures(face, markings=markings(face, consultation))
    return {(s.name, s.side): s for s in found}[key]


def beside(face, at_mm, off_mm):
    """A point of the skin so far from another, to the side of a course that runs up the face."""
    index = SurfaceIndex(face.vertices, template().skin_triangles)
    found = index.closest((np.asarray(at_mm) + np.array([off_mm, 0.0, 0.0]))[None])
    return found.point[0]


def abreast(face, off_mm):
    """A point of the skin so far from the middle of the artery, square to its course."""
    curve = atlas(face).curve_mm
    i = len(curve) // 2
    along = curve[i + 1] - curve[i - 1]
    outward = curve[i] - [0.0, curve[i][1], 0.0]
    across = np.cross(along, outward)
    return beside(face, curve[i] + off_mm * across / np.linalg.norm(across), 0.0)


def distance_to(curve, point):
    a, b = curve[:-1], curve[1:]
    ab = b - a
    s = np.clip(((point - a) * ab).sum(1) / (ab**2).sum(1), 0, 1)
    return float(np.linalg.norm(a + s[:, None] * ab - point, axis=1).min())


@pytest.fixture(scope="module", params=["template", "person"])
def face(request, mean_face):
    """The mean face, and one that is not symmetric in any way."""
    return mean_face if request.param == "template" else person(2)


@pytest.fixture
def middle(face):
    curve = atlas(face).curve_mm
    return curve[len(curve) // 2]


def test_nothing_marked_is_the_atlas(face) -> None:
    assert markings(face, None) == markings(face, Consultation()) == ()
    for one, other in zip(structures(face), structures(face, markings=()), strict=True):
        assert np.array_equal(one.curve_mm, other.curve_mm)


def test_the_course_goes_through_the_mark_as_surely_as_the_method_says(face, middle) -> None:
    at = beside(face, middle, 5.0)
    found = placed(face, record(list(map(float, at))))
    assert distance_to(found.curve_mm, at) < 0.3
    sd = evidence.value("marking.method.ultrasound.lateral")
    assert float(np.min(found.sd_lateral_mm)) == pytest.approx(sd, rel=0.02)
    assert float(np.max(found.sd_lateral_mm)) <= float(atlas(face).sd_lateral_mm) + 1e-9
    assert found.marked is not None
    assert found.marked.weight.max() == pytest.approx(1.0, abs=0.02)
    assert f"marked_structures.{ARTERY[0]}.left" in found.basis


def test_far_from_the_mark_the_course_and_its_spread_are_those_of_the_atlas(face, middle) -> None:
    own = atlas(face)
    found = placed(face, record(list(map(float, beside(face, middle, 5.0)))))
    far = np.linalg.norm(found.curve_mm - middle, axis=1) > 45.0
    assert far.any()
    assert max(distance_to(own.curve_mm, p) for p in found.curve_mm[far]) < 0.2
    assert np.allclose(np.asarray(found.sd_lateral_mm)[far], own.sd_lateral_mm)
    assert np.all(found.marked.weight[far] == 0.0)


def test_a_mark_on_the_atlas_moves_nothing_and_makes_it_surer(face, middle) -> None:
    own = atlas(face)
    found = placed(face, record(list(map(float, middle))))
    assert max(distance_to(own.curve_mm, p) for p in found.curve_mm) < 0.3
    assert float(np.min(found.sd_lateral_mm)) < 0.8 * float(own.sd_lateral_mm)


def test_a_measured_depth_is_kept_at_the_mark(face, middle) -> None:
    own = atlas(face)
    i = int(np.linalg.norm(own.curve_mm - middle, axis=1).argmin())
    depth = float(own.depth_mm[i]) + 1.0
    found = placed(face, record(list(map(float, middle)), depth_mm=depth))
    k = int(np.linalg.norm(found.curve_mm - middle, axis=1).argmin())
    assert found.depth_mm[k] == pytest.approx(depth, abs=0.1)
    sd = np.asarray(found.sd_depth_mm)
    assert sd[k] == pytest.approx(evidence.value("marking.method.ultrasound.depth"), rel=0.1)


def test_other_structures_and_the_other_side_stay(face, middle) -> None:
    found = structures(face, markings=markings(face, record(list(map(float, middle)))))
    for one, other in zip(structures(face), found, strict=True):
        assert (one is other) or (one.name, one.side) == (other.name, other.side)
        if (other.name, other.side) != ARTERY:
            assert np.array_equal(one.curve_mm, other.curve_mm)
            assert other.marked is None


def test_the_mirror_image_of_marks_marks_the_mirror_image(mean_face) -> None:
    own = atlas(mean_face)
    at = list(map(float, beside(mean_face, own.curve_mm[len(own.curve_mm) // 2], 4.0)))
    consultation = record(at)
    left = placed(mean_face, consultation)
    right = placed(mean_face, consultation.mirrored(), (ARTERY[0], "right"))
    # The mean face is its own mirror image but for the template's rounding.
    assert np.allclose(left.curve_mm * [-1.0, 1.0, 1.0], right.curve_mm, atol=0.3)


def test_a_ligament_goes_through_its_mark(face) -> None:
    own = {(x.name, x.side): x for x in ligaments(face)}[("masseteric", "left")]
    at = beside(face, own.points_mm[len(own.points_mm) // 2] + [0.0, 0.0, 4.0], 0.0)
    marks = markings(
        face, record(list(map(float, at)), structure="masseteric", found_by="palpation")
    )
    found = {(x.name, x.side): x for x in ligaments(face, marks)}[("masseteric", "left")]
    assert distance_to(found.points_mm, at) < 1.0
    assert found.stiffness_n_mm == own.stiffness_n_mm
    gaps = np.linalg.norm(np.diff(found.points_mm, axis=0), axis=1)
    assert gaps.max() <= evidence.value("ligaments.row.spacing") + 0.5


def test_a_place_in_words_is_found_on_the_face(mean_face) -> None:
    marks = markings(
        mean_face,
        record(
            "8 mm in front of the tragus",
            structure="superficial_temporal_artery",
            found_by="palpation",
        ),
    )
    (mark,) = marks[0].marks
    assert mark.stated == "8 mm in front of the tragus"
    assert mark.at_mm[0] > 0.0
    written = marks[0].to_json()
    assert Marking.from_json(written).to_json() == written


def test_a_mark_that_surprises_is_followed_and_said_so(mean_face) -> None:
    near = markings(mean_face, record(list(map(float, abreast(mean_face, 3.0)))))
    far = markings(mean_face, record(list(map(float, abreast(mean_face, 20.0)))))
    assert not near[0].unusual
    assert far[0].unusual
    assert far[0].off_atlas_mm == pytest.approx(20.0, abs=6.0)


@pytest.mark.parametrize(
    ("off", "words"),
    [
        ([45.0, 60.0, -60.0], "marks further off than"),
        ([0.0, 0.0, 40.0], "from this face's skin"),
        ([-95.0, 0.0, 0.0], "on the other side of the face"),
    ],
)
def test_marks_that_cannot_be_right_are_refused(mean_face, off, words) -> None:
    curve = atlas(mean_face).curve_mm
    middle = curve[len(curve) // 2]
    at = middle + off
    if words != "from this face's skin":
        at = beside(mean_face, at, 0.0)
    with pytest.raises(InputError, match="entry 1, point 1") as refused:
        markings(mean_face, record(list(map(float, at))))
    assert words in str(refused.value)


def test_marks_that_contradict_each_other_are_refused(mean_face) -> None:
    two = [list(map(float, abreast(mean_face, d))) for d in (-8.0, 8.0)]
    with pytest.raises(InputError, match="contradicts"):
        markings(mean_face, record(*two))


def test_a_depth_below_bone_is_refused(mean_face) -> None:
    curve = atlas(mean_face).curve_mm
    at = list(map(float, curve[len(curve) // 2]))
    with pytest.raises(InputError, match="bone or the mouth's cavity"):
        markings(mean_face, record(at, depth_mm=29.0), layer_stack(mean_face))


def test_the_example_of_the_documentation_is_followed(mean_face) -> None:
    page = (Path(__file__).parents[2] / "docs" / "anatomy.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(marked_structures:.*?)```", page, re.S)
    rows = strict_yaml.parse_mapping(example, "example", "docs/anatomy.md", "")["marked_structures"]
    found = markings(mean_face, Consultation(marked_structures=entries(rows)))
    assert [m.structure for m in found] == [row["structure"] for row in rows]
    assert not any(m.unusual for m in found)
