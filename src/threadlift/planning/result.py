"""`Plan`: what is recommended and why, alternatives, proof, safety; ``threadlift.plan/1``."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.planning.refusal import Refusal
from threadlift.planning.safety import SafetyCase, SafetyReport, UnsafePlanError
from threadlift.planning.sentences import Sentence
from threadlift.threads import Thread

SCHEMA = "threadlift.plan/1"
Recommendation = Literal["threads", "no-thread-lift", "more-information"]
Origin = Literal["planner", "proposed"]


@dataclass(frozen=True)
class Optimality:
    """Objective of the chosen pair of sides on the grid, proven bound on the grid, gap.

    In shares of the full goal, mean of the sides that have one; costs of threads included. `grid`
    says what was searched.
    """

    objective: float
    bound: float
    gap: float
    grid: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The `optimality` part of plan.json."""
        return {
            "objective": round(self.objective, 4) + 0.0,
            "bound": round(self.bound, 4) + 0.0,
            "gap": round(self.gap, 4) + 0.0,
            "grid": self.grid,
        }


@dataclass(frozen=True)
class Alternative:
    """Another way to proceed: a key, a title and note for people, its threads and numbers."""

    name: str
    title: Sentence
    note: Sentence
    threads: tuple[Thread, ...]
    verification: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """One of the `alternatives` of plan.json."""
        keyed = self.title.key and self.note.key
        return {
            "name": self.name,
            "title": self.title.english,
            "note": self.note.english,
            "goal_attained": self.verification.get("goal_attained", 0.0),
            "threads": [t.to_json() for t in self.threads],
            "verification": self.verification,
        } | ({"title_key": self.title.to_json(), "note_key": self.note.to_json()} if keyed else {})

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Alternative:
        """Inverse of :meth:`to_json`; files of earlier versions have no keys."""
        return cls(
            data["name"],
            Sentence.from_json(data.get("title_key"), data["title"]),
            Sentence.from_json(data.get("note_key"), data["note"]),
            tuple(Thread.from_json(t) for t in data["threads"]),
            data["verification"],
        )


