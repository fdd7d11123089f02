"""Light in a room: a lamp or window of some size, a second one, and what the walls return.

Everything is a sum over directions, each with the visibility of every vertex: that gives soft
shadows under nose and chin, dark eye corners and hair shadows without ray tracing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.face.template import Array, IntArray
from threadlift.graphics.camera import Camera
from threadlift.graphics.raster import visibility

#: Directions that stand for the walls, and for the lamp's extent.
WALLS, LAMP = 36, 10
#: Shadow maps: pixel [mm], and how far a point may lie behind the nearest surface and be lit.
MAP_MM, BIAS_MM = 2.0, 3.0
#: How far light reaches past the terminator in red, green, blue: skin scatters red farthest.
WRAP = np.array([0.30, 0.14, 0.08])


@dataclass(frozen=True)
class Lighting:
    """A light arrangement in room axes (x to the picture's right, y up, z towards the camera).

    key_direction, fill_direction: from the face to lamp and second lamp; key, fill: their strength
    relative to the walls' 1; key_size_deg: angular radius of the lamp (small: hard shadows);
    warmth -1 (blue daylight) .. 1 (incandescent) of the lamp; ceiling 0..1: how much brighter the
    room is above than below.
    """

    key_direction: tuple[float, float, float] = (-0.5, 0.6, 0.8)
    key: float = 1.4
    key_size_deg: float = 14.0
    warmth: float = 0.1
    fill_direction: tuple[float, float, float] = (0.8, 0.1, 0.6)
    fill: float = 0.3
    ceiling: float = 0.4


@dataclass(frozen=True)
class Illumination:
    """Light at every vertex.

    irradiance (n, 3): of a surface along the vertex normal, linear; turn (n, 3): gradient of its
    luminance by the normal, for bumps; lamp (n,): share of the lamp that is seen; lamp_direction
    (3,) in head axes; lamp_rgb (3,).
    """

    irradiance: Array
    turn: Array
    lamp: Array
    lamp_direction: Array
    lamp_rgb: Array

    def rows(self, which: slice) -> Illumination:
        """The light at some of the vertices."""
        return Illumination(
            self.irradiance[which],
            self.turn[which],
            self.lamp[which],
            self.lamp_direction,
            self.lamp_rgb,
        )


def illuminate(
    vertices: Array, triangles: IntArray, normals: Array, light: Lighting, room_to_head: Array
) -> Illumination:
    """Light at `vertices` (n, 3) [mm] of a scene of `triangles` (m, 3) with `normals` (n, 3).

    room_to_head (3, 3): carries room axes into the axes of the vertices.
    """
    warm = np.array([1.0 + 0.22 * light.warmth, 1.0, 1.0 - 0.30 * light.warmth])
    key = _unit(room_to_head @ np.array(light.key_direction))
    fill = _unit(room_to_head @ np.array(light.fill_direction))
    up = room_to_head[:, 1]
    walls = _sphere(WALLS)
    wall_rgb = (1.0 + light.ceiling * (walls @ up))[:, None] * np.ones(3)
    # The second lamp is a broad glow on the walls about its direction.
    glow = np.exp(4.0 * (walls @ fill - 1.0))
    wall_rgb = wall_rgb + (light.fill * WALLS / 4.0) * (glow / glow.sum())[:, None]
    wall_rgb *= 4.0 / WALLS
    cone = _cone(key, light.key_size_deg, LAMP)
    directions = np.concatenate([walls, cone])
    radiance = np.concatenate([wall_rgb, np.tile(light.key * warm / LAMP, (LAMP, 1))])

    irradiance = np.zeros((len(vertices), 3))
    turn = np.zeros((len(vertices), 3))
    lamp = np.zeros(len(vertices))
    for i, (d, rgb) in enumerate(zip(directions, radiance, strict=True)):
        seen = _lit(vertices, triangles, d)
        cosine = normals @ d
        for c in range(3):
            wrapped = np.maximum(cosine + WRAP[c], 0.0) / (1.0 + WRAP[c])
            irradiance[:, c] += rgb[c] * seen * wrapped
        turn += (rgb.mean() * seen * (cosine > -WRAP[1]))[:, None] * d
        if i >= WALLS:
            lamp += seen * (cosine > 0.0) / LAMP
    return Illumination(irradiance, turn, lamp, key, light.key * warm)


def _lit(vertices: Array, triangles: IntArray, direction: Array) -> NDArray[np.float64]:
    """1 where a vertex (n,) sees light from `direction` (3,), 0 in shadow, linear at its rim."""
    aside = np.array([1.0, 0.0, 0.0]) if abs(direction[0]) < 0.9 else np.array([0.0, 0.0, 1.0])
    right = _unit(np.cross(aside, direction))
    rotation = np.stack([right, np.cross(-direction, right), -direction])
    flat = vertices @ rotation.T
    low, high = flat.min(axis=0) - 2 * MAP_MM, flat.max(axis=0) + 2 * MAP_MM
    size = np.ceil((high - low)[:2] / MAP_MM).astype(int)
    camera = Camera(
        rotation,
        low @ rotation,
        1.0 / MAP_MM,
        (0.0, 0.0),
        (int(size[0]), int(size[1])),
        perspective=False,
    )
    depth, _, _ = visibility(vertices, triangles, camera)
    column, row = np.clip(((flat - low)[:, :2] / MAP_MM).astype(int), 0, size - 1).T
    behind = (flat - low)[:, 2] - depth[row, column]
    return np.clip((2.0 * BIAS_MM - behind) / BIAS_MM, 0.0, 1.0)


def _unit(v: Array) -> Array:
    return v / np.linalg.norm(v)


def _sphere(count: int) -> Array:
    """Evenly spread unit vectors (count, 3) (Fibonacci sphere)."""
    k = np.arange(count) + 0.5
    y = 1.0 - 2.0 * k / count
    phi = np.pi * (1.0 + np.sqrt(5.0)) * k
    r = np.sqrt(1.0 - y**2)
    return np.stack([r * np.cos(phi), y, r * np.sin(phi)], axis=1)


def _cone(axis: Array, radius_deg: float, count: int) -> Array:
    """Unit vectors (count, 3) spread over a disc of that radius about `axis` (sunflower)."""
    k = np.arange(count)
    r = np.tan(np.deg2rad(radius_deg)) * np.sqrt((k + 0.5) / count)
    phi = np.pi * (3.0 - np.sqrt(5.0)) * k
    aside = np.array([0.0, 1.0, 0.0]) if abs(axis[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    u = _unit(np.cross(aside, axis))
    v = np.cross(axis, u)
    out = axis + r[:, None] * (np.cos(phi)[:, None] * u + np.sin(phi)[:, None] * v)
    return out / np.linalg.norm(out, axis=1, keepdims=True)
