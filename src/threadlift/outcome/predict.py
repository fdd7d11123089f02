"""`predict`: threads in this tissue → lift, risks, movement, time course, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from threadlift.assessment import Assessment
from threadlift.errors import InputError, SolverError
from threadlift.evidence import value
from threadlift.outcome import workers as pool
from threadlift.outcome.ensemble import Member, Result, design, nominal_member, solve_member
from threadlift.outcome.expressions import predict_expressions
from threadlift.outcome.fading import Fading
from threadlift.outcome.measures import Probe, Reading
from threadlift.outcome.model import RISKS, Outcome, Risk, Solver, Verdict
from threadlift.outcome.side_effects import complications, rare_events
from threadlift.quantities import DEFAULT_LEVEL, Estimate
from threadlift.threads.thread import Thread
from threadlift.tissue.tissue import Tissue

Array = NDArray[np.float64]
Progress = Callable[[float, str], None]

#: Risks that are read locally on the skin, as opposed to those that follow from the lift.
_LOCAL = ("cheekbone_prominence", "indentation", "overpull")
_UNITS = {"cheekbone_prominence": "mm", "indentation": "mm", "overpull": "%", "asymmetry": "mm",
          "short_duration": "months", "insufficient_effect": "1"}  # fmt: skip
#: Below this (in its own unit) a coarse nominal value is no divisor; differences are added then.
_SMALL = {"lift": 0.1, "cheekbone_prominence": 0.05, "indentation": 0.05, "overpull": 0.5}
#: A coarse mesh whose nominal value is off by more than this factor does not predict a ratio.
_MOST_CORRECTION = 3.0
_SPREADS = tuple(f"risks.spread.{n}" for n in ("tension", "depth", "holding", "model"))


@dataclass(frozen=True)
class _Samples:
    """Ensemble values: lift (members,) by zone, risk values (members,) by name."""

    lift: dict[str, Array]
    risks: dict[str, Array]
    durability_z: Array


def predict(
    tissue: Tissue,
    threads: Sequence[Thread],
    assessment: Assessment,
    *,
    members: int = 32,
    seed: int = 0,
    progress: Progress | None = None,
    workers: int | None = None,
) -> Outcome:
    """Predict what a plan does to a face.

    The plan as such is solved on the tissue's own mesh; the ensemble of what is not known
    (tissue, thickness, holding, placement, size, model, fading) on the coarse one. Each coarse
    value is multiplied by the ratio of the fine to the coarse plan as such (a control variate):
    the mesh's bias cancels, the spread stays.

    Parameters
    ----------
    tissue, threads, assessment: what was planned and for what goal.
    members: size of the ensemble; seed: same seed, same members.
    progress: called with the share done and a message.
    workers: processes; None: up to two. The result does not depend on it.

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
    fine_probe = _probe(tissue, assessment, threads)
    plan = solve_member(tissue, threads, nominal, tolerance=1e-6)
    fine = fine_probe.read(plan.surface)

    coarse_tissue = _coarse(tissue)
    coarse_probe = _probe(coarse_tissue, assessment, threads)
    middle = solve_member(coarse_tissue, threads, nominal)
    tell(0.2, "Moving the face")
    expressions = predict_expressions(
        coarse_tissue,
        threads,
        _expression_fields(coarse_tissue),
        middle.displacement,
        _expression_places(coarse_tissue),
        {name: _mean(list(sides.values())) for name, sides in assessment.movement_mm.items()},
    )

    tell(0.25, "Predicting over an ensemble of tissues")
    drawn = design(coarse_tissue, len(threads), members, seed)
    results = pool.run_members(
        pool.Task(coarse_tissue.varied(), coarse_probe, threads),
        drawn,
        pool.default_workers() if workers is None else workers,
        lambda n: tell(0.25 + 0.75 * n / members, "Predicting over an ensemble of tissues"),
    )
    failed, good = _sorted_out(drawn, results)
    fading = Fading(threads)
    samples = _samples(fine, coarse_probe.read(middle.surface), good, fine_probe, fading)
    tell(1.0, "Predicted")
    widen = len(failed) / members
    extrapolated = tuple(m.name for m, r in zip(drawn, results, strict=True) if r.share < 1.0)
    age = tissue.consultation.patient.age_years if tissue.consultation else None
    return Outcome(
        lift_mm={
            zone: _estimate(x, "mm", ("model", *_SPREADS), widen)
            for zone, x in samples.lift.items()
        },
        risks=_risks(samples, fine, fine_probe, fading, threads, widen),
        expressions=expressions,
        durability=fading.table(samples.durability_z),
        complications=complications(age),
        rare_events=rare_events(),
        solver=Solver(
            elements=len(tissue.mesh.wedges),
            dof=tissue.ndof,
            iterations=plan.iterations,
            residual=plan.residual,
            seconds=plan.seconds,
        ),
        members=members,
        failed=failed,
        extrapolated=extrapolated,
        notes=_notes(tissue, members, failed, extrapolated),
        seed=seed,
        displacement_mm=_displayed(tissue, plan.surface),
        surface_mm=plan.surface,
    )


def _coarse(tissue: Tissue) -> Tissue:
    """The same person on the coarse mesh."""
    if tissue.face is None or tissue.mesh.level == "coarse":
        return tissue
    return Tissue.of(tissue.face, tissue.consultation, level="coarse", parameters=tissue.parameters)


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
    drawn: Sequence[Member], results: Sequence[Result]
) -> tuple[tuple[tuple[str, str], ...], list[tuple[Member, Reading]]]:
    """The failures by name, and the members that converged."""
    failed, good = [], []
    for member, result in zip(drawn, results, strict=True):
        if result.reading is None:
            failed.append((member.name, result.reason))
        else:
            good.append((member, result.reading))
    if len(failed) > value("risks.ensemble.most_failures") * len(drawn) or len(good) < 2:
        name, reason = failed[0]
        raise SolverError(
            f"{len(failed)} of {len(drawn)} members of the ensemble found no equilibrium "
            f"({name}: {reason}).",
            "Lower the tension or choose deeper paths: the plan is at the edge of what holds.",
        )
    return tuple(failed), good


