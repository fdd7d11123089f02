"""`make prediction-page`: do 90 % intervals cover synthetic patients of a finer, different model?

Usage: ``python -m validation.outcome.run --results FOLDER [--faces N] [--each M] [--only-page]``. A
finished face is stored in FOLDER (outside the repository) and only read the next time.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from threadlift.assessment import assess
from threadlift.errors import InputError, SolverError
from threadlift.members import nominal_member, solve_member
from threadlift.outcome import predict
from threadlift.outcome.predict import _probe
from threadlift.planning.safety import SafetyCase
from threadlift.planning.techniques import standard_plans, techniques
from threadlift.threads import Thread
from threadlift.tissue import Tissue
from validation.outcome.page import page
from validation.outcome.truth import drawn
from validation.planning.people import person

ROOT = Path(__file__).parents[2]
FACES, EACH = 17, 6
#: Share of the recipes' tension: at all of it most break limits on most faces, and cogs let go one
#: after the other.
PULL = 0.6
#: Share of the plan's displacement from which true patients are solved.
START = 0.7


def face(number: int, each: int) -> dict[str, Any]:
    """Prediction for one person under a published technique, and what happens to true patients."""
    who = person(number)
    tissue = Tissue.of(who.face, who.record)
    assessment = assess(who.face, tissue, who.record)
    assert tissue.stack is not None
    case = SafetyCase.of(who.face, tissue.stack, tissue.consultation)
    names = list(techniques())
    for step in range(len(names)):
        name = names[(number - 1 + step) % len(names)]
        try:
            (standard,) = standard_plans(who.face, tissue.mesh, case.skin, case.marks, [name])
            threads = tuple(replace(t, tension_n=PULL * t.tension_n) for t in standard.threads)
            clock = time.perf_counter()
            found = predict(tissue, threads, assessment, seed=number)
        except (InputError, SolverError) as error:
            click.echo(f"  person {number}, {name}: {error.problem}")
            continue
        seconds = time.perf_counter() - clock
        truths, unsolved = _truths(tissue, threads, assessment, number, each)
        return {
            "number": number,
            "technique": name,
            "goal": [z for z, g in assessment.goal.items() if g.mm > 0.0],
            "seconds": seconds,
            "prediction": found.to_json(),
            "truths": truths,
            "unsolved": unsolved,
        }
    raise RuntimeError(f"Person {number} has no technique that can be predicted.")


def _truths(
    tissue: Tissue,
    threads: tuple[Thread, ...],
    assessment: Any,
    number: int,
    each: int,
) -> tuple[list[dict[str, Any]], int]:
    """What happens to true patients, as a reader of their skin would say it."""
    rng = np.random.default_rng([number, 29])
    coarse = tissue.at_level("coarse")
    plan = solve_member(coarse, threads, nominal_member(coarse, len(threads)), tolerance=1e-3)
    start = START * tissue.carried(coarse, plan.displacement)
    out, unsolved = [], 0
    while len(out) < each and unsolved < each:
        patient = drawn(tissue, threads, rng)
        try:
            solved = patient.solved(start)
        except SolverError:
            unsolved += 1
            continue
        reading = _probe(patient.tissue, assessment, threads).read(solved.surface / patient.scale)
        out.append({"lift_mm": reading.lift_mm, "values": reading.values})
    return out, unsolved


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Coverage of predictions on synthetic patients.")
    default = Path(tempfile.gettempdir()) / "threadlift-prediction"
    parser.add_argument("--results", type=Path, default=default, metavar="FOLDER")
    parser.add_argument("--faces", type=int, default=FACES, metavar="N")
    parser.add_argument("--each", type=int, default=EACH, metavar="M", help="patients per face")
    parser.add_argument("--only-page", action="store_true", help="from what is stored")
    given = parser.parse_args()
    folder: Path = given.results.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(1, given.faces + 1):
        path = folder / f"{number:04d}.json"
        if path.exists() or given.only_page:
            continue
        result = face(number, given.each)
        aside = path.with_suffix(".part")
        aside.write_text(json.dumps(result), "utf-8")
        aside.rename(path)
        click.echo(
            f"  person {number}: {result['technique']}, predicted in {result['seconds']:.0f} s, "
            f"{len(result['truths'])} patients"
        )
    results = [json.loads(p.read_text("utf-8")) for p in sorted(folder.glob("*.json"))]
    (ROOT / "docs" / "prediction.md").write_text(page(results), encoding="utf-8")
    click.echo("wrote docs/prediction.md")


if __name__ == "__main__":
    main()
