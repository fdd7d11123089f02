"""Both languages of the report say the same things."""

from __future__ import annotations

import tomllib
import warnings
from importlib.resources import files

import pytest

from threadlift.errors import InputError
from threadlift.reporting.charts import durability_chart
from threadlift.reporting.texts import LANGUAGES, texts


def keys(tree: dict, path: str = "") -> set[str]:
    found: set[str] = set()
    for name, node in tree.items():
        found |= keys(node, f"{path}{name}.") if isinstance(node, dict) else {f"{path}{name}"}
    return found


def load(language: str) -> dict:
    folder = files("threadlift.reporting") / "texts"
    return tomllib.loads((folder / f"{language}.toml").read_text("utf-8"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_the_same_keys(language: str) -> None:
    assert keys(load(language)) == keys(load("en"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_agree(language: str) -> None:
    t = texts(language)
    assert "3" in t("summary.months", n=3)
    assert "7" in t("risks.icons", n=7, m=93)
    assert "93" in t("risks.icons", n=7, m=93)


def test_zone_keys_become_words() -> None:
    assert texts("en").zone("jowl_left") == "jowl, left"
    assert texts("en").zone("chin") == "chin"


def test_an_unknown_language_is_refused_with_the_choice() -> None:
    with pytest.raises(InputError, match="Choose one of: en, ko"):
        texts("xx")


def test_charts_in_korean_keep_their_labels_as_text_and_warn_of_nothing() -> None:
    rows = [
        {"month": m, "fraction": {"value": v, "low": v, "high": v}} for m, v in ((0, 1), (6, 0))
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = durability_chart(rows, texts("ko"))
    assert texts("ko")("expect.months_axis") in svg
