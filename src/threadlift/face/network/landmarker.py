"""Faces in a picture: 478 landmarks, depth order, 52 expression scores, by a local network.

Runs the three networks inside MediaPipe's ``face_landmarker.task`` (detector, landmarks,
expressions) on the CPU with LiteRT; nothing leaves the machine. See docs/decisions/0004.
"""

from __future__ import annotations

import contextlib
import os
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from threadlift.face.network import landmarker_math as lm
from threadlift.face.network.setup_models import ensure_landmarker

Array = lm.Array

MAX_EDGE = 2000  # [px] longer edge above which the picture is reduced before detection
MIN_PRESENCE = 0.5  # landmark model's own face score below which a region is dropped
TILE_LEVELS = (2, 4, 8)  # tile edge = longer edge / level, when the whole picture shows no face
SAME_FACE = 0.3  # overlap of two landmark boxes that makes them one face
LANDMARKS = 478
RIGHT_IRIS, LEFT_IRIS = 468, 473  # centres; "right" is the subject's right

# Points that the expression network reads, and its outputs, in its order (published with it).
# fmt: off
EXPRESSION_POINTS = np.array([
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63,
    65, 66, 67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133,
    136, 144, 145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163,
    168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270,
    276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317,
    318, 321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379,
    380, 381, 382, 384, 385, 386, 387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454,
    466, 468, 469, 470, 471, 472, 473, 474, 475, 476, 477,
])
EXPRESSION_NAMES = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft",
    "browOuterUpRight", "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft",
    "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight",
    "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft",
    "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen",
    "jawRight", "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft",
    "mouthFrownRight", "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight",
    "mouthPressLeft", "mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower",
    "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft",
    "mouthUpperUpRight", "noseSneerLeft", "noseSneerRight",
)
# fmt: on


@dataclass(frozen=True)
class FaceDetection:
    """One face in a picture.

    landmarks_px: (478, 2) continuous pixel coordinates, x right, y down, (0, 0) the corner of the
        upper left pixel. 468–472 and 473–477 are the irises (subject's right, left).
    z: (478,) depth in pixels, smaller is nearer (relative, from the network; not metric).
    score: the network's belief that this is a face, 0..1.
    blendshapes: 52 scores 0..1 by ARKit name, plus ``_neutral``; empty when not asked for.
    box: x0, y0, x1, y1 [px] around the landmarks.
    """

    landmarks_px: Array
    z: Array
    score: float
    blendshapes: dict[str, float]
    box: tuple[float, float, float, float]

    @property
    def width_px(self) -> float:
        """Width of the landmark box [px]."""
        return self.box[2] - self.box[0]

    @property
    def height_px(self) -> float:
        """Height of the landmark box [px]."""
        return self.box[3] - self.box[1]


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Keep the runtime's start-up notice (written by C++ to descriptor 2) off the terminal."""
    sys.stderr.flush()
    saved = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(sink)
        os.close(saved)


class _Network:
    """One LiteRT model: array in, arrays out."""

    def __init__(self, content: bytes) -> None:
        from ai_edge_litert.interpreter import Interpreter

        # One thread: the result must not depend on how many cores there are.
        self._run: Any = Interpreter(model_content=content, num_threads=1)
        self._run.allocate_tensors()
        self._input = self._run.get_input_details()[0]["index"]
        self._outputs = [(d["name"], d["index"]) for d in self._run.get_output_details()]

    def __call__(self, x: np.ndarray) -> dict[str, Array]:
        self._run.set_tensor(self._input, np.ascontiguousarray(x, dtype=np.float32))
        self._run.invoke()
        return {n: np.asarray(self._run.get_tensor(i), dtype=float) for n, i in self._outputs}


