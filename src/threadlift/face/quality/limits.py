"""Limits of the evidence register, and how a value is judged by them."""

from __future__ import annotations

from threadlift.evidence import parameter, value
from threadlift.face.quality.finding import Finding, Verdict


def at_most(
    name: str, picture: str, measured: float, unit: str, remedy: str, *, refuse: bool = True
) -> Finding:
    """A finding that is good up to `quality.<name>.good` and usable up to `….usable`.

    refuse False: above the second limit it is still only poor (there is none in the register).
    """
    return _quality(name, picture, measured, unit, remedy, refuse, sign=1.0)


def at_least(
    name: str, picture: str, measured: float, unit: str, remedy: str, *, refuse: bool = True
) -> Finding:
    """A finding that is good from `quality.<name>.good` and usable from `….usable` on."""
    return _quality(name, picture, measured, unit, remedy, refuse, sign=-1.0)


def required_at_most(
    name: str, picture: str, measured: float | None, key: str, statement: str, remedy: str
) -> Finding:
    """A finding without a middle: good up to the register's `key`, unusable beyond.

    measured None: it could not be judged. statement: what was found, in a sentence.
    """
    unit = parameter(key).unit
    return _judged(name, picture, measured, unit, remedy, (key, key), 1.0, statement)


def required_at_least(
    name: str, picture: str, measured: float | None, key: str, statement: str, remedy: str
) -> Finding:
    """The same with a lower limit."""
    unit = parameter(key).unit
    return _judged(name, picture, measured, unit, remedy, (key, key), -1.0, statement)


def _quality(
    name: str, picture: str, measured: float, unit: str, remedy: str, refuse: bool, sign: float
) -> Finding:
    good = f"quality.{name}.good"
    keys = (good, f"quality.{name}.usable" if refuse else None)
    return _judged(name, picture, measured, unit, remedy, keys, sign)


def _judged(
    name: str,
    picture: str,
    measured: float | None,
    unit: str,
    remedy: str,
    keys: tuple[str, str | None],
    sign: float,
    statement: str = "",
) -> Finding:
    """The finding by the register's keys of where good and usable end; `sign` -1: lower limits."""
    good, usable = keys
    verdict: Verdict = "unjudged"
    if measured is not None:
        verdict = "good" if sign * measured <= sign * value(good) else "poor"
        if usable is not None and sign * measured > sign * value(usable):
            verdict = "unusable"
    basis = tuple(dict.fromkeys(k for k in keys if k is not None))
    needed = remedy if verdict in ("poor", "unusable") else ""
    return Finding(name, picture, measured, value(good), unit, verdict, needed, basis, statement)
