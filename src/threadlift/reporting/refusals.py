"""What plans say of themselves, refusals and gaps of the record in the language of the page.

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


def plan_reasons(plan: Json, t: Texts) -> list[str]:
    """What a plan says of itself, sentence by sentence; of a refusal, why there are no threads."""
    refusal = plan.get("refusal")
    return _said(plan, "reasons", t) if refusal is None else reasons(refusal, t)


def alternative(item: Json, t: Texts) -> tuple[str, str]:
    """Title and note of one of a plan's alternatives."""
    title, note = (_sentence(item.get(f"{part}_key"), item[part], t) for part in ("title", "note"))
    return title, note


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


def _said(said: Json, part: str, t: Texts) -> list[str]:
    # Plans of earlier versions hold no keys: their English is all there is.
    english = said[part]
    keys = said.get(f"{part}_keys") or [None] * len(english)
    return [_sentence(k, text, t) for k, text in zip(keys, english, strict=True)]


def _sentence(key: Json | None, english: str, t: Texts) -> str:
    own = _translations(t.language)
    if own is None or key is None:
        return english
    return own(key["key"], **_words(key["values"], own, t))


def _words(values: Mapping[str, Any], own: Texts, t: Texts) -> dict[str, Any]:
    """The values; units in words where the language has its own, names of things always."""
    out = dict(values)
    if "unit" in out and out["unit"] in own.keys("units"):
        out["unit"] = own(f"units.{out['unit']}")
    if "zone" in out:
        out["zone"] = t.zone(out["zone"])
    if "issue" in out:
        out["issue"] = t(f"main_issue.{out['issue']}")
    for side in ("side", "other_side"):
        if side in out:
            out[side] = t(f"sides.{out[side]}")
    if "structure" in out:
        out["structure"] = t.structure(out["structure"])
    if "methods" in out:
        out["methods"] = ", ".join(t(f"found_by.{m}") for m in out["methods"])
    return out
