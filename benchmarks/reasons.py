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
from threadlift.planning.reason_data import Change
from threadlift.planning.reasons import Ground, reasons
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
    """One change: kind, change of the main zone's lift [mm] and of the worst dip [mm]."""

    kind: str
    linear_mm: float
    nonlinear_mm: float


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
    ground = Ground(tissue, rows, SafetyCase.of(face, tissue.stack))
    base = tissue.equilibrium(threads, tolerance=TOLERANCE).displacement
    v = made.verification
    clock = time.perf_counter()
    why = reasons(ground, threads, v["lift_mm"], v["limits_used"], start=base)
    seconds = time.perf_counter() - clock
    out = []
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
            out.append(_row(change, reason.main_zone, float(mm)))
    return out, seconds, v["goal_attained"]


def _changed(ground: Ground, threads: list, index: int, move: Move) -> list | None:
    if move.kind == "left-out":
        return threads[:index] + threads[index + 1 :]
    found = moved(ground.tissue.mesh, ground.skin, threads[index], move)
    return None if found is None else [*threads[:index], found[0], *threads[index + 1 :]]


def _row(change: Change, zone: str, nonlinear_mm: float) -> Row:
    kind = "slipping" if change.stopped_by == "slip" else change.move.kind
    return Row(kind, change.lift_mm[zone], nonlinear_mm)


def main() -> None:
    """Print the table over the given seeds."""
    seeds = [int(s) for s in sys.argv[1:]] or [3, 11, 27]
    rows: list[Row] = []
    for seed in seeds:
        found, seconds, goal = compare(seed)
        print(f"face {seed}: goal {goal:.2f}, {len(found)} changes, reasons in {seconds:.1f} s")
        rows += found
    print("change          n   rms linear  rms nonlinear  rms difference  slope")
    for kind in [*dict.fromkeys(m.kind for m in moves()), "slipping"]:
        a = np.array([r.linear_mm for r in rows if r.kind == kind])
        b = np.array([r.nonlinear_mm for r in rows if r.kind == kind])
        if len(a):
            rms = [float(np.sqrt(np.mean(x**2))) for x in (a, b, a - b)]
            print(f"{kind:14s} {len(a):3d} {rms[0]:10.3f} {rms[1]:13.3f} {rms[2]:14.3f} "
                  f"{float(a @ b / (a @ a)):10.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
