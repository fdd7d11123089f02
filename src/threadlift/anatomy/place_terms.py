"""The language of places: "1 cm lateral of the mouth corner", read strictly.

Every word has to be understood; the first that is not is named, with what would be. The grammar::

    place    = [step {"and" step} ["of" | "to" | "from"]] ["the"] origin
    step     = number ("mm" | "cm") (way | "towards" ["the"] origin)

An origin is a landmark, the middle of a zone ("jowl zone") or a named place of the register
(:mod:`threadlift.anatomy.places`); steps are walked along the skin in their order. Used for marks
of a consultation and, as part of a larger language, for proposed plans
(:mod:`threadlift.planning.landmark_terms`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache

from threadlift.anatomy.places import Step, Terms, named_places
from threadlift.consultation import BILATERAL, MIDLINE
from threadlift.errors import InputError
from threadlift.face.landmarks import LEFT
from threadlift.face.landmarks import MIDLINE as MIDLINE_MARKS

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
#: Units of length by their names [mm].
MM = {"mm": 1.0, "millimetre": 1.0, "millimetres": 1.0, "millimeter": 1.0, "millimeters": 1.0,
       "cm": 10.0, "centimetre": 10.0, "centimetres": 10.0, "centimeter": 10.0,
       "centimeters": 10.0}  # fmt: skip
_TOKEN = re.compile(r"\d+(?:\.\d+)?(?![\w.-])|\d+(?:\.\d+)?(?=[a-zA-Z]+\b)|[\w][\w'-]*|[^\s\w]")


@cache
def origin_words() -> dict[str, str]:
    """Phrase -> origin, for every origin that may be named."""
    own = (*LEFT, *MIDLINE_MARKS, *named_places())
    words = {name.replace("_", " "): name for name in own}
    words |= {f"{zone} zone": f"{zone} zone" for zone in (*BILATERAL, *MIDLINE)}
    return words | {phrase: name for name, said in _CLINICAL.items() for phrase in said}


def parse_place(text: str) -> Terms:
    """The place that a phrase names. Raises InputError that names the word not understood."""
    reader = Reader(text)
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


class Reader:
    """Reads one text from left to right; every refusal names the word at which it stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = [w.lower() for w in _TOKEN.findall(text)]
        self.at = 0
        if not self.words:
            raise InputError("A place or course without words says nothing.", "Name a place.")

    def take(self, *words: str) -> bool:
        """Whether these words come next; if so they are read."""
        end = self.at + len(words)
        if tuple(self.words[self.at : end]) != words:
            return False
        self.at = end
        return True

    def expect(self, word: str) -> None:
        """Read this word."""
        if not self.take(word):
            raise self.refusal([word])

    def end(self) -> None:
        """Nothing is left."""
        if self.at < len(self.words):
            raise self.refusal(["the end", "a comma and another detail"])

    def place(self) -> Terms:
        """Steps, if any, and an origin."""
        steps: list[Step] = []
        origin = None
        if self.number() is not None:
            steps.append(self._step())
            while self.take("and"):
                steps.append(self._step())
            _ = self.take("of") or self.take("to") or self.take("from")
        origin = self._origin()
        return Terms(origin, tuple(steps))

    def number(self) -> float | None:
        """The number that comes next, which stays unread."""
        word = self.words[self.at] if self.at < len(self.words) else ""
        return float(word) if re.fullmatch(r"\d+(?:\.\d+)?", word) else None

    def _step(self) -> Step:
        number = self.number()
        if number is None:
            raise self.refusal(["a distance such as 10 mm"])
        self.at += 1
        unit = self.words[self.at] if self.at < len(self.words) else ""
        if unit not in MM:
            raise self.refusal(["mm", "cm"], what="a unit of length")
        self.at += 1
        distance = round(number * MM[unit], 6)
        if self.take("towards") or self.take("toward"):
            return Step(self._origin(), distance)
        way = self.longest({phrase: way for way, said in _WAYS.items() for phrase in said})
        if way is None:
            raise self.refusal([said[0] for said in _WAYS.values()] + ["towards"])
        return Step(way, distance)

    def _origin(self) -> str:
        self.take("the")
        found = self.longest(origin_words())
        if found is None:
            raise self.refusal(
                sorted({say_origin(o) for o in origin_words().values()}), what="a place"
            )
        return found

    def longest(self, phrases: Mapping[str, str]) -> str | None:
        """What the longest phrase that comes next stands for; it is read."""
        best: tuple[int, str] | None = None
        for phrase, meaning in phrases.items():
            words = [w.lower() for w in _TOKEN.findall(phrase)]
            end = self.at + len(words)
            if self.words[self.at : end] == words and (best is None or len(words) > best[0]):
                best = (len(words), meaning)
        if best is None:
            return None
        self.at += best[0]
        return best[1]

    def refusal(self, understood: Sequence[str], what: str = "understood") -> InputError:
        """An error that names the word at which the reader stands, and what would be understood."""
        words = self.words[self.at :]
        here = f"'{words[0]}'" if words else "the end"
        wrong = f"{here} is not {what}" if what != "understood" else f"{here} is not understood"
        return InputError(
            f"In '{self.text}', {wrong} here.", f"Understood: {', '.join(understood)}."
        )
