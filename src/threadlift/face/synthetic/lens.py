"""From light to a file: focus, exposure, sensor noise, tone curve, sharpening, JPEG, EXIF."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image
from scipy.ndimage import gaussian_filter

from threadlift.face.photo.image_io import FULL_FRAME_DIAGONAL_MM
from threadlift.face.template import Array
from threadlift.graphics.light import to_srgb


@dataclass(frozen=True)
class Lens:
    """blur_px: standard deviation of focus and motion blur; noise: standard deviation of the
    sensor's noise at mid grey (linear, 0.01 good light, 0.05 dim); exposure: stops from a good
    one; white: red and blue gain; vignette 0..1; sharpen 0..1; jpeg: quality 30..98;
    write_focal: whether the file says its focal length.
    """

    blur_px: float = 0.7
    noise: float = 0.012
    exposure: float = 0.0
    white: tuple[float, float] = (1.0, 1.0)
    vignette: float = 0.15
    sharpen: float = 0.4
    jpeg: int = 90
    write_focal: bool = True


def develop(linear: Array, lens: Lens, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Picture (h, w, 3) uint8 sRGB of a well exposed linear one (h, w, 3)."""
    h, w = linear.shape[:2]
    x = gaussian_filter(linear, (lens.blur_px, lens.blur_px, 0.0), mode="nearest")
    row, column = np.ogrid[:h, :w]
    radius = ((row - h / 2) ** 2 + (column - w / 2) ** 2) / (h**2 + w**2) * 4.0
    x *= (1.0 - lens.vignette * radius)[:, :, None] * 2.0**lens.exposure
    x *= np.array([lens.white[0], 1.0, lens.white[1]])
    # Photons and amplifier: variance proportional to the signal, plus a floor.
    sd = lens.noise * np.sqrt(np.maximum(x, 0.0) / 0.2 + 0.05)
    grain = rng.standard_normal((h, w, 3))
    # Demosaicking leaves the noise correlated over a pixel or so.
    grain = gaussian_filter(grain, (0.6, 0.6, 0.0)) * 2.1
    x = np.maximum(x + sd * grain, 0.0)
    if lens.sharpen > 0.0:
        x = np.maximum(x + lens.sharpen * (x - gaussian_filter(x, (1.2, 1.2, 0.0))), 0.0)
    return to_srgb(x)


def compressed(rgb: NDArray[np.uint8], lens: Lens, focal_px: float) -> bytes:
    """The picture as a JPEG file, its focal length [px] as EXIF 35 mm equivalent if asked."""
    picture, store = Image.fromarray(rgb), io.BytesIO()
    exif = Image.Exif()
    if lens.write_focal:
        tags = exif.get_ifd(ExifTags.IFD.Exif)
        equivalent = focal_px * FULL_FRAME_DIAGONAL_MM / np.hypot(*picture.size)
        tags[ExifTags.Base.FocalLengthIn35mmFilm] = round(float(equivalent))
    picture.save(store, "JPEG", quality=lens.jpeg, exif=exif)
    return store.getvalue()


def decoded(jpeg: bytes) -> NDArray[np.uint8]:
    """Pixels (h, w, 3) of a JPEG file."""
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB"))
