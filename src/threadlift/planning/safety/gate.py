"""The gate: threads leave as a plan only when the kernel, asked again, finds nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from threadlift.anatomy import Marking, markings, structures
from threadlift.errors import ThreadliftError
from threadlift.planning.hazards import HazardField
from threadlift.planning.safety.kernel import check
from threadlift.planning.safety.marks import Marks
from threadlift.planning.safety.report import SafetyReport, Violation
from threadlift.planning.skin import Skin
from threadlift.threads import Thread


class UnsafePlanError(ThreadliftError):
    """A plan that breaks a safety rule was about to leave; `violations` says which."""

    def __init__(self, what: str, violations: Sequence[Violation] = ()) -> None:
        self.violations = tuple(violations)
        super().__init__(what, "Nothing was written; plan again, or leave these threads out.")


@dataclass(frozen=True)
class SafetyCase:
    """What a face's threads are judged against: its skin, landmarks and structures.

    `markings`: what the clinician marked, and the structures follow.
    """

    skin: Skin
    marks: Marks
    hazards: HazardField
    markings: tuple[Marking, ...] = ()

    @classmethod
    def of(cls, face: Any, stack: Any, consultation: Any) -> SafetyCase:
        """The case of a face with its layer stack (``threadlift.anatomy.layers.LayerStack``).

        consultation: what it marked on the patient overrides the atlas; None where there is none.
        """
        skin, marks = Skin.of_face(face, stack), Marks.of(face)
        marked = markings(face, consultation, stack)
        return cls(skin, marks, HazardField.of(structures(face, stack, marked)), marked)

    def check(self, threads: Sequence[Thread]) -> SafetyReport:
        """The kernel's report on threads that belong together."""
        found = check(threads, self.skin, self.marks, self.hazards)
        return replace(found, marked=self.markings)

    def clear(self, proposals: Mapping[str, Sequence[Thread]]) -> None:
        """Pass, or raise UnsafePlanError: no proposal (name -> threads) may break a rule.

        Judged is what is stated: the threads as a file holds them, rounded and read back.
        """
        for name, threads in proposals.items():
            broken = self._stated(threads).violations
            if broken:
                first = broken[0]
                about = " ".join(x for x in (first.structure, first.thread) if x)
                raise UnsafePlanError(
                    f"{name} breaks the safety rule '{first.rule}' ({about}, "
                    f"{first.margin:.2f} {first.unit}) and {len(broken) - 1} more.",
                    broken,
                )

    def told(self, threads: Sequence[Thread], violations: Sequence[Violation]) -> None:
        """Pass, or raise UnsafePlanError: every rule that the threads break is among these."""
        known = {(v.thread, v.rule, v.structure) for v in violations}
        found = self._stated(threads).violations
        untold = [v for v in found if (v.thread, v.rule, v.structure) not in known]
        if untold:
            raise UnsafePlanError(
                f"The plan does not tell that it breaks '{untold[0].rule}'.", untold
            )

    def _stated(self, threads: Sequence[Thread]) -> SafetyReport:
        return self.check([Thread.from_json(t.to_json()) for t in threads])
