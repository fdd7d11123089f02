"""Structures and ligaments lie where the published surface anatomy says, on any face."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from threadlift import evidence
from threadlift.anatomy import layer_stack, ligaments, structures
from threadlift.anatomy.placement import BORDER, HalfFace
from threadlift.face import template
from threadlift.face.closest import SurfaceIndex


@pytest.fixture(scope="module")
def placed(face):
    return {(s.name, s.side): s for s in structures(face)}


@pytest.fixture(scope="module")
def held(face):
    return {(x.name, x.side): x for x in ligaments(face)}


def distance_to(curve, point):
    """Distance of a point from a polyline."""
    a, b = curve[:-1], curve[1:]
    ab = b - a
    s = np.clip(((point - a) * ab).sum(1) / (ab**2).sum(1), 0, 1)
    return float(np.linalg.norm(a + s[:, None] * ab - point, axis=1).min())


def crossing(curve, axis, level):
    """First point where a curve crosses level on an axis."""
    c = curve[:, axis] - level
    i = int(np.flatnonzero(c[:-1] * c[1:] <= 0)[0])
    s = c[i] / (c[i] - c[i + 1])
    return curve[i] + s * (curve[i + 1] - curve[i])


def line_distance(p, a, b):
    """Signed height of a point over the line a-b in side view, and its share along the line."""
    ab = b - a
    share = float((p - a) @ ab / (ab @ ab))
    off = p - (a + share * ab)
    return float(np.sign(off[1]) * np.linalg.norm(off)), share


SIDES = [("left", "L"), ("right", "R")]
side_cases = pytest.mark.parametrize(("side", "s"), SIDES, ids=["left", "right"])


@side_cases
def test_frontal_branch_crosses_the_arch_32_mm_in_front_of_the_tragus(face, placed, side, s):
    tragus = face.landmark(f"tragus_{s}")
    at = crossing(placed["frontal_branch", side].curve_mm, 1, tragus[1])
    assert at[2] - tragus[2] == pytest.approx(32.1, abs=2.5)


@side_cases
@pytest.mark.parametrize(
    ("name", "midline", "anchor", "lateral", "up"),
    [
        ("infraorbital", "subnasale", "alare", 27.45, 14.1),
        ("mental", "sublabiale", "cheilion", 24.4, -20.4),
    ],
)
def test_foramen_lies_at_its_distance_from_the_midline_however_wide_nose_and_mouth_are(
    face, side, s, name, midline, anchor, lateral, up
):
    row = evidence.table("hazards")["structure"][name]["points"][0]
    outward = np.array([6.0 if side == "left" else -6.0, 0.0, 0.0])
    for wider in (0.0, 1.0):
        corner = face.landmark(f"{anchor}_{s}") + wider * outward
        moved = SimpleNamespace(
            vertices=face.vertices, landmarks={**face.landmarks, f"{anchor}_{s}": corner}
        )
        half = HalfFace(moved, template().skin_triangles, side)
        at = half.to_patient(half.place(row).points[0])
        assert abs(at[0] - face.landmark(midline)[0]) == pytest.approx(lateral, abs=0.5)
        assert at[1] - corner[1] == pytest.approx(up, abs=0.5)


@side_cases
def test_frontal_branch_is_deep_at_the_arch_and_superficial_above(face, placed, side, s):
    nerve = placed["frontal_branch", side]
    stack = layer_stack(face)
    nearest = np.linalg.norm(face.vertices[:, None] - nerve.curve_mm[None], axis=2).argmin(axis=0)
    into_deep = nerve.depth_mm - stack.top_mm("deep")[nearest]
    height = nerve.curve_mm[:, 1] - face.landmark(f"tragus_{s}")[1]
    assert (into_deep[height < 0.0] > 0.0).all()
    assert (into_deep[height > 22.0] < 0.0).all()
    assert (nerve.depth_mm > stack.top_mm("smas")[nearest] - 0.5).all()


@side_cases
def test_pitanguy_line_ends(face, placed, side, s):
    curve = placed["frontal_branch_posterior", side].curve_mm
    assert np.linalg.norm(curve[0] - face.landmark(f"tragus_{s}")) < 16.0
    above_brow = curve[-1] - face.landmark(f"brow_lateral_{s}")
    assert above_brow[1] == pytest.approx(15.0, abs=4.0)


@side_cases
def test_duct_lies_within_15_mm_of_the_middle_half_of_tragus_commissure(face, placed, side, s):
    duct = placed["parotid_duct", side]
    a, b = face.landmark(f"tragus_{s}") + np.array([0, -6, 0]), face.landmark(f"cheilion_{s}")
    heights, shares = zip(
        *(line_distance(p * [0, 1, 1], a * [0, 1, 1], b * [0, 1, 1]) for p in duct.curve_mm),
        strict=True,
    )
    assert np.abs(heights).max() < 15.0
    assert min(shares) > 0.20
    assert max(shares) < 0.80
    # Crosses the line from below, its far end about 9.6 mm above it.
    assert heights[0] < 0.0 < heights[-1]
    assert heights[-1] == pytest.approx(9.6, abs=4.0)
    length = np.linalg.norm(np.diff(duct.curve_mm, axis=0), axis=1).sum()
    assert length == pytest.approx(42.0, abs=15.0)


@side_cases
def test_facial_artery_crosses_the_border_26_to_30_mm_from_the_gonion(face, placed, side, s):
    border = np.array([face.landmark(n if n == "menton" else f"{n}_{s}") for n in BORDER])
    arcs = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(border, axis=0), axis=1))])
    fine = np.linspace(0, arcs[-1], 400)
    line = np.column_stack([np.interp(fine, arcs, border[:, c]) for c in range(3)])
    artery = placed["facial_artery", side].curve_mm[:15]
    d = np.linalg.norm(line[:, None] - artery[None], axis=2)
    assert fine[d.min(axis=1).argmin()] == pytest.approx(28.0, abs=3.0)


@side_cases
def test_exposed_segment_of_the_facial_artery_lies_20_to_25_mm_from_the_commissure(
    face, placed, side, s
):
    corner, lobe = face.landmark(f"cheilion_{s}"), face.landmark(f"otobasion_inferius_{s}")
    artery = placed["facial_artery", side]
    heights = np.array([line_distance(p, corner, lobe)[0] for p in artery.curve_mm])
    # Where it passes the level of commissure and ear lobe.
    near = np.linalg.norm(artery.curve_mm - corner, axis=1)
    level = near[np.abs(artery.curve_mm[:, 1] - corner[1]) < 4.0]
    assert len(heights) > 10
    assert 18.5 < level.min() < 27.5
    # No muscle over it there: directly under the SMAS or shallower.
    i = int(near.argmin())
    stack = layer_stack(face)
    vertex = int(np.linalg.norm(face.vertices - artery.curve_mm[i], axis=1).argmin())
    assert artery.depth_mm[i] < stack.top_mm("deep")[vertex] + 0.5


@side_cases
def test_facial_vein_runs_behind_the_artery(face, placed, side, s):
    vein, artery = (placed[n, side].curve_mm for n in ("facial_vein", "facial_artery"))
    corner = face.landmark(f"cheilion_{s}")
    d_vein, d_artery = (np.linalg.norm(c - corner, axis=1).min() for c in (vein, artery))
    assert d_vein > d_artery
    assert d_vein == pytest.approx(27.6, abs=5.0)


def over_border(face, s, curve):
    """Heights (k,) of curve points over the mandibular border at the same forward position."""
    border = np.array([face.landmark(n if n == "menton" else f"{n}_{s}") for n in BORDER])
    return curve[:, 1] - np.interp(curve[:, 2], border[:, 2], border[:, 1])


@side_cases
def test_marginal_mandibular_heights(face, placed, side, s):
    upper = over_border(face, s, placed["marginal_mandibular", side].curve_mm)
    lower = over_border(face, s, placed["marginal_mandibular_caudal", side].curve_mm)
    assert upper[0] == pytest.approx(-0.75, abs=2.0)
    # How high the branch runs at the mouth corner varies with the chin's height (person 5: 15.7).
    assert upper[-1] == pytest.approx(10.9, abs=5.0)
    # The lowest ramus hangs 7.1 +- 3.0 mm below the border, then joins the upper one.
    assert lower.min() == pytest.approx(-7.1, abs=3.0)
    assert lower[-1] > 0.0


@side_cases
def test_zuker_point(face, placed, side, s):
    curve = placed["buccal_branch", side].curve_mm
    point = 0.5 * (face.landmark(f"otobasion_superius_{s}") + face.landmark(f"cheilion_{s}"))
    assert distance_to(curve[:, 1:], point[1:]) < 2.3


@side_cases
def test_temporal_artery_in_front_of_the_tragus(face, placed, side, s):
    curve = placed["superficial_temporal_artery", side].curve_mm
    line = (face.landmark(f"tragus_{s}"), face.landmark(f"exocanthion_{s}"))
    heights = [
        line_distance(p * [0, 1, 1], line[0] * [0, 1, 1], line[1] * [0, 1, 1])[0] for p in curve
    ]
    at = curve[int(np.abs(heights).argmin())]
    assert np.linalg.norm((at - line[0])[1:]) == pytest.approx(15.6, abs=3.0)


def test_all_structures_lie_on_the_skin_at_a_depth_inside_the_tissue(face, placed):
    skin = SurfaceIndex(face.vertices, template().skin_triangles)
    total = layer_stack(face).total_mm
    for s in placed.values():
        found = skin.closest(s.curve_mm)
        assert found.distance.max() < 1e-6
        here = (found.bary * total[template().skin_triangles[found.triangle]]).sum(axis=1)
        assert (s.depth_mm > 1.0).all(), s.name
        assert (s.depth_mm <= here + 1e-6).all(), s.name
        assert len(s.curve_mm) == len(s.depth_mm) >= 3
        steps = np.linalg.norm(np.diff(s.curve_mm, axis=0), axis=1)
        assert steps.max() < 6.0, s.name
        assert s.sd_lateral_mm > 0
        assert s.sd_depth_mm > 0
        assert s.curve_mm[:, 0].min() > 0 if s.side == "left" else s.curve_mm[:, 0].max() < 0
        assert set(s.basis[1:]) <= set(evidence.all_sources())


def test_gland_outline_is_closed_and_encloses_the_masseter_back(face, placed):
    for side, s in SIDES:
        gland = placed["parotid_gland", side]
        assert gland.curve_mm[0] == pytest.approx(gland.curve_mm[-1], abs=1e-6)
        assert np.ptp(gland.curve_mm[:, 2]) > 20.0
        # Right under the SMAS: 4 to 6 mm deep.
        assert 3.5 < gland.depth_mm.mean() < 6.5
        assert distance_to(gland.curve_mm, face.landmark(f"masseter_centre_{s}")) < 20.0


def test_mirrored_face_has_mirrored_structures_and_ligaments(face, placed, held):
    flip = np.array([-1.0, 1.0, 1.0])
    mirrored = face.mirrored()
    other = {"left": "right", "right": "left"}
    for s in structures(mirrored):
        twin = placed[s.name, other[s.side]]
        assert s.curve_mm == pytest.approx(twin.curve_mm * flip, abs=1e-6)
        assert s.depth_mm == pytest.approx(twin.depth_mm, abs=1e-6)
    for x in ligaments(mirrored):
        assert x.points_mm == pytest.approx(held[x.name, other[x.side]].points_mm * flip, abs=1e-6)


def test_thicker_layers_put_structures_deeper(mean_face):
    stack = layer_stack(mean_face)
    thick = stack.scaled({"fat": 1.5})
    for a, b in zip(structures(mean_face, stack), structures(mean_face, thick), strict=True):
        assert (b.depth_mm > a.depth_mm).all(), a.name
        assert (b.curve_mm == a.curve_mm).all()


def test_no_stack_means_the_reference_person(mean_face):
    for a, b in zip(
        structures(mean_face), structures(mean_face, layer_stack(mean_face)), strict=True
    ):
        assert (a.depth_mm == b.depth_mm).all()


# --- ligaments ----------------------------------------------------------------------------------


@side_cases
def test_zygomatic_ligament_row(face, held, side, s):
    row = held["zygomatic", side].points_mm
    size = HalfFace(face, template().skin_triangles, side).size
    far = np.linalg.norm(row - face.landmark(f"tragus_{s}"), axis=1) / size
    assert far.min() == pytest.approx(45.0, abs=5.0)
    assert far.max() == pytest.approx(66.0, abs=6.0)
    length = np.linalg.norm(np.diff(row, axis=0), axis=1).sum() / size
    assert 15.0 < length < 32.0


@side_cases
def test_masseteric_row_runs_down_to_the_artery(face, held, placed, side, s):
    row = held["masseteric", side].points_mm
    assert (np.diff(row[:, 1]) < 0).all()
    size = HalfFace(face, template().skin_triangles, side).size
    far = np.linalg.norm(row[0] - face.landmark(f"tragus_{s}")) / size
    assert far == pytest.approx(46.4, abs=6.0)
    assert distance_to(placed["facial_artery", side].curve_mm, row[-1]) < 12.0


@side_cases
def test_mandibular_ligament_lies_at_the_front_of_the_jowl(face, held, side, s):
    row = held["mandibular", side].points_mm
    border = np.array([face.landmark(n if n == "menton" else f"{n}_{s}") for n in BORDER])
    heights = [distance_to(border, p) for p in row]
    size = HalfFace(face, template().skin_triangles, side).size
    assert min(heights) > 2.0
    assert max(heights) < 14.0
    jowl, tragus = face.landmark(f"jowl_point_{s}"), face.landmark(f"tragus_{s}")
    assert (row[:, 2] > jowl[2] - 2.0).all()
    far = np.linalg.norm(row - tragus, axis=1).max() / size
    assert far == pytest.approx(114.8, abs=2 * 9.8)


def test_order_of_stiffness(held):
    k = {name: x.stiffness_n_mm for (name, _), x in held.items()}
    assert k["zygomatic"] > k["orbicularis_retaining"] > k["masseteric"] > k["mandibular"] > 0
    assert all(x.toe_mm > 0 for x in held.values())
    assert {side for _, side in held} == {"left", "right"}