@dataclass(frozen=True)
class Plan:
    """A plan. `verification` holds the nonlinear numbers of the recommended threads.

    `thread_reasons`: what each of them adds and what stops it from being elsewhere
    (:class:`threadlift.planning.reason_data.Reasons` as JSON); `sensitivity`: what decides the
    result on this face (:class:`threadlift.planning.sensitivity.Sensitivity` as JSON).
    `pareto`: the trade-off of goal, threads and side effects on this face
    (:class:`threadlift.planning.pareto.Point` as JSON, fewest threads first).
    `refusal`: why no threads are recommended and what would change it. `origin`: "proposed" for
    threads that somebody else proposed and `threadlift check` judged (`judgement`: the verdicts,
    as JSON); such a plan is no recommendation of ours whatever its fields say.

    `displacement` (N, 3) [mm]: the verified equilibrium on the tissue's mesh, where a prediction
    may start; not part of the file or the hash.

    Threads leave (:meth:`to_json`) through the safety gate: `case` is what they are judged against
    once more; a plan that was read from a file has none and leaves only as it was read (`sealed`:
    the hash that it had).
    """

    recommendation: Recommendation
    reasons: tuple[Sentence, ...]
    recommended: tuple[Thread, ...]
    alternatives: tuple[Alternative, ...]
    optimality: Optimality
    safety: SafetyReport
    verification: dict[str, Any]
    version: str
    seed: int
    inputs_sha256: str
    thread_reasons: dict[str, Any] | None = None
    sensitivity: dict[str, Any] | None = None
    pareto: list[dict[str, Any]] | None = None
    refusal: Refusal | None = None
    origin: Origin = "planner"
    judgement: dict[str, Any] | None = None
    displacement: NDArray[np.float64] | None = field(default=None, repr=False, compare=False)
    case: SafetyCase | None = field(default=None, repr=False, compare=False)
    sealed: str = field(default="", repr=False, compare=False)

    def _content(self) -> dict[str, Any]:
        keyed = self.refusal is None and all(s.key for s in self.reasons)
        extra = {
            "reasons_keys": [s.to_json() for s in self.reasons] if keyed else None,
            "thread_reasons": self.thread_reasons,
            "sensitivity": self.sensitivity,
            "pareto": self.pareto,
            "refusal": None if self.refusal is None else self.refusal.to_json(),
            "origin": None if self.origin == "planner" else self.origin,
            "judgement": self.judgement,
        }
        return {
            "schema": SCHEMA,
            "recommendation": self.recommendation,
            "reasons": [s.english for s in self.reasons],
            "threads": [t.to_json() for t in self.recommended],
            "alternatives": [a.to_json() for a in self.alternatives],
            "optimality": self.optimality.to_json(),
            "safety": self.safety.to_json(),
            "verification": self.verification,
        } | {name: part for name, part in extra.items() if part is not None}

    @property
    def plan_sha256(self) -> str:
        """SHA-256 over the canonical JSON of everything but the provenance."""
        text = json.dumps(self._content(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def judged(self, case: SafetyCase) -> Plan:
        """The same plan, judged against this face when it leaves."""
        return replace(self, case=case)

    def _through_the_gate(self) -> None:
        """Raise UnsafePlanError for a plan that may not leave.

        Somebody else's threads may break rules, since they are shown to be judged; never silently,
        and never as a recommendation.
        """
        proposed = self.origin == "proposed"
        if proposed and self.judgement is None:
            raise UnsafePlanError("Proposed threads leave only together with their judgement.")
        if self.recommendation == "threads" and self.safety.violations:
            raise UnsafePlanError(
                "The plan recommends threads that its own safety report objects to.",
                self.safety.violations,
            )
        ours = {f"Alternative '{a.name}'": a.threads for a in self.alternatives if a.threads}
        if self.recommended and not proposed:
            ours["The recommendation"] = self.recommended
        if not ours and not self.recommended:
            return
        if self.case is None:
            if self.plan_sha256 != self.sealed:
                raise UnsafePlanError("The plan was changed, or never judged against a face.")
            return
        self.case.clear(ours)
        if proposed:
            self.case.told(self.recommended, self.safety.violations)

    def to_json(self) -> dict[str, Any]:
        """`plan.json`. Raises UnsafePlanError for threads that break a safety rule."""
        self._through_the_gate()
        return self._content() | {
            "provenance": {
                "version": self.version,
                "seed": self.seed,
                "inputs_sha256": self.inputs_sha256,
                "plan_sha256": self.plan_sha256,
            }
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Plan:
        """Inverse of :meth:`to_json`; InputError when it is not a plan or was altered."""
        remedy = "Pass the plan.json of a threadlift run."
        try:
            if data["schema"] != SCHEMA:
                raise InputError(f"This is no {SCHEMA} but '{data['schema']}'.", remedy)
            o, p = data["optimality"], data["provenance"]
            plan = cls(
                recommendation=cast("Recommendation", data["recommendation"]),
                reasons=Sentence.every(data["reasons"], data.get("reasons_keys")),
                recommended=tuple(Thread.from_json(t) for t in data["threads"]),
                alternatives=tuple(Alternative.from_json(a) for a in data["alternatives"]),
                optimality=Optimality(o["objective"], o["bound"], o["gap"], o["grid"]),
                safety=SafetyReport.from_json(data["safety"]),
                verification=data["verification"],
                version=p["version"],
                seed=p["seed"],
                inputs_sha256=p["inputs_sha256"],
                thread_reasons=data.get("thread_reasons"),
                sensitivity=data.get("sensitivity"),
                pareto=data.get("pareto"),
                refusal=None if (r := data.get("refusal")) is None else Refusal.from_json(r),
                origin=data.get("origin", "planner"),
                judgement=data.get("judgement"),
            )
            stated = p["plan_sha256"]
        except (KeyError, TypeError) as error:
            raise InputError(f"The plan lacks or garbles {error}.", remedy) from error
        if plan.plan_sha256 != stated:
            raise InputError(
                "The plan was changed after it was made: its content does not match its hash.",
                "Use the original file, or `threadlift simulate` for threads of your own.",
            )
        return replace(plan, sealed=stated)
