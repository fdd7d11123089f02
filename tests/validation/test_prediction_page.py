"""Coverage of predictions: what is counted, and how a true patient differs from the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from validation.outcome.page import RISKS, page
from validation.outcome.truth import _blotches, drawn

from threadlift.face import Face
from threadlift.members import nominal_member, solve_member
from threadlift.threads import Thread
from threadlift.tissue import Tissue


def estimate(low: float, value: float, high: float) -> dict[str, float]:
    return {"low": low, "value": value, "high": high}


def result(number: int, lifts: list[float]) -> dict[str, Any]:
    """A face whose jowl is predicted to rise by 1 to 3 mm and whose patients rise by `lifts`."""
    return {
        "number": number,
        "technique": "temple_fan",
        "goal": ["jowl_left"],
        "seconds": 60.0,
        "prediction": {
            "lift_mm": {"jowl_left": estimate(1.0, 2.0, 3.0)},
            "risks": dict.fromkeys(RISKS, estimate(0.0, 0.5, 1.0)),
        },
        "truths": [
            {"lift_mm": {"jowl_left": x}, "values": dict.fromkeys(RISKS, 0.5)} for x in lifts
        ],
        "unsolved": 1,
    }


def test_values_inside_below_and_above_are_counted() -> None:
    text = page([result(1, [0.5, 1.5, 2.5]), result(2, [3.5, 2.0, 2.0])])
    assert "2 faces, 6 patients; 2 more had no equilibrium" in text
    (row,) = [x for x in text.splitlines() if x.startswith("| **lift, all zones")]
    assert "| 6 | 67 %" in row
    # Without the allowance the interval ends at 1.2 and 2.5 mm.
    assert "| 67 % | 17 %" in row
    assert row.count("| 17 % ") == 2
    assert row.endswith("| 1.00 |")
    (risk,) = [x for x in text.splitlines() if x.startswith("| overpull")]
    assert "| 6 | 100 %" in risk
    assert "| 1 | temple_fan | 3 | 67 % | 94 % |" in text


def test_a_page_of_nothing_says_so() -> None:
    assert "0 faces, 0 patients" in page([])


def test_blotches_vary_as_much_as_they_should_and_are_smooth() -> None:
    rng = np.random.default_rng(3)
    points = rng.uniform(0.0, 100.0, (300, 3))
    fields = np.array([_blotches(points, rng) for _ in range(60)])
    assert fields.std() == pytest.approx(1.0, abs=0.1)
    near = points + 1.0
    both = np.concatenate([points, near])
    field = _blotches(both, rng)
    assert np.abs(field[:300] - field[300:]).max() < 0.5


@pytest.mark.slow
def test_a_true_patient_is_another_model_and_has_an_equilibrium() -> None:
    rng = np.random.default_rng(4)
    tissue = Tissue.of(Face.synthetic(seed=2, age_years=55.0), level="coarse")
    mesh = tissue.mesh
    start, end = (tissue.face.landmark(n) for n in ("preauricular_L", "jowl_point_L"))
    triangles, bary = mesh.surface_path(start, start + 0.8 * (end - start))
    skin, path = (mesh.point_at(triangles, bary, np.full(len(triangles), z))[0] for z in (0.0, 2.0))
    thread = Thread(
        id="L1", side="left", product="pdo-2-0-molded", technique="anchored", entry_mm=path[0],
        path_mm=path, depth_mm=np.linalg.norm(path - skin, axis=1), layer=("fat",) * len(path),
        tension_n=0.5,
    )  # fmt: skip
    patient = drawn(tissue, (thread,), rng)
    assert patient.tissue.fields.skin_lines is None
    assert patient.tissue.solid.materials.mu.std() > 0.0
    assert patient.threads[0].tension_n != thread.tension_n
    plan = solve_member(tissue, (thread,), nominal_member(tissue, 1), tolerance=1e-3)
    found = patient.solved(0.7 * plan.displacement)
    assert found.reason == "converged"
    assert 0.1 < found.max_displacement_mm < 20.0
