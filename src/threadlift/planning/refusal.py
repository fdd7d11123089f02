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
    """Kind of obstacle, its reasons, and what would change the answer (never empty)."""

    kind: Kind
    because: tuple[str, ...]
    would_change: tuple[str, ...]

    @property
    def recommendation(self) -> Literal["no-thread-lift", "more-information"]:
        """What the plan then recommends."""
        return "more-information" if self.kind in _ASKS else "no-thread-lift"

    def to_json(self) -> dict[str, Any]:
        """The `refusal` part of plan.json."""
        return {
            "kind": self.kind,
            "because": list(self.because),
            "would_change": list(self.would_change),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Refusal:
        """Inverse of :meth:`to_json`."""
        return cls(data["kind"], tuple(data["because"]), tuple(data["would_change"]))


def before_planning(
    face: Face | None, consultation: Consultation, assessment: Assessment
) -> Refusal | None:
    """What the record and the assessment decide before any thread is placed; None: nothing."""
    absolute = [f for f in contraindications(consultation) if f.severity == "absolute"]
    if absolute:
        return Refusal(
            "contraindicated",
            tuple(f"{f.reason[0].upper()}{f.reason[1:]}." for f in absolute),
            tuple(f.remedy for f in absolute),
        )
    missing = [m for m in completeness(consultation) if m.needed_for_plan]
    if missing:
        return Refusal(
            "incomplete-consultation",
            tuple(f"{m.item}: {m.why}" for m in missing),
            tuple(f"Ask, and record {m.item}." for m in missing),
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
        return Refusal(
            "nothing-to-lift",
            ("Neither the midface nor the jawline sags enough for threads to change.",),
            (
                "A zone that was examined and graded as sagging, where grades are assumed by age."
                if not any(s.graded for s in assessment.sag.values())
                else "More sagging than there is today; nothing needs to be done now.",
            ),
        )
    return None


def no_safe_thread(refused: Mapping[str, int], generated: int) -> Refusal:
    """No candidate passed the kernel. refused: rule -> number of candidates that broke it."""
    most = sorted(refused.items(), key=lambda item: (-item[1], item[0]))[:_RULES_NAMED]
    named = ", ".join(f"{rule} ({n})" for rule, n in most)
    return Refusal(
        "not-reachable-safely",
        (
            "No thread can be placed safely in this face"
            + (f": {generated} were tried, most often refused by {named}." if named else "."),
        ),
        (
            "Nerves and vessels mapped by ultrasound, and layer thicknesses measured: what is "
            "known better needs less distance.",
            "A treatment without threads.",
        ),
    )


def not_worth_placing() -> Refusal:
    """Safe threads exist, and none of them attains anything."""
    return Refusal(
        "not-reachable-safely",
        ("No safe thread brings a lift that is worth placing it.",),
        (
            "Priorities on zones that threads reach, if those zones matter to the patient.",
            "A treatment without threads.",
        ),
    )


def breaks_limits() -> Refusal:
    """The best combination deforms the face more than allowed."""
    return Refusal(
        "not-reachable-safely",
        ("No combination of safe threads keeps the limits on side effects.",),
        (
            "Layer thicknesses and elasticity measured: limits are kept with a margin for what is "
            "not known.",
            "A treatment without threads.",
        ),
    )


def breaks_rule(rule: str, structure: str) -> Refusal:
    """The best combination as stated breaks a rule of the kernel."""
    return Refusal(
        "not-reachable-safely",
        (f"The best combination breaks the safety rule '{rule}' {structure}".rstrip() + ".",),
        ("Nerves and vessels mapped by ultrasound.", "A treatment without threads."),
    )


def too_little(lift_mm: float) -> Refusal:
    """The best safe plan lifts less than can be measured."""
    least = value("planning.limits.useful_lift")
    return Refusal(
        "not-reachable-safely",
        (
            f"The best safe plan lifts no zone by more than {lift_mm:.1f} mm, which cannot be "
            "told from the error of a measurement.",
        ),
        (
            f"More threads per side, where fewer were asked for: a useful lift begins at "
            f"{least:.1f} mm.",
            "A treatment that removes or tightens tissue instead of pulling it.",
        ),
    )