def _corrected(kind: str, member: Array, fine: float, coarse: float) -> Array:
    """Coarse values moved by what the finer mesh says about the plan as such."""
    small = _SMALL[kind]
    if abs(coarse) > small and fine * coarse > 0.0:
        ratio = fine / coarse
        if 1.0 / _MOST_CORRECTION < ratio < _MOST_CORRECTION:
            return member * ratio
    return member + (fine - coarse)


def _samples(
    fine: Reading,
    coarse: Reading,
    good: Sequence[tuple[Member, Reading]],
    probe: Probe,
    fading: Fading,
) -> _Samples:
    # A larger face under the same force moves less in proportion to its size.
    overall = np.array([m.model / m.scale for m, _ in good])
    z = np.array([m.durability_z for m, _ in good])
    lift = {
        zone: overall
        * _corrected("lift", np.array([r.lift_mm[zone] for _, r in good]), mm, coarse.lift_mm[zone])
        for zone, mm in fine.lift_mm.items()
        if zone in coarse.lift_mm
    }
    risks = {}
    for name in _LOCAL:
        raw = np.array([r.values[name] for _, r in good])
        risks[name] = overall * np.maximum(
            _corrected(name, raw, fine.values[name], coarse.values[name]), 0.0
        )
    per_member = [{zone: float(x[i]) for zone, x in lift.items()} for i in range(len(good))]
    risks["asymmetry"] = np.array([probe.asymmetry(one)[0] for one in per_member])
    risks["insufficient_effect"] = np.array([1.0 - probe.attained(one) for one in per_member])
    risks["short_duration"] = np.array(
        [
            fading.months(_best_lift(one, probe), float(q))
            for one, q in zip(per_member, z, strict=True)
        ]
    )
    return _Samples(lift, risks, z)


def _best_lift(lift: Mapping[str, float], probe: Probe) -> float:
    """Largest lift over the zones with a goal (over all without any) [mm]."""
    zones = [zone for zone in probe.goal if zone in lift] or list(lift)
    return max((lift[zone] for zone in zones), default=0.0)


def _estimate(samples: Array, unit: str, basis: tuple[str, ...], failed_share: float) -> Estimate:
    """Median and 90 % interval; failed members may lie in either tail, so they widen it."""
    tail = max(0.0, 0.5 * (1.0 - DEFAULT_LEVEL) - 0.5 * failed_share)
    low, middle, high = np.quantile(samples, [tail, 0.5, 1.0 - tail])
    return Estimate(float(middle), float(low), float(high), unit, basis)


def _risks(
    samples: _Samples,
    fine: Reading,
    probe: Probe,
    fading: Fading,
    threads: Sequence[Thread],
    failed_share: float,
) -> dict[str, Risk]:
    found = {}
    for name in RISKS:
        moderate = value(f"risks.{name}.moderate")
        high = value(f"risks.{name}.high")
        if name == "indentation":
            cover = min(1.0, _cover_mm(threads) / value("risks.indentation.cover_mm"))
            moderate, high = moderate * max(cover, 0.5), high * max(cover, 0.5)
        x = samples.risks[name]
        basis = fading.basis if name == "short_duration" else ("model", *_SPREADS)
        vertex = fine.vertex.get(name)
        verdict, beyond = _verdict(x, moderate, high)
        found[name] = Risk(
            estimate=_estimate(x, _UNITS[name], basis, failed_share),
            verdict=verdict,
            moderate=moderate,
            high=high,
            probability_high=beyond,
            place=None if vertex is None else probe.place(vertex),
        )
    return found


def _verdict(samples: Array, moderate: float, high: float) -> tuple[Verdict, float]:
    """Verdict by the share of members beyond each threshold (months: below it)."""
    sign = 1.0 if high > moderate else -1.0
    share = value("risks.verdict.share")
    beyond = float(np.mean(sign * samples >= sign * high))
    if beyond >= share:
        return "high", beyond
    return ("moderate" if np.mean(sign * samples >= sign * moderate) >= share else "low"), beyond


def _cover_mm(threads: Sequence[Thread]) -> float:
    """Smallest depth below the skin in the inner half of any thread's length [mm]."""
    depths = []
    for t in threads:
        inner = (t.arc_mm > 0.25 * t.length_mm) & (t.arc_mm < 0.75 * t.length_mm)
        depths.append(float((t.depth_mm[inner] if inner.any() else t.depth_mm).min()))
    return min(depths)


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
    tissue: Tissue, members: int, failed: Sequence[tuple[str, str]], extrapolated: Sequence[str]
) -> tuple[str, ...]:
    notes = [
        f"{members} members on the coarse mesh, corrected by the ratio of the plan's lift on the "
        "fine and the coarse mesh",
        "intervals cover tissue, thickness, holding, placement, size, fading and an allowance for "
        "what the model leaves out; the model has not been validated on patients",
        "expressions are linear about the lifted rest",
    ]
    if failed:
        notes.append(
            f"{len(failed)} of {members} members found no equilibrium; the intervals are widened"
        )
    if extrapolated:
        notes.append(
            f"{len(extrapolated)} of {members} members found no equilibrium at the full tension; "
            "they were solved at part of it and extrapolated in proportion"
        )
    if getattr(tissue.face, "kind", None) == "photo":
        notes.append("the face comes from photographs: millimetres are an illustration")
    return tuple(notes)
