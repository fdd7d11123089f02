"""The report of a plan with threads: techniques, what they come near, tables that scroll."""

from __future__ import annotations

import re

import numpy as np
import pytest
from conftest import record

from threadlift.assessment import assess
from threadlift.capturing import write_glb
from threadlift.checking import check_plan
from threadlift.face import Face
from threadlift.interop import read_face_glb
from threadlift.planning.request import parse_request
from threadlift.reporting.contacts import SHOWN, contact_rows
from threadlift.reporting.html import render_report
from threadlift.reporting.run_data import RunData
from threadlift.reporting.texts import LANGUAGES, texts
from threadlift.tissue import Tissue

PROPOSED = (
    "threads:\n"
    "  - from the preauricular entry to the jowl zone, mid fat, 1 N, 1 thread per side, anchored\n"
    "  - from the preauricular entry to the mid cheek, mid fat, 1 N, 1 thread per side, floating\n"
)


@pytest.fixture(scope="module")
def run(face: Face, tmp_path_factory: pytest.TempPathFactory) -> RunData:
    """The files of a proposed plan, which the record stops before anything is simulated."""
    consultation = record(sagging={})
    tissue = Tissue.of(face, consultation, "coarse")
    assessment = assess(face, tissue, consultation)
    made = check_plan(tissue, assessment, parse_request(PROPOSED)).plan
    path = tmp_path_factory.mktemp("threads") / "face.glb"
    write_glb(face, path, np.zeros_like(face.vertices), made.recommended)
    found = assessment.to_json() | {"capture": face.capture.to_json(), "posture": None}
    return RunData(read_face_glb(path), found, made.to_json(), None)


@pytest.fixture(scope="module", params=LANGUAGES)
def page(run: RunData, request: pytest.FixtureRequest) -> tuple[str, str]:
    return request.param, render_report(run, request.param)


def test_the_technique_of_every_thread_is_told(run: RunData, page: tuple[str, str]) -> None:
    t, text = texts(page[0]), page[1]
    used = {thread["technique"] for thread in run.threads}
    assert used == {"anchored", "floating"}
    for name in used:
        assert text.count(f"<td>{t(f'techniques.{name}')}</td>") == 2


def test_every_meeting_stands_in_the_table_the_less_likely_ones_folded(
    run: RunData, page: tuple[str, str]
) -> None:
    t, text = texts(page[0]), page[1]
    rows = contact_rows(run.plan, t)
    assert len(rows) == len(run.plan["safety"]["structures"]) > SHOWN
    at = [
        text.index(
            f'<td>{r["thread"]}</td><td>{r["structure"]}</td><td class="num">{r["clearance"]}</td>'
            f'<td class="num">{r["per_100"]}</td>'
        )
        for r in rows
    ]
    assert at == sorted(at)
    more = text.index(t("plan.contacts_more", n=len(rows) - SHOWN))
    assert at[SHOWN - 1] < more < at[SHOWN]


def test_every_table_can_scroll(page: tuple[str, str]) -> None:
    tables = re.findall(r"<table", page[1])
    assert len(tables) == len(re.findall(r'<div class="scroll"><table', page[1])) > 5
