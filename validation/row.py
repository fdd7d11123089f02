"""One line of the validation table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from threadlift import evidence
from threadlift.evidence.register import Parameter

Status = Literal["calibrated", "predicted"]
Verdict = Literal["meets", "fails"]


@dataclass(frozen=True)
class Row:
    """A published quantity beside what the model gives for it.

    Attributes
    ----------
    name: what is measured, in words.
    key: register key of the published number below ``validation.target``.
    predicted: the model's number in the unit of the register row.
    status: 'calibrated' where something is tuned to this very number here or in the register,
        else 'predicted'.
    seen: whether the number took part in the joint fit that gave the register its moduli; a
        prediction that was seen is weaker evidence than one that was not.
    note: what the reader must know about this line.
    reason: in a sentence, why the number is missed, where it is.
    spread: the middle 90 % of what the model gives when all that is uncertain about tissue and
        layers is drawn together, where that was computed. It does not enter the verdict.
    """

    name: str
    key: str
    predicted: float
    status: Status
    seen: bool
    note: str
    reason: str = ""
    spread: tuple[float, float] | None = None

    @property
    def target(self) -> Parameter:
        """The published number with its range and source."""
        return evidence.parameter(f"validation.target.{self.key}")

    @property
    def verdict(self) -> Verdict:
        """Whether the prediction lies in the range of the register row."""
        low, high = self.target.low, self.target.high
        above = low is None or self.predicted >= low
        below = high is None or self.predicted <= high
        return "meets" if above and below else "fails"


@dataclass(frozen=True)
class Experiment:
    """The lines of one script, with a paragraph on what is certain and what is guessed."""

    script: str
    title: str
    rows: tuple[Row, ...]
    protocol: str

    def lines(self) -> Sequence[str]:
        """The lines as text, for the terminal."""
        return [
            f"{r.verdict:6} {r.name}: {predicted(r)} {r.target.unit} "
            f"(published {published(r.target)}; {r.status}{', seen' * r.seen})"
            for r in self.rows
        ]


def predicted(row: Row) -> str:
    """The model's number, with its spread where that is known."""
    if row.spread is None:
        return number(row.predicted)
    low, high = (number(x) for x in row.spread)
    return f"{number(row.predicted)} ({low} to {high})"


def number(x: float) -> str:
    """Three significant digits without an exponent."""
    return f"{float(f'{x:.3g}'):g}"


def published(p: Parameter) -> str:
    """The published value with the range in which a prediction counts as met."""
    if p.low is not None and p.high is not None:
        return f"{p.value:g} [{p.low:g} to {p.high:g}]"
    if p.low is not None:
        return f"{p.value:g} [from {p.low:g}]"
    return f"{p.value:g}"


def protocol(key: str) -> float:
    """An assumption about how a measurement was made (``validation.protocol``)."""
    return evidence.value(f"validation.protocol.{key}")
