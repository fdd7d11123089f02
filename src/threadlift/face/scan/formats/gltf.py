"""GLB and glTF 2.0: placed triangles, colours and base-colour textures."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.face.scan.formats.images import decode_image
from threadlift.face.scan.formats.raw import (
    MAX_BYTES,
    MAX_TRIANGLES,
    RawMesh,
    beside,
    broken,
    check_indices,
    strip_triangles,
    too_many,
)

_COMPONENT = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTH = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
#: Extensions that change where the geometry is; without support the file says nothing.
_PACKED = {
    "KHR_draco_mesh_compression": "Draco",
    "EXT_meshopt_compression": "meshopt",
    "KHR_meshopt_compression": "meshopt",
}
_JSON_BYTES = 50_000_000
#: Nodes visited at most, and pieces: a scan has a handful.
_MAX_NODES, _MAX_PIECES = 10_000, 2_000
_UTF8_SCAR = b"\xef\xbf\xbd"


@dataclass(frozen=True)
class _Document:
    json: dict[str, Any]
    chunk: NDArray[np.uint8] | None
    folder: Path
    name: str


def read_gltf(path: Path) -> list[RawMesh]:
    """One mesh per primitive and place in the scene. Raises InputError."""
    name = path.name
    try:
        document = _document(path)
        _refuse_packed(document)
        return _scene(document)
    except InputError:
        raise
    except (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise broken(name, "its description contradicts itself or its content") from error


def _document(path: Path) -> _Document:
    data = np.fromfile(path, dtype=np.uint8)
    if data[:4].tobytes() != b"glTF":
        return _Document(_json(data.tobytes(), path.name), None, path.parent, path.name)
    if _UTF8_SCAR in data[:200].tobytes() or len(data) < 20:
        raise broken(path.name, "it was passed on as text, which destroys binary files")
    words = data[4:20].view("<u4")
    if words[0] != 2:
        raise broken(path.name, f"it is glTF version {words[0]}, and version 2 is needed")
    if words[1] > len(data) or 20 + int(words[2]) > len(data):
        raise broken(path.name, "it is cut short, or was passed on as text")
    at = 20 + int(words[2])
    description = _json(data[20:at].tobytes(), path.name)
    chunk = None
    if at + 8 <= len(data):
        size = int(data[at : at + 4].copy().view("<u4")[0])
        chunk = data[at + 8 : at + 8 + size]
    return _Document(description, chunk, path.parent, path.name)


def _json(text: bytes, name: str) -> dict[str, Any]:
    if len(text) > _JSON_BYTES:
        raise broken(name, "its description is longer than any scan needs")
    try:
        found = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise broken(name, "its description is not JSON") from error
    if not isinstance(found, dict):
        raise broken(name, "its description is not JSON of a scene")
    return found


def _refuse_packed(d: _Document) -> None:
    required = [str(e) for e in d.json.get("extensionsRequired", [])]
    for key in required:
        if key in _PACKED:
            raise InputError(
                f"{d.name}: its geometry is compressed ({_PACKED[key]}), which is not read.",
                "Export it without compression.",
            )


def _buffer(d: _Document, index: int) -> NDArray[np.uint8]:
    buffer = d.json["buffers"][index]
    uri = buffer.get("uri")
    if uri is None:
        if d.chunk is None:
            raise broken(d.name, "its binary part is missing")
        return d.chunk
    return np.frombuffer(_fetch(d, str(uri)), dtype=np.uint8)


def _fetch(d: _Document, uri: str) -> bytes:
    """The bytes that a URI stands for: inline data or a file beside the scan, nothing else."""
    if uri.startswith("data:"):
        try:
            return base64.b64decode(uri.partition(",")[2], validate=False)
        except (binascii.Error, ValueError) as error:
            raise broken(d.name, "its inline data are damaged") from error
    found = beside(d.folder, unquote(uri))
    if found is None or found.stat().st_size > MAX_BYTES:
        raise InputError(
            f"{d.name}: it needs the file '{uri[:80]}', which does not lie beside it.",
            "Export the scan as one GLB file.",
        )
    return found.read_bytes()


def _index(value: Any) -> int:
    """A non-negative whole number; raises ValueError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("not an index")
    return value


