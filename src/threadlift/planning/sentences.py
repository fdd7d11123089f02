"""Sentences of plans: a key and values for every language, the English of plan.json beside it.

The report's other languages are in `reporting/texts/refusals_*.toml`, by the same keys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: English of refusals by key. What the register and the record say of themselves is not repeated.
REFUSALS: Mapping[str, str] = {
    "ask": "Ask, and record {item}.",
    "outside": "{name} is {value:.3g} {unit}, outside {low:.3g} to {high:.3g} {unit}, for which "
    "the tissue model holds.",
    "outside-remedy": "Nothing in this model: it holds for {low:.3g} to {high:.3g} {unit}.",
    "measure-again": "Measure {name} again (light contact, unit); correct it or leave it out.",
    "nothing-to-lift": "Neither the midface nor the jawline sags enough for threads to change.",
    "graded-zone": "A zone that was examined and graded as sagging, where grades are assumed by "
    "age.",
    "more-sagging": "More sagging than there is today; nothing needs to be done now.",
    "no-safe-thread": "No thread can be placed safely in this face.",
    "no-safe-thread-of": "No thread can be placed safely in this face: {generated} were tried, "
    "most often refused by {named}.",
    "map-and-measure": "Nerves and vessels mapped by ultrasound, and layer thicknesses measured: "
    "what is known better needs less distance.",
    "not-worth-placing": "No safe thread brings a lift that is worth placing it.",
    "priorities": "Priorities on zones that threads reach, if those zones matter to the patient.",
    "breaks-limits": "No combination of safe threads keeps the limits on side effects.",
    "measure": "Layer thicknesses and elasticity measured: limits are kept with a margin for what "
    "is not known.",
    "breaks-rule": "The best combination breaks the safety rule '{rule}'.",
    "breaks-rule-at": "The best combination breaks the safety rule '{rule}' {structure}.",
    "map": "Nerves and vessels mapped by ultrasound.",
    "too-little": "The best safe plan lifts no zone by more than {lift_mm:.1f} mm, which cannot "
    "be told from the error of a measurement.",
    "more-threads": "More threads per side, where fewer were asked for: a useful lift begins at "
    "{least_mm:.1f} mm.",
    "other-treatment": "A treatment that removes or tightens tissue instead of pulling it.",
    "without-threads": "A treatment without threads.",
}
#: English of what a plan with threads says of itself.
PLANS: Mapping[str, str] = {
    "main-issue": "Main issue: {issue}.",
    "attained": "{left} threads on the left and {right} on the right attain {goal} % of the goal "
    "in the nonlinear model; largest mean lift {lift_mm:.1f} mm ({zone}).",
    "nominal-only": "Nominal only: how the plan fares with other tissues and hands was not tried.",
    "chance": "Limits on side effects hold in {hold} % of {scenarios} tissues and hands as they "
    "may be; the goal is attained to {mean} % on average.",
    "refined": "Threads were moved off the search's grid where that serves the goal: ends by "
    "{moved_mm:.1f} mm at most, depths and tensions, too. In the nominal tissue that brought "
    "{gain} points.",
    "further-thread": "A further thread would bring less than {points} points.",
    "search-ended": "The search was ended at its limit of work; a better combination may exist "
    "within the stated gap.",
    "palpated": "Assumes that the {structure} was palpated and marked before entry.",
    "palpated-rest": "Assumes that the {structure} was palpated and marked before entry beyond the "
    "points that the consultation holds, too.",
    "palpated-other-side": "Assumes that the {structure} was palpated and marked before entry on "
    "the {other_side}, and on the {side} beyond the points that the consultation holds.",
    "marked": "The {structure} on the {side} was followed as marked in the consultation (found by: "
    "{methods}; points: {points}), up to {off_mm:.1f} mm from where the atlas puts it.",
    "check-marks": "Check the marks of the {structure} on the {side}: they lie up to {off_mm:.1f} "
    "mm from the atlas, in place or depth further than it is known to vary. They were followed.",
}
#: English of the alternatives' titles and notes.
ALTERNATIVES: Mapping[str, str] = {
    "optimum": "Best by the linear model",
    "optimum-note": "What the search prefers before the nonlinear solve: more threads or other "
    "places.",
    "fewer": "At most {n} threads per side",
    "single": "At most 1 thread per side",
    "fewer-note": "Fewer punctures; each thread placed where it helps most.",
    "plane": "Other plane",
    "plane-fat-note": "In the middle of the cheek's fat instead of above the SMAS.",
    "plane-smas-note": "Just above the SMAS instead of in the middle of the cheek's fat.",
    "gentle": "Gentle tension",
    "gentle-note": "No thread pulled with more than {most_n:.1f} N: less strain on skin and cogs, "
    "less lift.",
    "same-size": "Best plan of at most this size",
    "same-size-note": "What the planner finds on this face with at most {n} threads per side, "
    "within all safety rules and limits.",
    "nothing": "No treatment",
    "nothing-note": "No lift and none of the risks of threads; sagging goes on at its own pace.",
}
#: Values that are names of zones, structures and methods.
_NAMES = ("zone", "structure", "methods")
_ENGLISH: Mapping[str, str] = {**REFUSALS, **PLANS, **ALTERNATIVES}


@dataclass(frozen=True)
class Sentence:
    """One sentence. key: '' where an earlier version left none; values: fill its placeholders."""

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    english: str = ""

    def to_json(self) -> dict[str, Any]:
        """Key and values, as they stand beside the English in plan.json."""
        return {"key": self.key, "values": dict(self.values)}

    @classmethod
    def from_json(cls, key: Mapping[str, Any] | None, english: str) -> Sentence:
        """Inverse of :meth:`to_json`; without a key only the English is known."""
        return cls("", {}, english) if key is None else cls(key["key"], key["values"], english)

    @classmethod
    def every(
        cls, english: Sequence[str], keys: Sequence[Mapping[str, Any]] | None
    ) -> tuple[Sentence, ...]:
        """Sentences of a file, whose keys are absent in files of earlier versions."""
        known = keys or [None] * len(english)
        return tuple(cls.from_json(k, text) for k, text in zip(known, english, strict=True))


def sentence(key: str, **values: Any) -> Sentence:
    """The sentence of a key, its placeholders filled. Names of things are said in words."""
    words = {k: _in_words(v) if k in _NAMES else v for k, v in values.items()}
    return Sentence(key, values, _ENGLISH[key].format(**words))


def _in_words(name: str | Sequence[str]) -> str:
    names = [name] if isinstance(name, str) else name
    return ", ".join(n.replace("_", " ") for n in names)
