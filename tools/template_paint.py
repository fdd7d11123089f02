"""What the template looks like and which of its surface is skin."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from threadlift.face.zones import falloff, segment_distance

SKIN = np.array([219.0, 176.0, 150.0])
LIP = np.array([188.0, 112.0, 104.0])
BROW = np.array([84.0, 60.0, 46.0])
HAIR = np.array([74.0, 56.0, 46.0])
BLUSH = np.array([208.0, 142.0, 122.0])
CAVITY = np.array([96.0, 48.0, 44.0])
SCLERA = np.array([236.0, 232.0, 226.0])
IRIS = np.array([92.0, 70.0, 48.0])
PUPIL = np.array([18.0, 14.0, 12.0])
LASH = np.array([70.0, 50.0, 42.0])
#: Number of vertices up to which a hole in the skin is an artefact of the visibility test.
LARGEST_PINHOLE = 12
IRIS_RADIUS_DEG, PUPIL_RADIUS_DEG = 23.5, 8.0
#: Height [mm] of the hairline over the depth z [mm] of the template, from nape to forehead.
HAIRLINE_Z = (-110.0, -75.0, -45.0, -20.0, 0.0, 10.0, 18.0, 30.0, 55.0, 78.0)
HAIRLINE_Y = (-62.0, -55.0, -28.0, 5.0, 14.0, 12.0, 34.0, 52.0, 66.0, 73.0)


def _directions(count: int) -> np.ndarray:
    """Evenly spread unit vectors (Fibonacci sphere), pairwise mirrored in x."""
    k = np.arange(count) + 0.5
    y = 1.0 - 2.0 * k / count
    phi = np.pi * (1.0 + 5.0**0.5) * k
    r = np.sqrt(1.0 - y**2)
    half = np.stack([np.abs(r * np.cos(phi)), y, r * np.sin(phi)], axis=1)
    return np.concatenate([half, half * [-1.0, 1.0, 1.0]])


def visibility(vertices: np.ndarray, triangles: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Share (n,) of the cosine-weighted hemisphere from which each vertex is seen."""
    cell = 1.0
    p = vertices[triangles]
    steps = 5
    bary = (
        np.array([(i, j, steps - i - j) for i in range(steps + 1) for j in range(steps + 1 - i)])
        / steps
    )
    samples = np.einsum("sk,tkc->tsc", bary, p).reshape(-1, 3)
    seen = np.zeros(len(vertices))
    total = np.zeros(len(vertices))
    for d in _directions(64):
        up = np.array([0.0, 1.0, 0.0]) if abs(d[1]) < 0.9 else np.array([0.0, 0.0, 1.0])
        u = np.cross(up, d)
        u /= np.linalg.norm(u)
        frame = np.stack([u, np.cross(d, u), d])
        s, q = samples @ frame.T, vertices @ frame.T
        low = s[:, :2].min(axis=0) - cell
        width = int((s[:, 0].max() - low[0]) / cell) + 3
        key = ((s[:, 1] - low[1]) / cell).astype(int) * width + ((s[:, 0] - low[0]) / cell).astype(
            int
        )
        buffer = np.full(key.max() + width + 2, -np.inf)
        np.maximum.at(buffer, key, s[:, 2])
        at = ((q[:, 1] - low[1]) / cell).astype(int) * width + ((q[:, 0] - low[0]) / cell).astype(
            int
        )
        cosine = np.clip(normals @ d, 0.0, None)
        # A tilted surface spans some depth within one cell; do not let it hide itself.
        slack = 1.5 + 1.5 * np.sqrt(1.0 - np.minimum(cosine, 1.0) ** 2) / np.maximum(cosine, 0.25)
        total += cosine
        seen += cosine * (q[:, 2] >= buffer[at] - slack)
    return seen / np.maximum(total, 1e-9)


def visible_skin(open_share: np.ndarray, triangles: np.ndarray, eyeball: np.ndarray) -> np.ndarray:
    """Outer skin (n,) bool: visible from enough sides (`open_share` (n,)), in one piece."""
    skin = (open_share > 0.22) & ~eyeball
    neighbours = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    neighbours = np.concatenate([neighbours, neighbours[:, ::-1]])
    degree = np.bincount(neighbours[:, 0], minlength=len(skin))
    for _ in range(2):  # close pinholes in creases, drop specks inside the cavities
        share = np.bincount(
            neighbours[:, 0], weights=skin[neighbours[:, 1]], minlength=len(skin)
        ) / np.maximum(degree, 1)
        skin = np.where(share > 0.7, True, np.where(share < 0.3, False, skin)) & ~eyeball
    label = _pieces(skin, neighbours)
    skin &= label == _largest(label[skin])
    # A crease may hide single vertices; true openings (mouth, nostrils, lids) are larger.
    label = _pieces(~skin, neighbours)
    size = np.bincount(label[~skin], minlength=len(skin))
    return skin | ((size[label] <= LARGEST_PINHOLE) & ~eyeball)


