"""What every page of the project shares: the template environment and how numbers are written."""

from __future__ import annotations

import html
from collections.abc import Iterable

import jinja2

from threadlift import evidence


def number(x: float, digits: int = 1) -> str:
    """A number with a true minus sign and never a negative zero."""
    text = f"{x:.{digits}f}"
    return text.replace("-0." + "0" * digits, "0." + "0" * digits).replace("-", "−")


def sourced(basis: Iterable[str]) -> str:
    """Basis keys as text; those with an entry in the source list become links to it."""
    known = evidence.all_sources()
    parts = []
    for key in basis:
        name = html.escape(key)
        parts.append(f'<a href="#src-{name}">{name}</a>' if key in known else name)
    return ", ".join(parts)


def words(name: str) -> str:
    """An identifier in words."""
    return name.replace("_", " ")


def environment() -> jinja2.Environment:
    """Templates of the package; an undefined name is an error, everything is escaped."""
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("threadlift.reporting", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["num"] = number
    env.filters["sourced"] = sourced
    env.filters["words"] = words
    return env
