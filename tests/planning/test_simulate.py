"""Given threads that are simulated: broken safety rules are told, whatever the prediction says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh
from conftest import record

from threadlift import pipeline
from threadlift.anatomy.places import Places
from threadlift.assessment import Assessment, assess
from threadlift.capturing import write_glb
from threadlift.errors import InputError
from threadlift.face import Face
from threadlift.interop.file_models import SafetyModel
from threadlift.outcome import Outcome
from threadlift.outcome.model import Solver
from threadlift.pipeline import Simulated, simulate
from threadlift.planning.proposed import place_on
from threadlift.planning.request import parse_request
from threadlift.planning.safety import SafetyCase
from threadlift.summary import print_simulated
from threadlift.threads import Thread
from threadlift.tissue import Tissue
from threadlift.tissue.box_mesh import box_mesh

DANGEROUS = (
    "threads:\n  - from 1 cm behind the temporal hairline to 1 cm lateral of the mouth corner, "
    "sub-SMAS, 1 thread per side\n"
)
SENSIBLE = (
    "threads:\n  - from the preauricular entry to the jowl zone, mid fat, 1 N, 1 thread per side\n"
)


def predicted(*args: object, **options: object) -> Outcome:
    """An outcome without anything in it: here the prediction does not matter."""
    nothing = np.zeros((0, 3))
    solver = Solver(elements=1, dof=3, iterations=1, residual=0.0, seconds=0.0)
    mesh = {"inverted": 0.0, "min_scaled_jacobian": 1.0}
    return Outcome(
        {}, {}, {}, (), (), (), solver, mesh, 8, (), (), ("A note.",), 0, nothing, nothing
    )


@pytest.fixture(scope="module")
def ground(face: Face) -> tuple[Tissue, Assessment]:
    tissue = Tissue.of(face, record(), "coarse")
    return tissue, assess(face, tissue, record())


def threads(ground: tuple[Tissue, Assessment], text: str) -> tuple[Thread, ...]:
    tissue = ground[0]
    assert tissue.face is not None
    assert tissue.stack is not None
    skin = SafetyCase.of(tissue.face, tissue.stack, tissue.consultation).skin
    return place_on(parse_request(text), tissue.mesh, skin, Places(tissue.face)).threads


def simulated(
    ground: tuple[Tissue, Assessment], text: str, monkeypatch: pytest.MonkeyPatch
) -> Simulated:
    monkeypatch.setattr(pipeline, "predict", predicted)
    return simulate(ground[0], threads(ground, text), ground[1])


def test_threads_that_break_rules_say_so(
    ground: tuple[Tissue, Assessment],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = simulated(ground, DANGEROUS, monkeypatch).to_json()
    found = SafetyModel.model_validate(data["safety"])
    assert {v["rule"] for v in found.violations} >= {"hazard-clearance"}
    assert {c.thread for c in found.structures} == {"L1", "R1"}
    assert f"break {len(found.violations)} safety rules" in data["notes"][0]
    assert data["notes"][1:] == ["A note."]
    print_simulated(data | {"risks": {}})
    assert "too close to" in capsys.readouterr().out


def test_threads_that_keep_the_rules_are_not_slandered(
    ground: tuple[Tissue, Assessment],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = simulated(ground, SENSIBLE, monkeypatch).to_json()
    assert data["safety"]["violations"] == []
    assert data["safety"]["min_clearance_mm"] > 0.0
    assert data["notes"] == ["A note."]
    print_simulated(data)
    assert "safety rules" not in capsys.readouterr().out.lower()


def test_unsafe_threads_are_drawn_apart(
    ground: tuple[Tissue, Assessment], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    face = ground[0].face
    assert face is not None
    safe, unsafe = threads(ground, SENSIBLE)[:1], threads(ground, DANGEROUS)[1:]
    assert {t.id for t in (*safe, *unsafe)} == {"L1", "R1"}
    broken = simulated(ground, DANGEROUS, monkeypatch).safety.violations
    write_glb(face, tmp_path / "face.glb", None, (*safe, *unsafe),
              [v for v in broken if v.thread == "R1"])  # fmt: skip
    drawn = trimesh.load(tmp_path / "face.glb", force="scene").geometry
    assert set(drawn) == {"face", "threads", "unsafe threads"}
    at = {
        name: drawn[name].vertices.mean(axis=0) * 1000.0 for name in ("threads", "unsafe threads")
    }
    assert at["threads"][0] > 0.0 > at["unsafe threads"][0]


def test_a_tissue_without_a_face_has_no_nerves_to_keep_away_from(
    ground: tuple[Tissue, Assessment],
) -> None:
    with pytest.raises(InputError, match="in a face"):
        simulate(Tissue(box_mesh(3, 3, size_mm=(30.0, 30.0))), (), ground[1])
