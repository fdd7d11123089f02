"""Fields of fibre directions on the skin: drawn once on the template, carried to every face.

A direction here is a line without an arrow. It is written as an angle in the tangent plane of the
skin, from the horizontal that runs forward to the midline, positive where the line descends
forward; lines are averaged by the cosine and sine of twice that angle, as their sign means
nothing. A register table holds three kinds of rows: *sites* (an angle at a place; between sites
the nearer counts more), *strands* (along a chain of places) and *rings* (around an ellipse), each
later kind prevailing near its own place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threadlift.anatomy.layers import template_face
from threadlift.anatomy.placement import SIDES, HalfFace
from threadlift.face.template import template
from threadlift.frames import MIRROR
from threadlift.graphics import vertex_normals

Array = NDArray[np.float64]

#: Rounds of averaging over neighbours that take the seams between rows out (a few edge lengths).
_SMOOTHING = 12


def tangent_frame(points: Array, normals: Array) -> tuple[Array, Array]:
    """Unit tangents (n, 3) of the skin: forward (horizontal, to the midline), and down.

    points (n, 3) in the patient frame, normals (n, 3) outward. Horizontal is the circle about the
    vertical axis through both tragia; on the midline forward points to the patient's right.
    """
    side = np.where(points[:, :1] < 0.0, -1.0, 1.0)
    around = np.column_stack([-points[:, 2], np.zeros(len(points)), points[:, 0]]) * side
    around = _unit(around - _dot(around, normals) * normals)
    # Right-handed on the left side, mirrored on the right one.
    return around, side * np.cross(normals, around)


def angle_of(directions: Array, points: Array, normals: Array) -> Array:
    """Angles (n,) [deg], -90 to 90, of directions (n, 3) in the tangent frame."""
    forward, down = tangent_frame(points, normals)
    x, y = _dot(directions, forward)[:, 0], _dot(directions, down)[:, 0]
    flip = np.where(x < 0.0, -1.0, 1.0)
    return np.degrees(np.arctan2(flip * y, flip * x))


def drawn(table: Mapping[str, Any], angles: Mapping[str, float]) -> Array:
    """Unit directions (n, 3) on the template's vertices; zero where there is no skin.

    table: "site", "strand" and "ring" rows by name; angles: values [deg] for rows that name one.
    Exactly mirror symmetric up to sign.
    """
    t = template()
    half = HalfFace(template_face(), t.skin_triangles, SIDES[0])
    normals = vertex_normals(t.vertices, t.skin_triangles)
    # The left side decides for both.
    left = np.where(t.vertices[:, :1] < 0.0, MIRROR, 1.0)
    points, outward = t.vertices * left, normals * left
    forward, down = tangent_frame(points, outward)

    field = _sites(table.get("site", {}), angles, half, points)
    for row in table.get("strand", {}).values():
        field = _blend(field, *_strand(row, half, points, forward, down))
    for row in table.get("ring", {}).values():
        field = _blend(field, *_ring(row, half, points))
    # Frames of mirrored vertices mirror each other, so angles may be averaged across neighbours.
    field = _smooth(field, t.skin_triangles)
    angle = 0.5 * np.arctan2(field[:, 1], field[:, 0])[:, None]
    lines = (np.cos(angle) * forward + np.sin(angle) * down) * left
    tensor = lines[:, :, None] * lines[:, None, :]
    mirrored = tensor[t.mirror] * np.outer(MIRROR, MIRROR)
    return principal(0.5 * (tensor + mirrored), normals)


def carried(directions: Array, vertices: Array) -> Array:
    """Directions (n, 3) of the template on a face with the same vertices (n, 3); unit, tangent.

    Each triangle of the face carries the line as if it were drawn on it.
    """
    t = template()
    tri = t.skin_triangles
    tensor = directions[:, :, None] * directions[:, None, :]
    corner = t.vertices[tri]
    normal = _unit(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]))
    line = principal(tensor[tri].mean(axis=1), normal)
    # The line in the triangle's own edges (least squares: it lies in their plane) ...
    edges = np.stack([corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]], axis=2)
    share = np.einsum("tec,tc->te", np.linalg.pinv(edges), line)
    # ... and the same shares of the face's edges.
    own = vertices[tri]
    moved = _unit(share[:, :1] * (own[:, 1] - own[:, 0]) + share[:, 1:] * (own[:, 2] - own[:, 0]))
    area = np.linalg.norm(np.cross(own[:, 1] - own[:, 0], own[:, 2] - own[:, 0]), axis=1)
    total = np.zeros((len(vertices), 3, 3))
    weighted = area[:, None, None] * moved[:, :, None] * moved[:, None, :]
    for corner_of in range(3):
        np.add.at(total, tri[:, corner_of], weighted)
    return principal(total, vertex_normals(np.asarray(vertices, float), tri))


def principal(tensor: Array, normals: Array) -> Array:
    """Strongest tangential direction (n, 3) of symmetric tensors (n, 3, 3); zero for zero normals.

    The sign is fixed (forward, then up, then to the left), so that equal lines are equal arrays.
    """
    # Any tangent basis will do: the axis nearest to the plane, and what is square to it.
    least = np.eye(3)[np.abs(normals).argmin(axis=1)]
    one = _unit(least - _dot(least, normals) * normals)
    two = np.cross(normals, one)
    straight = np.einsum("ni,nij,nj->n", one, tensor, one)
    straight = straight - np.einsum("ni,nij,nj->n", two, tensor, two)
    angle = 0.5 * np.arctan2(2.0 * np.einsum("ni,nij,nj->n", one, tensor, two), straight)
    line = np.cos(angle)[:, None] * one + np.sin(angle)[:, None] * two
    key = line @ np.array([1e-6, 1e-3, 1.0])
    line = np.where(key[:, None] < 0.0, -line, line)
    return np.where(np.linalg.norm(normals, axis=1)[:, None] > 0.5, line, 0.0)


def _sites(
    rows: Mapping[str, Any], angles: Mapping[str, float], half: HalfFace, points: Array
) -> Array:
    """Mean of the sites' double angles (n, 2), weighted by Gaussians of the distance."""
    place = np.array([half.place(row).points[0] for row in rows.values()])
    named = [row["angle_deg"] for row in rows.values()]
    angle = np.radians([angles[a] if isinstance(a, str) else float(a) for a in named])
    reach = np.array([float(row["reach_mm"]) for row in rows.values()])
    d = np.linalg.norm(points[:, None, :] - place, axis=2) / reach
    # Subtracting the least distance first keeps far points from underflowing to 0 / 0.
    weight = np.exp(-0.5 * (d**2 - d.min(axis=1, keepdims=True) ** 2))
    weight /= weight.sum(axis=1, keepdims=True)
    return weight @ np.column_stack([np.cos(2.0 * angle), np.sin(2.0 * angle)])


