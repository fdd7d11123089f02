"""Tension lines and SMAS fibres: tangent, symmetric, smooth, and as published zone by zone."""

from __future__ import annotations

import numpy as np
import pytest

from threadlift.anatomy.directions import angle_of, carried, principal, tangent_frame
from threadlift.anatomy.smas_fibres import smas_fibres, upper_smas
from threadlift.anatomy.tension_lines import cheek_angle, tension_lines
from threadlift.face import template
from threadlift.frames import MIRROR
from threadlift.graphics import vertex_normals

FIELDS = pytest.mark.parametrize("field", [tension_lines, smas_fibres], ids=["skin", "smas"])


def normals(vertices):
    return vertex_normals(vertices, template().skin_triangles)


def angle_at(lines, spot):
    """Angle [deg] of the line at a landmark, or at the skin nearest to a point."""
    t = template()
    if isinstance(spot, str):
        row = t.landmarks[spot]
    else:
        skin = np.flatnonzero(t.skin)
        row = skin[np.linalg.norm(t.vertices[skin] - spot, axis=1).argmin()]
    at = np.array([row])
    return float(angle_of(lines[at], t.vertices[at], normals(t.vertices)[at])[0])


def beside(name, offset):
    t = template()
    return t.vertices[t.landmarks[name]] + np.array(offset)


@FIELDS
def test_unit_and_tangent_on_the_skin_and_nothing_elsewhere(field, face):
    lines, normal = field(face), normals(face.vertices)
    skin = np.linalg.norm(normal, axis=1) > 0.5
    assert np.linalg.norm(lines[skin], axis=1) == pytest.approx(1.0, abs=1e-9)
    assert np.abs(np.einsum("nc,nc->n", lines, normal)).max() < 1e-9
    assert (lines[~skin] == 0.0).all()


@FIELDS
def test_mirror_images_are_the_same_lines(field):
    lines = field()
    turned = lines[template().mirror] * MIRROR
    assert np.abs(np.einsum("nc,nc->n", lines, turned))[template().skin].min() > 1.0 - 1e-9


@FIELDS
def test_lines_turn_slowly_from_vertex_to_vertex_except_at_few_points(field):
    t = template()
    lines, triangles = field(), t.skin_triangles
    edges = triangles[:, [0, 1]]
    turn = np.abs(np.einsum("nc,nc->n", lines[edges[:, 0]], lines[edges[:, 1]]))
    near = np.abs(t.vertices[edges[:, 0], 1]) < 100.0
    assert np.quantile(turn[near & (t.vertices[edges[:, 0], 2] > 0.0)], 0.02) > np.cos(np.pi / 6)


@FIELDS
def test_a_moved_or_turned_head_carries_its_lines_along(field, face):
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    turn = turn * np.sign(np.linalg.det(turn))
    here = field(face)
    there = carried(field(), face.vertices @ turn.T + [5.0, -3.0, 9.0])
    same = np.abs(np.einsum("nc,nc->n", here @ turn.T, there))[template().skin]
    assert same.min() > 1.0 - 1e-6


def test_the_template_carries_its_own_lines_to_itself():
    t = template()
    lines = tension_lines()
    same = np.abs(np.einsum("nc,nc->n", lines, carried(lines, t.vertices)))
    # Once through triangles and back is one round of smoothing; only singular points differ.
    assert np.quantile(same[t.skin], 0.01) > np.cos(np.radians(10.0))


def test_stretching_a_sheet_turns_lines_as_drawn_lines_turn():
    """By hand: a line at angle a becomes one with tan = tan(a) / s when the sheet is stretched."""
    t = template()
    lines = tension_lines()
    wide = carried(lines, t.vertices * [1.2, 1.0, 1.0])
    row = t.landmarks["palpebrale_inferius_L"]
    plain = carried(lines, t.vertices)[row]
    expected = plain * [1.2, 1.0, 1.0]
    cosine = abs(expected @ wide[row]) / np.linalg.norm(expected)
    assert cosine > np.cos(np.radians(3.0))


