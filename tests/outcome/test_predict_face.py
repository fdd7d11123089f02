"""The prediction on the tissue of a face: one thread a side, a small ensemble."""

from importlib.resources import as_file, files

import numpy as np
import pytest
from scipy.spatial import KDTree

from threadlift.assessment import assess
from threadlift.consultation import Consultation
from threadlift.face.synthetic.person import synthetic_face
from threadlift.interop.file_models import OutcomeModel
from threadlift.outcome import predict
from threadlift.threads.thread import Thread
from threadlift.tissue import Tissue


def preauricular_to_jowl(tissue: Tissue, side: str, depth: float = 3.0) -> Thread:
    """A smooth path at one depth: the straight line between two landmarks, pressed to the skin."""
    mesh, letter = tissue.mesh, side[0].upper()
    grid = mesh.points.reshape(-1, mesh.nl, 3)
    inward = grid[:, -1] - grid[:, 0]
    inward /= np.linalg.norm(inward, axis=1)[:, None]
    face = tissue.face
    ends = [face.landmark(f"{n}_{letter}") for n in ("preauricular", "jowl_point")]
    line = np.linspace(*ends, 30)
    for _ in range(8):
        away, near = KDTree(mesh.surface).query(line, k=12)
        weight = np.exp(-0.5 * (away / 5.0) ** 2)
        weight /= weight.sum(axis=1, keepdims=True)
        skin = np.einsum("ki,kic->kc", weight, mesh.surface[near])
        down = np.einsum("ki,kic->kc", weight, inward[near])
        down /= np.linalg.norm(down, axis=1)[:, None]
        line = line + np.einsum("kc,kc->k", skin - line, down)[:, None] * down
    return Thread(
        id=f"{letter}1", side=side, product="pdo-2-0-molded", technique="anchored",
        entry_mm=line[0], path_mm=line + depth * down, depth_mm=np.full(30, depth),
        layer=("fat",) * 30, tension_n=0.6,
    )  # fmt: skip


@pytest.mark.slow
def test_a_face_is_lifted_where_it_was_meant_to_be() -> None:
    with as_file(files("threadlift") / "examples" / "consultation-jowl.yaml") as path:
        record = Consultation.load(path)
    face = synthetic_face(seed=0, age_years=63.0, sex="female", jowl_mm=4.0, asymmetry=0.0)
    tissue = Tissue.of(face, record, level="coarse")
    threads = [preauricular_to_jowl(tissue, side) for side in ("left", "right")]
    assessment = assess(face, tissue, record)
    outcome = predict(tissue, threads, assessment, members=2, workers=2)
    OutcomeModel.model_validate(outcome.to_json())
    left, right = outcome.lift_mm["jowl_left"], outcome.lift_mm["jowl_right"]
    assert left.value > 0.2
    assert outcome.lift_mm["temple_left"].value < 0.5 * left.value
    # One plan on a symmetric face: the sides differ by the placement's scatter only.
    assert abs(left.value - right.value) < 0.5 * left.value
    assert outcome.displacement_mm.shape == face.vertices.shape
    assert set(outcome.expressions) == {"smile", "pucker", "frown", "jaw_open", "eyes_closed"}
    smile = outcome.expressions["smile"]
    assert smile.without_mm.value == pytest.approx(11.0)  # as measured in the record
    assert 0.0 < smile.tether_mm.value < smile.without_mm.value
