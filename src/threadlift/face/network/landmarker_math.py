"""Geometry around the landmark network: detector anchors, box decoding, regions, crops.

Pixel coordinates here are continuous: (0, 0) is the upper left corner of the upper left pixel,
x to the right, y down; the centre of pixel (i, j) is (i + 0.5, j + 0.5).
The conventions are those of MediaPipe's published face graphs (short-range BlazeFace detector,
landmark model on a rotated square region).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float64]
Pixels = NDArray[np.uint8]

DETECTOR_SIZE = 128  # [px] input edge of the detector
LANDMARK_SIZE = 256  # [px] input edge of the landmark model
STRIDES_AND_COUNTS = ((8, 2), (16, 6))  # feature-map stride [px], anchors per cell
MIN_SCORE = 0.5  # detector score below which a box is not a face (MediaPipe default)
OVERLAP = 0.3  # intersection over union above which two boxes are one face
REGION_SCALE = 1.5  # region edge over the longer edge of the box

# Points of the landmark model that define the roll of the head: outer eye corners.
RIGHT_EYE, LEFT_EYE = 33, 263


@dataclass(frozen=True)
class Region:
    """A rotated square in the picture: centre [px], edge [px], roll [rad] (image x towards y)."""

    x: float
    y: float
    edge: float
    roll: float

    def to_picture(self, points: Array) -> Array:
        """Points (..., 2) in units of the region's edge, (0.5, 0.5) its centre, to picture px."""
        c, s = math.cos(self.roll), math.sin(self.roll)
        offset = (points - 0.5) * self.edge
        return np.stack(
            [
                self.x + c * offset[..., 0] - s * offset[..., 1],
                self.y + s * offset[..., 0] + c * offset[..., 1],
            ],
            axis=-1,
        )

    def from_picture(self, points: Array) -> Array:
        """Inverse of :meth:`to_picture`."""
        c, s = math.cos(self.roll), math.sin(self.roll)
        d = points - np.array([self.x, self.y])
        return (
            np.stack([c * d[..., 0] + s * d[..., 1], -s * d[..., 0] + c * d[..., 1]], axis=-1)
            / self.edge
            + 0.5
        )


def anchors() -> Array:
    """Centres (896, 2) of the detector's anchors in units of its input edge."""
    rows = []
    for stride, count in STRIDES_AND_COUNTS:
        cells = DETECTOR_SIZE // stride
        line = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(line, line, indexing="ij")
        rows.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), count, axis=0))
    return np.concatenate(rows)


def sigmoid(x: Array) -> Array:
    """Logistic function, safe for large arguments."""
    return 1.0 / (1.0 + np.exp(-np.clip(x, -100.0, 100.0)))


def decode(regressors: Array, logits: Array) -> tuple[Array, Array, Array]:
    """Boxes (k, 4) as x0 y0 x1 y1, key points (k, 6, 2), scores (k,) above MIN_SCORE.

    regressors (896, 16) and logits (896,) as the detector gives them; results in units of the
    detector's input edge.
    """
    scores = sigmoid(logits)
    keep = np.flatnonzero(scores >= MIN_SCORE)
    centre = anchors()[keep]
    values = regressors[keep].reshape(-1, 8, 2) / DETECTOR_SIZE
    middle, size = values[:, 0] + centre, values[:, 1]
    boxes = np.concatenate([middle - size / 2, middle + size / 2], axis=1)
    return boxes, values[:, 2:] + centre[:, None], scores[keep]


def overlap(box: Array, others: Array) -> Array:
    """Intersection over union of a box (4,) with boxes (k, 4)."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    inner = np.prod(np.clip(high - low, 0.0, None), axis=1)
    area = np.prod(others[:, 2:] - others[:, :2], axis=1)
    return inner / np.maximum(np.prod(box[2:] - box[:2]) + area - inner, 1e-12)


def merge(boxes: Array, points: Array, scores: Array) -> tuple[Array, Array, Array]:
    """Weighted non-maximum suppression: overlapping boxes become one score-weighted mean."""
    order = list(np.argsort(-scores, kind="stable"))
    out_boxes, out_points, out_scores = [], [], []
    while order:
        best = order[0]
        group = [i for i in order if overlap(boxes[best], boxes[i][None])[0] > OVERLAP]
        group = group or [best]
        w = scores[group] / scores[group].sum()
        out_boxes.append(w @ boxes[group])
        out_points.append(np.einsum("i,ijk->jk", w, points[group]))
        out_scores.append(scores[best])
        order = [i for i in order if i not in group]
    return (
        np.array(out_boxes).reshape(-1, 4),
        np.array(out_points).reshape(-1, 6, 2),
        np.array(out_scores),
    )


def region_from_detection(box: Array, points: Array) -> Region:
    """Region for the landmark model from a detector box (4,) and key points (6, 2) [px]."""
    eyes = points[1] - points[0]
    size = REGION_SCALE * float(np.max(box[2:] - box[:2]))
    middle = 0.5 * (box[:2] + box[2:])
    return Region(float(middle[0]), float(middle[1]), size, math.atan2(eyes[1], eyes[0]))


def region_from_landmarks(points: Array) -> Region:
    """Region for the refinement pass from landmarks (478, 2) [px]: upright with the eyes."""
    eyes = points[LEFT_EYE] - points[RIGHT_EYE]
    roll = math.atan2(eyes[1], eyes[0])
    turned = Region(0.0, 0.0, 1.0, roll)
    upright = turned.from_picture(points)
    low, high = upright.min(axis=0), upright.max(axis=0)
    middle = turned.to_picture(0.5 * (low + high))
    return Region(
        float(middle[0]), float(middle[1]), REGION_SCALE * float(np.max(high - low)), roll
    )


def crop(picture: Image.Image, region: Region, size: int) -> Pixels:
    """The region resampled to (size, size, 3); black outside the picture.

    Large regions are first reduced by whole factors, which averages pixels: sampling a 12 MP
    portrait directly at 256 px would alias.
    """
    factor = max(1, int(region.edge / (2 * size)))
    c, s = math.cos(region.roll), math.sin(region.roll)
    if factor > 1:
        reach = region.edge * 0.75  # half the diagonal (0.71) and a margin
        box = (
            max(0, int(region.x - reach)),
            max(0, int(region.y - reach)),
            min(picture.width, int(region.x + reach) + 1),
            min(picture.height, int(region.y + reach) + 1),
        )
        if box[2] <= box[0] or box[3] <= box[1]:
            return np.zeros((size, size, 3), np.uint8)
        picture = picture.reduce(factor, box=box)
        region = Region(
            (region.x - box[0]) / factor,
            (region.y - box[1]) / factor,
            region.edge / factor,
            region.roll,
        )
    step = region.edge / size
    x0 = region.x - 0.5 * region.edge * (c - s)
    y0 = region.y - 0.5 * region.edge * (s + c)
    matrix = (c * step, -s * step, x0, s * step, c * step, y0)
    return np.asarray(
        picture.transform((size, size), Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR)
    )
