"""One run from inputs to files. Nothing is left behind by a run that fails."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from threadlift.assessment import Assessment, assess
from threadlift.capturing import (
    CAPTURE_PAGE,
    FaceSource,
    Progress,
    silent,
    staged,
    within,
    write_glb,
    write_json,
)
from threadlift.consultation import Consultation
from threadlift.errors import InputError
from threadlift.face import Face
from threadlift.face.pair import Displacement
from threadlift.interop.file_models import checked
from threadlift.outcome import Outcome, predict
from threadlift.planning import Plan, plan
from threadlift.reporting import load_run, write_report
from threadlift.reporting.capture_page import write_capture_page
from threadlift.reporting.run_data import ASSESSMENT, GLB, OUTCOME, PLAN, REPORT
from threadlift.threads.thread import Thread
from threadlift.tissue import Tissue

#: Share of the run at which each stage ends; from timings of the demo.
STAGES = {"face": 0.08, "tissue": 0.14, "plan": 0.50, "outcome": 0.92, "report": 1.0}


@dataclass(frozen=True)
class Run:
    """Everything that one run computed."""

    face: Face
    assessment: Assessment
    plan: Plan
    outcome: Outcome | None


def inputs_sha256(files: list[Path], options: dict[str, Any]) -> str:
    """SHA-256 over the content of the input files and the options, in a fixed order."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    digest.update(json.dumps(options, sort_keys=True).encode())
    return digest.hexdigest()


def execute(
    face: Face,
    consultation: Consultation,
    *,
    inputs_hash: str,
    max_threads: int = 4,
    seed: int = 0,
    members: int = 32,
    progress: Progress = silent,
) -> Run:
    """Tissue, assessment, plan and outcome of a face. The order of design: plan before needle."""
    progress(STAGES["face"], "Building the layered tissue")
    tissue = Tissue.of(face, consultation)
    progress(0.5 * (STAGES["face"] + STAGES["tissue"]), "Assessing")
    assessment = assess(face, tissue, consultation)
    progress(STAGES["tissue"], "Searching for a plan")
    result = plan(
        tissue,
        assessment,
        max_threads=max_threads,
        seed=seed,
        progress=within(progress, STAGES["tissue"], STAGES["plan"]),
    )
    result = replace(result, inputs_sha256=inputs_hash)
    outcome = None
    if result.recommended:
        progress(STAGES["plan"], "Predicting over an ensemble of tissues")
        outcome = predict(
            tissue,
            result.recommended,
            assessment,
            members=members,
            seed=seed,
            progress=within(progress, STAGES["plan"], STAGES["outcome"]),
            start=result.displacement,
        )
    return Run(face, assessment, result, outcome)


def report(folder: str | Path, *, language: str = "en") -> Path:
    """Make report.html of a finished run's folder again; returns its path."""
    path = Path(folder) / REPORT
    write_report(load_run(folder), path, language)
    return path


def write_run(
    run: Run, folder: Path, language: str = "en", posture: Displacement | None = None
) -> None:
    """Write face.glb, assessment.json, plan.json, outcome.json and report.html to `folder`.

    posture: what was observed between two postures; it goes with the assessment.
    """
    face = run.face
    displacement = None if run.outcome is None else run.outcome.displacement_mm
    write_glb(
        face,
        folder / GLB,
        np.zeros_like(face.vertices) if displacement is None else displacement,
        run.plan.recommended,
    )
    write_json(
        folder / ASSESSMENT,
        checked(
            "assessment",
            run.assessment.to_json()
            | {
                "capture": face.capture.to_json(),
                "posture": None if posture is None else posture.to_json(),
            },
        ),
    )
    write_json(folder / PLAN, checked("plan", run.plan.to_json()))
    if run.outcome is not None:
        write_json(folder / OUTCOME, checked("outcome", run.outcome.to_json()))
    write_report(load_run(folder), folder / REPORT, language)


def plan_to_folder(
    source: FaceSource,
    consultation_path: Path | None,
    folder: Path,
    *,
    max_threads: int = 4,
    seed: int = 0,
    members: int = 32,
    language: str = "en",
    progress: Progress = silent,
) -> Run:
    """`threadlift plan`: the whole way from files to a folder of results."""
    consultation = (
        Consultation() if consultation_path is None else Consultation.load(consultation_path)
    )
    options = {"max_threads": max_threads, "seed": seed, "members": members, **source.options}
    with staged(folder) as staging:
        progress(0.0, "Fitting the face")
        captured = source.capture(
            consultation.measurements.interpupillary_distance_mm,
            within(progress, 0.0, STAGES["face"]),
        )
        face = captured.face
        posture = source.posture()
        files = source.files + ([] if consultation_path is None else [consultation_path])
        run = execute(
            face,
            consultation,
            inputs_hash=inputs_sha256(files, options),
            max_threads=max_threads,
            seed=seed,
            members=members,
            progress=progress,
        )
        progress(STAGES["outcome"], "Writing the report")
        write_run(run, staging, language, posture)
        write_capture_page(captured, staging / CAPTURE_PAGE, language, posture)
    progress(1.0, "Done")
    return run


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


def simulate_to_folder(
    plan_path: Path,
    source: FaceSource,
    consultation_path: Path | None,
    folder: Path,
    *,
    seed: int = 0,
    members: int = 32,
    progress: Progress = silent,
) -> Outcome:
    """`threadlift simulate`: outcome.json and the displaced face.glb of a given plan."""
    consultation = (
        Consultation() if consultation_path is None else Consultation.load(consultation_path)
    )
    threads = read_threads(plan_path)
    with staged(folder) as staging:
        progress(0.0, "Fitting the face")
        face = source.load(
            consultation.measurements.interpupillary_distance_mm,
            within(progress, 0.0, STAGES["face"]),
        )
        progress(STAGES["face"], "Building the layered tissue")
        tissue = Tissue.of(face, consultation)
        assessment = assess(face, tissue, consultation)
        outcome = predict(
            tissue,
            threads,
            assessment,
            members=members,
            seed=seed,
            progress=within(progress, STAGES["tissue"], STAGES["outcome"]),
        )
        write_json(staging / OUTCOME, checked("outcome", outcome.to_json()))
        write_glb(face, staging / GLB, outcome.displacement_mm, threads)
    progress(1.0, "Done")
    return outcome
