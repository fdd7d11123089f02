"""`face.glb`: the face with its predicted change as a morph target, and the threads as tubes.

Binary glTF 2.0, metres, axes as in the patient frame (x left, y up, z forward), which is also
glTF's own convention for a model that faces the viewer. The file is read back by
:func:`read_face_glb`, so that a report can be made again from the folder of a run alone.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError

MM_PER_M = 1000.0
_MAGIC, _JSON, _BIN = 0x46546C67, 0x4E4F534A, 0x004E4942
_FLOAT, _UINT, _UBYTE = 5126, 5125, 5121
_TYPES = {_FLOAT: np.float32, _UINT: np.uint32, _UBYTE: np.uint8}
_WIDTH = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}
THREAD_COLOR, UNSAFE_COLOR = (0.10, 0.35, 0.75, 1.0), (0.80, 0.10, 0.10, 1.0)


@dataclass(frozen=True)
class FaceModel:
    """What `face.glb` holds: vertices (n, 3) [mm], triangles (m, 3), colors (n, 3) uint8 or None,
    displacement (n, 3) [mm] of the morph target `after` (zeros where nothing was predicted).
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]
    colors: NDArray[np.uint8] | None
    displacement: NDArray[np.float64]
    extras: dict[str, Any]


class _Buffer:
    """Collects accessors of one glTF buffer."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.size = 0
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def add(
        self,
        array: NDArray[Any],
        kind: str,
        component: int,
        *,
        target: int | None = 34962,
        normalized: bool = False,
        bounds: bool = False,
    ) -> int:
        data = np.ascontiguousarray(array, dtype=_TYPES[component]).tobytes()
        view: dict[str, Any] = {"buffer": 0, "byteOffset": self.size, "byteLength": len(data)}
        if target is not None:
            view["target"] = target
        accessor: dict[str, Any] = {
            "bufferView": len(self.views),
            "componentType": component,
            "count": len(array),
            "type": kind,
        }
        if normalized:
            accessor["normalized"] = True
        if bounds:  # required for POSITION
            low, high = array.astype(np.float32).min(axis=0), array.astype(np.float32).max(axis=0)
            accessor["min"] = [float(x) for x in low]
            accessor["max"] = [float(x) for x in high]
        self.views.append(view)
        self.accessors.append(accessor)
        padding = -len(data) % 4
        self.chunks.append(data + b"\0" * padding)
        self.size += len(data) + padding
        return len(self.accessors) - 1


def tube(
    path_mm: NDArray[np.float64], radius_mm: float, sides: int = 6
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """A thin tube round a polyline (k, 3): vertices (k·sides, 3) and triangles."""
    tangent = np.gradient(path_mm, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    helper = np.eye(3)[np.argmin(np.abs(tangent).mean(axis=0))]
    side = np.cross(tangent, helper)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(tangent, side)
    angle = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)
    ring = np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * up[:, None]
    vertices = (path_mm[:, None] + radius_mm * ring).reshape(-1, 3)
    i = np.arange(len(path_mm) - 1)[:, None] * sides
    j = np.arange(sides)[None, :]
    a, b = i + j, i + (j + 1) % sides
    quads = np.stack([a, b, b + sides, a + sides], axis=-1).reshape(-1, 4)
    return vertices, np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def write_face_glb(
    path: str | Path,
    *,
    vertices: NDArray[np.float64],
    triangles: NDArray[np.int64],
    normals: NDArray[np.float64],
    colors: NDArray[np.uint8] | None,
    displacement: NDArray[np.float64] | None,
    threads_mm: Sequence[NDArray[np.float64]] = (),
    unsafe_mm: Sequence[NDArray[np.float64]] = (),
    extras: dict[str, Any] | None = None,
    thread_radius_mm: float = 0.4,
) -> None:
    """Write the face (n, 3) [mm], its displacement as morph target `after`, threads as tubes.

    unsafe_mm: threads that break a safety rule, in a mesh and a colour of their own.
    """
    buffer = _Buffer()
    attributes = {
        "POSITION": buffer.add(vertices / MM_PER_M, "VEC3", _FLOAT, bounds=True),
        "NORMAL": buffer.add(normals, "VEC3", _FLOAT),
    }
    if colors is not None:
        rgba = np.concatenate([colors, np.full((len(colors), 1), 255, np.uint8)], axis=1)
        attributes["COLOR_0"] = buffer.add(rgba, "VEC4", _UBYTE, normalized=True)
    primitive: dict[str, Any] = {
        "attributes": attributes,
        "indices": buffer.add(triangles.reshape(-1), "SCALAR", _UINT, target=34963),
        "material": 0,
        "mode": 4,
    }
    face_mesh: dict[str, Any] = {"name": "face", "primitives": [primitive]}
    if displacement is not None:
        primitive["targets"] = [
            {"POSITION": buffer.add(displacement / MM_PER_M, "VEC3", _FLOAT, bounds=True)}
        ]
        face_mesh["weights"] = [0.0]
        face_mesh["extras"] = {"targetNames": ["after"]}
    meshes = [face_mesh]
    nodes: list[dict[str, Any]] = [{"name": "face", "mesh": 0}]
    for name, paths, material in (("threads", threads_mm, 1), ("unsafe threads", unsafe_mm, 2)):
        if paths:
            nodes.append({"name": name, "mesh": len(meshes)})
            meshes.append(_tubes(buffer, name, paths, thread_radius_mm, material))
    document = {
        "asset": {"version": "2.0", "generator": "threadlift", "extras": extras or {}},
        "scene": 0,
        "scenes": [{"name": "face", "nodes": list(range(len(nodes)))}],
        "nodes": nodes,
        "meshes": meshes,
        "materials": [
            {
                "name": "skin",
                "doubleSided": True,
                "pbrMetallicRoughness": {"metallicFactor": 0.0, "roughnessFactor": 0.75},
            },
            _plain("thread", THREAD_COLOR),
            _plain("unsafe thread", UNSAFE_COLOR),
        ],
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": buffer.size}],
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary = b"".join(buffer.chunks)
    total = 12 + 8 + len(text) + 8 + len(binary)
    Path(path).write_bytes(
        struct.pack("<III", _MAGIC, 2, total)
        + struct.pack("<II", len(text), _JSON)
        + text
        + struct.pack("<II", len(binary), _BIN)
        + binary
    )


def _tubes(
    buffer: _Buffer,
    name: str,
    paths_mm: Sequence[NDArray[np.float64]],
    radius_mm: float,
    material: int,
) -> dict[str, Any]:
    """One mesh of tubes round polylines (k, 3)."""
    parts = [tube(np.asarray(p, dtype=float), radius_mm) for p in paths_mm]
    offsets = np.cumsum([0] + [len(v) for v, _ in parts[:-1]])
    vertices = np.concatenate([v for v, _ in parts])
    triangles = np.concatenate([t + o for (_, t), o in zip(parts, offsets, strict=True)])
    position = buffer.add(vertices / MM_PER_M, "VEC3", _FLOAT, bounds=True)
    primitive = {
        "attributes": {"POSITION": position},
        "indices": buffer.add(triangles.reshape(-1), "SCALAR", _UINT, target=34963),
        "material": material,
        "mode": 4,
    }
    return {"name": name, "primitives": [primitive]}


def _plain(name: str, color: tuple[float, float, float, float]) -> dict[str, Any]:
    """A material of one colour (RGBA, 0 to 1), seen from both sides."""
    return {
        "name": name,
        "doubleSided": True,
        "pbrMetallicRoughness": {
            "baseColorFactor": list(color),
            "metallicFactor": 0.0,
            "roughnessFactor": 0.6,
        },
    }


def read_face_glb(path: str | Path) -> FaceModel:
    """Read what :func:`write_face_glb` wrote. Raises InputError when it is not such a file."""
    remedy = "Pass the face.glb of a threadlift run, or run `threadlift plan` again."
    try:
        raw = Path(path).read_bytes()
        magic, _, total = struct.unpack_from("<III", raw, 0)
        if magic != _MAGIC or total != len(raw):
            raise ValueError("not a complete binary glTF file")
        text_size, _ = struct.unpack_from("<II", raw, 12)
        document = json.loads(raw[20 : 20 + text_size])
        start = 20 + text_size + 8

        def accessor(index: int) -> NDArray[Any]:
            a = document["accessors"][index]
            view = document["bufferViews"][a["bufferView"]]
            width = _WIDTH[a["type"]]
            flat = np.frombuffer(
                raw, _TYPES[a["componentType"]], a["count"] * width, start + view["byteOffset"]
            )
            return flat.reshape(-1, width) if width > 1 else flat

        primitive = document["meshes"][0]["primitives"][0]
        vertices = accessor(primitive["attributes"]["POSITION"]).astype(float) * MM_PER_M
        colors = None
        if "COLOR_0" in primitive["attributes"]:
            colors = accessor(primitive["attributes"]["COLOR_0"])[:, :3].copy()
        displacement = np.zeros_like(vertices)
        if primitive.get("targets"):
            target = primitive["targets"][0]["POSITION"]
            displacement = accessor(target).astype(float) * MM_PER_M
        triangles = accessor(primitive["indices"]).astype(np.int64).reshape(-1, 3)
        extras = document["asset"].get("extras", {})
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).", remedy) from error
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise InputError(f"{path} is not a face.glb of threadlift ({error}).", remedy) from error
    return FaceModel(vertices, triangles, colors, displacement, extras)
