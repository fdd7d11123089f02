"""Time and proven gap of the choice of threads, on faces of synthetic people.

    python benchmarks/planning_search.py [--people 201,demo] [--threads 2,3,4] [--dense]

Prints a table. People are seeds, or `demo`: the aged head of `threadlift demo --case jowl`.
--dense: targets 6.5 mm apart instead of 9, more entries. Gap: share of the bound. Seconds are
processor seconds of both sides together.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from threadlift.assessment import assess
from threadlift.consultation import Consultation
from threadlift.consultation.models import Contraindications
from threadlift.demo import JOWL_AGE_YEARS, JOWL_MM
from threadlift.evidence import table
from threadlift.face import Face
from threadlift.face.synthetic.people import random_person
from threadlift.planning.candidates import candidates
from threadlift.planning.coupled import choose
from threadlift.planning.optimise import SideGrid, gap_allowed, side_grid
from threadlift.planning.responses import Body, columns
from threadlift.planning.rows import build_rows
from threadlift.planning.safety import SafetyCase
from threadlift.threads.thread import SIDES, Side
from threadlift.tissue import Tissue

_DENSE: dict[str, Any] = {
    "target_spacing_mm": 6.5,
    "entry_spacing_mm": 5.0,
}
_SAG = {"jowl": 3, "marionette": 2, "jawline": 2, "malar": 1, "nasolabial": 1}
_YOUNGEST = 45.0


def grids(person: str) -> dict[Side, SideGrid | None]:
    """The grids of both sides of a synthetic person with jowls: a seed, or `demo`."""
    if person == "demo":
        age, sex = JOWL_AGE_YEARS, "female"
        face = Face.synthetic(age_years=age, sex=sex, jowl_mm=JOWL_MM)
    else:
        face, age, sex, _ = random_person(int(person))
    record = Consultation.model_validate(
        {
            "patient": {"age_years": int(max(age, _YOUNGEST)), "sex": sex},
            "contraindications": dict.fromkeys(Contraindications.model_fields, False),
            "sagging": _SAG,
        }
    )
    tissue = Tissue.of(face, record, "coarse")
    assert tissue.stack is not None
    case = SafetyCase.of(face, tissue.stack, tissue.consultation)
    found = candidates(tissue.mesh, case.skin, case.marks, case.hazards).candidates
    rows = build_rows(tissue.mesh, assess(face, tissue, record).goal)
    responses = columns(Body.of(tissue.rest, rows, found), found)
    return {side: side_grid(side, found, responses, rows) for side in SIDES}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", default="201,202,203,204,demo")
    parser.add_argument("--threads", default="2,3,4")
    parser.add_argument("--dense", action="store_true")
    args = parser.parse_args()
    if args.dense:
        table("planning")["candidates"].update(_DENSE)
    print("| person | candidates | items | threads | value | bound | gap | proven | nodes | s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for person in args.people.split(","):
        made = grids(person)
        there = [g for g in made.values() if g is not None]
        size = " + ".join(str(len(np.unique(g.problem.candidate))) for g in there)
        items = " + ".join(str(len(g.problem.attain)) for g in there)
        for most in (int(n) for n in args.threads.split(",")):
            start = time.process_time()
            found = choose(made, most)
            spent = time.process_time() - start
            worth, bound = found.objective / len(there), found.bound / len(there)
            proven = bound - worth <= gap_allowed(found.bound) / len(there) + 1e-9
            nodes = sum(r.nodes for r in found.results.values())
            print(
                f"| {person} | {size} | {items} | {most} | {worth:.4f} | {bound:.4f} "
                f"| {100.0 * (1.0 - worth / bound):.2f} % | {'yes' if proven else 'no'} "
                f"| {nodes} | {spent:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
