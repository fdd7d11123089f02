"""STL, binary and text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from threadlift.face.scan.formats.numbers import stl_corners
from threadlift.face.scan.formats.raw import MAX_TRIANGLES, RawMesh, broken, too_many

_RECORD = np.dtype([("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])


def read_stl(path: Path) -> list[RawMesh]:
    """One mesh, every triangle with corners of its own. Raises InputError."""
    data = np.fromfile(path, dtype=np.uint8)
    if len(data) >= 84:
        count = int(data[80:84].view("<u4")[0])
        if 84 + _RECORD.itemsize * count == len(data) or not _is_text(data):
            if count > MAX_TRIANGLES:
                raise too_many(path.name, count)
            if 84 + _RECORD.itemsize * count > len(data):
                raise broken(path.name, f"it should hold {count} triangles but is cut short")
            record = data[84 : 84 + _RECORD.itemsize * count].view(_RECORD)
            return [_soup(record["corners"].reshape(-1, 3).astype(np.float64))]
    if not _is_text(data):
        raise broken(path.name, "it is neither a binary nor a text STL")
    corners, whole = stl_corners(data, min(len(data) // 12 + 1, 3 * MAX_TRIANGLES))
    if not whole and len(corners) >= 3 * MAX_TRIANGLES:
        raise too_many(path.name, len(corners) / 3)
    if not whole or len(corners) % 3 or b"endsolid" not in data[-4096:].tobytes().lower():
        raise broken(path.name, "it is cut short or damaged")
    return [_soup(corners)]


def _is_text(data: np.ndarray) -> bool:
    head = data[:512]
    return data[:256].tobytes().lstrip()[:5].lower() == b"solid" and not (head == 0).any()


def _soup(corners: np.ndarray) -> RawMesh:
    return RawMesh(corners, np.arange(len(corners), dtype=np.int64).reshape(-1, 3))
