"""Before and after: comparable or refused, and what changed by more than can be told from none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from threadlift.face.pair.displacement import Displacement
from threadlift.face.pair.estimate import estimate
from threadlift.face.pair.gate import UnlikeCaptures, days_criterion, judge
from threadlift.face.pair.marks import Marks
from threadlift.face.pair.matched import follow, matched
from threadlift.face.pair.posture import displacement
from threadlift.face.pair.tracking import no_tracks
from threadlift.face.quality import Finding
from threadlift.face.scan.read import Scan
from threadlift.face.scan.register import Progress, silent
from threadlift.face.template import template


@dataclass(frozen=True)
class FollowUp:
    """A comparison of two captures.

    displacement: from before to after; its `zones` hold each change with its interval and the
    smallest detectable change. criteria: the conditions of the comparison, all good (or not
    judged). days: between the captures.
    """

    displacement: Displacement
    criteria: tuple[Finding, ...]
    days: float

    @property
    def detected(self) -> dict[str, tuple[str, ...]]:
        """Zones with the directions in which they changed by more than can be told from none."""
        out = {
            zone: tuple(name for name, change in changes.items() if change.detected)
            for zone, changes in self.displacement.zones.items()
        }
        return {zone: names for zone, names in out.items() if names}

    def to_json(self) -> dict[str, Any]:
        """Plain data for the result files."""
        return {
            "days": self.days,
            "criteria": [c.to_json() for c in self.criteria],
            **self.displacement.to_json(),
        }


def follow_up(
    before: Path | str | Scan,
    after: Path | str | Scan,
    *,
    days: float,
    marks: Path | str | Marks | None = None,
    mark_sd_mm: float | None = None,
    units: str | None = None,
    same_axes: bool = True,
    progress: Progress | None = None,
) -> FollowUp:
    """What changed from one capture to a later one of the same person, in the same posture.

    days: between the captures. same_axes: whether both files use the scanner's axes with the same
    direction up (fixed systems do; hand-held ones that choose axes at the start do not), without
    which the head's attitude cannot be judged. The rest as in `posture_change`.

    Raises UnlikeCaptures (an InputError with `criteria`) when the captures must not be compared,
    and what `posture_change` raises.
    """
    tell = progress or silent
    span = days_criterion(days)
    if span.verdict != "good":
        raise UnlikeCaptures([span])
    pair = matched(before, after, units=units, progress=tell)
    tell(0.72, "Checking whether the captures can be compared")
    found = estimate(pair.first, pair.alignment.target, no_tracks(), template())
    criteria = judge(pair, found, days, same_axes=same_axes)
    if any(c.verdict == "unusable" for c in criteria):
        raise UnlikeCaptures(criteria)
    followed = follow(pair, marks, mark_sd_mm, tell)
    tell(0.85, "Solving for the displacement")
    if len(followed.all):
        found = estimate(pair.first, pair.alignment.target, followed.all, template())
    out = displacement(pair, found, followed)
    unknown = tuple(c.statement for c in criteria if c.verdict == "unjudged")
    tell(1.0, "Done")
    return FollowUp(replace(out, notes=out.notes + unknown), tuple(criteria), float(days))
