"""What the clinician marked counts in the safety kernel, in plans, and on the page."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import record
from sheet import marking

from threadlift.assessment import assess
from threadlift.capturing import write_glb
from threadlift.checking import check_plan
from threadlift.consultation.marked import entries
from threadlift.face import Face
from threadlift.face.closest import SurfaceIndex
from threadlift.face.template import template
from threadlift.interop import read_face_glb
from threadlift.planning.marked_reasons import followed, palpated
from threadlift.planning.request import parse_request
from threadlift.reporting.contacts import contact_rows, marked_rows
from threadlift.reporting.html import render_report
from threadlift.reporting.run_data import RunData
from threadlift.reporting.texts import LANGUAGES, texts
from threadlift.tissue import Tissue

PROPOSED = (
    "threads:\n"
    "  - from the preauricular entry to the jowl zone, mid fat, 1 N, 1 thread per side, anchored\n"
)


def test_the_pulse_is_assumed_to_be_felt_where_the_record_does_not_hold_it() -> None:
    (nothing,) = palpated([])
    (one,) = palpated([marking()])
    (both,) = palpated([marking(), marking(side="right")])
    assert [s.key for s in (nothing, one, both)] == [
        "palpated", "palpated-other-side", "palpated-rest",
    ]  # fmt: skip
    assert "on the right, and on the left beyond" in one.english


def test_marks_are_named_with_their_method_and_the_strange_ones_again() -> None:
    said = followed([marking(), marking("facial_artery", off=14.04, unusual=True)])
    assert [s.key for s in said] == ["marked", "marked", "check-marks"]
    assert "facial artery on the left" in said[2].english
    assert "14.0 mm" in said[2].english
    assert "found by: palpation; points: 1" in said[0].english


@pytest.fixture(scope="module")
def marked_run(face: Face, tmp_path_factory: pytest.TempPathFactory) -> tuple[RunData, float]:
    """A proposed plan on a face whose left facial artery was found right over a thread."""
    plain = record(sagging={})
    tissue = Tissue.of(face, plain, "coarse")
    request = parse_request(PROPOSED)
    first = check_plan(tissue, assess(face, tissue, plain), request).plan
    thread_left = next(t for t in first.recommended if t.side == "left")
    apart = {(c.structure, c.side): c.min_clearance_mm for c in first.safety.structures
             if c.thread == thread_left.id}  # fmt: skip
    index = SurfaceIndex(face.vertices, template().skin_triangles)
    end = index.closest(thread_left.path_mm[-1:]).point[0]
    marks = {
        "structure": "facial_artery", "side": "left", "found_by": "ultrasound",
        "points": [{"at_mm": [float(x) for x in end], "depth_mm": float(thread_left.depth_mm[-1])}],
    }  # fmt: skip
    consultation = record(sagging={}, marked_structures=entries([marks]))
    tissue = Tissue.of(face, consultation, "coarse")
    assessment = assess(face, tissue, consultation)
    made = check_plan(tissue, assessment, request).plan
    path = tmp_path_factory.mktemp("marked") / "face.glb"
    write_glb(face, path, np.zeros_like(face.vertices), made.recommended)
    found = assessment.to_json() | {"capture": face.capture.to_json(), "posture": None}
    run = RunData(read_face_glb(path), found, made.to_json(), None)
    return run, apart[("facial_artery", "left")]


def test_a_thread_that_meets_a_marked_vessel_breaks_a_rule(marked_run) -> None:
    run, before_mm = marked_run
    met = next(
        c
        for c in run.plan["safety"]["structures"]
        if (c["structure"], c["side"]) == ("facial_artery", "left")
    )
    assert before_mm > 1.0
    assert met["min_clearance_mm"] < 0.0
    assert met["marked"] == {"method": "ultrasound", "weight": pytest.approx(1.0, abs=0.1)}
    broken = {(v["rule"], v["structure"]) for v in run.plan["safety"]["violations"]}
    assert any(s.startswith("facial_artery") for _, s in broken)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_tells_what_was_marked_and_what_was_not(marked_run, language) -> None:
    run, t = marked_run[0], texts(language)
    page = render_report(run, language)
    assert t("plan.marked") in page
    (row,) = marked_rows(run.plan, t)
    assert row["structure"] == t.structure("facial_artery", "left")
    assert row["found_by"] == t("found_by.ultrasound")
    rows = contact_rows(run.plan, t)
    assert rows[0]["known_from"].startswith(t("found_by.ultrasound"))
    assert rows[-1]["known_from"] == t("plan.known_atlas")
    assert row["structure"] in page