def _view(d: _Document, index: int) -> tuple[NDArray[np.uint8], int]:
    """Bytes of a buffer view, and its stride (0 = packed)."""
    view = d.json["bufferViews"][_index(index)]
    if any(k in view.get("extensions", {}) for k in _PACKED):
        raise InputError(
            f"{d.name}: its geometry is compressed, which is not read.",
            "Export it without compression.",
        )
    data = _buffer(d, _index(view["buffer"]))
    start, size = _index(view.get("byteOffset", 0)), _index(view["byteLength"])
    if start + size > len(data):
        raise broken(d.name, "it is cut short")
    return data[start : start + size], _index(view.get("byteStride", 0))


def _accessor(d: _Document, index: Any) -> NDArray:
    """Values (count, width) of an accessor; normalised integers as floats in 0..1 or -1..1."""
    a = d.json["accessors"][_index(index)]
    if "sparse" in a or "bufferView" not in a:
        raise broken(d.name, "it stores its geometry as changes to nothing (sparse accessors)")
    kind, width, count = np.dtype(_COMPONENT[a["componentType"]]), _WIDTH[a["type"]], a["count"]
    if _index(count) > 3 * MAX_TRIANGLES:
        raise too_many(d.name, count / 3)
    data, stride = _view(d, a["bufferView"])
    start, row = _index(a.get("byteOffset", 0)), kind.itemsize * width
    stride = stride or row
    if stride < row or (count and start + (count - 1) * stride + row > len(data)):
        raise broken(d.name, "it is cut short")
    if not count:
        return np.zeros((0, width))
    table = np.lib.stride_tricks.as_strided(
        data[start:], shape=(count, row), strides=(stride, 1), writeable=False
    )
    values = np.ascontiguousarray(table).view(kind)
    if a.get("normalized") and kind.kind in "iu":
        return np.maximum(values / float(np.iinfo(kind).max), -1.0)
    return values


def _scene(d: _Document) -> list[RawMesh]:
    nodes = d.json.get("nodes", [])
    scenes = d.json.get("scenes", [])
    if scenes:
        roots = scenes[_index(d.json.get("scene", 0))].get("nodes", [])
    else:
        roots = list(range(len(nodes)))
    stack = [(_index(r), np.eye(4), 0) for r in roots]
    out: list[RawMesh] = []
    images: dict[int, NDArray[np.uint8] | None] = {}
    visited, triangles = 0, 0
    while stack:
        index, above, depth = stack.pop()
        visited += 1
        if visited > _MAX_NODES or depth > 100 or len(out) > _MAX_PIECES:
            raise broken(d.name, "its scene is endless or has too many pieces")
        node = nodes[index]
        place = above @ _transform(node)
        stack += [(_index(c), place, depth + 1) for c in node.get("children", [])]
        if "mesh" not in node:
            continue
        for primitive in d.json["meshes"][_index(node["mesh"])]["primitives"]:
            mesh = _primitive(d, primitive, place, images)
            if mesh is not None:
                out.append(mesh)
                triangles += len(mesh.triangles)
                if triangles > MAX_TRIANGLES:
                    raise too_many(d.name, triangles)
    return out


def _transform(node: dict[str, Any]) -> NDArray[np.float64]:
    if "matrix" in node:
        return np.array(node["matrix"], dtype=float).reshape(4, 4).T
    out = np.eye(4)
    x, y, z, w = np.array(node.get("rotation", [0, 0, 0, 1]), dtype=float)
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    out[:3, :3] = turn * np.array(node.get("scale", [1, 1, 1]), dtype=float)
    out[:3, 3] = node.get("translation", [0, 0, 0])
    return out


