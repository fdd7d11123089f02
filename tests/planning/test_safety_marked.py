"""The kernel measures against what the clinician marked, and says so."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from sheet import MARKS, SKIN, Structure, marking, thread

from threadlift.anatomy.structures import Marked
from threadlift.evidence import value
from threadlift.planning import SafetyReport
from threadlift.planning.hazards import HazardField, _lateral_sd
from threadlift.planning.safety import SafetyCase


@dataclass(frozen=True)
class Known(Structure):
    """The nerve of the sheet, marked where the thread crosses it (y = 20)."""

    curve_mm: np.ndarray = field(
        default_factory=lambda: np.array([[60.0, y, 45.0] for y in (-60.0, 20.0, 60.0)])
    )
    depth_mm: np.ndarray = field(default_factory=lambda: np.full(3, 6.0))
    marked: Marked | None = field(
        default_factory=lambda: Marked(marking(), np.array([0.0, 1.0, 0.0]), np.full(3, 2.0))
    )


def contact(structure, *threads):
    case = SafetyCase(SKIN, MARKS, HazardField.of([structure]))
    return case.check(threads or [thread()]).structures[0]


def test_a_contact_says_how_the_structure_is_known_where_the_clearance_was_measured() -> None:
    near = contact(Known())
    assert near.marked is not None
    assert (near.marked.method, near.marked.weight) == ("palpation", 1.0)
    assert contact(Known(), thread(y=58.0)).marked is None
    assert contact(Structure()).marked is None


def test_what_is_known_better_is_touched_less_likely() -> None:
    sure = replace(Known(), sd_depth_mm=np.array([0.5, 0.1, 0.5]))
    assert contact(sure).p_contact < contact(Known()).p_contact
    assert contact(sure).min_clearance_mm == contact(Known()).min_clearance_mm


def test_reports_come_back_with_their_marks() -> None:
    case = SafetyCase(SKIN, MARKS, HazardField.of([Known()]), (marking(),))
    data = case.check([thread()]).to_json()
    assert data["marked"][0]["structure"] == "superficial_temporal_artery"
    assert SafetyReport.from_json(data).to_json() == data
    unmarked = SafetyCase(SKIN, MARKS, HazardField.of([Structure()])).check([thread()]).to_json()
    assert "marked" not in unmarked
    assert "marked" not in unmarked["structures"][0]


def test_a_pulse_is_as_sure_as_its_mark_there_and_as_a_finger_beyond() -> None:
    """An artery that is palpated before entry; the probe that marked it is surer than a finger."""
    felt = value("marking.method.palpation.lateral")
    artery = replace(
        Known(),
        name="superficial_temporal_artery",
        sd_lateral_mm=np.full(3, 4.0),
        marked=Marked(marking(), np.array([0.0, 1.0, 0.0]), np.full(3, 0.25 * felt)),
    )
    np.testing.assert_allclose(_lateral_sd(artery), [felt, 0.25 * felt, felt])
    # Not marked, it is felt all along; what is never palpated keeps its own.
    np.testing.assert_allclose(_lateral_sd(replace(artery, marked=None)), np.full(3, felt))
    np.testing.assert_allclose(_lateral_sd(replace(artery, name="nerve")), np.full(3, 4.0))