def _strand(
    row: Mapping[str, Any], half: HalfFace, points: Array, forward: Array, down: Array
) -> tuple[Array, Array]:
    """Double angles (n, 2) along the nearest piece of a chain of places, and weights (n,)."""
    chain = np.array([half.place(place).points[0] for place in row["points"]])
    start, piece = chain[:-1], np.diff(chain, axis=0)
    share = np.einsum("nkc,kc->nk", points[:, None, :] - start, piece) / (piece**2).sum(axis=1)
    foot = start + np.clip(share, 0.0, 1.0)[:, :, None] * piece
    distance = np.linalg.norm(points[:, None, :] - foot, axis=2)
    # Neighbouring pieces pass into each other, so that the line bends instead of breaking.
    weight = np.exp(-0.5 * (distance**2 - distance.min(axis=1, keepdims=True) ** 2) / 5.0**2)
    along = np.arctan2(np.einsum("nc,kc->nk", down, piece), np.einsum("nc,kc->nk", forward, piece))
    double = np.stack([np.cos(2.0 * along), np.sin(2.0 * along)], axis=2)
    mean = _unit(np.einsum("nk,nkc->nc", weight, double))
    return mean, np.exp(-0.5 * (distance.min(axis=1) / float(row["reach_mm"])) ** 2)


def _ring(row: Mapping[str, Any], half: HalfFace, points: Array) -> tuple[Array, Array]:
    """Double angles (n, 2) around an ellipse on the unrolled face, and weights (n,)."""
    # Not put on the skin: the middle of an opening has none.
    centre = half.target(row)
    wide, high = (float(x) for x in row["semi_axes_mm"])
    angle = np.arctan2(points[:, 0], points[:, 2]) - np.arctan2(centre[0], centre[2])
    s = float(np.hypot(centre[0], centre[2])) * angle / wide
    if centre[0] < 1.0:
        # A ring about the midline goes on at the other side.
        s = np.abs(s)
    y = (points[:, 1] - centre[1]) / high
    radius = np.hypot(s, y)
    tangent = np.arctan2(s / wide, -y / high)
    beyond = np.maximum(radius - 1.0, 0.0) / float(row["reach"])
    double = np.column_stack([np.cos(2.0 * tangent), np.sin(2.0 * tangent)])
    return double, np.exp(-0.5 * beyond**2)


def _blend(field: Array, over: Array, weight: Array) -> Array:
    return (1.0 - weight)[:, None] * field + weight[:, None] * over


def _smooth(field: Array, triangles: NDArray[np.int64]) -> Array:
    count = np.zeros(len(field))
    np.add.at(count, triangles, 1.0)
    out = field
    for _ in range(_SMOOTHING):
        total = np.zeros_like(out)
        for k in range(3):
            pair = out[triangles[:, (k + 1) % 3]] + out[triangles[:, (k + 2) % 3]]
            np.add.at(total, triangles[:, k], 0.5 * pair)
        mean = np.divide(total, count[:, None], out=out.copy(), where=count[:, None] > 0.0)
        out = 0.5 * (out + mean)
    return out


def _dot(a: Array, b: Array) -> Array:
    return np.einsum("nc,nc->n", a, b)[:, None]


def _unit(a: Array) -> Array:
    length = np.linalg.norm(a, axis=1, keepdims=True)
    return np.divide(a, length, out=np.zeros_like(a), where=length > 1e-12)
