"""Marks on the skin that a person named alike in both scans: ink dots, moles, suture points."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from threadlift.errors import InputError
from threadlift.evidence import value
from threadlift.face.pair.tracking import Tracks, no_tracks
from threadlift.face.scan.read import UNIT_MM, Scan
from threadlift.face.scan.registration import Target
from threadlift.face.template import Array
from threadlift.frames import Similarity

#: Marks by name: (place on the first scan, place on the second), in the scans' own axes and units.
Marks = Mapping[str, tuple[Sequence[float], Sequence[float]]]

COLUMNS = ("name", "x1", "y1", "z1", "x2", "y2", "z2")
#: A mark must lie this near to the skin [mm].
OFF_SKIN_MM = 5.0


def read_marks(source: Path | str | Marks) -> dict[str, tuple[Array, Array]]:
    """Marks from a mapping, a JSON object {name: [[x, y, z], [x, y, z]]} or a CSV table.

    The CSV has the columns name, x1, y1, z1, x2, y2, z2 (first scan, second scan). Raises
    InputError for a missing or malformed file, a repeated name or what is no number.
    """
    if isinstance(source, Mapping):
        return {str(k): _pair(str(k), v, "marks") for k, v in source.items()}
    path = Path(source)
    if not path.is_file():
        raise InputError(f"{path}: there is no such file.", "Check the path of the marks.")
    try:
        text = path.read_text("utf-8-sig")
        rows = _from_json(text) if path.suffix.lower() == ".json" else _from_csv(text)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, csv.Error) as error:
        raise InputError(
            f"{path.name}: the marks cannot be read ({type(error).__name__}).",
            f"Write a CSV table with the columns {', '.join(COLUMNS)}, or JSON.",
        ) from error
    out: dict[str, tuple[Array, Array]] = {}
    for name, places in rows:
        if name in out:
            raise InputError(f"{path.name}: mark '{name}' is there twice.", "Name each mark once.")
        out[name] = _pair(name, places, path.name)
    return out


def _from_json(text: str) -> list[tuple[str, Any]]:
    # As pairs, so that a repeated name is seen and not silently overwritten.
    pairs = json.loads(text, object_pairs_hook=list)
    if not isinstance(pairs, list) or not all(isinstance(p, tuple) for p in pairs):
        raise InputError(
            "The marks are not a JSON object.", "Write {name: [[x, y, z], [x, y, z]]}."
        )
    return pairs


def _from_csv(text: str) -> list[tuple[str, Any]]:
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    columns = [str(c).strip() for c in reader.fieldnames or ()]
    if not set(COLUMNS) <= set(columns):
        raise InputError(
            f"The table of marks has the columns {', '.join(columns) or 'none'}.",
            f"Give it the columns {', '.join(COLUMNS)}.",
        )
    reader.fieldnames = columns
    return [
        (row["name"], ([row[c] for c in COLUMNS[1:4]], [row[c] for c in COLUMNS[4:]]))
        for row in reader
    ]


def _pair(name: str, places: Any, source: str) -> tuple[Array, Array]:
    try:
        first, second = (np.array([float(x) for x in place]) for place in places)
    except (TypeError, ValueError):
        first = second = np.full(3, math.nan)
    if first.shape != (3,) or second.shape != (3,) or not np.isfinite([first, second]).all():
        raise InputError(
            f"{source}: mark '{name}' is not two points of three numbers.",
            "Give x, y, z on the first and on the second scan.",
        )
    return first, second


def placed_marks(
    marks: Mapping[str, tuple[Array, Array]],
    scans: tuple[Scan, Scan],
    moves: tuple[Similarity, Similarity],
    targets: tuple[Target, Target],
    sd_mm: float | None = None,
) -> Tracks:
    """Marks as tracks in the common frame.

    scans: for the unit that each file was read in. moves: from each scan's axes [mm] into the
    common frame. targets: the surfaces there; every mark is put onto its skin. sd_mm: standard
    deviation of a mark per direction, default the register's (pair.mark_sd).

    Raises InputError when a mark does not lie on the skin of its scan.
    """
    sd = value("pair.mark_sd") if sd_mm is None else float(sd_mm)
    if not 0.0 < sd < 10.0:
        raise InputError(f"The spread of the marks is {sd} mm.", "Use a number up to 10 mm.")
    if not marks:
        return no_tracks()
    ends = []
    for k, (scan, move, target) in enumerate(zip(scans, moves, targets, strict=True)):
        points = move.apply(np.array([m[k] for m in marks.values()]) * UNIT_MM[scan.units])
        hit = target.index.closest(points)
        for name, gap in zip(marks, hit.distance, strict=True):
            if gap > OFF_SKIN_MM:
                raise InputError(
                    f"{scan.source}: mark '{name}' lies {gap:.0f} mm off the skin.",
                    "Give marks in the axes and the unit of the scan's file.",
                )
        ends.append(hit.point)
    return Tracks(ends[0], ends[1] - ends[0], np.full(len(ends[0]), sd))
