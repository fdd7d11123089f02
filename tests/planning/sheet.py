"""A flat sheet of skin on which every distance is known, structures and threads for it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from threadlift.anatomy.marking import Mark, Marking
from threadlift.planning.safety import Marks
from threadlift.planning.skin import Skin
from threadlift.threads import Thread

# The sheet: x = 60 is the skin of the left cheek, outward +x; y up, z forward; tragus at z = 0.
X = 60.0


def sheet() -> Skin:
    y, z = np.meshgrid(np.arange(-80.0, 81.0, 4.0), np.arange(-20.0, 121.0, 4.0), indexing="ij")
    vertices = np.stack([np.full(y.size, X), y.ravel(), z.ravel()], axis=1)
    ids = np.arange(y.size).reshape(y.shape)
    a, b, c, d = ids[:-1, :-1], ids[1:, :-1], ids[1:, 1:], ids[:-1, 1:]
    triangles = np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    )
    n = np.ones(len(vertices))
    return Skin(vertices, triangles, 1.2 * n, 4.0 * n, 1.0 * n)


SKIN = sheet()
MARKS = Marks(
    {"left": np.array([X, 0.0, 0.0]), "right": np.array([-X, 0.0, 0.0])},
    {"left": np.array([X, 10.0, 35.0]), "right": np.array([-X, 10.0, 35.0])},
    np.array([[25.0, -45.0, 110.0]]),
    np.array([[40.0, 60.0, 100.0]]),
)


@dataclass(frozen=True)
class Structure:
    name: str = "nerve"
    kind: str = "nerve"
    side: str = "left"
    curve_mm: np.ndarray = field(
        default_factory=lambda: np.array([[X, -60.0, 45.0], [X, 60.0, 45.0]])
    )
    depth_mm: np.ndarray = field(default_factory=lambda: np.array([6.0, 6.0]))
    sd_lateral_mm: float = 2.0
    sd_depth_mm: float = 0.5
    radius_mm: float = 0.8


def thread(y: float = 20.0, depth: float = 3.5, start: float = 0.0, end: float = 90.0, **changes):
    z = np.arange(start, end + 0.1, 2.5)
    values = {
        "id": "L1",
        "side": "left",
        "product": "pdo-2-0-molded",
        "technique": "anchored",
        "entry_mm": np.array([X, y, start]),
        "path_mm": np.stack([np.full(len(z), X - depth), np.full(len(z), y), z], axis=1),
        "depth_mm": np.full(len(z), depth),
        "layer": ("fat",) * len(z),
        "tension_n": 1.5,
    }
    return Thread(**(values | changes))


def marking(structure="superficial_temporal_artery", side="left", off=1.2, unusual=False):
    """A palpated mark on the sheet at y = 20, so many millimetres from the atlas."""
    mark = Mark((X, 20.0, 45.0), None, 2.0, None, "palpation", "over the zygoma", off, unusual)
    return Marking(structure, side, (mark,))
