"""Limits of the quality gate from the evidence register, and how a value is judged by them."""

from __future__ import annotations

from threadlift.evidence import value
from threadlift.face.quality.finding import Finding, Verdict


def at_most(
    name: str, picture: str, measured: float, unit: str, remedy: str, *, refuse: bool = True
) -> Finding:
    """A finding that is good up to `quality.<name>.good` and usable up to `….usable`.

    refuse False: above the second limit it is still only poor (there is none in the register).
    """
    return _finding(name, picture, measured, unit, remedy, refuse, sign=1.0)


def at_least(
    name: str, picture: str, measured: float, unit: str, remedy: str, *, refuse: bool = True
) -> Finding:
    """A finding that is good from `quality.<name>.good` and usable from `….usable` on."""
    return _finding(name, picture, measured, unit, remedy, refuse, sign=-1.0)


def _finding(
    name: str, picture: str, measured: float, unit: str, remedy: str, refuse: bool, sign: float
) -> Finding:
    good = value(f"quality.{name}.good")
    verdict: Verdict = "good" if sign * measured <= sign * good else "poor"
    basis = [f"quality.{name}.good"]
    if refuse:
        basis.append(f"quality.{name}.usable")
        if sign * measured > sign * value(basis[-1]):
            verdict = "unusable"
    return Finding(
        name,
        picture,
        measured,
        good,
        unit,
        verdict,
        "" if verdict == "good" else remedy,
        tuple(basis),
    )
