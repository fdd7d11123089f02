"""The safety kernel: threads and a face in, violations out. Pure; nothing is exported past it.

It trusts nothing that a plan says about itself: depth and layer are measured in the face, and the
whole way of every thread is tested, the tract from the skin to the path included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from threadlift.planning.contact import FAR_MM
from threadlift.planning.hazards import HazardField, HazardRules, Meeting, StructureLike
from threadlift.planning.safety.layers import fixed_smas, layer_margin
from threadlift.planning.safety.marks import Marks
from threadlift.planning.safety.on_patient import on_patient
from threadlift.planning.safety.report import Contact, SafetyReport, Violation
from threadlift.planning.safety.rulebook import Rulebook, TechniqueRules, rulebook
from threadlift.planning.safety.rules import Way, at, geometry, pull, unknown_technique
from threadlift.planning.safety.tracks import tracks
from threadlift.planning.safety.whole import spacing, sums
from threadlift.planning.skin import Skin
from threadlift.threads import Thread

#: For a technique without rules of its own: the strictest. It is a violation in itself.
_UNKNOWN = TechniqueRules(anchored=True, entry="start", exits="none", no_entry=frozenset())


@dataclass(frozen=True)
class Examined:
    """What the kernel found on one thread by itself.

    clearance_mm to the nearest nerve, vessel or duct, named `nearest` ('' = none is near); p_hit:
    bound on the probability of touching any of them.
    """

    violations: list[Violation]
    clearance_mm: float
    nearest: str
    p_hit: float


@dataclass(frozen=True)
class _Measured:
    """Threads measured in the face and held against its structures."""

    ways: list[Way]
    meeting: Meeting


def _measure(
    threads: Sequence[Thread], skin: Skin, marks: Marks, hazards: HazardField, rules: Rulebook
) -> _Measured:
    """All samples of all threads in one go; at least one thread."""
    techniques = [rules.techniques.get(t.technique, _UNKNOWN) for t in threads]
    found = tracks(threads, techniques)
    place = skin.place(found.points)
    side = np.repeat([t.side for t in threads], np.diff(found.starts))
    margin = layer_margin(place, fixed_smas(place, side, marks, rules), skin.zone_names, rules)
    ways = []
    for i, (thread, technique) in enumerate(zip(threads, techniques, strict=True)):
        mine = found.of(i)
        ways.append(
            Way(
                thread,
                technique,
                found.points[mine],
                place.part(mine),
                int(found.bodies[i] - found.starts[i]),
                margin[mine],
                found.stated[mine],
                int(found.entered[i]),
            )
        )
    return _Measured(ways, hazards.meet(place, found.starts, found.pieces))


def examine(
    threads: Sequence[Thread], skin: Skin, marks: Marks, hazards: HazardField
) -> list[Examined]:
    """Where every thread lies, each by itself (tensions and the whole plan: :func:`check`)."""
    if not threads:
        return []
    rules = rulebook()
    measured = _measure(threads, skin, marks, hazards, rules)
    return _judge(measured, skin, marks, hazards, rules)


def _judge(
    measured: _Measured, skin: Skin, marks: Marks, hazards: HazardField, rules: Rulebook
) -> list[Examined]:
    meeting = measured.meeting
    apart = np.where(hazards.gland, np.inf, meeting.clearance_mm)
    # Anchoring in the parotid fascia touches the gland's capsule by intention: glands have rules
    # of their own and count neither as the nearest structure nor as a hit.
    touched = np.where(hazards.gland, 0.0, meeting.p_contact)
    p_hit = 1.0 - np.prod(1.0 - touched, axis=1)
    out = []
    for i, way in enumerate(measured.ways):
        found = geometry(way, marks, skin.zone_names, rules)
        if way.thread.technique not in rules.techniques:
            found.append(unknown_technique(way.thread))
        found += _hazards(i, way, meeting, hazards)
        nearest = int(np.argmin(apart[i])) if np.isfinite(apart[i]).any() else -1
        out.append(
            Examined(
                found,
                float(apart[i, nearest]) if nearest >= 0 else np.inf,
                _label(hazards.structures[nearest]) if nearest >= 0 else "",
                # Sums of the same numbers in another order agree to here.
                round(float(p_hit[i]), 9),
            )
        )
    return out


def check(
    threads: Sequence[Thread],
    skin: Skin,
    marks: Marks,
    structures: Iterable[StructureLike] | HazardField,
    rules: HazardRules | None = None,
) -> SafetyReport:
    """Everything the kernel has to say about these threads in this face.

    structures: of the face, or a field of them made before (then `rules` are that field's).
    """
    if isinstance(structures, HazardField):
        hazards = structures
    else:
        hazards = HazardField.of(structures, rules)
    if not threads:
        return SafetyReport((), None, "", 0.0)
    book = rulebook()
    measured = _measure(threads, skin, marks, hazards, book)
    each = _judge(measured, skin, marks, hazards, book)
    p_plan = 1.0 - float(np.prod([1.0 - e.p_hit for e in each]))
    found = [v for e in each for v in e.violations]
    found += [v for t in threads for v in pull(t, book)]
    found += spacing(measured.ways, book) + sums(threads, p_plan, book)
    nearest = min(each, key=lambda e: e.clearance_mm)
    return SafetyReport(
        tuple(sorted(found, key=lambda v: (v.thread, v.rule, v.structure))),
        nearest.clearance_mm if nearest.nearest else None,
        nearest.nearest,
        p_plan,
        tuple(c for i in range(len(threads)) for c in _contacts(i, measured, hazards)),
    )


def violations(
    threads: Sequence[Thread],
    skin: Skin,
    marks: Marks,
    structures: Iterable[StructureLike] | HazardField,
    rules: HazardRules | None = None,
) -> list[Violation]:
    """The broken rules alone; empty when the plan may be exported."""
    return list(check(threads, skin, marks, structures, rules).violations)


def _hazards(i: int, way: Way, meeting: Meeting, hazards: HazardField) -> list[Violation]:
    """Structures that thread number i comes too close to or touches too probably."""
    found = []
    for j in np.flatnonzero(meeting.margin_mm[i] < 0.0):
        found.append(
            Violation(
                way.thread.id,
                "hazard-clearance",
                _label(hazards.structures[j]),
                at(way.points[meeting.margin_at[i, j]]),
                float(meeting.margin_mm[i, j]),
                "mm",
            )
        )
    most = np.where(hazards.gland, hazards.rules.p_hit_gland, hazards.rules.p_hit_structure)
    for j in np.flatnonzero(meeting.p_contact[i] > most):
        found.append(
            Violation(
                way.thread.id,
                "hazard-probability",
                _label(hazards.structures[j]),
                at(way.points[meeting.contact_at[i, j]]),
                float(most[j] - meeting.p_contact[i, j]),
                "1",
            )
        )
    return found


def _contacts(i: int, measured: _Measured, hazards: HazardField) -> list[Contact]:
    """The structures that thread number i comes near, the likeliest contact first."""
    meeting, way = measured.meeting, measured.ways[i]
    arc = way.from_entry_mm()
    near = np.flatnonzero(meeting.clearance_mm[i] < FAR_MM)
    found = []
    for j in near:
        structure = hazards.structures[j]
        k = int(meeting.contact_at[i, j])
        nearest = int(meeting.clearance_at[i, j])
        if k < 0:
            k = nearest
        found.append(
            Contact(
                way.thread.id,
                structure.name,
                structure.kind,
                structure.side,
                float(meeting.clearance_mm[i, j]),
                float(meeting.p_contact[i, j]),
                float(arc[k]),
                at(way.points[k]),
                float(way.place.depth_mm[k]),
                on_patient(
                    structure, way.place.foot_mm[nearest], float(way.place.depth_mm[nearest])
                ),
            )
        )
    return sorted(found, key=lambda c: (-round(c.p_contact, 9), c.min_clearance_mm, c.structure))


def _label(structure: StructureLike) -> str:
    return f"{structure.name} ({structure.side})" if structure.side else structure.name
