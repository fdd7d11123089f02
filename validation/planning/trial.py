"""One person from face to stored result: plan, export, published techniques, mirror image."""

from __future__ import annotations

import hashlib
import json
import os
import time
from functools import lru_cache
from pathlib import Path

import numpy as np

import threadlift
from threadlift.assessment import Assessment, assess
from threadlift.consultation import Consultation
from threadlift.errors import InputError
from threadlift.face import Face
from threadlift.planning import Plan, plan
from threadlift.planning.safety import SafetyCase, UnsafePlanError
from threadlift.planning.techniques import standard_plans, techniques
from threadlift.threads import Thread
from threadlift.tissue import Tissue
from validation.planning.judge import Judge, Solved, equal_pull
from validation.planning.people import Person, person
from validation.planning.result import FaceResult, Trial

#: Mesh of everything on this page: planning, verification and comparison.
LEVEL = "coarse"
#: What results depend on, below the package's root; beside it, this folder's files named below.
_PACKAGE = ("anatomy", "assessment", "consultation", "evidence", "face/synthetic", "planning",
            "threads", "tissue", "frames.py", "repeatable.py")  # fmt: skip
_HERE = ("judge.py", "people.py", "result.py", "trial.py")
#: A mirrored plan is the same if no point [mm] and no tension [N] is further off (the stated
#: decimals are a hundredth).
MIRROR_TOLERANCE = 0.011


@lru_cache(maxsize=1)
def code() -> str:
    """Digest of the code and numbers that results depend on."""
    root, here = Path(threadlift.__file__).parent, Path(__file__).parent
    digest = hashlib.sha256()
    for path in [*(root / name for name in _PACKAGE), *(here / name for name in _HERE)]:
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in files:
            if file.suffix in (".py", ".toml"):
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def run(number: int, mirrored: bool = False) -> FaceResult:
    """The result of one person; mirrored: the mirror image is planned for, too."""
    made_by = code()  # before anything else: files may change while this runs
    who = person(number)
    tissue, assessment = _made(who.face, who.record)
    start = time.process_time()
    made = plan(tissue, assessment, explained=False)
    seconds = time.process_time() - start
    assert tissue.stack is not None
    case = SafetyCase.of(who.face, tissue.stack, tissue.consultation)
    violations, blocked = _exported(made, case)
    judge = Judge(tissue, assessment, case, made.verification.get("nominal_limits_mm"))
    shown = judge.solved(made.recommended, made.displacement) if made.recommended else None
    if made.recommended and shown is None:
        raise RuntimeError(f"Person {number}: the plan's threads have no equilibrium.")
    trials: tuple[Trial, ...] = ()
    if shown is not None or (made.refusal and made.refusal.kind == "not-reachable-safely"):
        trials = tuple(_tried(judge, name, who.face, shown) for name in techniques())
    goal = {z: g.mm for z, g in assessment.goal.items()}
    o = made.optimality
    return FaceResult(
        number=number,
        seed=who.seed,
        code=made_by,
        pattern=who.pattern,
        lower=who.lower,
        age_years=float(who.record.patient.age_years or 0.0),
        sex=str(who.record.patient.sex),
        goal_mm=max(goal.values(), default=0.0),
        uneven_mm=max((abs(goal[z] - goal.get(_other(z), goal[z])) for z in goal), default=0.0),
        recommendation=made.recommendation,
        refusal=None if made.refusal is None else made.refusal.to_json(),
        gap=o.gap,
        gap_relative=float(o.grid.get("gap_relative", 0.0)),
        complete=bool(o.grid.get("complete", True)),
        seconds=seconds,
        violations=violations,
        blocked=blocked,
        plan=None if shown is None else shown.shown,
        techniques=trials,
        threads=tuple(t.to_json() for t in made.recommended),
        mirrored=_mirror_image(who, made) if mirrored and made.recommended else None,
        alternatives=sum(bool(a.threads) for a in made.alternatives),
        candidates={s: int(n) for s, n in o.grid.get("safe", {}).items()},
    )


