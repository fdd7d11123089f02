"""The safety kernel: a plan and a face in, violations out. Pure; nothing is exported past it.

It trusts nothing that a plan says about itself: depth and layer are measured in the face, and the
whole way of every thread is tested, the tract from the skin to the first buried point included.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.planning.hazards import HazardField, HazardRules, StructureLike, resample
from threadlift.planning.skin import Place, Skin
from threadlift.threads import Thread, products, tension_profile

_LIDS = ("exocanthion", "endocanthion", "palpebrale_inferius", "palpebrale_superius")


@dataclass(frozen=True)
class Violation:
    """One broken rule: thread id ('' = the plan), structure or '', place [mm], how far past it.

    `margin` is negative: how much is missing, in `unit` (mm, N, 1).
    """

    thread: str
    rule: str
    structure: str
    place_mm: tuple[float, float, float]
    margin: float
    unit: str

    def to_json(self) -> dict[str, Any]:
        """The form that plan.json holds."""
        return {
            "thread": self.thread,
            "rule": self.rule,
            "structure": self.structure,
            "place_mm": [round(x, 2) + 0.0 for x in self.place_mm],
            "margin": round(self.margin, 3),
            "unit": self.unit,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Violation:
        """Inverse of :meth:`to_json`."""
        x, y, z = (float(v) for v in data["place_mm"])
        return cls(data["thread"], data["rule"], data["structure"], (x, y, z), data["margin"],
                   data["unit"])  # fmt: skip


@dataclass(frozen=True)
class SafetyReport:
    """Violations, nominal clearance to the nearest structure [mm], probability of any contact.

    `min_clearance_mm` and `p_hit` count nerves, vessels and ducts; glands have rules of their own.
    Clearances are counted up to 20 mm; None when no structure was given.
    """

    violations: tuple[Violation, ...]
    min_clearance_mm: float | None
    nearest_structure: str
    p_hit: float

    def to_json(self) -> dict[str, Any]:
        """The `safety` part of plan.json."""
        return {
            "min_clearance_mm": (
                None if self.min_clearance_mm is None else round(self.min_clearance_mm, 2)
            ),
            "nearest_structure": self.nearest_structure,
            "p_hit": round(self.p_hit, 4),
            "violations": [v.to_json() for v in self.violations],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> SafetyReport:
        """Inverse of :meth:`to_json`."""
        return cls(
            tuple(Violation.from_json(v) for v in data["violations"]),
            data["min_clearance_mm"],
            data.get("nearest_structure", ""),
            data["p_hit"],
        )


@dataclass(frozen=True)
class Marks:
    """Landmarks [mm] that rules refer to: tragus and zygion per side, mouth corners, lids."""

    tragus: dict[str, NDArray]
    arch: dict[str, NDArray]
    commissures: NDArray
    canthi: NDArray

    @classmethod
    def of(cls, face: Any) -> Marks:
        """From a face's landmarks."""
        return cls(
            {"left": face.landmark("tragus_L"), "right": face.landmark("tragus_R")},
            {"left": face.landmark("zygion_L"), "right": face.landmark("zygion_R")},
            np.array([face.landmark(f"cheilion_{s}") for s in "LR"]),
            np.array([face.landmark(f"{c}_{s}") for c in _LIDS for s in "LR"]),
        )


@dataclass(frozen=True)
class _Examined:
    """What the kernel found on one thread."""

    violations: list[Violation]
    clearance_mm: float
    nearest: str
    p_hit: float


def examine(
    threads: Sequence[Thread], skin: Skin, marks: Marks, hazards: HazardField
) -> list[_Examined]:
    """Where every thread lies, all points measured in the face at once (tensions: `check`)."""
    if not threads:
        return []
    limits = _limits()
    tracks = [resample(*_track(t))[0] for t in threads]
    dense = skin.place(np.concatenate(tracks))
    coarse = skin.place(np.concatenate([np.vstack([t.entry_mm[None], t.path_mm]) for t in threads]))
    margin, clearance, p_hit = hazards.scan(
        dense.foot_mm,
        np.maximum(dense.depth_mm, 0.0),
        dense.fat_bottom_mm,
        dense.smas_bottom_mm,
    )
    out = []
    i = j = 0
    for thread, track in zip(threads, tracks, strict=True):
        mine = slice(i, i + len(track))
        points = slice(j, j + 1 + len(thread.path_mm))
        i, j = mine.stop, points.stop
        found = _geometry(thread, coarse.part(points), marks, limits)
        broken, near, name, p = _hazards(
            thread, track, (margin[mine], clearance[mine], p_hit[mine]), hazards
        )
        out.append(_Examined(found + broken, near, name, p))
    return out


