"""Dense comparison of two photos through the surface: where the skin seen in one lies in the other.

The second photo is drawn as it would look from the first camera if the present surface were true
(every pixel of the first is followed to the surface and on to the second photo). What motion
remains between the first photo and that drawing is parallax of an error in the surface or the
cameras. It is found by dense inverse search flow (Kroeger et al. 2016) on locally normalised
brightness, and its precision by the structure of the picture around each point, so that bare,
shaded skin says little and freckles, brows and lips say much.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from threadlift.face.photo.camera import PhotoCamera
from threadlift.face.photo.fit import facing
from threadlift.graphics.raster import vertex_normals, visibility

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]

PX_PER_MM = 2.5  # working resolution: finer only adds noise, the field sought is millimetres wide
NORMALISE_MM = 5.0  # brightness is compared after removing mean and spread over this radius
WINDOW_MM = 2.2  # radius (Gaussian) over which motion and precision are gathered
SEEN_COSINE = 0.35  # skin more oblique than this in either photo is not compared
HIDDEN_MM = 2.0
MIN_CORRELATION = 0.5  # of the two photos around a point after the motion found
ROUND_TRIP_PX = 1.0  # forward and backward motion may disagree by this much
FLOOR = 4.0  # [grey levels] local spread below which brightness is noise
EXTREME_MM = 12.0  # a motion beyond this is no residual of a fitted surface


@dataclass(frozen=True)
class WorkView:
    """A photo reduced to the working resolution about the face: colour (h, w, 3) in grey levels,
    grey (h, w), and its camera.
    """

    colour: Float32
    grey: Float32
    camera: PhotoCamera

    @property
    def size(self) -> tuple[int, int]:
        """Width, height [px]."""
        return self.grey.shape[1], self.grey.shape[0]


@dataclass(frozen=True)
class Motion:
    """Residual motion of s samples [px of the first view]: measured motion d (s, 2), information
    (s, 2, 2) [px^-2], zero where nothing was measured, and correlation (s,).
    """

    motion: Array
    information: Array
    correlation: Array


def reduced(rgb: NDArray[np.uint8], camera: PhotoCamera, points: Array) -> WorkView:
    """The photo around the projected points (n, 3) at the working resolution."""
    local = camera.local(points)
    factor = min(1.0, PX_PER_MM * float(np.median(local[:, 2])) / camera.focal)
    px = camera.project(points)
    margin = 0.08 * np.ptp(px, axis=0).max()
    low = np.floor(np.maximum(px.min(axis=0) - margin, 0.0)).astype(int)
    high = np.ceil(np.minimum(px.max(axis=0) + margin, rgb.shape[1::-1])).astype(int)
    part = rgb[low[1] : high[1], low[0] : high[0]]
    size = np.maximum(np.round((high - low) * factor), 8).astype(int)
    true = size / (high - low)
    small = cv2.resize(part, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    # Green and red carry the skin's relief and its pigment; blue is mostly noise.
    colour = small.astype(np.float32)
    grey = (colour @ np.array([0.35, 0.55, 0.10], np.float32)).astype(np.float32)
    scale = float(true.mean())
    return WorkView(
        colour,
        grey,
        PhotoCamera(
            camera.rotation,
            camera.translation,
            camera.focal * scale,
            (camera.principal - low) * true,
        ),
    )


def with_camera(view: WorkView, old: PhotoCamera, new: PhotoCamera) -> WorkView:
    """The same reduced photo when the estimate of its full-size camera went from old to new."""
    scale = view.camera.focal / old.focal
    return WorkView(
        view.colour,
        view.grey,
        PhotoCamera(new.rotation, new.translation, new.focal * scale, view.camera.principal),
    )


@contextmanager
def one_thread() -> Iterator[None]:
    """OpenCV on one thread within: how it cuts pictures into strips must not change the bits."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _blur(image: NDArray, sigma: float) -> Float32:
    blurred = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, dtype=np.float32)


def _normalised(grey: NDArray, mask: Float32, sigma: float) -> Float32:
    """Brightness less its local mean over its local spread, within the mask (h, w) of 0 and 1."""
    weight = np.maximum(_blur(mask, sigma), 1e-3)
    mean = _blur(grey * mask, sigma) / weight
    off = (grey - mean) * mask
    spread = np.sqrt(_blur(off * off, sigma) / weight)
    return (off / np.maximum(spread, FLOOR)).astype(np.float32)


def _flow(a: Float32, b: Float32) -> Float32:
    """Motion (h, w, 2) such that a(x) is b(x + motion)."""
    dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setFinestScale(0)
    dis.setUseSpatialPropagation(True)

    def byte(x: Float32) -> NDArray[np.uint8]:
        return np.clip(128.0 + 40.0 * x, 0, 255).astype(np.uint8)

    none = np.zeros((*a.shape, 2), np.float32)
    return np.asarray(dis.calc(byte(a), byte(b), none), dtype=np.float32)


def sampled(image: NDArray, px: Array) -> Array:
    """Values of image (h, w[, c]) at pixels (n, 2), bilinear; pixel centres at + 0.5."""
    x = np.ascontiguousarray(px[None, :, 0] - 0.5, dtype=np.float32)
    y = np.ascontiguousarray(px[None, :, 1] - 0.5, dtype=np.float32)
    out = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(out[0], dtype=float)


