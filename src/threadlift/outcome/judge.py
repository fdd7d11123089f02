"""A proposed plan, judged: one verdict per criterion, what it leaves open, and what to ask.

Nothing here computes mechanics. What the safety kernel, the prediction and the planner found is
laid side by side; the judgement is the same whoever proposed the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from threadlift.consultation import Consultation, completeness, contraindications
from threadlift.evidence import value
from threadlift.outcome.model import Outcome, Risk
from threadlift.planning import Plan
from threadlift.planning.proposed import Proposed
from threadlift.planning.reading import Reading
from threadlift.planning.refusal import Refusal
from threadlift.planning.safety import SafetyReport, Violation
from threadlift.quantities import Estimate
from threadlift.threads.thread import SIDES

Verdict = Literal["pass", "attention", "fail", "unknown"]
Overall = Literal["sound", "reservations", "unclear", "unacceptable"]
_OF_RISK: dict[str, Verdict] = {"low": "pass", "moderate": "attention", "high": "fail"}
#: Criteria that no benefit outweighs.
_HARD = ("consultation", "safety", "equilibrium")


@dataclass(frozen=True)
class Criterion:
    """One criterion: verdict, the quantity behind it if it is one, further facts."""

    name: str
    verdict: Verdict
    estimate: Estimate | None = None
    facts: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """One of the `criteria` of a judgement."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "estimate": None if self.estimate is None else self.estimate.to_json(),
            "facts": self.facts,
        }


@dataclass(frozen=True)
class Question:
    """A question by kind; `values` fill its wording, which the report knows in every language."""

    kind: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Judgement:
    """Verdict on the whole, criteria, questions, and the best equally small plan, if any."""

    overall: Overall
    criteria: tuple[Criterion, ...]
    questions: tuple[Question, ...]
    same_size: dict[str, Any] | None

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the criteria that failed."""
        return tuple(c.name for c in self.criteria if c.verdict == "fail")


@dataclass(frozen=True)
class Evidence:
    """Everything that a judgement rests on.

    outcome: None where the plan was not or could not be simulated (`reason` says why); reading: of
    the outcome, in the planner's own measures; own: the planner's plan with at most as many threads
    per side, None where none was asked for.
    """

    proposed: Proposed
    consultation: Consultation
    refusal: Refusal | None
    safety: SafetyReport
    outcome: Outcome | None
    reason: str
    reading: Reading | None
    own: Plan | None


def judge(found: Evidence) -> Judgement:
    """The judgement of a proposed plan."""
    same_size = _same_size(found)
    criteria = (
        _consultation(found),
        _safety(found.safety),
        _equilibrium(found),
        *_risks(found),
        _against_own(same_size),
    )
    verdict = {c.name: c.verdict for c in criteria}
    hard = [verdict[name] for name in _HARD]
    overall: Overall = "sound"
    if "fail" in hard:
        overall = "unacceptable"
    elif "unknown" in hard:
        overall = "unclear"
    elif any(v in ("fail", "attention") for v in verdict.values()):
        overall = "reservations"
    return Judgement(overall, criteria, tuple(_questions(found, same_size)), same_size)


# ---------------------------------------------------------------- criteria


def _consultation(found: Evidence) -> Criterion:
    relative = [f.name for f in contraindications(found.consultation) if f.severity == "relative"]
    missing = [m.item for m in completeness(found.consultation)]
    facts: dict[str, Any] = {"relative": relative, "missing": missing}
    why = found.refusal
    if why is None:
        return Criterion("consultation", "attention" if relative else "pass", None, facts)
    verdict: Verdict = "unknown" if why.recommendation == "more-information" else "fail"
    return Criterion("consultation", verdict, None, facts | {"refusal": why.to_json()})


def _safety(report: SafetyReport) -> Criterion:
    facts = {
        "violations": len(report.violations),
        "min_clearance_mm": report.to_json()["min_clearance_mm"],
        "nearest_structure": report.nearest_structure,
        "p_hit": round(report.p_hit, 4),
    }
    return Criterion("safety", "fail" if report.violations else "pass", None, facts)


def _equilibrium(found: Evidence) -> Criterion:
    if found.outcome is not None:
        return Criterion("equilibrium", "pass")
    verdict: Verdict = "fail" if found.reason else "unknown"
    return Criterion("equilibrium", verdict, None, {"reason": found.reason})


def _risks(found: Evidence) -> list[Criterion]:
    names = (
        "insufficient_effect",
        "cheekbone_prominence",
        "indentation",
        "overpull",
        "short_duration",
        "asymmetry",
    )
    if found.outcome is None:
        return [Criterion(name, "unknown") for name in names]
    risks = found.outcome.risks
    return [
        Criterion(name, _OF_RISK[risks[name].verdict], risks[name].estimate, _facts(risks[name]))
        for name in names
    ]


def _facts(risk: Risk) -> dict[str, Any]:
    return {"zone": "" if risk.place is None else risk.place.zone}


def _same_size(found: Evidence) -> dict[str, Any] | None:
    """The proposal and the planner's plan of at most that size, in the same measures."""
    own, reading = found.own, found.reading
    if own is None:
        return None
    return {
        "most_per_side": found.proposed.per_side,
        "recommendation": own.recommendation,
        "per_side": {s: sum(t.side == s for t in own.recommended) for s in SIDES},
        "goal_attained": own.verification.get("goal_attained"),
        "lift_mm": own.verification.get("lift_mm", {}),
        "limits_used": own.verification.get("limits_used", {}),
        "p_hit": round(own.safety.p_hit, 4),
        "refusal": None if own.refusal is None else own.refusal.to_json(),
        "proposed": None
        if reading is None
        else {
            "goal_attained": round(reading.goal_attained, 4),
            "lift_mm": {z: round(x, 2) + 0.0 for z, x in reading.lift_mm.items()},
            "limits_used": {k: round(x, 3) + 0.0 for k, x in reading.used.items()},
            "p_hit": round(found.safety.p_hit, 4),
        },
    }


