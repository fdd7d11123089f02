"""Members of an ensemble, fast and one by one, in turn in one process: time, lift, risks, failures.

"Before" is what needs nothing of the other members: the member's own tissue, an ordering and a
factor of its own, the whole displacement of the plan as start, residual 1e-3. Times are processor
time of one thread. Prints a row for each member and what became of all; `--tight` compares both
with solves to 1e-6 instead of with each other.

    .venv/bin/python benchmarks/ensemble.py [--seed 201] [--members 16] [--tight]
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from threadlift.assessment import assess
from threadlift.consultation import Consultation
from threadlift.consultation.models import Contraindications
from threadlift.errors import SolverError
from threadlift.evidence import value
from threadlift.face import Face
from threadlift.members import Member, Result, design, nominal_member, read_member, solve_member
from threadlift.members.ensemble import shared_tissue
from threadlift.outcome.measures import Reading
from threadlift.outcome.predict import _probe
from threadlift.repeatable import one_blas_thread
from threadlift.threads import Thread
from threadlift.threads.thread import Side
from threadlift.tissue import Tissue

RECORD = Consultation.model_validate(
    {
        "patient": {"age_years": 60, "sex": "female"},
        "contraindications": dict.fromkeys(Contraindications.model_fields, False),
        "sagging": {"jowl": 3, "marionette": 2, "jawline": 2, "malar": 2, "nasolabial": 1},
    }
)
PLAN_TOLERANCE, OWN_TOLERANCE, TIGHT = 1e-6, 1e-3, 1e-6
OWN_STEPS = 25
# Threads of a side: from, to, tension [N]; in the middle of the fat.
COURSES = (
    ("preauricular", "jowl_point", 0.8),
    ("tragion", "gonion", 0.6),
    ("preauricular", "cheilion", 0.7),
)
MIDDLE_OF_FAT = 2.0


def courses(tissue: Tissue) -> tuple[Thread, ...]:
    """Three anchored threads a side, along the skin in the middle of the fat."""
    mesh, out = tissue.mesh, []
    for side in get_args(Side):
        letter = side[0].upper()
        for number, (start, end, tension) in enumerate(COURSES, 1):
            ends = [np.asarray(_landmark(tissue.face, f"{x}_{letter}")) for x in (start, end)]
            triangles, bary = mesh.surface_path(ends[0], ends[0] + 0.8 * (ends[1] - ends[0]))
            count = len(triangles)
            skin = mesh.point_at(triangles, bary, np.zeros(count))[0]
            path = mesh.point_at(triangles, bary, np.full(count, MIDDLE_OF_FAT))[0]
            out.append(
                Thread(
                    id=f"{letter}{number}", side=side, product="pdo-2-0-molded",
                    technique="anchored", entry_mm=path[0], path_mm=path,
                    depth_mm=np.linalg.norm(path - skin, axis=1), layer=("fat",) * count,
                    tension_n=tension,
                )
            )  # fmt: skip
    return tuple(out)


def _landmark(face: Face | None, name: str) -> NDArray:
    assert face is not None
    return face.landmark(name)


@dataclass(frozen=True)
class Row:
    """Seconds before and after, differences [%] of lift and risks, what became of both."""

    seconds: tuple[float, float]
    lift: float
    risks: dict[str, float]
    before: Result
    after: Result


def alone(tissue: Tissue, probe, threads: tuple[Thread, ...], member: Member, plan, tolerance):
    """A member by itself, at less tension where it has no equilibrium."""
    reason = ""
    for share in (1.0, value("risks.ensemble.reduced_tension")):
        pulled = replace(member, tension=tuple(share * t for t in member.tension))
        try:
            found = solve_member(
                tissue, threads, pulled, tolerance=tolerance, max_iterations=OWN_STEPS,
                start=share * plan,
            )  # fmt: skip
        except SolverError as error:
            reason = error.problem
            continue
        return Result(probe.read(found.surface / share), share)
    return Result(None, reason=reason)


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Processor seconds and result."""
    begin = time.process_time()
    result = work()
    return time.process_time() - begin, result


def apart(one: Reading, other: Reading) -> tuple[float, dict[str, float]]:
    """Differences [%] of lifts against the largest one and of risk values against themselves."""
    largest = max(other.lift_mm.values())
    lift = max(abs(one.lift_mm[z] - mm) for z, mm in other.lift_mm.items()) / largest
    risks = {n: abs(one.values[n] - x) / max(abs(x), 1e-3) for n, x in other.values.items()}
    return 100.0 * lift, {n: 100.0 * x for n, x in risks.items()}


@one_blas_thread
def measure(seed: int, members: int, tight: bool) -> list[Row]:
    """One row for each member of a synthetic person's ensemble."""
    face = Face.synthetic(seed=seed, age_years=60.0, jowl_mm=3.0 + seed % 3, asymmetry=0.3)
    tissue = Tissue.of(face, RECORD, "coarse")
    threads = courses(tissue)
    probe = _probe(tissue, assess(face, tissue, RECORD), threads)
    nominal = nominal_member(tissue, len(threads))
    plan = solve_member(tissue, threads, nominal, tolerance=PLAN_TOLERANCE).displacement
    own = tissue.varied()
    seconds, _ = timed(lambda: Result(shared_tissue(tissue, threads, plan)))
    shared = shared_tissue(tissue, threads, plan)
    print(f"{tissue.ndof} unknowns, {len(threads)} threads; once for all members {seconds:.2f} s")
    rows = []
    for member in design(tissue, len(threads), members, 0):
        before = timed(lambda m=member: alone(own, probe, threads, m, plan, OWN_TOLERANCE))
        after = timed(lambda m=member: read_member(shared, probe, threads, m, plan))
        exact = alone(own, probe, threads, member, plan, TIGHT) if tight else before[1]
        lift, risks = float("nan"), {}
        if after[1].reading is not None and exact.reading is not None:
            lift, risks = apart(after[1].reading, exact.reading)
        rows.append(Row((before[0], after[0]), lift, risks, before[1], after[1]))
        print(
            f"{member.name:12s} {before[0]:6.2f} {after[0]:6.2f} s  lift {lift:.2f} %  "
            + "  ".join(f"{n} {x:.2f}" for n, x in risks.items())
            + "".join(f"  {r.reason}" for r in (before[1], after[1]) if r.reason)
            + ("" if before[1].share == after[1].share else "  solved at another tension"),
            flush=True,
        )
    return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, default=201)
    parser.add_argument("--members", type=int, default=16)
    parser.add_argument("--tight", action="store_true", help="compare with solves to 1e-6")
    options = parser.parse_args()
    rows = measure(options.seed, options.members, options.tight)
    before, after = np.mean([r.seconds for r in rows], axis=0)
    failed = [
        sum(x.reading is None for x in y)
        for y in zip(*((r.before, r.after) for r in rows), strict=True)
    ]
    print(
        f"processor seconds a member: {before:.2f} before, {after:.2f} after ({before / after:.1f})"
    )
    print(f"largest difference of lift {np.nanmax([r.lift for r in rows]):.2f} %, of a risk "
          f"{max(max(r.risks.values(), default=0.0) for r in rows):.2f} %")  # fmt: skip
    print(f"without equilibrium: {failed[0]} before, {failed[1]} after; at less tension: "
          f"{sum(r.before.share < 1 for r in rows)} before, "
          f"{sum(r.after.share < 1 for r in rows)} after")  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory of this process {peak:.2f} GiB")


if __name__ == "__main__":
    main()
