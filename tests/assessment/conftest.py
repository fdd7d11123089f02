"""A smooth stand-in for a face: half an ellipsoid with zones and landmarks, exactly symmetric."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from threadlift.consultation import MIDLINE, ZONES

AXES = np.array([70.0, 100.0, 85.0])
ZONE_PLACES = {
    "temple": (58, 50, 30), "infraorbital": (30, 15, 75), "malar": (45, 5, 60),
    "nasolabial": (27, -20, 75), "buccal": (45, -35, 55), "preauricular": (66, -10, 15),
    "marionette": (24, -55, 62), "jowl": (38, -65, 45), "jawline": (52, -60, 25),
    "chin": (0, -75, 55), "submental": (0, -98, 15), "neck": (0, -95, -20),
}  # fmt: skip
LANDMARK_PLACES = {
    "trichion": (0, 85, 45), "glabella": (0, 38, 79), "subnasale": (0, -15, 84),
    "stomion": (0, -35, 80), "menton": (0, -85, 45),
    "endocanthion_L": (16, 22, 80), "exocanthion_L": (45, 22, 62), "alare_L": (17, -8, 82),
    "zygion_L": (66, 5, 25), "gonion_L": (55, -60, 10), "cheilion_L": (25, -37, 74),
}  # fmt: skip


@dataclass(frozen=True)
class StandInFace:
    vertices: np.ndarray
    normals: np.ndarray
    zones: dict
    landmarks: dict
    expressions: dict
    sd_mm: np.ndarray
    kind: str = "scan"
    measured_expressions: tuple = ()
    numbers: dict = field(default_factory=dict)

    @property
    def template(self):
        return self

    @property
    def capture(self):
        return self

    def to_json(self):
        return {"source": "stand-in"}

    def landmark(self, name):
        return self.vertices[self.landmarks[name]]

    def mirrored(self):
        flip = np.array([-1.0, 1.0, 1.0])
        swap = {"left": "right", "right": "left"}

        def other(z):
            base, _, side = z.rpartition("_")
            return f"{base}_{swap[side]}" if side in swap else z

        def other_mark(n):
            return n[:-1] + {"L": "R", "R": "L"}[n[-1]] if n[-2:] in ("_L", "_R") else n

        return replace(
            self, vertices=self.vertices * flip, normals=self.normals * flip,
            zones={other(z): w for z, w in self.zones.items()},
            landmarks={other_mark(n): i for n, i in self.landmarks.items()},
            expressions={k: v * flip for k, v in self.expressions.items()},
        )  # fmt: skip


@pytest.fixture(scope="session")
def face() -> StandInFace:
    rng = np.random.default_rng(3)
    half = rng.standard_normal((3000, 3))
    half /= np.linalg.norm(half, axis=1)[:, None]
    half[:, 0] = np.abs(half[:, 0])
    middle = np.column_stack([np.zeros(361), np.sin(t := np.linspace(-np.pi, np.pi, 361)),
                              np.cos(t)])  # fmt: skip
    unit = np.concatenate([half, half * [-1, 1, 1], middle])
    vertices = unit * AXES
    normals = unit / AXES
    normals /= np.linalg.norm(normals, axis=1)[:, None]

    def weights(place):
        return np.exp(-0.5 * np.sum((vertices - place) ** 2, axis=1) / 8.0**2)

    zones = {}
    for name, place in ZONE_PLACES.items():
        if name in MIDLINE:
            zones[name] = weights(np.array(place))
        else:
            zones[f"{name}_left"] = weights(np.array(place))
            zones[f"{name}_right"] = weights(np.array(place) * [-1, 1, 1])
    landmarks = {}
    for name, place in LANDMARK_PLACES.items():
        if name.endswith("_L"):
            i = int(np.argmin(np.linalg.norm(vertices[:3000] - place, axis=1)))
            landmarks[name], landmarks[name[:-1] + "R"] = i, i + 3000
        else:
            landmarks[name] = int(np.argmin(np.linalg.norm(vertices - place, axis=1)))
    pull = np.exp(-0.5 * np.sum((np.abs(vertices) - np.abs([25, -37, 74])) ** 2, axis=1) / 15**2)
    smile = (
        12.0 * pull[:, None] * np.column_stack([np.sign(vertices[:, 0]), 1 + 0 * pull, 0 * pull])
    )
    return StandInFace(vertices, normals, {z: zones[z] for z in ZONES}, landmarks,
                       {"smile": smile}, np.full(len(vertices), 0.2))  # fmt: skip