def _against_own(same_size: dict[str, Any] | None) -> Criterion:
    if same_size is None or same_size["proposed"] is None or same_size["goal_attained"] is None:
        return Criterion("same_size", "unknown")
    better = same_size["goal_attained"] - same_size["proposed"]["goal_attained"]
    limit = value("check.verdict.same_size")
    return Criterion(
        "same_size",
        "attention" if better > limit else "pass",
        None,
        {"goal_share_more": round(better, 4)},
    )


# ---------------------------------------------------------------- questions


def _questions(found: Evidence, same_size: dict[str, Any] | None) -> Iterable[Question]:
    seen: set[str] = set()
    for a in found.proposed.assumptions:
        if a.field not in seen:
            seen.add(a.field)
            yield Question(
                "unstated",
                {"field": a.field, "assumed": a.assumed, "low": a.low, "high": a.high},
            )
    for rule, structure, threads, worst in grouped(found.safety.violations):
        yield Question(
            "violation",
            {
                "rule": rule,
                "structure": structure,
                "threads": list(threads),
                "margin": round(worst.margin, 2),
                "unit": worst.unit,
            },
        )
    for name, risk in (found.outcome.risks if found.outcome else {}).items():
        if risk.verdict == "high":
            yield Question("risk", {"risk": name, **_facts(risk)})
    for f in contraindications(found.consultation):
        yield Question("contraindication", {"name": f.name, "reason": f.reason})
    for m in completeness(found.consultation):
        yield Question("missing", {"item": m.item, "why": m.why})
    if _against_own(same_size).verdict == "attention":
        assert same_size is not None
        yield Question(
            "better",
            {
                "own_percent": round(100 * same_size["goal_attained"]),
                "proposed_percent": round(100 * same_size["proposed"]["goal_attained"]),
                "per_side": max(same_size["per_side"].values()),
            },
        )


def grouped(
    violations: Sequence[Violation],
) -> list[tuple[str, str, tuple[str, ...], Violation]]:
    """Violations of one rule about one structure together: rule, structure, threads, the worst.

    A structure and its twin on the other side are one. Where both distance and probability of the
    same structure fail, the distance stands for both. Most threads first.
    """
    groups: dict[tuple[str, str], list[Violation]] = {}
    for v in violations:
        name = v.structure.removesuffix(" (left)").removesuffix(" (right)")
        groups.setdefault((v.rule, name), []).append(v)
    kept = [
        (rule, name, tuple(dict.fromkeys(v.thread for v in found if v.thread)),
         min(found, key=lambda v: v.margin))
        for (rule, name), found in groups.items()
        if not (rule == "hazard-probability" and ("hazard-clearance", name) in groups)
    ]  # fmt: skip
    return sorted(kept, key=lambda g: (-len(g[2]), g[0], g[1]))
