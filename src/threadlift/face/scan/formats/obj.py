"""OBJ with vertex colours, and with the textures that its MTL files name."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from threadlift.face.scan.formats.images import decode_image
from threadlift.face.scan.formats.numbers import FINE, TOO_MANY, count_lines, obj_tables
from threadlift.face.scan.formats.raw import (
    MAX_TRIANGLES,
    RawMesh,
    beside,
    broken,
    check_indices,
    too_many,
)

_MTL_BYTES = 1_000_000
#: Materials with a texture of their own; scanners write one to a dozen.
_MAX_IMAGES = 64


def read_obj(path: Path) -> list[RawMesh]:
    """One mesh per material that has a texture, one for the rest. Raises InputError."""
    name = path.name
    text = path.read_bytes()
    if b"\\\n" in text or b"\\\r\n" in text:  # lines that go on
        text = text.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ")
    if b"\n" not in text:
        text = text.replace(b"\r", b"\n")  # line ends of old computers
    data = np.frombuffer(text, dtype=np.uint8)
    n_v, n_vt, faces, corners = count_lines(data)
    if faces > MAX_TRIANGLES:
        raise too_many(name, faces)
    limit = min(max(corners - 2 * faces, 0), MAX_TRIANGLES)
    state, where, table, uv, tri, tex, start = obj_tables(data, n_v, n_vt, limit)
    if state == TOO_MANY:
        raise too_many(name, corners)
    if state != FINE:
        line = text[where : where + 40].split(b"\n")[0].decode("latin-1")
        raise broken(name, f"there is a line '{line.strip()}'")
    check_indices(tri, len(table), name)
    vertices = np.ascontiguousarray(table[:, :3])
    colors = _colours(table[:, 3:])
    images, notes = _images(path, text)
    if not images or not len(uv):
        return [RawMesh(vertices, tri, colors, notes=notes)]
    known = (tex >= 0) & (tex < len(uv))
    corner_uv = np.full((len(tri), 3, 2), np.nan, dtype=np.float32)
    corner_uv[known] = uv[tex[known]] * [1, -1] + [0, 1]  # OBJ counts rows from below
    used = _material_rows(text, start)
    out = []
    for key, rows in used.items():
        image = images.get(key)
        coordinates = None if image is None else corner_uv[rows]
        out.append(RawMesh(vertices, tri[rows], colors, coordinates, image, notes))
    return out


def _material_rows(text: bytes, start: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    """Rows of the triangles of every material, by the place of its `usemtl` line."""
    place, keys = [-1], [""]
    for found in re.finditer(rb"^[ \t]*usemtl[ \t]+([^\r\n]*)", text, re.MULTILINE):
        place.append(found.start())
        keys.append(found.group(1).decode("utf-8", "replace").strip())
    names = list(dict.fromkeys(keys))
    number = np.array([names.index(k) for k in keys])
    of_row = number[np.searchsorted(np.array(place), start, side="right") - 1]
    rows = {k: np.nonzero(of_row == i)[0] for i, k in enumerate(names)}
    return {k: r for k, r in rows.items() if len(r)}


def _images(path: Path, text: bytes) -> tuple[dict[str, NDArray[np.uint8]], tuple[str, ...]]:
    """Texture by material, and a sentence about those that could not be used."""
    images: dict[str, NDArray[np.uint8]] = {}
    missing = False
    for found in re.finditer(rb"^[ \t]*mtllib[ \t]+([^\r\n]*)", text, re.MULTILINE):
        library = beside(path.parent, found.group(1).decode("utf-8", "replace"))
        if library is None or library.stat().st_size > _MTL_BYTES:
            missing = True
            continue
        material = ""
        for line in library.read_bytes().decode("utf-8", "replace").splitlines():
            word = line.split(None, 1)
            if len(word) == 2 and word[0] == "newmtl":
                material = word[1].strip()
            if len(word) == 2 and word[0].lower() == "map_kd" and len(images) < _MAX_IMAGES:
                picture = _picture(path.parent, word[1])
                image = decode_image(picture.read_bytes()) if picture else None
                if image is None:
                    missing = True
                else:
                    images[material] = image
    note = "The texture that the scan names was not found beside it, or is broken."
    return images, (note,) if missing else ()


def _picture(folder: Path, reference: str) -> Path | None:
    """The image of a map statement; options (`-s 1 1 1`) stand before its name."""
    whole = beside(folder, reference)
    if whole is not None or not reference.startswith("-"):
        return whole
    return beside(folder, reference.split()[-1])


def _colours(rgb: NDArray[np.float64]) -> NDArray[np.uint8] | None:
    known = np.isfinite(rgb).all(axis=1)
    if not known.any():
        return None
    top = 255.0 if float(rgb[known].max()) <= 1.0 else 1.0
    return np.clip(np.nan_to_num(rgb * top, nan=160.0), 0, 255).astype(np.uint8)