def _pieces(member: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
    """Number (n,) of the connected piece of member vertices that each vertex belongs to."""
    label = np.arange(len(member))
    a, b = neighbours[member[neighbours].all(axis=1)].T
    while True:  # spread the smallest number over each connected piece
        new = label.copy()
        np.minimum.at(new, a, label[b])
        if np.array_equal(new, label):
            return label
        label = new


def _largest(labels: np.ndarray) -> int:
    return int(np.bincount(labels).argmax())


def _blend(colors: np.ndarray, tint: np.ndarray, weight: np.ndarray) -> None:
    colors += np.clip(weight, 0.0, 1.0)[:, None] * (tint - colors)


def _line(points: np.ndarray, line: list[np.ndarray]) -> np.ndarray:
    return np.min([segment_distance(points, a, b) for a, b in pairwise(line)], axis=0)


def _lips(v: np.ndarray, mark: dict[str, np.ndarray]) -> np.ndarray:
    """Weight (n,) of the vermilion: between the lip borders from corner to corner."""
    corner = mark["cheilion_L"]
    t = np.clip(np.abs(v[:, 0]) / corner[0], 0.0, 1.0)
    crest = abs(mark["crista_philtri_L"][0]) / corner[0]
    upper = np.interp(
        t,
        [0.0, crest, 0.55, 1.0],
        [
            mark["labiale_superius"][1],
            mark["crista_philtri_L"][1] + 0.6,
            0.6 * mark["crista_philtri_L"][1] + 0.4 * corner[1],
            corner[1] + 0.3,
        ],
    )
    lower = corner[1] + (mark["labiale_inferius"][1] - corner[1]) * (1.0 - t**2.2) - 0.3
    inside = np.minimum(upper - v[:, 1], v[:, 1] - lower)
    near = (v[:, 2] > corner[2] - 5.0) & (np.abs(v[:, 0]) < corner[0] + 0.5)
    return np.where(near, np.clip(0.5 + inside / 1.2, 0.0, 1.0), 0.0)


def paint(
    v: np.ndarray,
    skin: np.ndarray,
    eyes: dict[str, np.ndarray],
    mark: dict[str, np.ndarray],
    mirror: np.ndarray,
    open_share: np.ndarray,
) -> np.ndarray:
    """Colours (n, 3) uint8 of the template: skin, lips, brows, lashes, cropped hair, eyes.

    Nostrils and ear pits darken where little of the surroundings sees them (`open_share` (n,)).
    """
    colors = np.tile(SKIN, (len(v), 1))
    left = np.where(v[:, :1] < 0.0, v * [-1.0, 1.0, 1.0], v)
    cheek = np.linalg.norm((left - mark["midcheek_L"]) * [1.0, 0.8, 1.0], axis=1)
    _blend(colors, BLUSH, 0.22 * falloff(cheek, 36.0))
    _blend(colors, BLUSH, 0.25 * falloff(np.linalg.norm(v - mark["pronasale"], axis=1), 18.0))
    _blend(colors, LIP, _lips(v, mark))
    brow = _line(
        left,
        [
            mark["brow_medial_L"] + [0.0, 2.5, 0.0],
            mark["brow_mid_L"],
            0.55 * mark["brow_mid_L"] + 0.45 * mark["brow_lateral_L"] + [1, 1.5, 1.5],
            mark["brow_lateral_L"] + [-2.0, -2.0, 0.0],
        ],
    )
    taper = np.clip((mark["brow_lateral_L"][0] + 2.0 - left[:, 0]) / 24.0, 0.45, 1.0)
    _blend(colors, BROW, 0.7 * falloff(brow / taper, 5.5) * skin)
    lash = _line(
        left,
        [
            mark["endocanthion_L"],
            mark["palpebrale_superius_L"] - [0, 0.8, 0],
            mark["exocanthion_L"],
        ],
    )
    _blend(colors, LASH, 0.6 * falloff(lash, 3.0))
    line = np.interp(v[:, 2], HAIRLINE_Z, HAIRLINE_Y)
    ear = (
        _line(
            left,
            [
                mark["otobasion_superius_L"] + [4, 0, -12],
                mark["tragus_L"] + [4, 0, -14],
                mark["otobasion_inferius_L"] + [0, 0, -6],
            ],
        )
        < 24.0
    )
    ear &= left[:, 0] > np.interp(
        v[:, 1], [5.0, 20.0], [mark["tragion_L"][0] - 3.0, mark["tragion_L"][0] + 2.5]
    )
    hair = np.clip((v[:, 1] - line) / 5.0, 0.0, 1.0) * ~ear
    _blend(colors, HAIR, 0.92 * hair)
    _blend(colors, CAVITY, np.where(skin, 0.0, 0.75))
    pit = (
        np.minimum(
            np.linalg.norm(left - mark["subalare_L"], axis=1),
            np.linalg.norm(left - mark["tragus_L"], axis=1),
        )
        < 16.0
    )
    _blend(colors, CAVITY, 0.8 * pit * np.clip((0.5 - open_share) / 0.25, 0.0, 1.0))
    for rows in eyes.values():
        ball = v[rows]
        axis = ball - ball.mean(axis=0)
        angle = np.degrees(np.arccos(np.clip(axis[:, 2] / np.linalg.norm(axis, axis=1), -1, 1)))
        tone = np.tile(SCLERA, (len(rows), 1))
        _blend(tone, IRIS, np.clip((IRIS_RADIUS_DEG + 1.5 - angle) / 3.0, 0.0, 1.0))
        _blend(tone, PUPIL, np.clip((PUPIL_RADIUS_DEG + 1.5 - angle) / 3.0, 0.0, 1.0))
        colors[rows] = tone
    colors = 0.5 * (colors + colors[mirror])
    return np.round(colors).astype(np.uint8)
