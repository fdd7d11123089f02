"""Reasons held against the nonlinear model: every thread left out, moved, sunk and tightened anew.

For each face: the plan's threads are changed one at a time and solved nonlinearly on the coarse
mesh, and the change of the lift of the thread's main zone is compared with what the reasons say.
Prints a table; takes about five minutes per face.

    .venv/bin/python benchmarks/reasons.py [SEED ...]
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

import numpy as np

from threadlift.assessment import assess
from threadlift.consultation import Consultation
from threadlift.consultation.models import Contraindications
from threadlift.errors import SolverError
from threadlift.face import Face
from threadlift.planning import plan
from threadlift.planning.moves import Move, moved, moves
from threadlift.planning.reading import Reader, limits_used
from threadlift.planning.reasons import Ground, Shown, reasons
from threadlift.planning.rows import build_rows
from threadlift.planning.safety import SafetyCase
from threadlift.tissue import Tissue

RECORD = Consultation.model_validate(
    {
        "patient": {"age_years": 60, "sex": "female"},
        "contraindications": dict.fromkeys(Contraindications.model_fields, False),
        "sagging": {"jowl": 3, "marionette": 2, "jawline": 2, "malar": 2, "nasolabial": 1},
    }
)
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Row:
    """One change: kind, change of the main zone's lift and of the worst dip [mm], told and true."""

    kind: str
    lift_mm: tuple[float, float]
    dip_mm: tuple[float, float]


def compare(seed: int) -> tuple[list[Row], float, float]:
    """Rows of one face, seconds for the reasons, share of the goal that the plan attains."""
    face = Face.synthetic(seed=seed, age_years=60.0, jowl_mm=3.0 + seed % 3, asymmetry=0.3)
    tissue = Tissue.of(face, RECORD, "coarse")
    assessment = assess(face, tissue, RECORD)
    made = plan(tissue, assessment, max_threads=3)
    threads = made.recommended
    if not threads or tissue.stack is None:
        return [], 0.0, 0.0
    rows = build_rows(tissue.mesh, assessment.goal)
    ground = Ground(tissue, rows, SafetyCase.of(face, tissue.stack, tissue.consultation))
    base = tissue.equilibrium(threads, tolerance=TOLERANCE).displacement
    v = made.verification
    clock = time.perf_counter()
    size = limits_used(rows, rows.read(base))
    why = reasons(ground, threads, Shown(v["lift_mm"], v["limits_used"], size), base)
    seconds = time.perf_counter() - clock
    out: list[Row] = []
    reader = Reader(tissue.mesh, rows, threads)
    was = reader.of(base, threads).risks["indentation"]
    for index, reason in enumerate(why.threads):
        zone = rows.zones.index(reason.main_zone)
        for change in reason.changes:
            asked = next(m for m in moves() if (m.kind, m.by) == (change.move.kind, change.move.by))
            new = _changed(ground, list(threads), index, asked)
            if new is None or not change.lift_mm:
                continue
            try:
                u = tissue.equilibrium(new, tolerance=TOLERANCE, start=base).displacement
            except SolverError:
                continue
            mm = (rows.read(u) - rows.read(base))[zone] * rows.goal_mm[zone]
            lift = (change.lift_mm[reason.main_zone], float(mm))
            dip = (change.risk_changes["indentation"], reader.of(u, new).risks["indentation"] - was)
            slips = change.stopped_by == "slip"
            out.append(Row("slipping" if slips else change.move.kind, lift, dip))
    return out, seconds, v["goal_attained"]


def _changed(ground: Ground, threads: list, index: int, move: Move) -> list | None:
    if move.kind == "left-out":
        return threads[:index] + threads[index + 1 :]
    found = moved(ground.tissue.mesh, ground.case.skin, threads[index], move)
    return None if found is None else [*threads[:index], found[0], *threads[index + 1 :]]


def main() -> None:
    """Print the table over the given seeds."""
    seeds = [int(s) for s in sys.argv[1:]] or [3, 11, 27]
    rows: list[Row] = []
    for seed in seeds:
        found, seconds, goal = compare(seed)
        print(f"face {seed}: goal {goal:.2f}, {len(found)} changes, reasons in {seconds:.1f} s")
        rows += found
    print("root mean square of the true change and of the error of what is told [mm]")
    print("change           n   lift  error    dip  error")
    for kind in [*dict.fromkeys(m.kind for m in moves()), "slipping"]:
        mine = [r for r in rows if r.kind == kind]
        if mine:
            sizes = []
            for pairs in ([r.lift_mm for r in mine], [r.dip_mm for r in mine]):
                sizes += [
                    _rms([true for _, true in pairs]),
                    _rms([told - true for told, true in pairs]),
                ]
            print(f"{kind:14s} {len(mine):3d} " + " ".join(f"{x:6.3f}" for x in sizes))


def _rms(values: list[float]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


if __name__ == "__main__":
    main()
