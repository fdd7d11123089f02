"""Two scans of one person, registered, in one frame, and what was followed between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from threadlift.errors import InputError
from threadlift.face.pair.alignment import Alignment, align
from threadlift.face.pair.marks import Marks, placed_marks, read_marks
from threadlift.face.pair.skin import Skin, skin_of
from threadlift.face.pair.tracking import Tracks, no_tracks, track
from threadlift.face.scan.model import scan_model, scan_trust
from threadlift.face.scan.read import Scan, read_scan
from threadlift.face.scan.register import Progress, Registration, register, silent
from threadlift.face.template import Array, template
from threadlift.frames import Similarity

#: Files that are pictures: no millimetres of change from these.
PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".tif", ".tiff", ".bmp")
#: Depth [mm] of the middle of the face behind the subnasale, about which the views turn.
_MIDDLE_MM = 40.0


@dataclass(frozen=True)
class Matched:
    """Two registered scans; the common frame is the first one's canonical frame."""

    first: Registration
    second: Registration
    alignment: Alignment

    @property
    def moves(self) -> tuple[Similarity, Similarity]:
        """From each scan's own axes into the common frame."""
        return self.first.to_canonical, self.second.to_canonical.then(self.alignment.move)

    @cached_property
    def skins(self) -> tuple[Skin, Skin] | None:
        """Both skins in the common frame; None where one of the scans has no texture."""
        a = skin_of(self.first.scan, self.moves[0])
        b = skin_of(self.second.scan, self.moves[1])
        return None if a is None or b is None else (a, b)

    @property
    def centre(self) -> Array:
        """Middle of the face (3,) about which views turn."""
        nose = self.first.vertices[template().landmarks["subnasale"]]
        return nose - np.array([0.0, 0.0, _MIDDLE_MM])


@dataclass(frozen=True)
class Followed:
    """Points followed from the first capture to the second: by texture, and by named marks."""

    texture: Tracks
    marks: Tracks

    @property
    def all(self) -> Tracks:
        """Both sets."""
        a, b = self.texture, self.marks
        return Tracks(
            np.concatenate([a.start, b.start]),
            np.concatenate([a.move, b.move]),
            np.concatenate([a.sd, b.sd]),
        )


def matched(
    first: Path | str | Scan,
    second: Path | str | Scan,
    *,
    units: str | None = None,
    progress: Progress = silent,
) -> Matched:
    """Register both scans and bring the second into the first one's frame.

    Raises InputError: photographs, unreadable or unusable scans, too little of the upper face.
    """
    t, model = template(), scan_model()
    trust = scan_trust(t)
    scans = [_scan(s, units) for s in (first, second)]
    found = [
        register(
            scan,
            t,
            model,
            trust,
            progress=lambda share, what, k=k: progress(0.35 * (k + share), f"scan {k + 1}: {what}"),
        )
        for k, scan in enumerate(scans)
    ]
    return Matched(found[0], found[1], align(found[0], found[1]))


def follow(
    pair: Matched,
    marks: Path | str | Marks | None = None,
    mark_sd_mm: float | None = None,
    progress: Progress = silent,
) -> Followed:
    """Follow the texture, where both scans have one, and place the marks, where there are any."""
    texture = no_tracks()
    if pair.skins is not None:
        progress(0.75, "Following the texture of the skin")
        texture = track(*pair.skins, pair.centre)
    named = no_tracks()
    if marks is not None:
        named = placed_marks(
            read_marks(marks),
            (pair.first.scan, pair.second.scan),
            pair.moves,
            (pair.first.target, pair.alignment.target),
            mark_sd_mm,
        )
    return Followed(texture, named)


def _scan(source: Path | str | Scan, units: str | None) -> Scan:
    if isinstance(source, Scan):
        return source
    if Path(source).suffix.lower() in PICTURES:
        raise InputError(
            f"{Path(source).name} is a photograph: the skin's movement in millimetres cannot be"
            " measured from photographs (their error of about 2 mm is as large as the movement).",
            "Scan the face in both captures.",
        )
    return read_scan(source, units)
