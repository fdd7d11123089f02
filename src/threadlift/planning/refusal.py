"""Why no threads are planned, and what would change that.

A refusal is a result like a plan: its kind says what sort of obstacle there is, every reason stands
beside what would remove it, and what nothing would remove is said to be so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from threadlift.assessment import Assessment
from threadlift.consultation import Consultation, completeness, contraindications
from threadlift.evidence import value
from threadlift.face import Face
from threadlift.planning.envelope import outside_envelope
from threadlift.planning.sentences import Sentence, sentence

Kind = Literal[
    "contraindicated",
    "incomplete-consultation",
    "outside-envelope",
    "implausible-measurement",
    "nothing-to-lift",
    "not-reachable-safely",
]
#: Refusals that further information may lift; the others speak against threads.
_ASKS: tuple[Kind, ...] = ("incomplete-consultation", "implausible-measurement")
# So many of the rules that refuse most candidates are named.
_RULES_NAMED = 3


@dataclass(frozen=True)
class Refusal:
    """Kind of obstacle, its reasons, and what would change the answer (never empty).

    Both are sentences with keys, so that a page can say them in its own language.
    """

    kind: Kind
    reasons: tuple[Sentence, ...]
    ways_out: tuple[Sentence, ...]

    @property
    def because(self) -> tuple[str, ...]:
        """The reasons in English."""
        return tuple(s.english for s in self.reasons)

    @property
    def would_change(self) -> tuple[str, ...]:
        """What would change the answer, in English."""
        return tuple(s.english for s in self.ways_out)

    @property
    def recommendation(self) -> Literal["no-thread-lift", "more-information"]:
        """What the plan then recommends."""
        return "more-information" if self.kind in _ASKS else "no-thread-lift"

    def to_json(self) -> dict[str, Any]:
        """The `refusal` part of plan.json: English sentences, and their keys beside them."""
        keyed = all(s.key for s in (*self.reasons, *self.ways_out))
        keys = {
            "because_keys": [s.to_json() for s in self.reasons],
            "would_change_keys": [s.to_json() for s in self.ways_out],
        }
        return {
            "kind": self.kind,
            "because": list(self.because),
            "would_change": list(self.would_change),
        } | (keys if keyed else {})

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Refusal:
        """Inverse of :meth:`to_json`; files of earlier versions have sentences without keys."""

        def read(name: str) -> tuple[Sentence, ...]:
            return Sentence.every(data[name], data.get(f"{name}_keys"))

        return cls(data["kind"], read("because"), read("would_change"))


def gap_key(item: str) -> str:
    """Key of the sentence about a gap of the record; a field's name may carry details."""
    return f"missing.{item.split(':')[0].replace('.', '-')}"


def before_planning(
    face: Face | None, consultation: Consultation, assessment: Assessment
) -> Refusal | None:
    """What the record and the assessment decide before any thread is placed; None: nothing."""
    absolute = [f for f in contraindications(consultation) if f.severity == "absolute"]
    if absolute:
        return Refusal(
            "contraindicated",
            tuple(
                Sentence(f"finding.{f.name}.reason", {}, f"{f.reason[0].upper()}{f.reason[1:]}.")
                for f in absolute
            ),
            tuple(Sentence(f"finding.{f.name}.remedy", {}, f.remedy) for f in absolute),
        )
    missing = [m for m in completeness(consultation) if m.needed_for_plan]
    if missing:
        return Refusal(
            "incomplete-consultation",
            tuple(
                Sentence(gap_key(m.item), {"item": m.item}, f"{m.item}: {m.why}") for m in missing
            ),
            tuple(sentence("ask", item=m.item) for m in missing),
        )
    outside = [] if face is None else outside_envelope(face, consultation)
    if outside:
        measured = all(x.measured for x in outside)
        return Refusal(
            "implausible-measurement" if measured else "outside-envelope",
            tuple(x.sentence for x in outside),
            tuple(x.remedy for x in outside),
        )
    if assessment.main_issue == "neither" or not assessment.goal:
        graded = any(s.graded for s in assessment.sag.values())
        return Refusal(
            "nothing-to-lift",
            (sentence("nothing-to-lift"),),
            (sentence("more-sagging" if graded else "graded-zone"),),
        )
    return None


def no_safe_thread(refused: Mapping[str, int], generated: int) -> Refusal:
    """No candidate passed the kernel. refused: rule -> number of candidates that broke it."""
    most = sorted(refused.items(), key=lambda item: (-item[1], item[0]))[:_RULES_NAMED]
    named = ", ".join(f"{rule} ({n})" for rule, n in most)
    return _unreachable(
        sentence("no-safe-thread-of", generated=generated, named=named)
        if named
        else sentence("no-safe-thread"),
        "map-and-measure",
    )


def not_worth_placing() -> Refusal:
    """Safe threads exist, and none of them attains anything."""
    return _unreachable(sentence("not-worth-placing"), "priorities")


def breaks_limits() -> Refusal:
    """The best combination deforms the face more than allowed."""
    return _unreachable(sentence("breaks-limits"), "measure")


def breaks_rule(rule: str, structure: str) -> Refusal:
    """The best combination as stated breaks a rule of the kernel."""
    key = "breaks-rule-at" if structure else "breaks-rule"
    return _unreachable(sentence(key, rule=rule, structure=structure), "map")


def too_little(lift_mm: float) -> Refusal:
    """The best safe plan lifts less than can be measured."""
    least = value("planning.limits.useful_lift")
    return Refusal(
        "not-reachable-safely",
        (sentence("too-little", lift_mm=round(lift_mm, 1)),),
        (sentence("more-threads", least_mm=round(least, 1)), sentence("other-treatment")),
    )


def _unreachable(why: Sentence, way_out: str) -> Refusal:
    return Refusal("not-reachable-safely", (why,), (sentence(way_out), sentence("without-threads")))
