"""How structures can be found and marked on a patient: methods, what each finds, how well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from threadlift import evidence
from threadlift.evidence.register import source_keys


@dataclass(frozen=True)
class Method:
    """A way to find a structure.

    `lateral_sd_mm`, `depth_sd_mm`: standard deviations of its marks (None: it measures no depth);
    `finds`: structures and ligaments with the sources that say so.
    """

    name: str
    lateral_sd_mm: float
    depth_sd_mm: float | None
    finds: Mapping[str, tuple[str, ...]]

    def basis(self, structure: str) -> tuple[str, ...]:
        """Register keys and sources behind a mark of a structure."""
        depth = () if self.depth_sd_mm is None else (f"marking.method.{self.name}.depth",)
        return (f"marking.method.{self.name}.lateral", *depth, *self.finds[structure])


@cache
def methods() -> dict[str, Method]:
    """The methods of the register by name."""
    return {
        name: Method(
            name,
            evidence.value(f"marking.method.{name}.lateral"),
            evidence.value(f"marking.method.{name}.depth") if "depth" in rows else None,
            {s: source_keys(row) for row in rows["finds"] for s in row["structures"]},
        )
        for name, rows in evidence.table("marking")["method"].items()
    }


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
