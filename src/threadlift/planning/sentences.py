"""Sentences of refusals: a key and values for every language, the English of plan.json beside it.

The report's other languages are in `reporting/texts/refusals_*.toml`, by the same keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: English by key. What the register and the record say of themselves is not repeated here.
ENGLISH: Mapping[str, str] = {
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


@dataclass(frozen=True)
class Sentence:
    """One sentence. key: '' where an earlier version left none; values: fill its placeholders."""

    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    english: str = ""

    def to_json(self) -> dict[str, Any]:
        """Key and values, as they stand beside the English in plan.json."""
        return {"key": self.key, "values": dict(self.values)}


def sentence(key: str, **values: Any) -> Sentence:
    """The sentence of a key of :data:`ENGLISH`, its placeholders filled."""
    return Sentence(key, values, ENGLISH[key].format(**values))