def _track(thread: Thread) -> tuple[NDArray, NDArray]:
    """The whole way: the tract from the skin to the first buried point, then the path."""
    way = np.vstack([thread.entry_mm[None], thread.path_mm])
    return way, np.zeros(len(way))


def check(
    threads: Sequence[Thread],
    skin: Skin,
    marks: Marks,
    structures: Iterable[StructureLike],
    rules: HazardRules | None = None,
) -> SafetyReport:
    """Everything the kernel has to say about these threads in this face."""
    each = examine(threads, skin, marks, HazardField.of(structures, rules))
    p_plan = 1.0 - float(np.prod([1.0 - e.p_hit for e in each]))
    found = [v for e in each for v in e.violations] + _plan(threads, p_plan)
    found += [v for t in threads for v in _tension(t)]
    nearest = min(each, key=lambda e: e.clearance_mm, default=None)
    return SafetyReport(
        tuple(sorted(found, key=lambda v: (v.thread, v.rule, v.structure))),
        nearest.clearance_mm if nearest is not None and nearest.nearest else None,
        nearest.nearest if nearest is not None else "",
        p_plan,
    )


def violations(
    threads: Sequence[Thread],
    skin: Skin,
    marks: Marks,
    structures: Iterable[StructureLike],
    rules: HazardRules | None = None,
) -> list[Violation]:
    """The broken rules alone; empty when the plan may be exported."""
    return list(check(threads, skin, marks, structures, rules).violations)


def _at(point: NDArray) -> tuple[float, float, float]:
    return float(point[0]), float(point[1]), float(point[2])


def _worst(
    thread: Thread, rule: str, margin: NDArray, where: NDArray, unit: str = "mm"
) -> list[Violation]:
    """One violation at the point of the least margin (k,), if that is negative."""
    if len(margin) == 0 or margin.min() >= 0.0:
        return []
    i = int(np.argmin(margin))
    return [Violation(thread.id, rule, "", _at(where[i]), float(margin[i]), unit)]


def _limits() -> dict[str, float]:
    names = (
        "below_dermis",
        "deep_tolerance",
        "fixed_smas_anterior",
        "depth_mismatch",
        "entry_on_skin",
        "commissure_distance",
        "eyelid_distance",
        "anchored_entry_anterior",
    )
    return {name: value(f"planning.safety.{name}") for name in names}


def _geometry(thread: Thread, way: Place, marks: Marks, limit: dict[str, float]) -> list[Violation]:
    """Layers, depths, and what threads keep away from; `way` is the entry, then the path."""
    entry, path = way.part(slice(0, 1)), way.part(slice(1, None))
    tragus = marks.tragus[thread.side]
    where = thread.path_mm
    anterior = path.foot_mm[:, 2] - tragus[2]
    # Over the temple, too, an anchor may reach the deep fascia: nothing moves there.
    over_arch = path.foot_mm[:, 1] >= marks.arch[thread.side][1]
    deep_ok = (anterior <= limit["fixed_smas_anterior"]) | (
        over_arch & (anterior <= limit["anchored_entry_anterior"])
    )
    under = path.smas_bottom_mm + limit["deep_tolerance"] - path.depth_mm
    found = [
        *_worst(
            thread,
            "in-dermis",
            path.depth_mm - path.dermis_mm - limit["below_dermis"],
            where,
        ),
        *_worst(thread, "deep-to-smas-medially", np.where(deep_ok, np.inf, under), where),
        *_worst(
            thread,
            "stated-depth",
            limit["depth_mismatch"] - np.abs(path.depth_mm - thread.depth_mm),
            where,
        ),
        *_worst(
            thread,
            "entry-on-skin",
            limit["entry_on_skin"] - np.abs(entry.depth_mm),
            thread.entry_mm[None],
        ),
        *_worst(
            thread, "near-mouth-corner", _distance(where, marks.commissures)
            - limit["commissure_distance"], where,
        ),
        *_worst(
            thread, "near-eyelid", _distance(where, marks.canthi) - limit["eyelid_distance"], where
        ),
    ]  # fmt: skip
    wrong_side = np.sign(tragus[0]) * where[:, 0]
    found += _worst(thread, "crosses-midline", wrong_side, where)
    if thread.technique == "anchored":
        # The anchor needs the fixed lateral SMAS or the temporal fascia under it.
        reach = limit["anchored_entry_anterior"] - (entry.foot_mm[:, 2] - tragus[2])
        found += _worst(thread, "anchor-in-mobile-zone", reach, thread.entry_mm[None])
    return found


