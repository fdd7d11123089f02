"""The gate: what is unusable is refused, with every reason and remedy at once."""

from __future__ import annotations

from collections.abc import Iterable

from threadlift.errors import InputError
from threadlift.face.quality.finding import Finding

#: More reasons than this help nobody; the worst pictures fail in everything.
_SHOWN = 3


def refuse_unusable(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings if all are usable. Raises InputError with the reasons and remedies if not."""
    kept = tuple(findings)
    bad = [f for f in kept if f.verdict == "unusable"]
    if not bad:
        return kept
    reasons = "; ".join(
        f"{f.picture}: {f.name.replace('_', ' ').replace('.', ' ')} is "
        f"{f.value:.3g}{'' if f.unit == '1' else ' ' + f.unit}, good is {f.limit:.3g}"
        for f in bad[:_SHOWN]
    )
    raise InputError(
        f"The capture cannot be used ({reasons}).",
        " ".join(dict.fromkeys(f.remedy for f in bad[:_SHOWN])),
    )