def _made(face: Face, record: Consultation) -> tuple[Tissue, Assessment]:
    tissue = Tissue.of(face, record, LEVEL)
    return tissue, assess(face, tissue, record)


def _other(zone: str) -> str:
    name, _, side = zone.rpartition("_")
    swap = {"left": "right", "right": "left"}
    return f"{name}_{swap.get(side, side)}"


def _exported(made: Plan, case: SafetyCase) -> tuple[int, str]:
    """Violations in what leaves through the gate (read back from its JSON), or why nothing does."""
    try:
        left = Plan.from_json(json.loads(json.dumps(made.to_json())))
    except UnsafePlanError as error:
        return len(error.violations), str(error)
    parts = [left.recommended, *(a.threads for a in left.alternatives)]
    return sum(len(case.check(threads).violations) for threads in parts), ""


def _tried(judge: Judge, name: str, face: Face, plan_shown: Solved | None) -> Trial:
    """One technique: at its own pull, within limits, and at equal pull with the plan."""
    case, mesh = judge.case, judge.tissue.mesh
    try:
        (standard,) = standard_plans(face, mesh, case.skin, case.marks, [name])
    except InputError as error:
        return Trial(name, error.problem, (), None, None, None, None)
    path = tuple((v.rule, v.structure) for v in judge.path_violations(standard.threads))
    full = judge.solved(standard.threads)
    kept = judge.kept(standard.threads, full)
    equal = plan_equal = None
    if full is not None and plan_shown is not None:
        wanted = equal_pull(plan_shown.shown.pull_n, full.shown.pull_n)
        equal, plan_equal = judge.at_pull(full, wanted), judge.at_pull(plan_shown, wanted)
    return Trial(
        name, "", path, *(None if s is None else s.shown for s in (full, kept, equal, plan_equal))
    )


def _mirror_image(who: Person, made: Plan) -> dict[str, float | bool | None]:
    """The plan of the mirror image against the mirrored plan."""
    face, record = who.face.mirrored(), who.record.mirrored()
    other = plan(*_made(face, record), explained=False)
    return mirror_difference(made.recommended, other.recommended)


def mirror_difference(
    here: tuple[Thread, ...], there: tuple[Thread, ...]
) -> dict[str, float | bool | None]:
    """Largest differences (mm, N) of threads from the mirror images of others, thread by thread.

    Where they are not the same threads at all there are no differences (None).
    """
    swap = str.maketrans("LR", "RL")
    mine = {t.id: t for t in here}
    twins = {t.id.translate(swap): t.mirrored() for t in there}
    far = {"same": False, "mm": None, "n": None}
    if mine.keys() != twins.keys() or any(
        t.product != twins[k].product or t.path_mm.shape != twins[k].path_mm.shape
        for k, t in mine.items()
    ):
        return far
    apart = max(float(np.abs(t.path_mm - twins[k].path_mm).max()) for k, t in mine.items())
    pull = max(abs(t.tension_n - twins[k].tension_n) for k, t in mine.items())
    same = apart <= MIRROR_TOLERANCE and pull <= MIRROR_TOLERANCE
    return {"same": same, "mm": apart, "n": pull}


def stored(folder: Path, number: int) -> Path:
    """Where the result of a person is kept."""
    return folder / f"{number:04d}.json"


def run_and_store(folder: Path, number: int, mirrored: bool) -> FaceResult:
    """:func:`run`, kept; written aside first, so that a kill leaves no half a file."""
    result = run(number, mirrored)
    path = stored(folder, number)
    aside = path.with_suffix(f".{os.getpid()}.part")
    aside.write_text(json.dumps(result.to_json()), encoding="utf-8")
    aside.replace(path)
    return result


def read(folder: Path) -> list[FaceResult]:
    """Every stored result, by number."""
    files = sorted(folder.glob("[0-9]*.json"))
    return [FaceResult.from_json(json.loads(f.read_text(encoding="utf-8"))) for f in files]