def _distance(points: NDArray, others: NDArray) -> NDArray:
    return np.linalg.norm(points[:, None] - others[None], axis=2).min(axis=1)


def _tension(thread: Thread) -> list[Violation]:
    """Limits of one thread: register, product, and what its cogs hold."""
    known = products()
    if thread.product not in known:
        return [Violation(thread.id, "unknown-product", "", _at(thread.entry_mm), -1.0, "1")]
    product = known[thread.product]
    most = min(value("planning.safety.tension_thread"), product.max_tension_n)
    here = thread.entry_mm[None]
    found = _worst(thread, "thread-tension", np.array([most - thread.tension_n]), here, "N")
    profile = tension_profile(thread, product)
    # A thousandth of a newton is below what tension is stated to.
    return found + _worst(thread, "cogs-slip", np.array([1e-3 - profile.excess_n]), here, "N")


def _hazards(
    thread: Thread,
    points: NDArray,
    scan: tuple[NDArray, NDArray, NDArray],
    hazards: HazardField,
) -> tuple[list[Violation], float, str, float]:
    """Violations, nearest clearance [mm] and structure, probability of any contact."""
    margin, clearance, p_hit = scan
    if margin.shape[1] == 0:
        return [], np.inf, "", 0.0
    found = []
    for j in np.flatnonzero((margin < 0.0).any(axis=0)):
        i = int(np.argmin(margin[:, j]))
        found.append(
            Violation(
                thread.id,
                "hazard-clearance",
                _label(hazards.structures[j]),
                _at(points[i]),
                float(margin[i, j]),
                "mm",
            )
        )
    gland = np.array([h.kind == "gland" for h in hazards.structures])
    most = np.where(gland, hazards.rules.p_hit_gland, hazards.rules.p_hit_structure)
    for j in np.flatnonzero((p_hit > most).any(axis=0)):
        i = int(np.argmax(p_hit[:, j]))
        found.append(
            Violation(
                thread.id,
                "hazard-probability",
                _label(hazards.structures[j]),
                _at(points[i]),
                float(most[j] - p_hit[i, j]),
                "1",
            )
        )
    # Anchoring in the parotid fascia touches the gland's capsule by intention: glands have their
    # own rules above and count neither as the nearest structure nor as a hit.
    apart = np.where(gland, np.inf, clearance)
    worst = np.unravel_index(int(np.argmin(apart)), apart.shape)
    if not np.isfinite(apart[worst]):
        return found, np.inf, "", 0.0
    return (
        found,
        float(apart[worst]),
        _label(hazards.structures[int(worst[1])]),
        float(1.0 - np.prod(1.0 - p_hit.max(axis=0)[~gland])),
    )


def _label(structure: StructureLike) -> str:
    return f"{structure.name} ({structure.side})" if structure.side else structure.name


def _plan(threads: Sequence[Thread], p_hit: float) -> list[Violation]:
    """Limits of a side and of the whole plan."""
    found = []
    nowhere = (0.0, 0.0, 0.0)
    for side in ("left", "right"):
        mine = [t for t in threads if t.side == side]
        spare = value("planning.safety.tension_side") - sum(t.tension_n for t in mine)
        if spare < -1e-9:
            found.append(Violation("", "side-tension", side, nowhere, spare, "N"))
        room = value("planning.safety.threads_side") - len(mine)
        if room < 0:
            found.append(Violation("", "side-count", side, nowhere, room, "1"))
    spare = value("planning.safety.p_hit_plan") - p_hit
    if spare < 0.0:
        found.append(Violation("", "plan-probability", "", nowhere, spare, "1"))
    return found