class Landmarker:
    """The three networks, loaded once. Calls are serialised: the runtime is not re-entrant."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive, _silent_stderr():
            self._detector = _Network(archive.read("face_detector.tflite"))
            self._landmarks = _Network(archive.read("face_landmarks_detector.tflite"))
            self._expressions = _Network(archive.read("face_blendshapes.tflite"))
        self._lock = Lock()

    def detect(
        self,
        rgb: lm.Pixels,
        *,
        max_faces: int = 4,
        blendshapes: bool = True,
        search_small: bool = True,
    ) -> list[FaceDetection]:
        """All faces, largest first. See :func:`detect_faces`."""
        with self._lock:
            picture = Image.fromarray(np.ascontiguousarray(rgb))
            regions = self._find(picture, search_small)
            faces: list[FaceDetection] = []
            for region in regions:
                face = self._face(picture, region, blendshapes)
                if face is not None and not any(_same(face, other) for other in faces):
                    faces.append(face)
            faces.sort(key=lambda f: -f.width_px)
            return faces[:max_faces]

    def _find(self, picture: Image.Image, search_small: bool) -> list[lm.Region]:
        w, h = picture.size
        shrink = max(1.0, max(w, h) / MAX_EDGE)
        small = picture
        if shrink > 1.0:
            small = picture.resize((round(w / shrink), round(h / shrink)), Image.Resampling.BOX)
        found = self._boxes(
            small, [lm.Region(small.width / 2, small.height / 2, max(small.size), 0.0)]
        )
        for level in TILE_LEVELS if search_small else ():
            if found:
                break
            found = self._boxes(small, _tiles(small.width, small.height, level))
        return [lm.Region(r.x * shrink, r.y * shrink, r.edge * shrink, r.roll) for r in found]

    def _boxes(self, picture: Image.Image, tiles: list[lm.Region]) -> list[lm.Region]:
        boxes, points, scores = [], [], []
        for tile in tiles:
            pixels = lm.crop(picture, tile, lm.DETECTOR_SIZE)
            out = self._detector(pixels[None] / 127.5 - 1.0)
            b, p, s = lm.decode(out["regressors"][0], out["classificators"][0, :, 0])
            if len(s):
                boxes.append(tile.to_picture(b.reshape(-1, 2, 2)).reshape(-1, 4))
                points.append(tile.to_picture(p))
                scores.append(s)
        if not scores:
            return []
        merged = lm.merge(np.concatenate(boxes), np.concatenate(points), np.concatenate(scores))
        return [lm.region_from_detection(b, p) for b, p in zip(*merged[:2], strict=True)]

    def _mesh(self, picture: Image.Image, region: lm.Region) -> tuple[Array, Array, float]:
        pixels = lm.crop(picture, region, lm.LANDMARK_SIZE)
        out = self._landmarks(pixels[None] / 255.0)
        raw = out["Identity"].reshape(LANDMARKS, 3) / lm.LANDMARK_SIZE
        presence = float(lm.sigmoid(out["Identity_1"].ravel())[0])
        return region.to_picture(raw[:, :2]), raw[:, 2] * region.edge, presence

    def _face(
        self, picture: Image.Image, region: lm.Region, blendshapes: bool
    ) -> FaceDetection | None:
        points, z, presence = self._mesh(picture, region)
        if presence < MIN_PRESENCE:
            return None
        # Second pass on the region that the landmarks themselves define: the detector's box is
        # loose, and the network is most accurate when centred and upright.
        points, z, presence = self._mesh(picture, lm.region_from_landmarks(points))
        if presence < MIN_PRESENCE:
            return None
        scores: dict[str, float] = {}
        if blendshapes:
            (out,) = self._expressions(points[EXPRESSION_POINTS][None]).values()
            scores = dict(zip(EXPRESSION_NAMES, (float(v) for v in out.ravel()), strict=True))
        low, high = points.min(axis=0), points.max(axis=0)
        box = (float(low[0]), float(low[1]), float(high[0]), float(high[1]))
        return FaceDetection(points, z, presence, scores, box)


def _same(a: FaceDetection, b: FaceDetection) -> bool:
    return lm.overlap(np.array(a.box), np.array(b.box)[None])[0] > SAME_FACE


def _tiles(width: int, height: int, level: int) -> list[lm.Region]:
    """Square tiles of edge max(width, height) / level that overlap by half."""
    edge = max(width, height) / level

    def centres(length: int) -> Array:
        count = max(1, int(np.ceil(length / (edge / 2))) - 1)
        if count == 1:
            return np.array([length / 2])
        return np.linspace(edge / 2, length - edge / 2, count)

    return [
        lm.Region(float(x), float(y), edge, 0.0) for y in centres(height) for x in centres(width)
    ]


@lru_cache(maxsize=2)
def _landmarker(path: Path) -> Landmarker:
    return Landmarker(path)


@lru_cache(maxsize=1)
def _model_path() -> Path:
    return ensure_landmarker()


def detect_faces(
    rgb: lm.Pixels, *, max_faces: int = 4, blendshapes: bool = True, search_small: bool = True
) -> list[FaceDetection]:
    """Faces in a picture (h, w, 3) uint8 sRGB, largest first; an empty list when there is none.

    max_faces: how many are returned at most. blendshapes=False and search_small=False make the
    cheap path for renders whose face fills the frame: no expression scores, no search in tiles.
    Raises MissingAssetError when the network has not been fetched (`threadlift setup`).
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8:
        raise ValueError(f"a picture is (h, w, 3) uint8, not {rgb.shape} {rgb.dtype}")
    return _landmarker(_model_path()).detect(
        rgb, max_faces=max_faces, blendshapes=blendshapes, search_small=search_small
    )
