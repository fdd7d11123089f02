"""Every rule of the safety kernel: its case, its limit, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from sheet import MARKS, SKIN, Structure, X, thread

from threadlift.evidence import value
from threadlift.planning.safety import SafetyReport, check, examine, kernel, violations
from threadlift.planning.safety.marks import Marks
from threadlift.planning.safety.rulebook import TechniqueRules, deepest, rulebook
from threadlift.planning.skin import NO_ZONE, Skin
from threadlift.threads import LAYERS, Thread, product

ZONES = ("buccal", "malar", "infraorbital")


def zoned(name: str) -> Skin:
    """The sheet as skin of one zone."""
    return replace(SKIN, zone=np.full(len(SKIN.vertices), ZONES.index(name)), zone_names=ZONES)


def rules(threads: list[Thread], skin: Skin = SKIN, marks: Marks = MARKS) -> set[str]:
    return {v.rule for v in violations(threads, skin, marks, [])}


def through(*points: tuple[float, float], **changes) -> Thread:
    """A thread at y = 20 through (z, depth) points; enters above the first."""
    at = np.array(points)
    path = np.column_stack([X - at[:, 1], np.full(len(at), 20.0), at[:, 0]])
    values = {"path_mm": path, "depth_mm": at[:, 1], "layer": ("fat",) * len(at)} | changes
    return thread(start=float(at[0, 0]), **values)


@pytest.fixture
def techniques(monkeypatch: pytest.MonkeyPatch) -> None:
    """Techniques of every kind under the names that threads may have."""
    book = rulebook()
    rows = {
        "anchored": TechniqueRules(False, "middle", "both", frozenset({"malar"})),
        "floating": TechniqueRules(False, "start", "end", frozenset()),
    }
    monkeypatch.setattr(kernel, "rulebook", lambda: replace(book, techniques=rows))


def test_nothing_to_judge_is_an_empty_report() -> None:
    assert check([], SKIN, MARKS, [Structure()]) == SafetyReport((), None, "", 0.0)
    assert examine([], SKIN, MARKS, kernel.HazardField.of([])) == []


def test_threads_by_themselves_are_judged_as_in_a_plan_of_one() -> None:
    nerve = Structure(depth_mm=np.full(2, 5.6))
    many = [thread(), thread(y=-20.0, depth=1.3), thread(start=50.0, end=100.0)]
    field = kernel.HazardField.of([nerve])
    for one, found in zip(many, examine(many, SKIN, MARKS, field), strict=True):
        alone = check([one], SKIN, MARKS, field)
        assert found.p_hit == pytest.approx(alone.p_hit)
        assert (found.clearance_mm, found.nearest) == (
            alone.min_clearance_mm, alone.nearest_structure,
        )  # fmt: skip
        assert set(found.violations) <= set(alone.violations)


# -- layers ----------------------------------------------------------------------------------


def test_a_zone_allows_what_its_row_says() -> None:
    """In the SMAS of the mobile cheek: allowed over the cheekbone, not in the mid cheek."""
    in_smas = thread(depth=5.8, start=40.0, end=80.0, technique="floating")
    assert "layer-not-allowed" not in rules([in_smas], zoned("malar"))
    assert "layer-not-allowed" not in rules([in_smas])
    found = [
        v for v in violations([in_smas], zoned("buccal"), MARKS, [])
        if v.rule == "layer-not-allowed"
    ]  # fmt: skip
    assert found[0].structure == "buccal"
    assert found[0].margin == pytest.approx(5.2 + value("planning.safety.deep_tolerance") - 5.8)


def test_one_sample_too_deep_between_two_stated_points_is_found() -> None:
    """The path between far points is judged, not only the points that somebody states."""
    sunk = through((40.0, 3.0), (60.0, 7.5), (80.0, 3.0))
    assert "layer-not-allowed" in rules([sunk])
    flat = through((40.0, 3.0), (80.0, 3.0))
    assert "layer-not-allowed" not in rules([flat])


def test_deep_is_allowed_where_the_smas_is_fixed() -> None:
    temple = thread(y=30.0, depth=7.0, start=5.0, end=44.0)
    assert "layer-not-allowed" not in rules([temple])
    beyond = thread(y=30.0, depth=7.0, start=5.0, end=50.0)
    assert "layer-not-allowed" in rules([beyond])
    below_arch = thread(y=0.0, depth=7.0, start=5.0, end=44.0)
    assert "layer-not-allowed" in rules([below_arch])


def test_allowed_layers_have_no_gaps() -> None:
    assert deepest(["fat", "smas"]) == LAYERS.index("smas")
    for wrong in ([], ["smas"], ["fat", "deep"], ["skin"]):
        with pytest.raises(ValueError, match="without a gap"):
            deepest(wrong)


@pytest.mark.parametrize("row", rulebook().zones.values())
def test_no_zone_allows_more_where_the_smas_moves(row) -> None:
    assert row.mobile <= row.fixed


# -- entries, exits, ends ----------------------------------------------------------------------


def test_entries_lie_where_the_technique_enters(techniques: None) -> None:
    assert "entry-zone" in rules([thread()], zoned("malar"))
    assert "entry-zone" not in rules([thread()], zoned("buccal"))


def test_a_thread_may_come_out_only_where_its_technique_does() -> None:
    out = through((0.0, 3.5), (40.0, 3.5), (48.0, 0.0))
    assert {"in-dermis"} <= rules([out])
    floating = replace(out, technique="floating")
    assert rules([floating]) == set()


def test_an_exit_reaches_the_skin_and_stays_away_from_the_lids() -> None:
    short = through((0.0, 3.5), (40.0, 3.5), (48.0, 1.3), technique="floating")
    far = value("planning.safety.entry_on_skin")
    assert ("exit-on-skin" in rules([short])) is (far < 1.3)
    over = through(
        (0.0, 3.5), (40.0, 3.5), (60.0, -far - 1.0), technique="floating", depth_mm=[3.5, 3.5, 0.0]
    )
    assert "exit-on-skin" in rules([over])
    lids = replace(MARKS, canthi=np.array([[X, 20.0, 48.0 + 14.0]]))
    out = through((0.0, 3.5), (40.0, 3.5), (48.0, 0.0), technique="floating")
    assert "exit-near-eyelid" in rules([out], marks=lids)
    assert "exit-near-eyelid" not in rules([out])


def test_a_thread_that_never_gets_below_the_dermis_has_no_exit() -> None:
    shallow = thread(depth=1.0, technique="floating")
    assert "in-dermis" in rules([shallow])


def test_both_ends_may_come_out_of_a_thread_entered_in_its_middle(techniques: None) -> None:
    u = through((0.0, 0.0), (8.0, 4.0), (40.0, 4.0), (48.0, 0.0))
    entered = replace(u, entry_mm=np.array([X, 20.0, 8.0]))
    assert rules([entered]) == set()
    assert check([entered], SKIN, MARKS, [Structure()]).structures[0].arc_mm < 45.0
    buried = through((8.0, 4.0), (60.0, 4.0), entry_mm=np.array([X, 20.0, 8.0]))
    assert rules([buried]) == set()


def test_a_buried_end_lies_under_skin_that_is_thick_enough() -> None:
    thin = replace(SKIN, skin_mm=np.full(len(SKIN.vertices), 0.7))
    assert "end-under-thin-skin" in rules([thread()], thin)
    assert "end-under-thin-skin" not in rules([thread()])


# -- pull, product, number ---------------------------------------------------------------------


def test_a_thread_is_no_longer_than_its_product() -> None:
    short = product("pdo-2-0-molded").length_mm
    assert "too-long" in rules([thread(start=-10.0, end=short)])
    assert "too-long" not in rules([thread()])


def test_an_unknown_technique_is_a_violation_and_judged_most_strictly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernel, "rulebook", lambda: replace(rulebook(), techniques={}))
    found = rules([thread(start=50.0, end=100.0)])
    assert {"unknown-technique", "anchor-in-mobile-zone"} <= found


def test_cogs_hold_what_a_thread_is_pulled_with() -> None:
    weak = thread(start=0.0, end=12.0, tension_n=2.9)
    assert "cogs-slip" in rules([weak])


def test_threads_of_a_plan_have_names_of_their_own() -> None:
    assert "same-name" in rules([thread(), thread(y=-20.0)])


def test_threads_in_one_layer_keep_their_distance_beyond_the_shared_entry() -> None:
    least = value("planning.safety.thread_spacing")
    one = thread(y=20.0)

    def other(gap: float, **changes) -> Thread:
        return thread(y=20.0 + gap, id="L2", **changes)

    assert "thread-spacing" in rules([one, other(least - 0.1)])
    assert "thread-spacing" not in rules([one, other(least + 0.1)])
    # Crossing in another layer, ending within the excused part, or on the other side: no matter.
    assert "thread-spacing" not in rules([one, other(1.0, depth=5.8)])
    assert "thread-spacing" not in rules([one, other(1.0, end=15.0)])
    assert "thread-spacing" not in rules([one, other(0.0).mirrored()])
    found = [v for v in violations([one, other(2.0)], SKIN, MARKS, []) if "spacing" in v.rule]
    assert found[0].structure == "L2"
    assert found[0].margin == pytest.approx(2.0 - least)


def test_likely_contact_of_many_threads_adds_up_to_a_limit_of_the_plan() -> None:
    nerve = Structure(
        curve_mm=np.array([[X, -60.0, 45.0], [X, 60.0, 45.0]]), depth_mm=np.full(2, 5.6)
    )
    few = [thread(y=20.0)]
    many = [thread(y=10.0 * i, id=f"L{i}") for i in range(-2, 3)]
    found = [{v.rule for v in check(t, SKIN, MARKS, [nerve]).violations} for t in (few, many)]
    one, five = (check(t, SKIN, MARKS, [nerve]).p_hit for t in (few, many))
    assert 0.0 < one < five
    assert ("plan-probability" in found[1]) is (five > value("planning.safety.p_hit_plan"))


# -- input that cannot be judged -----------------------------------------------------------------


def test_where_the_face_cannot_be_measured_nothing_is_allowed() -> None:
    gone = replace(SKIN, fat_mm=np.full(len(SKIN.vertices), np.nan))
    assert "not-measurable" in rules([thread()], gone)


def test_skin_knows_the_zone_that_weighs_most() -> None:
    n = len(SKIN.vertices)
    weights = {
        "jowl_left": np.linspace(0.0, 1.0, n),
        "jowl_right": np.zeros(n),
        "chin": np.where(np.arange(n) < n // 2, 0.3, 0.0),
    }
    stack = SimpleNamespace(skin_mm=SKIN.skin_mm, fat_mm=SKIN.fat_mm, smas_mm=SKIN.smas_mm)
    face = SimpleNamespace(
        vertices=SKIN.vertices, triangles=SKIN.triangles, skin=np.ones(n, dtype=bool), zones=weights
    )
    skin = Skin.of_face(face, stack)
    assert skin.zone_names == ("jowl", "chin")
    assert skin.zone is not None
    assert [int(skin.zone[i]) for i in (0, n - 1)] == [1, 0]
    bare = Skin.of(SKIN.vertices, SKIN.triangles, np.ones(n, dtype=bool), stack, {})
    assert (bare.place(SKIN.vertices[:3]).zone == NO_ZONE).all()
    assert bare.place(np.array([X - 3.0, 0.0, 0.0])).layers() == ("fat",)


def test_marks_come_from_the_landmarks_of_a_face() -> None:
    face = SimpleNamespace(landmark=lambda name: np.full(3, float(len(name))))
    marks = Marks.of(face)
    assert marks.tragus["left"][0] == len("tragus_L")
    assert marks.commissures.shape == (2, 3)
    assert marks.canthi.shape == (8, 3)
