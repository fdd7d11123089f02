"""PLY: text and binary of either byte order, polygons and strips, colours and textures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numba import njit
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.face.scan.formats.images import decode_image
from threadlift.face.scan.formats.numbers import all_numbers
from threadlift.face.scan.formats.raw import (
    MAX_TRIANGLES,
    RawMesh,
    beside,
    broken,
    check_indices,
    fan,
    strip_triangles,
    too_many,
)

_TYPES = {
    **dict.fromkeys(("char", "int8"), "i1"),
    **dict.fromkeys(("uchar", "uint8"), "u1"),
    **dict.fromkeys(("short", "int16"), "i2"),
    **dict.fromkeys(("ushort", "uint16"), "u2"),
    **dict.fromkeys(("int", "int32"), "i4"),
    **dict.fromkeys(("uint", "uint32"), "u4"),
    **dict.fromkeys(("float", "float32"), "f4"),
    **dict.fromkeys(("double", "float64"), "f8"),
}
_HEADER_BYTES = 64_000
#: Rows decoded at a time, which bounds the memory for offsets.
_CHUNK = 500_000


@dataclass
class _Property:
    name: str
    kind: str
    count_kind: str | None = None


@dataclass
class _Element:
    name: str
    count: int
    properties: list[_Property] = field(default_factory=list)


@dataclass(frozen=True)
class _Header:
    order: str  # '<', '>' or '' for text
    elements: list[_Element]
    textures: list[str]
    size: int


def _header(data: NDArray[np.uint8], name: str) -> _Header:
    head = data[:_HEADER_BYTES].tobytes()
    end = head.find(b"end_header")
    stop = head.find(b"\n", end)
    if not head.startswith(b"ply") or end < 0 or stop < 0:
        raise broken(name, "it has no complete PLY header")
    order, elements, textures = None, [], []
    for line in head[:end].decode("latin-1").splitlines()[1:]:
        word = line.split()
        try:
            match word:
                case ["format", kind, *_]:
                    order = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}[
                        kind
                    ]
                case ["comment", key, *_] if key.lower() in ("texturefile", "texture_file"):
                    textures.append(line.split(None, 2)[2])
                case ["element", kind, count]:
                    elements.append(_Element(kind, int(count)))
                    if not 0 <= elements[-1].count <= 10 * MAX_TRIANGLES:
                        raise broken(name, f"it claims to hold {count} x {kind}")
                case ["property", "list", count, kind, prop]:
                    elements[-1].properties.append(_Property(prop, _TYPES[kind], _TYPES[count]))
                case ["property", kind, prop]:
                    elements[-1].properties.append(_Property(prop, _TYPES[kind]))
                case _:
                    pass
        except (KeyError, IndexError, ValueError) as error:
            raise broken(name, f"its header says '{line.strip()[:60]}'") from error
    if order is None:
        raise broken(name, "its header names no format")
    return _Header(order, elements, textures, stop + 1)


@njit(cache=True)
def _walk_bytes(data, at, rows, sizes, count_sizes, big):
    """Position and length of every list, (rows, properties) each; -1 as the end: cut short."""
    k = len(sizes)
    place = np.empty((rows, k), dtype=np.int64)
    length = np.ones((rows, k), dtype=np.int64)
    end = len(data)
    for r in range(rows):
        for p in range(k):
            n = np.int64(1)
            width = count_sizes[p]
            if width > 0:
                if at + width > end:
                    return place, length, -1
                n = np.int64(0)
                for b in range(width):
                    byte = np.int64(data[at + b] if big else data[at + width - 1 - b])
                    n = (n << 8) | byte
                at += width
            place[r, p] = at
            length[r, p] = n
            if n < 0 or n > end or at + n * sizes[p] > end:
                return place, length, -1
            at += n * sizes[p]
    return place, length, at


@njit(cache=True)
def _walk_numbers(values, at, rows, listed):
    """The same for text, counted in numbers."""
    k = len(listed)
    place = np.empty((rows, k), dtype=np.int64)
    length = np.ones((rows, k), dtype=np.int64)
    end = len(values)
    for r in range(rows):
        for p in range(k):
            n = np.int64(1)
            if listed[p]:
                if at >= end or not 0 <= values[at] <= end:
                    return place, length, -1
                n = np.int64(values[at])
                at += 1
            if at + n > end:
                return place, length, -1
            place[r, p] = at
            length[r, p] = n
            at += n
    return place, length, at


class _Body:
    """The elements of a file, one after the other."""

    def __init__(self, data: NDArray[np.uint8], header: _Header, name: str) -> None:
        self.order, self.name, self.at = header.order, name, 0
        self.data: NDArray = data[header.size :]
        if not header.order:
            self.data, stopped = all_numbers(self.data, len(self.data) // 2 + 1)
            if stopped < len(data) - header.size:
                raise broken(name, "there is something that is no number among the numbers")

    def read(self, element: _Element) -> dict[str, list[tuple[NDArray, NDArray[np.int64]]]]:
        """By property: groups of (values (k, length), rows (k,)), one group per length.

        Raises InputError when the file ends before the element does.
        """
        kinds = [np.dtype((self.order or "=") + p.kind) for p in element.properties]
        # Every row takes a byte (or number) at least: a header cannot claim more memory than that.
        if element.count > len(self.data) - self.at or not kinds:
            if not element.count:
                return {p.name: [] for p in element.properties}
            raise self._short()
        listed = [p.count_kind is not None for p in element.properties]
        if self.order and not any(listed):
            return self._plain(element, kinds)
        if self.order:
            counts = [
                np.dtype(p.count_kind).itemsize if p.count_kind else 0 for p in element.properties
            ]
            place, length, at = _walk_bytes(
                self.data,
                self.at,
                element.count,
                np.array([k.itemsize for k in kinds]),
                np.array(counts),
                self.order == ">",
            )
        else:
            place, length, at = _walk_numbers(self.data, self.at, element.count, np.array(listed))
        if at < 0:
            raise self._short()
        self.at = at
        out = {}
        for p, (prop, kind) in enumerate(zip(element.properties, kinds, strict=True)):
            groups = []
            for n in np.unique(length[:, p]):
                rows = np.nonzero(length[:, p] == n)[0]
                groups.append((self._gather(place[rows, p], int(n), kind), rows))
            out[prop.name] = groups
        return out

    def _plain(self, element: _Element, kinds: list[np.dtype]) -> dict:
        record = np.dtype([(str(i), k) for i, k in enumerate(kinds)])
        stop = self.at + record.itemsize * element.count
        if stop > len(self.data):
            raise self._short()
        table = self.data[self.at : stop].view(record)
        self.at = stop
        rows = np.arange(element.count)
        return {p.name: [(table[str(i)][:, None], rows)] for i, p in enumerate(element.properties)}

    def _gather(self, place: NDArray[np.int64], n: int, kind: np.dtype) -> NDArray:
        if not self.order:
            return self.data[place[:, None] + np.arange(n)]
        width = n * kind.itemsize
        parts = [
            self.data[place[i : i + _CHUNK, None] + np.arange(width)].view(kind)
            for i in range(0, len(place), _CHUNK)
        ]
        return np.concatenate(parts) if width else np.zeros((len(place), 0), kind)

    def _short(self) -> InputError:
        return broken(self.name, "it is cut short or its header does not fit its content")


def _column(table: dict, names: tuple[str, ...], count: int) -> NDArray | None:
    """The (count,) scalar property that goes by one of `names`, or None."""
    for name in names:
        groups = table.get(name)
        if groups and len(groups) == 1 and groups[0][0].shape == (count, 1):
            return groups[0][0][:, 0]
    return None


def _integers(values: NDArray, name: str) -> NDArray[np.int64]:
    if values.dtype.kind == "f" and not (np.abs(values) < 2**53).all():
        raise broken(name, "a corner of a triangle is not a number")
    return values.astype(np.int64)


def read_ply(path: Path) -> list[RawMesh]:
    """One mesh. Raises InputError."""
    name = path.name
    data = np.fromfile(path, dtype=np.uint8)
    header = _header(data, name)
    body = _Body(data, header, name)
    tables = {}
    for element in header.elements:
        tables[element.name] = (body.read(element), element.count)
    points, n = tables.get("vertex", ({}, 0))
    axes = [_column(points, (c,), n) for c in "xyz"]
    if any(a is None for a in axes):
        raise broken(name, "it has no vertices with x, y and z")
    vertices = np.stack([np.asarray(a, dtype=np.float64) for a in axes], axis=1)
    triangles, corner_uv = _faces(tables, name)
    check_indices(triangles, n, name)
    uv = corner_uv
    s = _column(points, ("s", "u", "texture_u"), n)
    t = _column(points, ("t", "v", "texture_v"), n)
    if uv is None and s is not None and t is not None:
        uv = np.stack([s, t], axis=1).astype(np.float32)[triangles]
    image, notes = None, ()
    if uv is not None:
        uv = np.stack([uv[..., 0], 1.0 - uv[..., 1]], axis=-1)  # PLY counts rows from below
        found = next((f for ref in header.textures if (f := beside(path.parent, ref))), None)
        image = decode_image(found.read_bytes()) if found else None
        if image is None and header.textures:
            notes = ("The texture that the scan names was not found beside it, or is broken.",)
    return [RawMesh(vertices, triangles, _colours(points, n), uv, image, notes)]


def _colours(points: dict, n: int) -> NDArray[np.uint8] | None:
    channels = [_column(points, (c, f"diffuse_{c}"), n) for c in ("red", "green", "blue")]
    if any(c is None for c in channels):
        return None
    rgb = np.stack([np.asarray(c, dtype=np.float64) for c in channels], axis=1)
    whole = np.asarray(channels[0]).dtype.kind in "iu" or np.nanmax(rgb, initial=0.0) > 1.0
    return np.clip(np.nan_to_num(rgb * (1.0 if whole else 255.0)), 0, 255).astype(np.uint8)


def _faces(tables: dict, name: str) -> tuple[NDArray[np.int64], NDArray[np.float32] | None]:
    """Triangles (m, 3) and the texture coordinates of their corners (m, 3, 2) where given."""
    faces, count = tables.get("face", ({}, 0))
    groups = faces.get("vertex_indices") or faces.get("vertex_index") or []
    parts, order = [], []
    for values, rows in groups:
        c = values.shape[1]
        if c < 3:
            continue
        if len(values) * (c - 2) > MAX_TRIANGLES:
            raise too_many(name, len(values) * (c - 2))
        parts.append(fan(_integers(values, name)))
        order.append(np.repeat(rows, c - 2))
    for key in ("tristrips", "tristrip"):
        strips, _ = tables.get(key, ({}, 0))
        for values, _rows in strips.get("vertex_indices") or strips.get("vertex_index") or []:
            for strip in values:
                parts.append(strip_triangles(_integers(strip, name)))
                order.append(np.full(len(parts[-1]), count))
    if not parts:
        return np.zeros((0, 3), dtype=np.int64), None
    row = np.concatenate(order)
    sort = np.argsort(row, kind="stable")
    triangles = np.concatenate(parts)[sort]
    texture = faces.get("texcoord")
    if not texture or len(groups) != 1 or groups[0][0].shape[1] != 3 or len(triangles) != count:
        return triangles, None
    uv = np.full((count, 3, 2), np.nan, dtype=np.float32)
    for values, rows in texture:
        if values.shape[1] == 6:
            uv[rows] = values.reshape(-1, 3, 2)
    return triangles, uv
