"""Broken safety rules in sentences: what, where, and what would mend it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from threadlift.reporting.pages import number, words
from threadlift.reporting.texts import Texts

Json = dict[str, Any]


def describe(violation: Json, t: Texts) -> str:
    """One violation of plan.json's `safety.violations` as sentences in the language of `t`.

    Names the thread, the rule with structure and margin, the place, and a remedy.
    """
    named = violation["thread"]
    who = t("safety.words.thread", id=named) if named else t("safety.words.plan")
    said = {"who": who, "rule": rule_words(violation, t), "remedy": remedy(violation["rule"], t)}
    if not named:
        return t("safety.words.nowhere", **said)
    return t("safety.words.where", place=_place(violation["place_mm"], t), **said)


def rule_words(violation: Mapping[str, Any], t: Texts) -> str:
    """A broken rule in words, with its structure and by how much."""
    rule, margin = violation["rule"], abs(violation["margin"])
    if rule.endswith("-probability"):
        amount = number(100.0 * margin, 0 if margin >= 0.095 else 1)
    elif violation["unit"] == "1":
        amount = number(margin, 0)
    else:
        amount = number(margin, 1 if margin >= 0.1 else 2)
    return t(
        f"safety.rules.{_key(rule, t)}",
        x=amount,
        structure=_about(rule, violation["structure"], t),
        rule=words(rule),
    )


def remedy(rule: str, t: Texts) -> str:
    """What would mend a broken rule."""
    return t(f"safety.remedies.{_key(rule, t)}")


def _key(rule: str, t: Texts) -> str:
    return rule if rule in t.keys("safety.rules") else "other"


def _about(rule: str, structure: str, t: Texts) -> str:
    """The thing that a rule is about: a zone, a side or a structure in words, a name as it is."""
    if rule in ("layer-not-allowed", "entry-zone") and structure in t.keys("zones"):
        return t.zone(structure)
    if structure == "elsewhere":
        return t("safety.words.elsewhere")
    if structure in t.keys("sides"):
        return t(f"sides.{structure}")
    return structure if rule in ("thread-spacing", "same-name") else t.structure(structure)


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
