"""How structures can be found and marked on a patient: methods, what each finds, how well."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from threadlift import evidence
from threadlift.evidence.register import source_keys


@dataclass(frozen=True)
class Method:
    """A way to find a structure.

    `lateral_sd_mm`, `depth_sd_mm`: standard deviations of its marks (None: it measures no depth);
    `finds`: names of structures and ligaments; `basis`: register keys and sources.
    """

    name: str
    lateral_sd_mm: float
    depth_sd_mm: float | None
    finds: frozenset[str]
    basis: tuple[str, ...]


@cache
def methods() -> dict[str, Method]:
    """The methods of the register by name."""
    return {name: _method(name, rows) for name, rows in _table()["method"].items()}


def _table() -> dict:
    return evidence.table("marking")


def _method(name: str, rows: dict) -> Method:
    has_depth = "depth" in rows
    keys = [f"marking.method.{name}.{what}" for what in ("lateral", "depth") if what in rows]
    sources = [source for row in rows["finds"] for source in source_keys(row)]
    return Method(
        name,
        evidence.value(f"marking.method.{name}.lateral"),
        evidence.value(f"marking.method.{name}.depth") if has_depth else None,
        frozenset(s for row in rows["finds"] for s in row["structures"]),
        (*keys, *dict.fromkeys(sources)),
    )


def markable() -> tuple[str, ...]:
    """Every name that the atlas knows: nerves, vessels, duct, gland, then ligaments."""
    return (*evidence.table("hazards")["structure"], *ligament_names())


def ligament_names() -> tuple[str, ...]:
    """The ligaments among them."""
    return tuple(evidence.table("ligaments")["ligament"])


def atlas_lateral_sd_mm(structure: str) -> float:
    """How far a structure or ligament is known to lie off its atlas course [mm, sd]."""
    if structure in ligament_names():
        return evidence.value("marking.ligament.lateral")
    return float(evidence.table("hazards")["structure"][structure]["sd_lateral_mm"])


def atlas_depth_sd_mm(structure: str) -> float | None:
    """The same for its depth; None for a ligament, which has none."""
    if structure in ligament_names():
        return None
    return float(evidence.table("hazards")["structure"][structure]["sd_depth_mm"])


def radius_mm(structure: str) -> float:
    """Radius [mm] of a structure; zero for a ligament."""
    rows = evidence.table("hazards")["structure"]
    return float(rows[structure]["radius_mm"]) if structure in rows else 0.0
