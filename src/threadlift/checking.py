"""`threadlift check`: somebody's plan, judged on this face; its files are those of a plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from threadlift.anatomy.places import Places
from threadlift.assessment import Assessment
from threadlift.capturing import Progress, silent, staged, within
from threadlift.consultation import Consultation
from threadlift.errors import InputError, SolverError
from threadlift.evidence import value
from threadlift.job import STAGES, Job
from threadlift.outcome import MEMBERS, Outcome, predict
from threadlift.outcome.judge import Evidence, Judgement, Overall, judge
from threadlift.patient import patient_of
from threadlift.pipeline import Run, write_pages
from threadlift.planning import Alternative, Plan, plan
from threadlift.planning.marked_reasons import followed
from threadlift.planning.plan import no_treatment
from threadlift.planning.proposed import Proposed, place_on
from threadlift.planning.reading import Reader, Reading
from threadlift.planning.refusal import before_planning
from threadlift.planning.request import PlanRequest, load_proposal
from threadlift.planning.result import Optimality, Recommendation
from threadlift.planning.rows import build_rows
from threadlift.planning.safety import SafetyCase
from threadlift.planning.sentences import Sentence, sentence
from threadlift.reporting.check_texts import failed_sentence, question_text
from threadlift.reporting.texts import texts
from threadlift.threads.thread import Thread
from threadlift.tissue import Tissue

#: What plan.json recommends of a proposal: threads only where nothing hard speaks against them.
_RECOMMENDED: dict[Overall, Recommendation] = {
    "sound": "threads",
    "reservations": "threads",
    "unclear": "more-information",
    "unacceptable": "no-thread-lift",
}
_NO_OPTIMUM = Optimality(0.0, 0.0, 0.0, {})


@dataclass(frozen=True)
class Checked:
    """A judged proposal in the form of a plan; outcome: None where nothing was simulated."""

    plan: Plan
    outcome: Outcome | None


def check_plan(
    tissue: Tissue,
    assessment: Assessment,
    proposal: PlanRequest | tuple[Thread, ...],
    *,
    inputs_hash: str = "",
    seed: int = 0,
    members: int = MEMBERS,
    scenarios: int | None = None,
    progress: Progress = silent,
) -> Checked:
    """Judge a proposed plan on a face, given its tissue and assessment.

    scenarios: under which the planner's own plan has to hold (as in :func:`threadlift.plan`).

    Safety comes first and needs no simulation; the plan is simulated even if it breaks rules, so
    that its effect is known; the planner then gets as many threads per side as the proposal has.
    Where the record forbids or does not yet allow any plan, neither is done. Raises InputError for
    courses that this face does not have.
    """
    face, consultation = tissue.face, tissue.consultation or Consultation()
    if face is None or tissue.stack is None:
        raise InputError("A plan is judged on a face.", "Use Tissue.of(face, consultation).")
    case = SafetyCase.of(face, tissue.stack, tissue.consultation)
    proposed = place_on(proposal, tissue.mesh, case.skin, Places(face))
    safety = case.check(proposed.threads)
    stop = before_planning(face, consultation, assessment)
    own, outcome, reason = None, None, ""
    if stop is None:
        own = plan(
            tissue,
            assessment,
            max_threads=_asked_of_planner(proposed),
            seed=seed,
            scenarios=scenarios,
            progress=within(progress, STAGES["tissue"], STAGES["plan"]),
            # Its threads and what they attain are compared; nobody reads its reasons.
            explained=False,
        )
        progress(STAGES["plan"], "Predicting what the proposed plan does")
        outcome, reason = _predicted(
            tissue,
            proposed,
            assessment,
            members,
            seed,
            within(progress, STAGES["plan"], STAGES["outcome"]),
        )
    limit_mm = None if own is None else own.verification.get("nominal_limits_mm")
    reading = None if outcome is None else _reading(tissue, outcome, assessment, proposed, limit_mm)
    found = Evidence(proposed, consultation, stop, safety, outcome, reason, reading, own)
    made = _as_plan(found, judge(found), case, inputs_hash, seed)
    return Checked(made, outcome)


def _asked_of_planner(proposed: Proposed) -> int:
    """Threads per side that the planner may use: as many, within what it plans at all."""
    return min(proposed.per_side, int(value("planning.safety.threads_side")))


def _predicted(
    tissue: Tissue,
    proposed: Proposed,
    assessment: Assessment,
    members: int,
    seed: int,
    progress: Progress,
) -> tuple[Outcome | None, str]:
    """The outcome, or why there is none."""
    try:
        return predict(
            tissue, proposed.threads, assessment, members=members, seed=seed, progress=progress
        ), ""
    except (SolverError, InputError) as error:
        return None, f"{error.problem} {error.remedy}".strip()


def _reading(
    tissue: Tissue,
    outcome: Outcome,
    assessment: Assessment,
    proposed: Proposed,
    limit_mm: dict[str, float] | None,
) -> Reading | None:
    """The outcome in the planner's measures; None when it was shown on another mesh.

    limit_mm: this face's nominal limits, where a plan of ours found them.
    """
    mesh = tissue.mesh
    if len(outcome.surface_mm) != mesh.columns:
        return None
    displacement = np.zeros((len(mesh.points), 3))
    displacement[:: mesh.nl] = outcome.surface_mm
    rows = build_rows(mesh, assessment.goal, limit_mm)
    return Reader(mesh, rows, proposed.threads).of(displacement, proposed.threads)


def _as_plan(
    found: Evidence, judged: Judgement, case: SafetyCase, inputs_hash: str, seed: int
) -> Plan:
    """plan.json of a proposal: its threads, marked as proposed, with the judgement."""
    from threadlift import __version__

    own, reading = found.own, found.reading
    alternatives = (no_treatment(),)
    if own is not None and own.recommended:
        alternatives = (
            Alternative(
                "best-of-same-size",
                sentence("same-size"),
                sentence("same-size-note", n=found.proposed.per_side),
                own.recommended,
                own.verification,
            ),
            *alternatives,
        )
    optimality = _NO_OPTIMUM
    if own is not None and reading is not None:
        bound = max(own.optimality.bound, reading.objective)
        optimality = Optimality(
            reading.objective, bound, bound - reading.objective, own.optimality.grid
        )
    t = texts("en")
    reasons = [t("check.proposed"), t(f"check.overall.{judged.overall}")]
    if found.refusal is not None:
        reasons += found.refusal.because
    reasons += [failed_sentence(c.to_json(), t) for c in judged.criteria if c.verdict == "fail"]
    return Plan(
        recommendation=_RECOMMENDED[judged.overall],
        reasons=(
            *Sentence.every(tuple(dict.fromkeys(reasons)), None),
            *followed(case.markings),
        ),
        recommended=found.proposed.threads,
        alternatives=alternatives,
        optimality=optimality,
        safety=found.safety,
        verification={}
        if reading is None
        else {
            "mesh": "as predicted",
            "goal_attained": round(reading.goal_attained, 4),
            "lift_mm": {z: round(x, 2) + 0.0 for z, x in reading.lift_mm.items()},
            "limits_used": {k: round(x, 3) + 0.0 for k, x in reading.used.items()},
        },
        version=__version__,
        seed=seed,
        inputs_sha256=inputs_hash,
        refusal=found.refusal,
        case=case,
        origin="proposed",
        judgement={
            "overall": judged.overall,
            "criteria": [c.to_json() for c in judged.criteria],
            "assumptions": [a.to_json() for a in found.proposed.assumptions],
            "questions": [
                {"kind": q.kind, "values": q.values, "text": question_text(q.kind, q.values, t)}
                for q in judged.questions
            ],
            "same_size": judged.same_size,
        },
    )


def check_to_folder(plan_path: Path, job: Job, folder: Path) -> Run:
    """`threadlift check`: a proposed plan from files to the folder of its judgement."""
    proposal = load_proposal(plan_path)
    with staged(folder) as staging:
        patient = patient_of(job)
        found = check_plan(
            patient.tissue,
            patient.assessment,
            proposal,
            inputs_hash=job.inputs_sha256(plan_path, check=True),
            seed=job.seed,
            members=job.members,
            progress=job.progress,
        )
        run = Run(patient, found.plan, found.outcome)
        write_pages(job, run, staging)
    job.progress(1.0, "Done")
    return run
