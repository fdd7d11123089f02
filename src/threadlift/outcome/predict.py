"""`predict`: threads in this tissue → lift, risks, movement, time course, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from threadlift.assessment import Assessment
from threadlift.errors import InputError, SolverError
from threadlift.evidence import value
from threadlift.members import Member, Result, Task, Workers, design, nominal_member, solve_member
from threadlift.members.response import Response
from threadlift.outcome.course import course, relaxed
from threadlift.outcome.cover import Cover
from threadlift.outcome.ensemble import Ensemble
from threadlift.outcome.expressions import predict_expressions
from threadlift.outcome.fading import Fading
from threadlift.outcome.measures import Probe, Reading
from threadlift.outcome.model import Outcome, Solver
from threadlift.outcome.remedies import Remedy, remedies
from threadlift.outcome.side_effects import complications, rare_events
from threadlift.outcome.verdicts import SPREADS, Samples, estimate_of, risks_of, samples_of
from threadlift.quantities import Estimate
from threadlift.repeatable import one_blas_thread
from threadlift.threads.thread import Thread
from threadlift.tissue.equilibrium import Equilibrium
from threadlift.tissue.tissue import TOLERANCE, Tissue

Array = NDArray[np.float64]
Progress = Callable[[float, str], None]


#: Members of an ensemble, and the fewest of them that are solved.
MEMBERS = 256
_LEAST_SOLVED = 32


def solved_of(members: int) -> int:
    """How many members of an ensemble are solved: a quarter of a large one, all of a small one."""
    return min(members, max(_LEAST_SOLVED, members // 4))


@one_blas_thread
def predict(
    tissue: Tissue,
    threads: Sequence[Thread],
    assessment: Assessment,
    *,
    members: int = MEMBERS,
    seed: int = 0,
    progress: Progress | None = None,
    workers: int | None = None,
    start: NDArray[np.float64] | None = None,
) -> Outcome:
    """Predict what a plan does to a face.

    The plan as such is solved on the tissue's own mesh; the ensemble of what is not known
    (tissue, thickness, holding, placement, size, model, fading) on the coarse one. Each coarse
    value is multiplied by the ratio of the fine to the coarse plan as such (a control variate):
    the mesh's bias cancels, the spread stays.

    Parameters
    ----------
    tissue, threads, assessment: what was planned and for what goal.
    members: size of the ensemble; of more than 32 a quarter is solved, the others are read from
        the linear answer of the plan and what the solved ones add to it (`outcome.extended`).
    seed: same seed, same members.
    progress: called with the share done and a message.
    workers: processes; None: up to two. The result does not depend on it.
    start: (N, 3) [mm] these threads' equilibrium on the tissue's mesh, if it is known (a plan's).

    Raises InputError without threads, SolverError when the plan or too many members have no
    equilibrium.
    """
    if not threads:
        raise InputError("There is no thread to simulate.", "Give at least one thread.")
    if members < 2:
        raise InputError(f"An ensemble of {members} has no spread.", "Use at least 2 members.")
    tell = progress or (lambda fraction, message: None)
    tell(0.0, "Solving the plan")
    threads = tuple(threads)
    nominal = nominal_member(tissue, len(threads))
    coarse_tissue = tissue.at_level("coarse")
    coarse_probe = _probe(coarse_tissue, assessment, threads)
    middle = solve_member(coarse_tissue, threads, nominal, tolerance=TOLERANCE)
    shown = _on_finest(tissue, coarse_tissue, threads, nominal, middle, start)
    probe = _probe(shown.tissue, assessment, threads)
    fine = probe.read(shown.plan.surface)

    tell(0.2, "Moving the face")
    expressions = predict_expressions(
        coarse_tissue,
        threads,
        _expression_fields(coarse_tissue),
        middle.displacement,
        _expression_places(coarse_tissue),
        {name: _mean(list(sides.values())) for name, sides in assessment.movement_mm.items()},
        lambda moved: coarse_probe.read(moved).values["indentation"],
    )

    day = relaxed(coarse_tissue, threads, middle, coarse_probe)
    tell(0.25, "Predicting over an ensemble of tissues")
    drawn = design(coarse_tissue, len(threads), members, seed)
    solved = solved_of(members)
    task = Task(coarse_tissue.varied(), coarse_probe, threads, middle.displacement)
    with Workers(workers) as pool, ThreadPoolExecutor(1) as beside:
        # The linear answer is found here while the workers solve.
        linear = (
            beside.submit(_linear, coarse_tissue, threads, middle) if solved < members else None
        )
        results = pool.run(
            task,
            drawn[:solved],
            lambda n: tell(0.25 + 0.75 * n / solved, "Predicting over an ensemble of tissues"),
        )
        response = None if linear is None else linear.result()
        if linear is not None and response is None:
            # Too close to buckling for a linear answer: the rest is solved, too.
            results += pool.run(task, drawn[solved:])
            solved = members
    failed, good = _sorted_out(drawn[:solved], results)
    fading = Fading(threads)
    cover = Cover.of(shown.tissue, threads)
    helps: Mapping[str, Remedy] = {}
    plan_read = coarse_probe.read(middle.surface)
    spread = None
    if response is None:
        counted = [(drawn[i], r) for i, r in good]
        samples = samples_of(fine, plan_read, counted, probe, fading, cover)
    else:
        ensemble = Ensemble.of(
            coarse_tissue, coarse_probe, middle.surface, response, drawn, good, solved
        )
        samples = samples_of(fine, plan_read, ensemble.readings, probe, fading, cover)
        spread = ensemble.uncertainty(coarse_tissue, threads, samples)
        helps = remedies(threads, ensemble.answer)
    tell(1.0, "Predicted")
    widen = len(failed) / solved
    extrapolated = tuple(
        m.name for m, r in zip(drawn[:solved], results, strict=True) if r.share < 1.0
    )
    age = tissue.consultation.patient.age_years if tissue.consultation else None
    return Outcome(
        lift_mm={
            zone: estimate_of(x, "mm", ("model", *SPREADS), widen)
            for zone, x in samples.lift.items()
        },
        risks=risks_of(samples, fine, probe, fading, threads, widen, cover, helps),
        expressions=expressions,
        durability=fading.table(samples.durability_z),
        complications=complications(age),
        rare_events=rare_events(),
        solver=Solver(
            elements=len(shown.tissue.mesh.wedges),
            dof=shown.tissue.ndof,
            iterations=shown.plan.iterations,
            residual=shown.plan.residual,
            seconds=shown.plan.seconds,
        ),
        mesh=_element_quality(shown),
        members=members,
        failed=failed,
        extrapolated=extrapolated,
        notes=_notes(shown, members, solved, failed, extrapolated),
        uncertainty=spread,
        course=course(
            samples.lift, samples.durability_z, threads, fading, day, _told(samples, probe)
        ),
        seed=seed,
        displacement_mm=_displayed(shown.tissue, shown.plan.surface),
        surface_mm=shown.plan.surface,
    )


@dataclass(frozen=True)
class _Shown:
    """The plan as such on the mesh whose displacement is shown; why it is not the finest one."""

    tissue: Tissue
    plan: Equilibrium
    reason: str = ""


def _on_finest(
    tissue: Tissue,
    coarse: Tissue,
    threads: Sequence[Thread],
    nominal: Member,
    middle: Equilibrium,
    start: NDArray[np.float64] | None = None,
) -> _Shown:
    """The plan on the tissue's own mesh, or, where that has no equilibrium, on the coarse one."""
    if coarse is tissue:
        return _Shown(coarse, middle)
    try:
        near = tissue.carried(coarse, middle.displacement) if start is None else start
        plan = solve_member(tissue, threads, nominal, tolerance=TOLERANCE, start=near)
    except SolverError as error:
        return _Shown(coarse, middle, error.problem)
    return _Shown(tissue, plan)


def _told(samples: Samples, probe: Probe) -> list[str]:
    """Zones whose course is told: those of the goal, or the one that is lifted most."""
    zones = [z for z, g in probe.goal.items() if g.mm > 0.0 and z in samples.lift]
    middle = {z: float(np.median(x)) for z, x in samples.lift.items()}
    return zones or [max(middle, key=lambda z: middle[z])]


def _linear(tissue: Tissue, threads: Sequence[Thread], plan: Equilibrium) -> Response | None:
    """The linear answer about the plan; None where it is too close to buckling."""
    try:
        return Response.of(tissue, threads, plan)
    except SolverError:
        return None


def _element_quality(shown: _Shown) -> dict[str, float]:
    """Quality of the elements at rest, and the smallest local volume ratio under the threads."""
    quality = shown.tissue.mesh.quality()
    names = ("inverted", "min_scaled_jacobian", "p1_scaled_jacobian", "median_scaled_jacobian")
    found = {name: float(quality[name]) for name in names}
    return found | {"min_volume_ratio_lifted": float(shown.plan.min_jacobian)}


def _probe(tissue: Tissue, assessment: Assessment, threads: Sequence[Thread]) -> Probe:
    directions = {zone: -s.direction for zone, s in assessment.sag.items()}
    directions.update({zone: g.direction for zone, g in assessment.goal.items()})
    return Probe(
        tissue.mesh,
        directions,
        assessment.goal,
        [t.path_mm for t in threads],
        [t.depth_mm for t in threads],
    )


def _sorted_out(
    drawn: Sequence[Member], results: Sequence[Result[Reading]]
) -> tuple[tuple[tuple[str, str], ...], list[tuple[int, Reading]]]:
    """The failures by name, and number and reading of the members that converged."""
    failed, good = [], []
    for i, (member, result) in enumerate(zip(drawn, results, strict=True)):
        if result.reading is None:
            failed.append((member.name, result.reason))
        else:
            good.append((i, result.reading))
    if len(failed) > value("risks.ensemble.most_failures") * len(drawn) or len(good) < 2:
        name, reason = failed[0]
        raise SolverError(
            f"{len(failed)} of {len(drawn)} members of the ensemble found no equilibrium "
            f"({name}: {reason}).",
            "Lower the tension or choose deeper paths: the plan is at the edge of what holds.",
        )
    return tuple(failed), good


def _expression_fields(tissue: Tissue) -> dict[str, Array]:
    face: Any = tissue.face
    if face is None:
        return {}
    return {name: tissue.mesh.sample(field) for name, field in face.expressions.items()}


def _expression_places(tissue: Tissue) -> dict[str, NDArray[np.integer]]:
    """Skin vertices next to the corners of the mouth, where three expressions are read."""
    face: Any = tissue.face
    if face is None:
        return {}
    corners = np.array([face.landmark("cheilion_L"), face.landmark("cheilion_R")])
    vertices = KDTree(tissue.mesh.surface).query(corners)[1]
    return {name: np.asarray(vertices) for name in ("smile", "pucker", "jaw_open")}


def _mean(estimates: Sequence[Estimate]) -> Estimate:
    """Mean of the sides; their errors are taken as one (the same observer, the same model)."""
    return Estimate(
        float(np.mean([e.value for e in estimates])),
        float(np.mean([e.low for e in estimates])),
        float(np.mean([e.high for e in estimates])),
        estimates[0].unit,
        tuple(dict.fromkeys(key for e in estimates for key in e.basis)),
    )


def _displayed(tissue: Tissue, surface: Array) -> Array:
    return tissue.mesh.to_display(surface) if tissue.face is not None else surface


def _notes(
    shown: _Shown,
    members: int,
    solved: int,
    failed: Sequence[tuple[str, str]],
    extrapolated: Sequence[str],
) -> tuple[str, ...]:
    rest = "" if solved == members else f", {solved} of them solved and the others read from those"
    notes = [
        f"{members} members on the coarse mesh{rest}, corrected by the ratio of the plan's lift on "
        "the fine and the coarse mesh",
        "intervals cover tissue, thickness, holding, placement, size, fading and an allowance for "
        "what the model leaves out; the model has not been validated on patients",
        "expressions are linear about the lifted rest",
    ]
    if shown.reason:
        notes.append(
            f"the finer mesh found no equilibrium, the coarse one is shown: {shown.reason}"
        )
    if failed:
        notes.append(
            f"{len(failed)} of {solved} members found no equilibrium; the intervals are widened"
        )
    if extrapolated:
        notes.append(
            f"{len(extrapolated)} of {solved} members found no equilibrium at the full tension; "
            "they were solved at part of it and extrapolated in proportion"
        )
    if getattr(shown.tissue.face, "kind", None) == "photo":
        notes.append("the face comes from photographs: millimetres are an illustration")
    return tuple(notes)
