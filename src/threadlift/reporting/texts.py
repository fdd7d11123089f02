"""Texts of the report by language. One file per language; a test holds them to the same keys."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from threadlift.errors import InputError

LANGUAGES = ("en", "ko")


class Texts:
    """Looks texts up by dotted key and fills in values: ``t("plan.length")``."""

    def __init__(self, tree: dict[str, Any]) -> None:
        self._tree = tree

    @property
    def language(self) -> str:
        """The language's code, for the `lang` attribute of the page."""
        return self._tree["language"]

    def __call__(self, key: str, **values: object) -> str:
        """The text of a key, its placeholders filled in."""
        node: Any = self._tree
        for part in key.split("."):
            node = node[part]
        return str(node).format(**values) if values else str(node)

    def keys(self, key: str) -> set[str]:
        """The keys under a dotted key."""
        node: Any = self._tree
        for part in key.split("."):
            node = node[part]
        return set(node)

    def zone(self, key: str) -> str:
        """A zone key such as ``jowl_left`` in words."""
        for side in ("left", "right"):
            if key.endswith(f"_{side}"):
                return f"{self('zones.' + key.removesuffix('_' + side))}, {self('sides.' + side)}"
        return self(f"zones.{key}")

    def structure(self, name: str, side: str = "") -> str:
        """A structure or ligament in words with its side, which its name may carry, too.

        What the atlas does not name (a rule may be about something else) is said as it stands.
        """
        for own in ("left", "right"):
            if name.endswith(f"_{own}"):
                name, side = name.removesuffix(f"_{own}"), own
        known = self(f"structures.{name}") if name in self.keys("structures") else None
        said = known or name.replace("_", " ")
        return f"{said} ({self('sides.' + side)})" if side else said


@cache
def texts(language: str) -> Texts:
    """The texts of a language. Raises InputError for one that there is not."""
    if language not in LANGUAGES:
        raise InputError(
            f"There are no report texts for the language '{language}'.",
            f"Choose one of: {', '.join(LANGUAGES)}.",
        )
    path = files("threadlift.reporting") / "texts" / f"{language}.toml"
    return Texts(tomllib.loads(path.read_text("utf-8")))
