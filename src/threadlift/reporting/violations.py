"""Broken safety rules in sentences: what, where, and what would mend it."""

from __future__ import annotations

from typing import Any

from threadlift.reporting.pages import number, words
from threadlift.reporting.texts import Texts

Json = dict[str, Any]


def describe(violation: Json, t: Texts) -> str:
    """One violation of plan.json's `safety.violations` as sentences in the language of `t`.

    Names the thread, the rule with structure and margin, the place, and a remedy.
    """
    rule = violation["rule"]
    key = rule if rule in t.keys("safety.rules") else "other"
    named = violation["thread"]
    margin = abs(violation["margin"])
    if rule.endswith("-probability"):
        amount = number(100.0 * margin, 1)
    elif violation["unit"] == "1":
        amount = number(margin, 0)
    else:
        amount = number(margin, 1 if margin >= 0.1 else 2)
    sentence = t(
        f"safety.rules.{key}",
        who=t("safety.words.thread", id=named) if named else t("safety.words.plan"),
        x=amount,
        structure=_about(rule, violation["structure"], t),
        rule=words(rule),
    )
    remedy = t(f"safety.remedies.{key}")
    if not named:
        return t("safety.words.nowhere", sentence=sentence, remedy=remedy)
    return t(
        "safety.words.where", sentence=sentence, place=_place(violation["place_mm"], t),
        remedy=remedy,
    )  # fmt: skip


def _about(rule: str, structure: str, t: Texts) -> str:
    """The thing that a rule is about: a zone, a side or a structure in words, a name as it is."""
    if rule in ("layer-not-allowed", "entry-zone") and structure in t.keys("zones"):
        return t.zone(structure)
    if structure == "elsewhere":
        return t("safety.words.elsewhere")
    if structure in t.keys("sides"):
        return t(f"sides.{structure}")
    return structure if rule in ("thread-spacing", "same-name") else words(structure)


def _place(place_mm: list[float], t: Texts) -> str:
    x, y, z = place_mm
    return t(
        "safety.words.place",
        side=t("sides.left" if x >= 0.0 else "sides.right"),
        x=number(abs(x), 0),
        y=number(abs(y), 0),
        up=t("safety.words.up" if y >= 0.0 else "safety.words.down"),
        z=number(abs(z), 0),
        front=t("safety.words.front" if z >= 0.0 else "safety.words.behind"),
    )
