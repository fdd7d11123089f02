"""The language of proposed plans: places, courses and whole sentences in words, read strictly.

"from 1 cm behind the temporal hairline to 1 cm lateral of the mouth corner, sub-SMAS, 4 threads per
side". Every word has to be understood; the first that is not is named, with what would be. The
grammar (a *place* is also what the fields `from`, `to` and `fan_to` of a plan hold)::

    place    = [step {"and" step} ["of" | "to" | "from"]] ["the"] origin
    step     = number ("mm" | "cm") (way | "towards" ["the"] origin)
    course   = "from" place "to" place ["fanned to" place]
    sentence = course {"," detail}
    detail   = layer | technique | product | number "mm deep" | number "N" ["each"]
             | count ("thread" | "threads") ("per side" | "on the left" | "on the right")

An origin is a landmark, the middle of a zone ("jowl zone") or a named place of the register
(:mod:`threadlift.planning.places`); steps are walked along the skin in their order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from threadlift.consultation import BILATERAL, MIDLINE
from threadlift.errors import InputError
from threadlift.evidence import table
from threadlift.face.landmarks import LEFT
from threadlift.face.landmarks import MIDLINE as MIDLINE_MARKS
from threadlift.planning.places import Step, Terms, named_places
from threadlift.threads import TECHNIQUES, products

#: Words of the clinic for origins; the first of an origin is the one that is written.
_CLINICAL: Mapping[str, tuple[str, ...]] = {
    "cheilion": ("mouth corner", "corner of the mouth", "oral commissure", "commissure"),
    "otobasion_inferius": ("ear lobe", "earlobe"),
    "otobasion_superius": ("top of the ear",),
    "exocanthion": ("outer canthus", "lateral canthus"),
    "endocanthion": ("inner canthus", "medial canthus"),
    "palpebrale_inferius": ("lower eyelid",),
    "brow_lateral": ("tail of the brow",),
    "alare": ("nasal ala",),
    "subalare": ("alar base",),
    "mandibular_angle": ("mandibular angle", "angle of the jaw", "jaw angle"),
    "zygion": ("zygomatic arch",),
    "malar_eminence": ("malar eminence", "cheekbone"),
    "nasolabial_mid": ("nasolabial fold",),
    "marionette_mid": ("marionette line",),
    "jowl_point": ("jowl",),
    "midcheek": ("mid cheek", "middle of the cheek"),
    "pogonion": ("chin",),
}
_WAYS: Mapping[str, tuple[str, ...]] = {
    "lateral": ("lateral", "outward"),
    "medial": ("medial", "inward"),
    "up": ("above", "up", "superior", "cranial"),
    "down": ("below", "down", "inferior", "caudal"),
    "forward": ("in front", "forward", "anterior"),
    "back": ("behind", "back", "posterior"),
}
_MM = {"mm": 1.0, "millimetre": 1.0, "millimetres": 1.0, "millimeter": 1.0, "millimeters": 1.0,
       "cm": 10.0, "centimetre": 10.0, "centimetres": 10.0, "centimeter": 10.0,
       "centimeters": 10.0}  # fmt: skip
_COUNTS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_NEWTON = ("n", "newton", "newtons")
_TOKEN = re.compile(r"\d+(?:\.\d+)?(?![\w.-])|\d+(?:\.\d+)?(?=[a-zA-Z]+\b)|[\w][\w'-]*|[^\s\w]")


@cache
def origin_words() -> dict[str, str]:
    """Phrase -> origin, for every origin that may be named."""
    own = (*LEFT, *MIDLINE_MARKS, *named_places())
    words = {name.replace("_", " "): name for name in own}
    words |= {f"{zone} zone": f"{zone} zone" for zone in (*BILATERAL, *MIDLINE)}
    return words | {phrase: name for name, said in _CLINICAL.items() for phrase in said}


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


def parse_place(text: str) -> Terms:
    """The place that a phrase names. Raises InputError that names the word not understood."""
    reader = _Reader(text)
    found = reader.place()
    reader.end()
    return found


def say_place(terms: Terms) -> str:
    """The phrase of a place, such that parsing it gives the same place again."""
    origin = f"the {say_origin(terms.origin)}"
    if not terms.steps:
        return origin
    last = terms.steps[-1].way
    link = "of " if last in ("lateral", "medial", "forward") else "" if last in _WAYS else "from "
    return f"{' and '.join(_say_step(s) for s in terms.steps)} {link}{origin}"


def say_origin(origin: str) -> str:
    """An origin in the words of the clinic."""
    return _CLINICAL.get(origin, (origin.replace("_", " "),))[0]


def _say_step(step: Step) -> str:
    length = f"{step.distance_mm:g} mm"
    if step.way in _WAYS:
        return f"{length} {_WAYS[step.way][0]}"
    return f"{length} towards the {say_origin(step.way)}"


def parse_sentence(text: str) -> dict[str, Any]:
    """A sentence as the fields of a line of threads (places stay phrases).

    Raises InputError for a word that is not understood and for what is said twice.
    """
    reader = _Reader(text)
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


class _Reader:
    """Reads one text from left to right; every refusal names the word at which it stands."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._words = [w.lower() for w in _TOKEN.findall(text)]
        self._at = 0
        if not self._words:
            raise InputError("A place or course without words says nothing.", "Name a place.")

    def take(self, *words: str) -> bool:
        """Whether these words come next; if so they are read."""
        end = self._at + len(words)
        if tuple(self._words[self._at : end]) != words:
            return False
        self._at = end
        return True

    def expect(self, word: str) -> None:
        """Read this word."""
        if not self.take(word):
            raise self._refusal([word])

    def end(self) -> None:
        """Nothing is left."""
        if self._at < len(self._words):
            raise self._refusal(["the end", "a comma and another detail"])

    def place(self) -> Terms:
        """Steps, if any, and an origin."""
        steps: list[Step] = []
        origin = None
        if self._number() is not None:
            steps.append(self._step())
            while self.take("and"):
                steps.append(self._step())
            _ = self.take("of") or self.take("to") or self.take("from")
        origin = self._origin()
        return Terms(origin, tuple(steps))

    def detail(self) -> dict[str, Any]:
        """One detail after a comma."""
        for phrases, field in (
            (layer_words(), "layer"),
            ({t: t for t in TECHNIQUES}, "technique"),
            ({p: p for p in products()}, "product"),
        ):
            found = self._longest(phrases)
            if found is not None:
                return {field: found}
        number = self._number()
        if number is None and self._words[self._at : self._at + 1]:
            number = _COUNTS.get(self._words[self._at])
        if number is None:
            raise self._refusal(
                [*layer_words(), *TECHNIQUES, *products(), "4 threads per side", "1.5 N",
                 "5 mm deep"]
            )  # fmt: skip
        self._at += 1
        return self._counted(number)

    def _counted(self, number: float) -> dict[str, Any]:
        """What a number counts: threads, newtons or millimetres of depth."""
        if any(self.take(unit) for unit in _NEWTON):
            _ = self.take("each") or self.take("per", "thread")
            return {"tension_n": float(number)}
        unit = self._words[self._at] if self._at < len(self._words) else ""
        if unit in _MM:
            self._at += 1
            self.expect("deep")
            return {"depth_mm": number * _MM[unit]}
        if self.take("thread") or self.take("threads"):
            fields: dict[str, Any] = {"threads_per_side": self._whole(number)}
            for side in ("left", "right"):
                if self.take("on", "the", side):
                    return fields | {"side": side}
            self.expect("per")
            self.expect("side")
            return fields
        raise self._refusal(["threads per side", "N", "mm deep"])

    def _whole(self, number: float) -> int:
        if number != int(number):
            raise InputError(
                f"'{self._text}' asks for {number:g} threads.", "Write a whole number of threads."
            )
        return int(number)

    def _number(self) -> float | None:
        """The number that comes next, which stays unread."""
        word = self._words[self._at] if self._at < len(self._words) else ""
        return float(word) if re.fullmatch(r"\d+(?:\.\d+)?", word) else None

    def _step(self) -> Step:
        number = self._number()
        if number is None:
            raise self._refusal(["a distance such as 10 mm"])
        self._at += 1
        unit = self._words[self._at] if self._at < len(self._words) else ""
        if unit not in _MM:
            raise self._refusal(["mm", "cm"], what="a unit of length")
        self._at += 1
        distance = round(number * _MM[unit], 6)
        if self.take("towards") or self.take("toward"):
            return Step(self._origin(), distance)
        way = self._longest({phrase: way for way, said in _WAYS.items() for phrase in said})
        if way is None:
            raise self._refusal([said[0] for said in _WAYS.values()] + ["towards"])
        return Step(way, distance)

    def _origin(self) -> str:
        self.take("the")
        found = self._longest(origin_words())
        if found is None:
            raise self._refusal(
                sorted({say_origin(o) for o in origin_words().values()}), what="a place"
            )
        return found

    def _longest(self, phrases: Mapping[str, str]) -> str | None:
        """What the longest phrase that comes next stands for; it is read."""
        best: tuple[int, str] | None = None
        for phrase, meaning in phrases.items():
            words = [w.lower() for w in _TOKEN.findall(phrase)]
            end = self._at + len(words)
            if self._words[self._at : end] == words and (best is None or len(words) > best[0]):
                best = (len(words), meaning)
        if best is None:
            return None
        self._at += best[0]
        return best[1]

    def _refusal(self, understood: Sequence[str], what: str = "understood") -> InputError:
        words = self._words[self._at :]
        here = f"'{words[0]}'" if words else "the end"
        wrong = f"{here} is not {what}" if what != "understood" else f"{here} is not understood"
        return InputError(
            f"In '{self._text}', {wrong} here.", f"Understood: {', '.join(understood)}."
        )
