"""How deep a course runs under the skin of a person, by the layers that its places name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.anatomy.layers import LAYERS, LayerStack
from threadlift.anatomy.placement import HalfFace, OnSkin, at_points

Array = NDArray[np.float64]


def course_depth(
    row: Mapping[str, Any], half: HalfFace, at: OnSkin, position: Array, stack: LayerStack
) -> Array:
    """Depth (k,) [mm] of a structure of `hazards` under points (k) at positions (k,).

    Linear between the depths that the neighbouring places prescribe, each evaluated here.
    """
    specs = row["points"]
    ring = [*specs, specs[0]] if row["kind"] == "gland" else specs
    depths = np.array([_prescribed(spec, half, at, stack) for spec in ring])
    before = np.clip(np.floor(position).astype(int), 0, len(ring) - 2)
    share = position - before
    each = np.arange(len(position))
    return (1.0 - share) * depths[before, each] + share * depths[before + 1, each]


def _prescribed(spec: Mapping[str, Any], half: HalfFace, at: OnSkin, stack: LayerStack) -> Array:
    """Depth (k,) [mm] that a place prescribes: a share of a layer, or millimetres into it."""
    layer = spec["layer"]
    top = at_points(stack.top_mm(layer), half.triangles, at)
    thick = at_points(stack.thickness(layer), half.triangles, at)
    if "into_mm" in spec:
        # A thin layer cannot hold a structure deeper than itself.
        return top + np.minimum(float(spec["into_mm"]), thick)
    return top + float(spec["fraction"]) * thick


def deepest(half: HalfFace, at: OnSkin, stack: LayerStack) -> tuple[Array, Array]:
    """Depth (k,) [mm] of bone or cavity under points, and its standard deviation in the map."""
    variance = np.sum([(stack.cv(x) * stack.thickness(x)) ** 2 for x in LAYERS], axis=0)
    return (
        at_points(stack.total_mm, half.triangles, at),
        np.sqrt(at_points(variance, half.triangles, at)),
    )


def layer_of(half: HalfFace, at: OnSkin, depth_mm: Array, stack: LayerStack) -> str:
    """The layer in which most of the points (k) lie at depths (k,) [mm]."""
    tops = np.array([at_points(stack.top_mm(x), half.triangles, at) for x in LAYERS[1:]])
    counts = np.bincount((depth_mm >= tops).sum(axis=0), minlength=len(LAYERS))
    return LAYERS[int(counts.argmax())]
