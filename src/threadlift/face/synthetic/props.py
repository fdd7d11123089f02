"""What else is in a portrait: a shirt, glasses, a printed marker of known size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.face.face import Face
from threadlift.face.template import Array, IntArray

#: Rings of the shirt: height, half width, half depth, depth of the centre [mm].
SHIRT = np.array(
    [
        (-112.0, 66.0, 60.0, -20.0),
        (-116.0, 70.0, 65.0, -20.0),
        (-126.0, 78.0, 71.0, -22.0),
        (-142.0, 108.0, 78.0, -26.0),
        (-160.0, 158.0, 88.0, -30.0),
        (-184.0, 200.0, 100.0, -32.0),
        (-230.0, 218.0, 112.0, -34.0),
        (-440.0, 214.0, 112.0, -34.0),
    ]
)
#: How far the collar's front hangs below its back [mm].
COLLAR_DROP_MM = 26.0
#: Modules of a marker and of its white margin (4 x 4 bits and a black border).
MODULES, MARGIN = 6, 1


@dataclass(frozen=True)
class Patch:
    """A piece of mesh: vertices (n, 3) [mm], triangles (m, 3), uv (n, 2) where it has a picture."""

    vertices: Array
    triangles: IntArray
    uv: Array | None = None


def _lofted(rings: Array, closed: bool = True) -> Patch:
    """Surface through rings of points (r, k, 3)."""
    r, k = rings.shape[:2]
    i, j = np.meshgrid(np.arange(r - 1), np.arange(k if closed else k - 1), indexing="ij")
    a, b = (i * k + j).ravel(), (i * k + (j + 1) % k).ravel()
    triangles = np.concatenate([np.stack([a, a + k, b], 1), np.stack([b, a + k, b + k], 1)])
    return Patch(rings.reshape(-1, 3), triangles)


def shirt(face: Face) -> Patch:
    """Shoulders and a crew-neck collar that clears this person's neck."""
    v = face.vertices[face.skin]
    neck = v[(v[:, 1] < -100.0) & (v[:, 1] > -135.0)]
    wide = max(np.abs(neck[:, 0]).max() / 60.0, 0.8) if len(neck) else 1.0
    back = -SHIRT[0, 2] * wide + SHIRT[0, 3]
    shift = (neck[:, 2].min() - back) if len(neck) else 0.0
    angle = np.linspace(0.0, 2.0 * np.pi, 96, endpoint=False)
    from scipy.interpolate import PchipInterpolator

    s = np.linspace(0.0, 1.0, 48)
    rows = PchipInterpolator(np.linspace(0.0, 1.0, len(SHIRT)), SHIRT)(s)
    rings = []
    for y, half_width, half_depth, centre in rows:
        near = np.clip((y + 190.0) / 75.0, 0.0, 1.0)  # 1 at the collar
        grow = 1.0 + (wide - 1.0) * near
        drop = -COLLAR_DROP_MM * near * (0.5 + 0.5 * np.cos(angle))
        rings.append(
            np.stack(
                [
                    half_width * grow * np.sin(angle),
                    y + drop,
                    centre + min(shift, 0.0) * near + half_depth * grow * np.cos(angle),
                ],
                axis=1,
            )
        )
    return _lofted(np.array(rings))


def _tube(line: Array, radius: float, sides: int = 8) -> Patch:
    """A tube of `radius` about a polyline (k, 3)."""
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    aside = np.cross(along, np.where(np.abs(along[:, 2:]) < 0.9, [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]))
    aside /= np.linalg.norm(aside, axis=1, keepdims=True)
    other = np.cross(along, aside)
    phi = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False)
    rings = line[:, None] + radius * (
        np.cos(phi)[None, :, None] * aside[:, None] + np.sin(phi)[None, :, None] * other[:, None]
    )
    return _lofted(rings)


def joined(patches: list[Patch]) -> Patch:
    """Several pieces as one."""
    count = np.cumsum([0, *(len(p.vertices) for p in patches)])
    return Patch(
        np.concatenate([p.vertices for p in patches]),
        np.concatenate([p.triangles + n for p, n in zip(patches, count, strict=False)]),
    )


def glasses(face: Face, rim_mm: float = 1.3) -> Patch:
    """Full-rim glasses on this nose: two rounded rims, a bridge, temples to the ears."""
    parts = []
    mark = face.landmarks
    plane = max(mark["sellion"][2] + 4.0, mark["palpebrale_superius_L"][2] + 12.0)
    phi = np.linspace(0.0, 2.0 * np.pi, 49)
    inner = []
    for side, s in (("L", 1.0), ("R", -1.0)):
        middle = 0.5 * (mark[f"endocanthion_{side}"] + mark[f"exocanthion_{side}"])
        x = middle[0] + s * 1.5 + 25.0 * np.sign(np.cos(phi)) * np.abs(np.cos(phi)) ** 0.7
        y = middle[1] - 3.0 + 19.0 * np.sign(np.sin(phi)) * np.abs(np.sin(phi)) ** 0.7
        # The front curves back towards the temples.
        z = plane - 0.0045 * x**2
        parts.append(_tube(np.stack([x, y, z], axis=1), rim_mm))
        k = np.argmin(s * x)
        inner.append(np.array([x[k], y[k] + 4.0, z[k]]))
        o = np.argmax(s * x)
        hinge = np.array([x[o], y[o] + 6.0, z[o]])
        ear = mark[f"otobasion_superius_{side}"] + np.array([s * 3.0, 2.0, -6.0])
        bend = np.array([s * max(abs(ear[0]), abs(hinge[0]) + 3.0), hinge[1], hinge[2] - 8.0])
        parts.append(_tube(np.array([hinge, 0.4 * hinge + 0.6 * bend, bend, ear]), rim_mm))
    top = 0.5 * (inner[0] + inner[1]) + np.array([0.0, 2.0, 1.0])
    parts.append(_tube(np.array([inner[0], top, inner[1]]), rim_mm))
    return joined(parts)


def marker(face: Face, edge_mm: float) -> Patch:
    """A card with a marker whose black square is `edge_mm` wide, stuck to the forehead."""
    middle = 0.45 * face.landmark("glabella") + 0.55 * face.landmark("trichion")
    skin = face.vertices[face.skin]
    near = np.linalg.norm((skin - middle)[:, :2], axis=1) < 0.75 * edge_mm
    normal = np.array([0.0, 0.25, 1.0])
    normal /= np.linalg.norm(normal)
    lift = ((skin[near] - middle) @ normal).max() + 0.8
    up = np.array([0.0, 1.0, 0.0]) - normal[1] * normal
    up /= np.linalg.norm(up)
    right = np.cross(up, normal)  # towards +x, the patient's left, picture right
    half = 0.5 * edge_mm * (MODULES + 2 * MARGIN) / MODULES
    centre = middle + lift * normal
    uv = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    square = centre + half * (2 * uv[:, :1] - 1) * right - half * (2 * uv[:, 1:] - 1) * up
    return Patch(square, np.array([[0, 2, 1], [0, 3, 2]]), uv)


def marker_modules(number: int = 7) -> NDArray[np.uint8]:
    """Picture (m, m) of marker `number` of OpenCV's DICT_4X4_50 with its margin, 0 or 255."""
    import cv2

    book = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    inner = cv2.aruco.generateImageMarker(book, number, MODULES)
    return np.pad(np.asarray(inner, dtype=np.uint8), MARGIN, constant_values=255)
