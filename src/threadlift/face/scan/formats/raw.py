"""What a reader returns, the limits it keeps, and the sentences in which it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError

Array = NDArray[np.float64]
Triangles = NDArray[np.int64]

#: Resource limits: a phone scan has 50–500 thousand triangles, a studio scan up to a few million.
MAX_TRIANGLES = 5_000_000
MAX_BYTES = 1_000_000_000
EXPORT_AGAIN = "Export the scan again as binary PLY, OBJ, STL or GLB."


@dataclass(frozen=True)
class RawMesh:
    """Triangles as they stand in a file.

    vertices (n, 3) in the file's unit; triangles (m, 3); colors (n, 3) uint8 sRGB or None;
    uv (m, 3, 2) texture coordinates of every corner, (0, 0) = upper left corner of the image,
    or None; image (h, w, 3) uint8 sRGB that they belong to, or None. `notes`: what could not be
    used, in sentences.
    """

    vertices: Array
    triangles: Triangles
    colors: NDArray[np.uint8] | None = None
    uv: NDArray[np.float32] | None = None
    image: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = ()


def broken(name: str, why: str) -> InputError:
    """The refusal of a file that is not what it says it is."""
    return InputError(f"{name}: this file cannot be read: {why}.", EXPORT_AGAIN)


def too_many(name: str, count: float) -> InputError:
    """The refusal of a mesh that is too large."""
    return InputError(
        f"{name}: it has {count / 1e6:.3g} million triangles.",
        "Reduce the scan to at most 5 million triangles.",
    )


def check_indices(triangles: Triangles, n: int, name: str) -> None:
    """Raise InputError unless all corners lie in 0..n-1."""
    if len(triangles) and (triangles.min() < 0 or triangles.max() >= n):
        raise InputError(
            f"{name}: triangles refer to vertices that are not there.", "Export the scan again."
        )


def beside(folder: Path, reference: str) -> Path | None:
    """The file that a scan refers to, if it lies in the scan's folder (or below); else None.

    References come from strangers: absolute paths and `..` are not followed. A path from another
    computer is tried by its bare name.
    """
    reference = reference.strip().strip('"')
    if not reference or "\0" in reference:
        return None
    names = [reference.replace("\\", "/"), PureWindowsPath(reference).name]
    root = folder.resolve()
    for name in dict.fromkeys(names):
        part = PurePosixPath(name)
        if part.is_absolute() or ".." in part.parts or PureWindowsPath(name).drive:
            continue
        try:
            found = (root / part).resolve()
            if found.is_file() and found.is_relative_to(root):
                return found
        except (OSError, ValueError):  # a name too long or with characters that no file has
            continue
    return None


def fan(polygons: NDArray[np.int64]) -> Triangles:
    """Triangles (k (c - 2), 3) of k polygons with c corners each (k, c)."""
    c = polygons.shape[1]
    return np.stack(
        [np.stack([polygons[:, 0], polygons[:, j], polygons[:, j + 1]], 1) for j in range(1, c - 1)]
        or [np.zeros((0, 3), np.int64)],
        axis=1,
    ).reshape(-1, 3)


def strip_triangles(strip: NDArray[np.int64], closed_by: int = -1) -> Triangles:
    """Triangles (m, 3) of triangle strips in one list (k,), each ended by `closed_by`.

    Every second triangle of a strip is wound the other way; degenerate ones (joints) drop out.
    """
    s = np.asarray(strip, dtype=np.int64)
    if len(s) < 3:
        return np.zeros((0, 3), dtype=np.int64)
    position = np.arange(len(s))
    begin = np.maximum.accumulate(np.where(np.r_[True, s[:-1] == closed_by], position, 0))
    t = np.stack([s[:-2], s[1:-1], s[2:]], axis=1)
    odd = (position - begin)[:-2] % 2 == 1
    t[odd] = t[odd][:, [1, 0, 2]]
    whole = (t != closed_by).all(axis=1)
    proper = (t[:, 0] != t[:, 1]) & (t[:, 1] != t[:, 2]) & (t[:, 2] != t[:, 0])
    return t[whole & proper]
