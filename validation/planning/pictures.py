"""Five plans to look at, chosen by rule: threads over nerves and vessels, from three sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from threadlift.anatomy import structures
from threadlift.graphics import draw_text
from threadlift.interop import FaceModel
from threadlift.reporting.figures import (
    HAZARD_COLORS,
    depth_color,
    depth_range,
    thread_pictures,
)
from threadlift.threads import Thread
from validation.planning.people import PATTERNS, person
from validation.planning.result import FaceResult
from validation.planning.scoring import median_face

Picture = NDArray[np.uint8]
_QUALITY = 80
_BAND = 46
_SCALE = 120


@dataclass(frozen=True)
class Chosen:
    """A face of the page's pictures: why it was chosen, its file and texts."""

    face: FaceResult
    rule: str

    @property
    def file(self) -> str:
        """File name below docs/images."""
        return f"plans-{self.rule.split()[0].strip(',')}.jpg"

    @property
    def alt(self) -> str:
        """Text in place of the picture."""
        return f"Face {self.face.number}: {self.rule}"

    @property
    def caption(self) -> str:
        """The sentence over the picture."""
        f = self.face
        who = f"{f.age_years:.0f} years, {f.sex}, {f.pattern}"
        who += f", {f.lower} side lower" if f.lower else ""
        if f.plan is None:
            why = " ".join(f.refusal["because"]) if f.refusal else ""
            return f"**{self.rule.capitalize()}** (face {f.number}: {who}). No threads: {why}"
        p = f.plan
        return (
            f"**{self.rule.capitalize()}** (face {f.number}: {who}). {p.threads['left']} threads "
            f"on the left with {p.pull_n['left']:.1f} N together, {p.threads['right']} on the "
            f"right with {p.pull_n['right']:.1f} N; goal attained {100 * p.goal_attained:.0f} %."
        )


def chosen(faces: Sequence[FaceResult]) -> list[Chosen]:
    """The median planned face of each pattern, the most uneven, the first refused; each once."""
    found: list[Chosen] = []
    taken: set[int] = set()

    def take(face: FaceResult, rule: str) -> None:
        taken.add(face.number)
        found.append(Chosen(face, rule))

    for pattern in PATTERNS:
        mine = [f for f in faces if f.pattern == pattern and f.plan is not None]
        if mine:
            take(median_face(mine), f"{pattern}, median face by goal attained")
    rest = [f for f in faces if f.plan is not None and f.number not in taken]
    if rest:
        most = max(rest, key=lambda f: (f.uneven_mm, -f.number))
        take(most, "uneven, largest left-right difference of a goal among the other faces")
    refused = [f for f in faces if f.refusal is not None]
    if refused:
        take(refused[0], "refused, the first face without a plan")
    return found


def write_pictures(shown: Sequence[Chosen], folder: Path) -> None:
    """Write every picture below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for c in shown:
        picture = drawn(c.face)
        Image.fromarray(picture).save(folder / c.file, "JPEG", quality=_QUALITY, optimize=True)


def drawn(result: FaceResult) -> Picture:
    """The plan on the face from three sides, over a line that says whose it is and a key."""
    face = person(result.number).face
    model = FaceModel(face.vertices, face.triangles, None, np.zeros_like(face.vertices), {})
    threads = [Thread.from_json(t) for t in result.threads]
    depths = [t.depth_mm.tolist() for t in threads]
    views = thread_pictures(
        model,
        [t.path_mm for t in threads],
        depths,
        structures(face),
        names=[t.id for t in threads],
    )
    row = np.hstack(views)
    head = draw_text(_band(row.shape[1]), (10.0, 14.0), _title(result, threads), size=17.0)
    return np.vstack([head, row, _key(row.shape[1], depths)])


def _band(width: int) -> Picture:
    return np.full((_BAND, width, 3), 255, dtype=np.uint8)


def _key(width: int, depths_mm: Sequence[Sequence[float]]) -> Picture:
    """What the colours mean: depth of threads, kinds of structures."""
    band, x = _band(width), 10
    if depths_mm:
        low, high = depth_range(depths_mm)
        band = draw_text(band, (x, 14.0), f"depth {low:.0f} mm", size=15.0)
        x += 108
        for i in range(_SCALE):
            band[16:30, x + i] = depth_color(i / (_SCALE - 1))
        x += _SCALE + 8
        band = draw_text(band, (x, 14.0), f"{high:.0f} mm or more", size=15.0)
        x += 140
    for kind, color in HAZARD_COLORS.items():
        if kind == "gland":
            continue
        band[21:25, x : x + 30] = color
        band = draw_text(band, (x + 38.0, 14.0), kind, size=15.0)
        x += 110
    return band


def _title(result: FaceResult, threads: Sequence[Thread]) -> str:
    if not threads:
        return f"Face {result.number}: no threads"
    each = ", ".join(f"{t.id} {t.tension_n:.1f} N" for t in threads)
    return f"Face {result.number}: {each}"
