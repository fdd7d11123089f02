"""Photographs from disk: decoded, upright, sRGB, with what their metadata says of the lens."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from threadlift.errors import InputError

Pixels = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_PIXELS = 80_000_000  # four times a full-frame camera; larger files are refused unread
MIN_EDGE = 64  # [px] below this nothing of a face can be measured
FULL_FRAME_DIAGONAL_MM = 43.2666  # diagonal of 36 × 24 mm, the frame "35 mm equivalent" refers to


@dataclass(frozen=True)
class Photo:
    """An upright picture.

    rgb: (h, w, 3) uint8 sRGB, EXIF orientation applied, transparency over mid grey.
    focal_px: focal length in pixels from the 35 mm equivalent in the metadata, or None.
    name: the file's name, for messages.
    """

    rgb: Pixels
    focal_px: float | None
    name: str

    @property
    def size(self) -> tuple[int, int]:
        """Width, height [px]."""
        return self.rgb.shape[1], self.rgb.shape[0]


def _focal_px(exif: Image.Exif, width: int, height: int) -> float | None:
    """Focal length [px] from the 35 mm equivalent; None where the metadata has none.

    The equivalent is defined over the diagonal, so it holds for every aspect ratio. A cropped
    picture breaks it, and nothing in the file tells; the fit therefore takes it as a prior.
    """
    tags = exif.get_ifd(ExifTags.IFD.Exif)
    raw = tags.get(ExifTags.Base.FocalLengthIn35mmFilm)
    try:
        equivalent = float(raw) if raw is not None else 0.0
    except (TypeError, ValueError):
        return None
    if not 10.0 <= equivalent <= 400.0:
        return None
    return equivalent * float(np.hypot(width, height)) / FULL_FRAME_DIAGONAL_MM


def _flatten(picture: Image.Image) -> Image.Image:
    """Any mode to 8-bit RGB. Transparency shows mid grey, which no landmark is drawn to."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.asarray(picture, dtype=float)
        top = 65535.0 if values.max() > 255 else 255.0
        grey = np.clip(values * (255.0 / top), 0, 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if "A" in picture.getbands() or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (128, 128, 128, 255))
        return Image.alpha_composite(ground, rgba).convert("RGB")
    return picture.convert("RGB")


def read_photo(path: str | Path) -> Photo:
    """Read a JPEG, PNG or WebP file.

    Raises InputError for a file that is missing, unreadable, truncated, of another kind, above
    80 megapixels, or with an edge under 64 px.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no photo {path}.", "Check the path.")
    try:
        with warnings.catch_warnings():
            # Pillow warns of large files before our own limit, with its own words, refuses them.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as picture:
                width, height = picture.size
                if width * height > MAX_PIXELS:
                    raise InputError(
                        f"{path.name} has {width * height / 1e6:.0f} megapixels; "
                        f"the limit is {MAX_PIXELS / 1e6:.0f}.",
                        "Save it at a smaller size.",
                    )
                if min(width, height) < MIN_EDGE:
                    raise InputError(
                        f"{path.name} is only {width} x {height} px.",
                        "Use a photo in which the face is at least 300 px wide.",
                    )
                exif = picture.getexif()
                picture.load()
                upright = ImageOps.exif_transpose(picture)
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(
            f"{path.name} is not a JPEG, PNG or WebP picture.",
            "Export the photo in one of these formats.",
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{path.name} is above {MAX_PIXELS / 1e6:.0f} megapixels.", "Save it at a smaller size."
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise InputError(
            f"{path.name} cannot be decoded (damaged or truncated file).",
            "Export or copy the photo again.",
        ) from error
    rgb = np.ascontiguousarray(np.asarray(_flatten(upright)))
    return Photo(rgb, _focal_px(exif, width, height), path.name)