def _primitive(
    d: _Document,
    primitive: dict[str, Any],
    place: NDArray[np.float64],
    images: dict[int, NDArray[np.uint8] | None],
) -> RawMesh | None:
    if any(k in primitive.get("extensions", {}) for k in _PACKED):
        raise InputError(
            f"{d.name}: its geometry is compressed, which is not read.",
            "Export it without compression.",
        )
    attributes = primitive["attributes"]
    points = np.asarray(_accessor(d, attributes["POSITION"]), dtype=np.float64)
    if points.shape[1] != 3:
        raise ValueError("positions need three numbers")
    if "indices" in primitive:
        order = _accessor(d, primitive["indices"]).astype(np.int64).ravel()
    else:
        order = np.arange(len(points), dtype=np.int64)
    mode = primitive.get("mode", 4)
    if mode == 4:
        triangles = order[: len(order) // 3 * 3].reshape(-1, 3)
    elif mode == 5:
        triangles = strip_triangles(order)
    elif mode == 6 and len(order) >= 3:
        first = np.full(len(order) - 2, order[0])
        triangles = np.stack([first, order[1:-1], order[2:]], axis=1)
    else:
        return None  # points and lines
    check_indices(triangles, len(points), d.name)
    points = points @ place[:3, :3].T + place[:3, 3]
    colors = None
    if "COLOR_0" in attributes:
        shade = np.asarray(_accessor(d, attributes["COLOR_0"]), dtype=np.float64)
        if len(shade) == len(points) and shade.shape[1] >= 3:
            colors = _srgb(shade[:, :3])
    uv, image, notes = _texture(d, primitive, triangles, len(points), images)
    return RawMesh(points, triangles, colors, uv, image, notes)


def _srgb(linear: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Vertex colours are linear by the standard."""
    x = np.clip(np.nan_to_num(linear), 0.0, 1.0)
    s = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1.0 / 2.4) - 0.055)
    return np.round(255.0 * s).astype(np.uint8)


def _texture(
    d: _Document,
    primitive: dict[str, Any],
    triangles: NDArray[np.int64],
    n: int,
    images: dict[int, NDArray[np.uint8] | None],
) -> tuple[NDArray[np.float32] | None, NDArray[np.uint8] | None, tuple[str, ...]]:
    """Corner coordinates, image and notes; a texture that fails leaves the geometry usable."""
    if "material" not in primitive:
        return None, None, ()
    material = d.json["materials"][_index(primitive["material"])]
    info = material.get("pbrMetallicRoughness", {}).get("baseColorTexture")
    if not isinstance(info, dict):
        return None, None, ()
    try:
        number = _index(info["index"])
        if number not in images:
            images[number] = _image(d, number)
        image = images[number]
        shift = info.get("extensions", {}).get("KHR_texture_transform", {})
        key = f"TEXCOORD_{_index(shift.get('texCoord', info.get('texCoord', 0)))}"
        uv = np.asarray(_accessor(d, primitive["attributes"][key]), dtype=np.float64)
        a = float(shift.get("rotation", 0.0))
        uv = uv * np.array(shift.get("scale", [1.0, 1.0]), dtype=float)
        turn = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])
        uv = uv @ turn.T + np.array(shift.get("offset", [0.0, 0.0]), dtype=float)
    except (InputError, KeyError, IndexError, TypeError, ValueError, AttributeError):
        image, uv = None, np.zeros((0, 2))
    if image is None or uv.shape != (n, 2):
        return None, None, ("The texture of the scan is missing or broken.",)
    return uv.astype(np.float32)[triangles], image, ()


def _image(d: _Document, texture: int) -> NDArray[np.uint8] | None:
    entry = d.json["textures"][texture]
    webp = entry.get("extensions", {}).get("EXT_texture_webp", {})
    image = d.json["images"][_index(entry.get("source", webp.get("source")))]
    if "bufferView" in image:
        return decode_image(_view(d, image["bufferView"])[0].tobytes())
    return decode_image(_fetch(d, str(image["uri"])))
