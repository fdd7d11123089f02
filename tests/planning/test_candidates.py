"""Candidates: safe, admissible, carried along with the face and mirrored with it."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import Case, make_case, record, thinned

from threadlift.evidence import table
from threadlift.face import Face
from threadlift.planning.anchors import library
from threadlift.planning.candidates import conflicts, depth_profile
from threadlift.planning.paths import skin_lines
from threadlift.planning.safety import check
from threadlift.threads import holding_n, product, tension_profile
from threadlift.tissue.bed import bed_along

RULES = table("planning")["candidates"]


def test_there_are_candidates_on_both_sides_to_every_zone_of_the_lower_face(case: Case) -> None:
    for side in ("left", "right"):
        found = case.candidates.of_side(side)
        # The promised size of the search on a typical face.
        assert 1000 <= len(found) <= 2000
        assert {"malar", "buccal", "marionette", "jowl", "jawline"} <= {
            c.target.group for c in found
        }


def test_every_candidate_passes_the_kernel_on_its_own(case: Case) -> None:
    for c in case.candidates.candidates[::70]:
        for tension in (c.levels_n[0], c.levels_n[-1]):
            report = check([c.at(tension, "L1")], case.skin, case.marks, case.hazards.structures)
            assert report.violations == ()


def test_lengths_steps_and_holding_are_admissible(case: Case) -> None:
    low, high = RULES["length_mm"]
    for c in case.candidates.candidates[::10]:
        # The buried path is a little shorter or longer than its line on the skin.
        assert low - 8.0 <= c.thread.length_mm <= high + 8.0
        step = np.linalg.norm(np.diff(c.thread.path_mm, axis=0), axis=1)
        assert step.max() < 2.0 * RULES["step_mm"]
        kind = product(c.thread.product)
        profile = tension_profile(c.thread, kind, tension_n=c.levels_n[-1])
        assert profile.excess_n == pytest.approx(0.0, abs=1e-9)


def test_every_way_of_holding_is_there_at_the_levels_that_its_cogs_hold(case: Case) -> None:
    assert len(RULES["levels_n"]) >= 7
    found = case.candidates.candidates
    assert {c.thread.technique for c in found} == {w["technique"] for w in RULES["ways"]}
    assert sum(len(c.levels_n) for c in found) / len(found) > 6.0
    for c in found[::50]:
        bed = bed_along(case.tissue.mesh, c.thread.path_mm)
        most = min(holding_n(c.thread, product(c.thread.product), b) for b in (None, bed))
        assert all(t <= most + 1e-9 for t in c.levels_n)
        above = [t for t in RULES["levels_n"] if t not in c.levels_n]
        assert all(t > min(most, product(c.thread.product).max_tension_n) for t in above)


def test_floating_candidates_enter_at_their_middle_and_are_not_held(case: Case) -> None:
    floating = [c for c in case.candidates.candidates if c.thread.technique == "floating"]
    least = next(w["least_mm"] for w in RULES["ways"] if w["technique"] == "floating")
    for c in floating[::20]:
        assert c.thread.anchor is None
        assert c.thread.from_entry_mm.max() == pytest.approx(c.thread.length_mm / 2, abs=4.0)
        assert c.thread.length_mm > least - 8.0
        # In its plane from end to end: no ramp to a fascia.
        assert set(c.thread.layer) == {"fat"}


def test_paths_have_no_kinks(case: Case) -> None:
    """A kink would make a force that no real thread has; turns are counted beyond the ramp."""
    for c in case.candidates.candidates[::10]:
        path = c.thread.path_mm[c.thread.arc_mm > RULES["ramp_mm"][c.entry.group][1]]
        t = np.diff(path, axis=0)
        t /= np.linalg.norm(t, axis=1)[:, None]
        turn = np.degrees(np.arccos(np.clip((t[1:] * t[:-1]).sum(axis=1), -1, 1)))
        assert turn.max() <= RULES["turn_deg"]
        assert np.median(turn) < 4.0


def test_a_mirrored_face_has_mirrored_candidates(face: Face, case: Case) -> None:
    other = make_case(face.mirrored(), record())
    for side, opposite in (("left", "right"), ("right", "left")):
        here, there = case.candidates.of_side(side), other.candidates.of_side(opposite)
        assert [c.index for c in here] == [c.index for c in there]
        for a, b in zip(here[::20], there[::20], strict=True):
            np.testing.assert_allclose(a.thread.path_mm * [-1, 1, 1], b.thread.path_mm, atol=0.011)
            assert a.levels_n == b.levels_n


def test_the_library_belongs_to_the_topology_not_to_a_face() -> None:
    entries, targets = library("coarse")
    assert library("coarse") is library("coarse")
    assert {e.group for e in entries} == {"temporal", "zygomatic", "preauricular", "mandibular"}
    assert len({t.corners for t in targets}) == len(targets)


def test_depth_profile_rises_from_the_anchor_and_stays_above_the_fascia_over_the_temple() -> None:
    n = 60
    plane = {"zeta": 2.7, "lateral_zeta": 3.3}
    anterior, above = np.linspace(20.0, 80.0, n), np.linspace(35.0, -60.0, n)
    zeta = depth_profile(100.0, anterior, above, plane, "temporal")
    assert zeta[0] == pytest.approx(RULES["anchor_zeta"]["temporal"])
    assert zeta[-1] == pytest.approx(2.7)
    over_temple = (np.linspace(0, 100, n) > RULES["ramp_mm"]["temporal"][1]) & (above > 0.0)
    assert zeta[over_temple].max() <= RULES["temple_zeta"] + 1e-9


def test_conflicts_are_symmetric_and_spare_a_fan(case: Case) -> None:
    found = case.candidates.of_side("left")
    near = conflicts(found)
    assert (near == near.T).all()
    assert not near.diagonal().any()
    same_line = [
        (i, j)
        for i, a in enumerate(found)
        for j, b in enumerate(found)
        if i < j and a.entry == b.entry and a.target == b.target
    ]
    assert all(near[i, j] for i, j in same_line)
    fan = [
        near[i, j]
        for i, a in enumerate(found)
        for j, b in enumerate(found)
        if i < j and a.entry == b.entry and a.target.group == "malar" and b.target.group == "jowl"
    ]
    assert fan
    assert not all(fan)


def test_a_line_on_a_sphere_is_its_great_circle() -> None:
    """The plane through both ends and both normals of a sphere holds its centre."""
    u, v = np.meshgrid(np.linspace(-0.9, 0.9, 61), np.linspace(-0.9, 0.9, 61), indexing="ij")
    direction = np.stack([u, v, np.ones_like(u)], -1).reshape(-1, 3)
    surface = 80.0 * direction / np.linalg.norm(direction, axis=1)[:, None]
    ids = np.arange(61 * 61).reshape(61, 61)
    a, b, c, d = ids[:-1, :-1], ids[1:, :-1], ids[1:, 1:], ids[:-1, 1:]
    triangles = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    )
    start, end = surface[10 * 61 + 15], surface[48 * 61 + 40]
    (line,) = skin_lines(surface, triangles, [(start, start / 80, end, end / 80)], 2.5)
    assert line is not None
    points = np.einsum("kc,kcd->kd", line.bary, surface[triangles[line.tri]])
    normal = np.cross(start, end)
    assert np.abs(points @ normal / np.linalg.norm(normal)).max() < 0.02
    angle = np.arccos(start @ end / 6400.0)
    assert line.length_mm == pytest.approx(80.0 * angle, rel=2e-3)
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert steps.max() - steps.min() < 0.1


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_search_knows_every_pair_that_the_kernel_calls_too_close(case: Case, side) -> None:
    mine = thinned(case.candidates, 24).of_side(side)
    known = conflicts(mine)
    threads = [c.at(0.5, str(i)) for i, c in enumerate(mine)]
    found = check(threads, case.skin, case.marks, case.hazards).violations
    close = [(int(v.thread), int(v.structure)) for v in found if v.rule == "thread-spacing"]
    assert len(close) > len(mine)
    assert all(known[pair] for pair in close)