def compare(
    first: WorkView,
    second: WorkView,
    shapes: tuple[Array, Array],
    triangles: NDArray,
    samples: NDArray[np.intp],
    usable: Array,
) -> Motion:
    """Residual motion at the vertices `samples` (s,) between two photos.

    shapes: vertices (n, 3) of the head as it is in the first and in the second photo; triangles
    (m, 3); usable (n,) 0..1: skin that may be compared (no eyeballs, lips' inside, hair).
    """
    depth, ids, bary = visibility(shapes[0], triangles, first.camera.for_picture(first.size))
    far, _, _ = visibility(shapes[1], triangles, second.camera.for_picture(second.size))
    seen = ids >= 0
    corners = triangles[ids[seen]]
    weights = bary[seen]
    there = np.einsum("kc,kcd->kd", weights, shapes[1][corners])
    q = second.camera.project(there)
    deep = second.camera.local(there)[:, 2]
    normals = [vertex_normals(s, triangles) for s in shapes]
    cosine = np.minimum(
        facing(normals[0], shapes[0], first.camera), facing(normals[1], shapes[1], second.camera)
    )
    good = np.einsum("kc,kc->k", weights, (usable * (cosine > SEEN_COSINE))[corners]) > 0.7
    w, h = second.size
    inside = (q[:, 0] > 1) & (q[:, 1] > 1) & (q[:, 0] < w - 2) & (q[:, 1] < h - 2)
    column = np.clip(q[:, 0].astype(int), 0, w - 1)
    row = np.clip(q[:, 1].astype(int), 0, h - 1)
    good &= inside & (deep < far[row, column] + HIDDEN_MM)
    mask = np.zeros(seen.shape, np.float32)
    mask[seen] = good
    warp = np.zeros((*seen.shape, 2), np.float32)
    warp[seen] = q
    drawn = cv2.remap(
        second.grey,
        np.ascontiguousarray(warp[..., 0] - 0.5),
        np.ascontiguousarray(warp[..., 1] - 0.5),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    mm = float(np.median(depth[seen])) / first.camera.focal  # per px
    a = _normalised(first.grey, mask, NORMALISE_MM / mm)
    b = _normalised(drawn, mask, NORMALISE_MM / mm)
    flow, back = _flow(a, b), _flow(b, a)
    information, correlation = _precision(a, b, flow, mask, WINDOW_MM / mm)
    px = first.camera.project(shapes[0][samples])
    motion = sampled(flow, px)
    returned = motion + sampled(back, px + motion)
    valid = (
        (usable[samples] > 0.5)
        & (cosine[samples] > SEEN_COSINE)
        & (sampled(mask, px) > 0.95)
        & (sampled(mask, px + motion) > 0.95)
        & (np.linalg.norm(returned, axis=1) < ROUND_TRIP_PX)
        & (np.linalg.norm(motion, axis=1) * mm < EXTREME_MM)
    )
    match = sampled(correlation, px)
    valid &= match > MIN_CORRELATION
    # Hidden vertices project onto what hides them.
    column = np.clip(px[:, 0].astype(int), 0, first.size[0] - 1)
    row = np.clip(px[:, 1].astype(int), 0, first.size[1] - 1)
    valid &= first.camera.local(shapes[0][samples])[:, 2] < depth[row, column] + HIDDEN_MM
    packed = sampled(information, px)
    out = np.zeros((len(samples), 2, 2))
    out[:, 0, 0], out[:, 1, 1] = packed[:, 0], packed[:, 2]
    out[:, 0, 1] = out[:, 1, 0] = packed[:, 1]
    return Motion(np.where(valid[:, None], motion, 0.0), out * valid[:, None, None], match)


def _precision(
    a: Float32, b: Float32, flow: Float32, mask: Float32, sigma: float
) -> tuple[Float32, Float32]:
    """Information (h, w, 3: xx, xy, yy) [px^-2] of the motion and correlation (h, w).

    Cramér–Rao: the structure tensor gathered over the window, over the variance of what the
    motion leaves unexplained.
    """
    y, x = np.mgrid[0 : a.shape[0], 0 : a.shape[1]].astype(np.float32)
    moved = cv2.remap(
        b, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    smooth = _blur(0.5 * (a + moved), 0.7)
    gx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
    gy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
    area = 4.0 * np.pi * sigma**2  # effective pixels of a Gaussian window
    left = _blur((a - moved) ** 2 * mask, sigma) + 1e-3
    products = np.stack([gx * gx, gx * gy, gy * gy], axis=-1) * mask[..., None]
    tensor = np.stack([_blur(products[..., c], sigma) for c in range(3)], axis=-1)
    aa, bb = _blur(a * a * mask, sigma), _blur(moved * moved * mask, sigma)
    correlation = _blur(a * moved * mask, sigma) / np.sqrt(np.maximum(aa * bb, 1e-6))
    information = tensor * (area / left)[..., None]
    return information.astype(np.float32), correlation.astype(np.float32)
