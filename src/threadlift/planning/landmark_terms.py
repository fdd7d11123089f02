"""The language of proposed plans: places, courses and whole sentences in words, read strictly.

"from 1 cm behind the temporal hairline to 1 cm lateral of the mouth corner, sub-SMAS, 4 threads per
side". Every word has to be understood; the first that is not is named, with what would be. The
grammar (a *place*, :mod:`threadlift.anatomy.place_terms`, is also what the fields `from`, `to` and
`fan_to` of a plan hold)::

    course   = "from" place "to" place ["fanned to" place]
    sentence = course {"," detail}
    detail   = layer | technique | product | number "mm deep" | number "N" ["each"]
             | count ("thread" | "threads") ("per side" | "on the left" | "on the right")
"""

from __future__ import annotations

from functools import cache
from typing import Any

from threadlift.anatomy.place_terms import MM, Reader, say_place
from threadlift.errors import InputError
from threadlift.evidence import table
from threadlift.threads import TECHNIQUES, products

_COUNTS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_NEWTON = ("n", "newton", "newtons")


@cache
def layer_words() -> dict[str, str]:
    """Phrase -> name of a layer of the register."""
    return {word: row["name"] for row in table("check")["layer"] for word in row["words"]} | {
        row["name"].lower(): row["name"] for row in table("check")["layer"]
    }


def layer_zeta(name: str) -> float:
    """Node coordinate of a layer's middle. Raises InputError that lists the layers."""
    rows = {row["name"]: row for row in table("check")["layer"]}
    known = layer_words().get(name.lower().strip())
    if known is None:
        raise InputError(
            f"'{name}' is not a layer that is known here.", f"Use one of: {', '.join(rows)}."
        )
    return float(rows[known]["zeta"])


def parse_sentence(text: str) -> dict[str, Any]:
    """A sentence as the fields of a line of threads (places stay phrases).

    Raises InputError for a word that is not understood and for what is said twice.
    """
    reader = _SentenceReader(text)
    reader.expect("from")
    fields: dict[str, Any] = {"from": say_place(reader.place())}
    reader.expect("to")
    fields["to"] = say_place(reader.place())
    if reader.take("fanned", "to"):
        fields["fan_to"] = say_place(reader.place())
    while reader.take(","):
        for name, item in reader.detail().items():
            if name in fields:
                raise InputError(
                    f"'{text}' states {name.replace('_', ' ')} twice.", "Leave one of them out."
                )
            fields[name] = item
    reader.end()
    return fields


class _SentenceReader(Reader):
    """Reads courses with their details."""

    def detail(self) -> dict[str, Any]:
        """One detail after a comma."""
        for phrases, field in (
            (layer_words(), "layer"),
            ({t: t for t in TECHNIQUES}, "technique"),
            ({p: p for p in products()}, "product"),
        ):
            found = self.longest(phrases)
            if found is not None:
                return {field: found}
        number = self.number()
        if number is None and self.words[self.at : self.at + 1]:
            number = _COUNTS.get(self.words[self.at])
        if number is None:
            raise self.refusal(
                [*layer_words(), *TECHNIQUES, *products(), "4 threads per side", "1.5 N",
                 "5 mm deep"]
            )  # fmt: skip
        self.at += 1
        return self._counted(number)

    def _counted(self, number: float) -> dict[str, Any]:
        """What a number counts: threads, newtons or millimetres of depth."""
        if any(self.take(unit) for unit in _NEWTON):
            _ = self.take("each") or self.take("per", "thread")
            return {"tension_n": float(number)}
        unit = self.words[self.at] if self.at < len(self.words) else ""
        if unit in MM:
            self.at += 1
            self.expect("deep")
            return {"depth_mm": number * MM[unit]}
        if self.take("thread") or self.take("threads"):
            fields: dict[str, Any] = {"threads_per_side": self._whole(number)}
            for side in ("left", "right"):
                if self.take("on", "the", side):
                    return fields | {"side": side}
            self.expect("per")
            self.expect("side")
            return fields
        raise self.refusal(["threads per side", "N", "mm deep"])

    def _whole(self, number: float) -> int:
        if number != int(number):
            raise InputError(
                f"'{self.text}' asks for {number:g} threads.", "Write a whole number of threads."
            )
        return int(number)
