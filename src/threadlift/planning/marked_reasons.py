"""What a plan says about structures that were marked on the patient, and those that were not."""

from __future__ import annotations

from collections.abc import Sequence

from threadlift.anatomy import Marking
from threadlift.anatomy.marking import by_course
from threadlift.evidence import table
from threadlift.planning.sentences import Sentence, sentence
from threadlift.threads.thread import SIDES


def palpated(markings: Sequence[Marking]) -> list[Sentence]:
    """The assumption that a pulse is felt before entry, where the consultation does not hold it."""
    known = by_course(markings)
    return [_palpated(name, known) for name in table("planning")["palpated"]["structures"]]


def _palpated(name: str, known: dict[tuple[str, str], Marking]) -> Sentence:
    marked = [s for s in SIDES if (name, s) in known]
    if not marked:
        return sentence("palpated", structure=name)
    if len(marked) == len(SIDES):
        return sentence("palpated-rest", structure=name)
    other = next(s for s in SIDES if s not in marked)
    return sentence("palpated-other-side", structure=name, side=marked[0], other_side=other)


def followed(markings: Sequence[Marking]) -> list[Sentence]:
    """What was marked, how, and how far from the atlas; then which marks to look at again."""
    return [
        *(_said("marked", m, methods=list(m.methods), points=len(m.marks)) for m in markings),
        *(_said("check-marks", m) for m in markings if m.unusual),
    ]


def _said(key: str, marking: Marking, **values: object) -> Sentence:
    off = round(marking.off_atlas_mm, 1) + 0.0
    return sentence(key, structure=marking.structure, side=marking.side, off_mm=off, **values)
