"""One run from inputs to files. Nothing is left behind by a run that fails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from threadlift.assessment import Assessment
from threadlift.capturing import (
    CAPTURE_PAGE,
    Progress,
    silent,
    staged,
    within,
    write_glb,
    write_json,
)
from threadlift.errors import InputError
from threadlift.interop.file_models import checked
from threadlift.job import STAGES, Job
from threadlift.outcome import MEMBERS, Outcome, predict
from threadlift.patient import Patient, patient_of
from threadlift.planning import Plan, SafetyReport, plan
from threadlift.planning.marked_reasons import followed
from threadlift.planning.safety import SafetyCase
from threadlift.reporting import load_run, write_report
from threadlift.reporting.capture_page import write_capture_page
from threadlift.reporting.run_data import ASSESSMENT, GLB, OUTCOME, PLAN, REPORT
from threadlift.threads.thread import Thread
from threadlift.tissue import Tissue


@dataclass(frozen=True)
class Run:
    """Everything that one run computed."""

    patient: Patient
    plan: Plan
    outcome: Outcome | None

    @property
    def assessment(self) -> Assessment:
        """The patient's assessment."""
        return self.patient.assessment


def execute(
    patient: Patient,
    *,
    inputs_hash: str,
    max_threads: int = 4,
    seed: int = 0,
    members: int = MEMBERS,
    progress: Progress = silent,
) -> Run:
    """Plan and outcome of a patient. The order of design: plan before needle."""
    progress(STAGES["tissue"], "Searching for a plan")
    result = plan(
        patient.tissue,
        patient.assessment,
        max_threads=max_threads,
        seed=seed,
        progress=within(progress, STAGES["tissue"], STAGES["plan"]),
    )
    result = replace(result, inputs_sha256=inputs_hash)
    outcome = None
    if result.recommended:
        progress(STAGES["plan"], "Predicting over an ensemble of tissues")
        outcome = predict(
            patient.tissue,
            result.recommended,
            patient.assessment,
            members=members,
            seed=seed,
            progress=within(progress, STAGES["plan"], STAGES["outcome"]),
            start=result.displacement,
        )
    return Run(patient, result, outcome)


def report(folder: str | Path, *, language: str = "en") -> Path:
    """Make report.html of a finished run's folder again; returns its path."""
    path = Path(folder) / REPORT
    write_report(load_run(folder), path, language)
    return path


def write_run(run: Run, folder: Path, language: str = "en") -> None:
    """Write face.glb, assessment.json, plan.json, outcome.json and report.html to `folder`."""
    face, posture, fitted = run.patient.face, run.patient.posture, run.patient.fitted
    displacement = None if run.outcome is None else run.outcome.displacement_mm
    write_glb(
        face,
        folder / GLB,
        np.zeros_like(face.vertices) if displacement is None else displacement,
        run.plan.recommended,
        run.plan.safety.violations,
    )
    write_json(
        folder / ASSESSMENT,
        checked(
            "assessment",
            run.assessment.to_json()
            | {
                "capture": face.capture.to_json(),
                "posture": None if posture is None else posture.to_json(),
                "identified": None if fitted is None else fitted.to_json(),
            },
        ),
    )
    write_json(folder / PLAN, checked("plan", run.plan.to_json()))
    if run.outcome is not None:
        write_json(folder / OUTCOME, checked("outcome", run.outcome.to_json()))
    write_report(load_run(folder), folder / REPORT, language)


def plan_to_folder(job: Job, folder: Path, *, max_threads: int = 4) -> Run:
    """`threadlift plan`: the whole way from files to a folder of results."""
    with staged(folder) as staging:
        run = execute(
            patient_of(job),
            inputs_hash=job.inputs_sha256(max_threads=max_threads),
            max_threads=max_threads,
            seed=job.seed,
            members=job.members,
            progress=job.progress,
        )
        write_pages(job, run, staging)
    job.progress(1.0, "Done")
    return run


def write_pages(job: Job, run: Run, folder: Path) -> None:
    """Everything that `plan` and `check` leave: the run's files and the page of the capture."""
    job.progress(STAGES["outcome"], "Writing the report")
    patient = run.patient
    write_run(run, folder, job.language)
    write_capture_page(patient.captured, folder / CAPTURE_PAGE, job.language, patient.posture)


def read_threads(path: Path) -> tuple[Thread, ...]:
    """The threads of a plan.json. Raises InputError that names the file."""
    remedy = "Pass the plan.json of a threadlift run (schema threadlift.plan/1)."
    try:
        data = json.loads(path.read_text("utf-8"))
        threads = tuple(Thread.from_json(t) for t in data["threads"])
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).", remedy) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a plan ({error}).", remedy) from error
    if not threads:
        raise InputError(f"{path} holds no threads to simulate.", remedy)
    return threads


@dataclass(frozen=True)
class Simulated:
    """What given threads do to a face, and which safety rules they break there."""

    outcome: Outcome
    safety: SafetyReport

    def to_json(self) -> dict[str, Any]:
        """`outcome.json` with the safety kernel's report, as plan.json has it."""
        return self.outcome.to_json() | {"safety": self.safety.to_json()}


def simulate(
    tissue: Tissue,
    threads: Sequence[Thread],
    assessment: Assessment,
    *,
    members: int = MEMBERS,
    seed: int = 0,
    progress: Progress = silent,
) -> Simulated:
    """Predict what given threads do. Broken safety rules are told; they do not stop it.

    Raises InputError where the tissue is not that of a face.
    """
    if tissue.face is None or tissue.stack is None:
        raise InputError("A plan is simulated in a face.", "Use Tissue.of(face, consultation).")
    case = SafetyCase.of(tissue.face, tissue.stack, tissue.consultation)
    safety = case.check(threads)
    outcome = predict(tissue, threads, assessment, members=members, seed=seed, progress=progress)
    if broken := safety.violations:
        note = (
            f"The threads break {len(broken)} safety rules on this face (see safety.violations); "
            "they were simulated nevertheless, which does not make them a plan to carry out."
        )
        outcome = replace(outcome, notes=(note, *outcome.notes))
    outcome = replace(
        outcome, notes=(*outcome.notes, *(s.english for s in followed(case.markings)))
    )
    return Simulated(outcome, safety)


def simulate_to_folder(plan_path: Path, job: Job, folder: Path) -> Simulated:
    """`threadlift simulate`: outcome.json and the displaced face.glb of a given plan."""
    threads = read_threads(plan_path)
    with staged(folder) as staging:
        patient = patient_of(job)
        found = simulate(
            patient.tissue,
            threads,
            patient.assessment,
            members=job.members,
            seed=job.seed,
            progress=within(job.progress, STAGES["tissue"], STAGES["outcome"]),
        )
        write_json(staging / OUTCOME, checked("outcome", found.to_json()))
        write_glb(
            patient.face,
            staging / GLB,
            found.outcome.displacement_mm,
            threads,
            found.safety.violations,
        )
    job.progress(1.0, "Done")
    return found
