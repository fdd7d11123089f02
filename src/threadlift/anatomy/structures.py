"""Nerves, vessels, ducts and glands that a thread must not meet, placed on a face.

Every structure is a chain of places in ``hazards.toml`` (landmark + offset, with the published
millimetres), joined by a smooth curve on the skin; under each of its points it lies at a depth that
follows this person's layers. The spreads are those of the published series.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from threadlift import evidence
from threadlift.anatomy.layers import LAYERS, LayerStack, layer_stack
from threadlift.anatomy.placement import SIDES, HalfFace, OnSkin, at_points, chain
from threadlift.evidence.register import source_keys
from threadlift.face.template import template

Array = NDArray[np.float64]
Kind = Literal["nerve", "artery", "vein", "duct", "gland"]

#: Distance between curve points [mm]: a fifth of the smallest published spread is enough.
_STEP_MM = 2.0


@dataclass(frozen=True)
class Structure:
    """One structure of one side.

    `curve_mm` (k, 3) runs on the skin surface above it (patient frame); `depth_mm` (k,) is the
    depth of its centre below the skin. `layer` is the layer in which most of it lies. A gland is a
    closed outline (first point = last) that covers everything inside at that depth.
    `sd_lateral_mm` and `sd_depth_mm` are standard deviations of its position.
    """

    name: str
    kind: Kind
    side: str
    curve_mm: Array
    depth_mm: Array
    layer: str
    sd_lateral_mm: float
    sd_depth_mm: float
    radius_mm: float
    basis: tuple[str, ...]


def structures(face: Any, stack: LayerStack | None = None) -> list[Structure]:
    """Every structure of the register on both sides of a face.

    `stack`: this person's layers (None: those of the reference person).
    """
    layers = layer_stack(face) if stack is None else stack
    halves = [HalfFace(face, template().skin_triangles, side) for side in SIDES]
    rows = evidence.table("hazards")["structure"]
    return [_build(name, row, half, layers) for name, row in rows.items() for half in halves]


def _build(name: str, row: Mapping[str, Any], half: HalfFace, stack: LayerStack) -> Structure:
    specs = row["points"]
    closed = row["kind"] == "gland"
    on_skin, position = half.curve(chain(half, specs), _STEP_MM, closed)
    ring = [*specs, specs[0]] if closed else specs
    depths = np.array([_depth(spec, half, on_skin, stack) for spec in ring])
    # Linear between the depths that the neighbouring places prescribe, each evaluated here.
    before = np.clip(np.floor(position).astype(int), 0, len(ring) - 2)
    share = position - before
    at = np.arange(len(position))
    depth = (1.0 - share) * depths[before, at] + share * depths[before + 1, at]
    names = [spec["layer"] for spec in specs]
    return Structure(
        name=name,
        kind=cast("Kind", row["kind"]),
        side=half.side,
        curve_mm=half.to_patient(on_skin.points),
        depth_mm=depth,
        layer=max(LAYERS, key=names.count),
        sd_lateral_mm=float(row["sd_lateral_mm"]),
        sd_depth_mm=float(row["sd_depth_mm"]),
        radius_mm=float(row["radius_mm"]),
        basis=(f"hazards.structure.{name}", *source_keys(dict(row))),
    )


def _depth(spec: Mapping[str, Any], half: HalfFace, at: OnSkin, stack: LayerStack) -> Array:
    """Depth (k,) [mm] that a place prescribes: a share of a layer, or millimetres into it."""
    layer = spec["layer"]
    top = at_points(stack.top_mm(layer), half.triangles, at)
    thick = at_points(stack.thickness(layer), half.triangles, at)
    if "into_mm" in spec:
        # A thin layer cannot hold a structure deeper than itself.
        return top + np.minimum(float(spec["into_mm"]), thick)
    return top + float(spec["fraction"]) * thick
