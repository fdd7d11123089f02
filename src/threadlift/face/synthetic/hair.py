"""Hair as geometry: a shell around the head with an opening for the face.

It hides what hair hides in photographs: the upper forehead, the temples, the ears, the sides of
the jaw. A shell, not strands: its border is dissolved into strands by a coverage pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter

from threadlift.face.face import Face
from threadlift.face.synthetic.noise import noise
from threadlift.face.template import Array, IntArray

Style = Literal["cropped", "short", "fringe", "long", "long_fringe"]

#: Middle of the cranium [mm] in the patient frame.
CRANIUM = np.array([0.0, 28.0, -8.0])
AROUND, RINGS, DROPS = 120, 34, 26
#: Lowest height of the hair [mm above the brow at azimuth 0] is given per style at azimuths [deg].
AZIMUTHS = (0.0, 22.0, 40.0, 55.0, 66.0, 76.0, 88.0, 105.0, 130.0, 180.0)


@dataclass(frozen=True)
class HairLook:
    """style: 'cropped' has no shell; cover 0..1: how far it comes into the face; thickness_mm;
    parted -1..1: how much lower the fringe hangs on one side; length_mm below the ears (long).
    """

    style: Style = "cropped"
    cover: float = 0.4
    thickness_mm: float = 16.0
    parted: float = 0.0
    length_mm: float = 110.0


@dataclass(frozen=True)
class Shell:
    """vertices (n, 3) [mm], triangles (m, 3); edge_mm (n,) distance inside the hair's border (< 0:
    none); strands (n, 2): coordinates across and along the strands [mm]; flow (n, 3) unit.
    """

    vertices: Array
    triangles: IntArray
    edge_mm: Array
    strands: Array
    flow: Array


def _lowest(look: HairLook, azimuth_deg: Array) -> Array:
    """Height [mm] down to which hair comes, over the signed azimuth (0 front, > 0 the left)."""
    c = look.cover
    bottom = -20.0 - look.length_mm
    forehead = 78.0 - 6.0 * c
    if look.style in ("fringe", "long_fringe"):
        forehead = 72.0 - 22.0 * c
    if look.style in ("short", "fringe"):
        rows = [forehead, forehead - 1.0, forehead - 6.0, 52.0 - 6.0 * c, 36.0 - 8.0 * c,
                6.0 - 22.0 * c, 30.0 - 20.0 * c, 20.0 - 20.0 * c, -45.0, -60.0]  # fmt: skip
    else:
        rows = [forehead, forehead - 1.0, forehead - 8.0, 40.0 - 34.0 * c, 8.0 - 50.0 * c,
                bottom, bottom, bottom, bottom, bottom]  # fmt: skip
    shift = 4.0 * c * np.sign(azimuth_deg) * look.parted
    low = np.interp(np.abs(azimuth_deg) + shift, AZIMUTHS, rows)
    return low - 10.0 * look.parted * c * np.sin(np.deg2rad(np.clip(azimuth_deg * 1.6, -90, 90)))


def hair_shell(face: Face, vertices: Array, look: HairLook) -> Shell | None:
    """The hair of a head whose vertices (n, 3) [mm] are posed; None for cropped hair."""
    if look.style == "cropped":
        return None
    reach = _reach(vertices[face.skin])
    azimuth = np.linspace(-180.0, 180.0, AROUND + 1)
    elevation = np.linspace(90.0, 0.0, RINGS)
    bottom = -25.0 - look.length_mm
    drops = np.linspace(CRANIUM[1], bottom, DROPS + 1)[1:]
    a = np.deg2rad(azimuth)[None, :]
    e = np.deg2rad(elevation)[:, None]
    bare = reach(np.broadcast_to(e, (RINGS, AROUND + 1)), np.broadcast_to(a, (RINGS, AROUND + 1)))
    # All azimuths meet in the crown.
    crown = _smooth((90.0 - elevation) / 25.0)[:, None]
    bare = bare * crown + bare[:6].mean(axis=0).max() * (1.0 - crown)
    belt = bare[-1]
    height = np.concatenate(
        [CRANIUM[1] + bare * np.sin(e), np.broadcast_to(drops[:, None], (DROPS, AROUND + 1))]
    )
    low = _lowest(look, azimuth)
    # Distance to the border, first order: height above it over the length of its slope.
    slope = np.gradient(low, np.deg2rad(azimuth) * 80.0)
    edge = (height - low) / np.sqrt(1.0 + np.minimum(slope**2, 25.0))
    thick = 1.5 + look.thickness_mm * _smooth(edge / 26.0)
    radius = np.concatenate([bare, np.broadcast_to(belt, (DROPS, AROUND + 1))]) + thick
    flat = np.concatenate([np.broadcast_to(np.cos(e), bare.shape), np.ones((DROPS, AROUND + 1))])
    points = np.stack(
        [
            flat * radius * np.sin(a),
            np.concatenate([CRANIUM[1] + radius[:RINGS] * np.sin(e), height[RINGS:]]),
            CRANIUM[2] + flat * radius * np.cos(a),
        ],
        axis=2,
    )
    steps = np.linalg.norm(np.diff(points, axis=0), axis=2)
    along = np.concatenate([np.zeros((1, AROUND + 1)), np.cumsum(steps, axis=0)])
    flow = np.gradient(points, axis=0)
    flow /= np.maximum(np.linalg.norm(flow, axis=2, keepdims=True), 1e-9)
    rows, columns = RINGS + DROPS, AROUND + 1
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns - 1), indexing="ij")
    q = (i * columns + j).ravel()
    triangles = np.concatenate(
        [np.stack([q, q + columns, q + 1], 1), np.stack([q + 1, q + columns, q + columns + 1], 1)]
    )
    edge = edge.reshape(-1)
    keep = (edge[triangles] > -8.0).any(axis=1)
    across = np.broadcast_to(a * 80.0, (rows, columns))
    return Shell(
        points.reshape(-1, 3),
        triangles[keep],
        edge,
        np.stack([across, along], axis=2).reshape(-1, 2),
        flow.reshape(-1, 3),
    )


def _smooth(x: Array) -> Array:
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _reach(skin: Array):
    """Farthest skin from the cranium's middle as a smooth function of elevation and azimuth."""
    local = skin - CRANIUM
    r = np.linalg.norm(local, axis=1)
    azimuth = np.arctan2(local[:, 0], local[:, 2])
    elevation = np.arcsin(np.clip(local[:, 1] / r, -1.0, 1.0))
    shape = (24, 60)
    row = np.clip(((elevation + np.deg2rad(30)) / np.deg2rad(120) * shape[0]).astype(int), -1, 23)
    column = ((azimuth + np.pi) / (2 * np.pi) * shape[1]).astype(int) % shape[1]
    grid = np.full(shape, 0.0)
    inside = row >= 0
    np.maximum.at(grid, (row[inside], column[inside]), r[inside])
    # The azimuth closes; six cells on either side are as far as the filters reach.
    grid = np.pad(grid, ((0, 0), (6, 6)), mode="wrap")
    grid = gaussian_filter(maximum_filter(grid, 3, mode="nearest"), (1.0, 1.2), mode="nearest")
    grid = grid[:, 5:-5]

    def at(e: Array, a: Array) -> Array:
        y = (e + np.deg2rad(30)) / np.deg2rad(120) * shape[0] - 0.5
        x = (a + np.pi) / (2 * np.pi) * shape[1] - 0.5
        return map_coordinates(grid, [y, x + 1.0], order=1, mode="nearest")

    return at


def coverage(edge_mm: Array, strands: Array, seed: int, footprint_mm: float) -> tuple[Array, Array]:
    """How much hair (k,) 0..1 covers points, and brightness (k,) of the strand there."""
    p = np.column_stack([strands, np.zeros(len(strands))])
    pitch = max(0.5, 1.3 * footprint_mm)
    lock = noise(p, (5.0, 90.0, 1.0), seed)
    strand = noise(p, (pitch, 40.0, 1.0), seed + 1)
    wisp = noise(p, (1.6, 30.0, 1.0), seed + 2)
    cover = np.clip(0.5 + (edge_mm + 9.0 * lock + 7.0 * wisp) / 7.0 + 0.5 * strand, 0.0, 1.0)
    return np.where(edge_mm > -8.0, cover, 0.0), np.exp(0.55 * strand + 0.5 * lock + 0.3 * wisp)