@pytest.mark.parametrize(
    ("landmark", "low", "high"),
    [
        ("glabella", -10.0, 10.0),
        ("trichion", -10.0, 10.0),
        ("neck_front_L", -15.0, 15.0),
        ("platysma_mid_R", -15.0, 15.0),
        ("submental_mid", -10.0, 10.0),
        ("midcheek_L", 20.0, 60.0),
        ("midcheek_R", 20.0, 60.0),
        ("masseter_centre_L", 20.0, 60.0),
        ("malar_eminence_R", 20.0, 60.0),
        ("palpebrale_superius_L", -20.0, 20.0),
        ("palpebrale_inferius_L", -20.0, 20.0),
        ("labiale_superius", -10.0, 10.0),
        ("labiale_inferius", -10.0, 10.0),
    ],
)
def test_angle_of_the_tension_lines_at_landmarks(landmark, low, high):
    assert low <= angle_at(tension_lines(), landmark) <= high


@pytest.mark.parametrize("spot", [("exocanthion_L", (5.0, 0.0, -2.0)), ("cheilion_L", (3.0, 0, 0))])
def test_lines_run_around_the_corners_of_eye_and_mouth(spot):
    assert abs(angle_at(tension_lines(), beside(*spot))) > 55.0


def test_lines_follow_the_nasolabial_fold():
    t = template()
    v = {k: t.vertices[t.landmarks[k]] for k in ("alar_curvature_L", "marionette_upper_L")}
    fold = v["marionette_upper_L"] - v["alar_curvature_L"]
    line = tension_lines()[t.landmarks["nasolabial_mid_L"]]
    assert abs(line @ fold) / np.linalg.norm(fold) > np.cos(np.radians(20.0))


def test_cheek_lines_steepen_with_age_within_the_published_ranges():
    young, middle, old = (cheek_angle(a) for a in (25.0, None, 58.0))
    assert young == pytest.approx(30.0, abs=0.5)
    assert old == pytest.approx(40.0, abs=0.5)
    assert young < middle < old
    assert cheek_angle(90.0) == cheek_angle(70.0)
    steps = [angle_at(tension_lines(age_years=a), "midcheek_L") for a in (25.0, 60.0)]
    assert steps[1] > steps[0] + 5.0


@pytest.mark.parametrize(
    ("landmark", "low", "high"),
    [
        ("midcheek_L", 35.0, 65.0),
        ("masseter_centre_R", 35.0, 65.0),
        ("jowl_point_L", 30.0, 70.0),
    ],
)
def test_smas_fibres_run_up_and_back_on_the_cheek(landmark, low, high):
    assert low <= angle_at(smas_fibres(), landmark) <= high


def test_smas_fibres_stand_upright_on_forehead_and_neck():
    for landmark in ("trichion", "platysma_mid_L"):
        assert abs(angle_at(smas_fibres(), landmark)) > 70.0


def test_the_upper_smas_lies_above_the_ear_lobe():
    t = template()
    upper = upper_smas()
    assert upper == pytest.approx(upper[t.mirror], abs=1e-12)
    assert upper[t.landmarks["zygion_L"]] == 1.0
    assert upper[t.landmarks["gonion_R"]] == 0.0
    assert 0.2 < upper[t.landmarks["otobasion_inferius_L"]] < 0.8


def test_frame_is_right_handed_on_the_left_and_mirrored_on_the_right():
    points = np.array([[40.0, 0.0, 40.0], [-40.0, 0.0, 40.0]])
    normal = points / np.linalg.norm(points, axis=1)[:, None]
    forward, down = tangent_frame(points, normal)
    assert forward[0] * MIRROR == pytest.approx(forward[1])
    assert forward[0, 2] > 0.0 > forward[0, 0]
    assert down == pytest.approx(np.tile([0.0, -1.0, 0.0], (2, 1)))


def test_principal_direction_ignores_what_points_out_of_the_plane():
    tensor = np.diag([1.0, 2.0, 9.0])[None]
    assert principal(tensor, np.array([[0.0, 0.0, 1.0]])) == pytest.approx(
        np.array([[0.0, 1.0, 0.0]])
    )
    assert (principal(tensor, np.zeros((1, 3))) == 0.0).all()
