"""The register: every number has a unit, a status, a known source and a sane spread."""

from __future__ import annotations

import math
from importlib.resources import files
from typing import Any

import pytest

from threadlift import evidence
from threadlift.evidence.register import STATUSES, source_keys

#: A unit outside this list is a typo until somebody adds it here.
UNITS = {
    "1",
    "mm",
    "mm2",
    "1/mm",
    "1/N",
    "deg",
    "stops",
    "ΔE",
    "rad",
    "N",
    "N/mm",
    "N/mm2",
    "N/mm3",
    "N/m",
    "kPa",
    "MPa",
    "GPa",
    "kg/m3",
    "m/s2",
    "kg/m2",
    "months",
    "weeks",
    "days",
    "hours",
    "s",
    "years",
    "ml",
    "g",
    "kg",
    "per 100",
    "%",
    "1/decade",
    "1/year",
    "mm/(kg/m2)",
    "1/(kg/m2)",
    "grade",
    "mbar",
    "px",
    "m",
    "cm",
    "mm/decade",
    "mm/year",
    "deg/year",
}
PARAMETERS = sorted(evidence.all_parameters().items())


def toml_names() -> list[str]:
    folder = files("threadlift.evidence") / "data"
    return sorted(p.name[:-5] for p in folder.iterdir() if p.name.endswith(".toml"))


def rows_with_status(node: Any, path: str):
    if isinstance(node, dict):
        if "status" in node:
            yield path, node
        for key, child in node.items():
            yield from rows_with_status(child, f"{path}.{key}")
    elif isinstance(node, list):
        for i, child in enumerate(node):
            yield from rows_with_status(child, f"{path}[{i}]")


ROWS = [
    row
    for name in toml_names()
    if name != "sources"
    for row in rows_with_status(evidence.table(name), name)
]


def test_register_is_not_empty():
    assert len(PARAMETERS) > 50
    assert len(evidence.all_sources()) > 150


@pytest.mark.parametrize(("path", "row"), ROWS, ids=[path for path, _ in ROWS])
def test_rows_have_status_and_known_sources(path, row):
    assert row["status"] in STATUSES
    keys = source_keys(row)
    assert row["status"] == "default" or keys, f"{path} claims a source and names none"
    assert set(keys) <= set(evidence.all_sources())


@pytest.mark.parametrize(("key", "p"), PARAMETERS, ids=[key for key, _ in PARAMETERS])
def test_parameters_are_sane(key, p):
    assert p.unit in UNITS, f"{key}: unknown unit {p.unit!r}"
    assert math.isfinite(p.value)
    if p.log_sd is not None:
        assert 0.0 < p.log_sd < 1.5
        assert p.value != 0.0
    if p.sd is not None:
        assert p.sd > 0.0
    if p.low is not None:
        assert p.low <= p.value
    if p.high is not None:
        assert p.high >= p.value


def test_sources_have_title_and_address():
    for key, source in evidence.all_sources().items():
        assert source.title.strip(), key
        assert source.address.strip(), key


def test_recalled_sources_never_carry_a_found_number():
    for path, row in ROWS:
        if row["status"] == "found":
            for key in source_keys(row):
                assert evidence.source(key).address != "recalled, unverified", (path, key)


def test_citations_resolve_parameters_to_sources():
    cited = evidence.citations(["threads.tension.side_limit", "MENG22", "model"])
    assert [s.key for s in cited] == ["BARTON11", "MENG22"]


def test_unknown_keys_raise():
    with pytest.raises(KeyError, match="no-such"):
        evidence.parameter("no-such.key")
    with pytest.raises(KeyError):
        evidence.source("NOBODY99")
