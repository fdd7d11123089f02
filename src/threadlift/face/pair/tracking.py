"""Follow pieces of skin from one capture to another by their texture.

Both textured scans are looked at from the same directions, in one frame. Corners of the first
picture are searched for in the second by normalised cross-correlation (brightness and contrast drop
out), sharpened by Lucas–Kanade, checked backwards and against their neighbours, and carried onto
both surfaces through the depth of the pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from threadlift.evidence import value
from threadlift.face.pair.skin import Skin, picture_of
from threadlift.face.pair.surfaces import spread_out
from threadlift.face.template import Array
from threadlift.graphics.camera import Camera, portrait_camera

#: Yaw and pitch [deg] of the views, and what each shows [mm].
VIEWS = ((0, 0), (35, -5), (-35, -5), (62, -8), (-62, -8), (22, -32), (-22, -32))
VIEW_MM = 210.0
#: Resolution of the pictures for the search and for the final place [mm/px].
COARSE_MM, FINE_MM = 0.5, 0.25
#: Half edge of the patch that is searched for, and how far [mm].
PATCH_MM, SEARCH_MM = 3.5, 9.0
#: Corners per view, and how near to each other [mm].
CORNERS, CORNER_GAP_MM = 700, 2.5
#: Correlation that a match needs, and by how much it must beat the next best place.
CORRELATION, LEAD = 0.55, 0.05
#: Backward check [px of the picture].
RETURN_PX = 1.5
#: How far around its start a piece is looked for on the way back [px].
_BACK_PX = 4
#: A track may deviate from the median of its neighbours by this much [mm], plus this share of the
#: distance to them (skin stretches).
NEIGHBOUR_MM, NEIGHBOUR_RATE, NEIGHBOURS = 0.7, 0.12, 9
#: Steepest surface that is used: depth per distance in the picture (60 degrees).
STEEP = 1.7
#: Distance of the tracks that are kept, and reach over which they are united [mm].
KEEP_MM, UNITE_MM = 4.5, 2.5
#: Contrast in levels of the picture (root mean square) below which there is only rounding.
LEAST_LEVELS = 0.7
#: Smoothing length of the picture's brightness that is divided out [mm].
ILLUMINATION_MM = 5.0


@dataclass(frozen=True)
class Tracks:
    """Skin points followed: start (k, 3) on the first surface, move (k, 3) to the second one
    [mm, the first one's frame], sd (k,) along the skin in each direction [mm].
    """

    start: Array
    move: Array
    sd: Array

    def __len__(self) -> int:
        return len(self.start)


def no_tracks() -> Tracks:
    """Nothing followed."""
    return Tracks(np.empty((0, 3)), np.empty((0, 3)), np.empty(0))


@dataclass(frozen=True)
class View:
    """One side of the skin: structure (h, w) float32 of zero mean and unit local contrast, its
    usable part (h, w), depth (h, w) [mm], log brightness (h, w) smoothed, and the camera.
    """

    structure: NDArray[np.float32]
    usable: NDArray[np.bool_]
    depth: Array
    brightness: NDArray[np.float32]
    camera: Camera

    @property
    def bytes(self) -> NDArray[np.uint8]:
        """The structure as a grey picture."""
        return np.clip(128.0 + 45.0 * self.structure, 0, 255).astype(np.uint8)


def _smooth(picture: NDArray, sigma: float) -> NDArray:
    return cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)


def look(skin: Skin, camera: Camera) -> View:
    """What a camera sees of the skin, freed of the light on it."""
    mm = 1.0 / camera.focal
    rgb, depth = picture_of(skin, camera)
    seen = np.isfinite(depth)
    # Green carries most of the contrast of skin.
    grey = np.nan_to_num(rgb @ np.array([0.25, 0.6, 0.15]))
    log = np.where(seen, np.log(grey + 8.0), 0.0).astype(np.float32)
    mask = seen.astype(np.float32)
    sigma = ILLUMINATION_MM / mm
    share = np.maximum(_smooth(mask, sigma), 1e-3)
    low = _smooth(log, sigma) / share
    high = np.where(seen, log - low, 0.0).astype(np.float32)
    # A touch of blur: single texels and sensor noise carry nothing that returns.
    high = _smooth(high, 0.5 / mm * 0.5)
    step = np.exp(-low)  # one level of the picture, in the logarithm
    contrast = np.sqrt(_smooth(high * high, sigma) / share) + 0.1 * step
    filled = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    flat = np.where(seen, depth, np.nan)
    slope = np.hypot(np.gradient(flat, axis=0), np.gradient(flat, axis=1)) / mm
    steep = np.nan_to_num(slope, nan=0.0) > STEEP
    margin = np.ones((2 * round(1.5 / mm) + 1,) * 2, np.uint8)
    bad = cv2.morphologyEx(steep.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    usable = (cv2.erode(filled, margin) > 0.5) & seen & (cv2.dilate(bad, margin) == 0)
    usable &= contrast > LEAST_LEVELS * step
    structure = np.clip(high / contrast, -3.0, 3.0).astype(np.float32)
    return View(structure, usable, depth, low.astype(np.float32), camera)


def cameras(centre: Array, mm_per_px: float) -> list[Camera]:
    """The views' cameras about the middle of the face (3,)."""
    px = round(VIEW_MM / mm_per_px)
    return [portrait_camera(yaw, pitch, centre, VIEW_MM, (px, px)) for yaw, pitch in VIEWS]


def track(first: Skin, second: Skin, centre: Array) -> Tracks:
    """Follow the skin from `first` to `second`, both in the first one's frame.

    centre (3,): middle of the face, patient-like axes (x left, y up, z forward). The result may
    be empty: smooth or differently made-up skin cannot be followed.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the same bits on any machine
    try:
        found = [
            _track_view(
                look(first, coarse), look(second, coarse), look(first, fine), look(second, fine)
            )
            for coarse, fine in zip(
                cameras(centre, COARSE_MM), cameras(centre, FINE_MM), strict=True
            )
        ]
    finally:
        cv2.setNumThreads(threads)
    start = np.concatenate([a for a, _ in found])
    move = np.concatenate([b for _, b in found])
    return united(start, move)


def united(start: Array, move: Array) -> Tracks:
    """One track per few millimetres out of all views' (k, 3), outliers dropped, with its sd."""
    if len(start) < NEIGHBOURS + 1:
        return no_tracks()
    keep = agreeing(start, move)
    start, move = start[keep], move[keep]
    if len(start) < NEIGHBOURS + 1:
        return no_tracks()
    tree = KDTree(start)
    # Scatter of neighbours about each other: the noise of one track (differences hold two).
    distance, near = (np.asarray(x) for x in tree.query(start, k=4))
    pairs = np.linalg.norm(move[near[:, 1:]] - move[:, None], axis=2)[distance[:, 1:] < 3.0]
    scatter = 1.4826 * float(np.median(pairs)) / 2.0 if len(pairs) else 0.5
    chosen = spread_out(start, KEEP_MM)
    groups = tree.query_ball_point(start[chosen], UNITE_MM)
    middle = np.array([start[g].mean(axis=0) for g in groups])
    moves = np.array([np.median(move[g], axis=0) for g in groups])
    # Views of one corner share its error: the mean of a group counts as two, not as many.
    count = np.array([min(len(g), 2) for g in groups])
    sd = np.hypot(value("pair.track_sd"), scatter / np.sqrt(count))
    return Tracks(middle, moves, sd)


def agreeing(start: NDArray, move: NDArray) -> NDArray[np.bool_]:
    """Which moves (k, 3) agree with the median of their neighbours'; two rounds."""
    good = np.ones(len(start), dtype=bool)
    for _ in range(2):
        rows = np.nonzero(good)[0]
        if len(rows) < NEIGHBOURS + 1:
            return np.zeros(len(start), dtype=bool)
        distance, near = KDTree(start[rows]).query(start, k=NEIGHBOURS)
        middle = np.median(move[rows][near], axis=1)
        allowed = NEIGHBOUR_MM + NEIGHBOUR_RATE * distance.mean(axis=1)
        good = np.linalg.norm(move - middle, axis=1) < allowed
        # A lonely track has nobody to vouch for it.
        good &= distance[:, NEIGHBOURS // 2] < 15.0
    return good


def _track_view(a: View, b: View, fine_a: View, fine_b: View) -> tuple[Array, Array]:
    """Starts (k, 3) and moves (k, 3) [mm] seen in one direction."""
    mm = 1.0 / a.camera.focal
    nothing = np.empty((0, 3)), np.empty((0, 3))
    corners = cv2.goodFeaturesToTrack(
        a.structure,
        maxCorners=CORNERS,
        qualityLevel=0.02,
        minDistance=CORNER_GAP_MM / mm,
        mask=a.usable.astype(np.uint8),
        blockSize=5,
    )
    if corners is None:
        return nothing
    places = np.asarray(corners, dtype=float).reshape(-1, 2)
    goal, ok = _search(a, b, places)
    places, goal = places[ok], goal[ok]
    if len(places) < NEIGHBOURS + 1:
        return nothing
    here = np.column_stack([places * mm, np.zeros(len(places))])
    ok = agreeing(here, np.column_stack([(goal - places) * mm, np.zeros(len(places))]))
    places, goal = places[ok], goal[ok]
    if not len(places):
        return nothing
    # OpenCV counts from the centre of the first pixel; halving the pixel moves it.
    ratio = a.camera.size[0] / fine_a.camera.size[0]
    p = ((places + 0.5) / ratio - 0.5).astype(np.float32)
    q = ((goal + 0.5) / ratio - 0.5).astype(np.float32)
    q, ok = _sharpened(fine_a, fine_b, p, q)
    start, seen_a = _lifted(fine_a, p)
    end, seen_b = _lifted(fine_b, q)
    ok &= seen_a & seen_b
    return start[ok], (end - start)[ok]


def _search(a: View, b: View, places: NDArray) -> tuple[NDArray, NDArray[np.bool_]]:
    """Best places (k, 2) in `b` of patches about `places` (k, 2) of `a`, and which to believe."""
    mm = 1.0 / a.camera.focal
    half, reach = round(PATCH_MM / mm), round(SEARCH_MM / mm)
    goal = np.full_like(places, np.nan)
    good = np.zeros(len(places), dtype=bool)
    for i, place in enumerate(places):
        at = np.round(place).astype(int)
        there = _best(a.structure, b.structure, at, at, half, reach)
        if there is None or not b.usable[there[1][1], there[1][0]]:
            continue
        exact, whole = there
        back = _best(b.structure, a.structure, whole, at, half, _BACK_PX)
        if back is None or np.abs(back[1] - at).max() > RETURN_PX:
            continue
        goal[i] = exact + (place - at)
        good[i] = True
    return goal, good


def _best(
    a: NDArray, b: NDArray, at: NDArray, around: NDArray, half: int, reach: int
) -> tuple[NDArray, NDArray] | None:
    """Where in `b`, near `around`, the patch of `a` about pixel `at` lies: exact and whole [px]."""
    h, w = a.shape
    full = half + reach
    if (at < half).any() or at[0] >= w - half or at[1] >= h - half:
        return None
    if (around < full).any() or around[0] >= w - full or around[1] >= h - full:
        return None
    patch = a[at[1] - half : at[1] + half + 1, at[0] - half : at[0] + half + 1]
    field = b[around[1] - full : around[1] + full + 1, around[0] - full : around[0] + full + 1]
    score = cv2.matchTemplate(field, patch, cv2.TM_CCOEFF_NORMED)
    _, top, _, (x, y) = cv2.minMaxLoc(score)
    if not top > CORRELATION or not 0 < x < 2 * reach or not 0 < y < 2 * reach:
        return None
    others = score.copy()
    others[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4] = -1.0
    if top - float(others.max()) < LEAD:
        return None
    whole = around + np.array([x - reach, y - reach])
    return whole + np.array([_vertex(score[y, x - 1 : x + 2]), _vertex(score[y - 1 : y + 2, x])]), (
        whole
    )


def _vertex(three: NDArray) -> float:
    """Place of the maximum of the parabola through three neighbours, from the middle one."""
    left, middle, right = (float(v) for v in three)
    bend = left - 2.0 * middle + right
    return 0.5 * (left - right) / bend if bend < -1e-9 else 0.0


def _sharpened(
    a: View, b: View, p: NDArray[np.float32], q: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Ends (k, 2) moved to the exact place, and which return to their start."""
    options = {
        "winSize": (2 * round(1.75 / FINE_MM) + 1,) * 2,
        "maxLevel": 1,
        "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 30, 0.01),
        "flags": cv2.OPTFLOW_USE_INITIAL_FLOW,
    }
    one, two = a.bytes, b.bytes
    end, ok, _ = cv2.calcOpticalFlowPyrLK(one, two, p, q.copy(), **options)
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(two, one, end, p + (end - q), **options)
    returned = np.linalg.norm(back - p, axis=1) < RETURN_PX
    near = np.linalg.norm(end - q, axis=1) < 2.0 * COARSE_MM / FINE_MM
    return np.asarray(end, np.float32), (ok.ravel() > 0) & (ok_back.ravel() > 0) & returned & near


def _lifted(view: View, places: NDArray) -> tuple[Array, NDArray[np.bool_]]:
    """Points (k, 3) of the surface under pixels (k, 2; counted from pixel centres)."""
    h, w = view.depth.shape
    x, y = np.asarray(places, dtype=float).T
    i, j = np.floor(x).astype(int), np.floor(y).astype(int)
    inside = (i >= 0) & (j >= 0) & (i < w - 1) & (j < h - 1)
    i, j = np.clip(i, 0, w - 2), np.clip(j, 0, h - 2)
    u, v = x - i, y - j
    d = view.depth
    near = np.stack([d[j, i], d[j, i + 1], d[j + 1, i], d[j + 1, i + 1]])
    # A step in depth between neighbouring pixels is an edge, not a surface.
    inside &= np.isfinite(near).all(axis=0)
    near = np.where(inside, near, 0.0)
    inside &= np.ptp(near, axis=0) < 4.0 * STEEP / view.camera.focal
    depth = (near[0] * (1 - u) + near[1] * u) * (1 - v) + (near[2] * (1 - u) + near[3] * u) * v
    point = view.camera.unproject(np.column_stack([x, y]) + 0.5, depth)
    return point, inside & view.usable[j, i]
