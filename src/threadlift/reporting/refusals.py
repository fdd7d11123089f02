"""Refusals and gaps of the record in the language of the page.

English is said as plan.json and assessment.json say it, other languages by key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from threadlift.planning.refusal import gap_key
from threadlift.reporting.pages import words
from threadlift.reporting.texts import Texts

Json = dict[str, Any]


@cache
def _translations(language: str) -> Texts | None:
    """Sentences by key; None for English, which plan.json holds itself."""
    if language == "en":
        return None
    path = files("threadlift.reporting") / "texts" / f"refusals_{language}.toml"
    return Texts(tomllib.loads(path.read_text("utf-8")))


def reasons(refusal: Json, t: Texts) -> list[str]:
    """Why no threads are planned, sentence by sentence."""
    return _said(refusal, "because", t)


def ways_out(refusal: Json, t: Texts) -> list[str]:
    """What would change the answer, sentence by sentence."""
    return _said(refusal, "would_change", t)


def gap(item: str, why: str, t: Texts) -> str:
    """Something that was not measured or asked (`missing` of assessment.json), and what follows."""
    name = words(item.replace(".*.", " ").replace(".", " "))
    own, key = _translations(t.language), gap_key(item)
    if own is None or key.removeprefix("missing.") not in own.keys("missing"):
        return f"{name}: {why}" if why else name
    return own(key, item=name)


def _said(refusal: Json, part: str, t: Texts) -> list[str]:
    # Plans of earlier versions hold no keys: their English is all there is.
    english, keys = refusal[part], refusal.get(f"{part}_keys")
    own = _translations(t.language)
    if own is None or not keys:
        return list(english)
    return [own(k["key"], **_words(k["values"], own)) for k in keys]


def _words(values: Mapping[str, Any], own: Texts) -> dict[str, Any]:
    """The values, units in words where the language has its own."""
    unit = values.get("unit")
    named = unit in own.keys("units")
    return {**values, "unit": own(f"units.{unit}") if named else unit}
