"""Read the register (TOML files beside this module) and answer by key.

A parameter is a TOML table that holds `value` and `unit`; its key is the file's stem and the
dotted path, for instance ``tissue.skin.mu``::

    [skin.mu]
    value = 32.0
    unit = "kPa"
    status = "derived"        # found | recalled | derived | default
    source = "LUBOZ14"        # key in sources.toml; required unless status = "default"
    log_sd = 0.58             # or sd, or low/high: the spread that the number is used with
    note = "why this number, and how far it can be trusted"

Whole data tables (products, structures) are read with :func:`table`; the same rule of source
and status holds for each of their rows.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast

Status = Literal["found", "recalled", "derived", "default"]
STATUSES: tuple[Status, ...] = ("found", "recalled", "derived", "default")


@dataclass(frozen=True)
class Source:
    """A publication or page: key, title, address as read, and whether it is secondary."""

    key: str
    title: str
    address: str
    secondary: bool = False


@dataclass(frozen=True)
class Parameter:
    """A number with unit, provenance and spread (None where the register gives no spread)."""

    key: str
    value: float
    unit: str
    status: Status
    source: tuple[str, ...]
    note: str = ""
    log_sd: float | None = None
    sd: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def basis(self) -> tuple[str, ...]:
        """What an Estimate built on this number names as its basis."""
        return (self.key, *self.source)


@cache
def _load(name: str) -> dict[str, Any]:
    return tomllib.loads(
        (files("threadlift.evidence") / "data" / f"{name}.toml").read_text("utf-8")
    )


@cache
def _file_names() -> tuple[str, ...]:
    folder = files("threadlift.evidence") / "data"
    return tuple(sorted(p.name[:-5] for p in folder.iterdir() if p.name.endswith(".toml")))


def _walk(tree: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, node in tree.items():
        if isinstance(node, dict):
            branch = cast("dict[str, Any]", node)
            key = f"{path}.{name}"
            if "value" in branch and "unit" in branch:
                yield key, branch
            else:
                yield from _walk(branch, key)


def source_keys(row: dict[str, Any]) -> tuple[str, ...]:
    """The source keys of a register row (a string, a list, or none)."""
    given = row.get("source", ())
    return (given,) if isinstance(given, str) else tuple(given)


@cache
def all_parameters() -> dict[str, Parameter]:
    """Every parameter of every register file, by key."""
    found: dict[str, Parameter] = {}
    for name in _file_names():
        if name == "sources":
            continue
        for key, row in _walk(_load(name), name):
            found[key] = Parameter(
                key=key,
                value=float(row["value"]),
                unit=row["unit"],
                status=row["status"],
                source=source_keys(row),
                note=row.get("note", ""),
                log_sd=row.get("log_sd"),
                sd=row.get("sd"),
                low=row.get("low"),
                high=row.get("high"),
            )
    return found


@cache
def all_sources() -> dict[str, Source]:
    """Every source of the register, by key."""
    return {
        key: Source(key, row["title"], row["address"], row.get("secondary", False))
        for key, row in _load("sources").items()
    }


def parameter(key: str) -> Parameter:
    """The parameter with this key. Raises KeyError with the key's name when there is none."""
    return all_parameters()[key]


def value(key: str) -> float:
    """Shorthand for ``parameter(key).value``."""
    return parameter(key).value


def source(key: str) -> Source:
    """The source with this key. Raises KeyError when there is none."""
    return all_sources()[key]


def table(name: str) -> dict[str, Any]:
    """A register file as it stands (``table("hazards")`` reads ``data/hazards.toml``)."""
    return _load(name)


def citations(basis: Iterable[str]) -> list[Source]:
    """The sources behind a set of basis keys (parameters are resolved to their sources)."""
    keys: dict[str, None] = {}
    for item in basis:
        if item in all_sources():
            keys[item] = None
        elif item in all_parameters():
            keys.update(dict.fromkeys(all_parameters()[item].source))
    return [all_sources()[k] for k in sorted(keys) if k in all_sources()]
