"""One line of the self-test: a number that is known, and what this machine makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """`computed` must agree with `expected` to ``tolerance * scale``.

    scale: size of the compared quantity (default: that of `expected`; to be given where zero is
    expected). family: what kind of building block the case tests.
    """

    name: str
    expected: float
    computed: float
    tolerance: float
    family: str = ""
    scale: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the computed number agrees (not a number never does)."""
        scale = abs(self.expected) if self.scale is None else self.scale
        return bool(abs(self.computed - self.expected) <= self.tolerance * scale)

    def to_json(self) -> dict[str, Any]:
        """JSON form with the verdict."""
        return {
            "name": self.name,
            "family": self.family,
            "expected": self.expected,
            "computed": self.computed,
            "tolerance": self.tolerance,
            "passed": self.passed,
        }
