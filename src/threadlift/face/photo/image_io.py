"""Photographs from disk: decoded, upright, sRGB, with what their metadata says of the lens."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageCms, ImageOps, UnidentifiedImageError

from threadlift.errors import InputError
from threadlift.face.photo.heif import is_heif, open_heif

Pixels = NDArray[np.uint8]

FORMATS = ("JPEG", "PNG", "WEBP")  # a JPEG may hold several pictures (MPO): the first counts
MAX_BYTES = 300_000_000  # no photo within the limit of pixels is larger
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


def _to_srgb(picture: Image.Image) -> Image.Image:
    """Colours through the embedded profile, where there is a usable one, else as they are."""
    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in ("RGB", "CMYK", "L"):
        return picture
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        out = ImageCms.profileToProfile(
            picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture  # a damaged profile or one for another colour space
    return out if out is not None else picture


def _check_size(name: str, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise InputError(
            f"{name} has {width * height / 1e6:.0f} megapixels; "
            f"the limit is {MAX_PIXELS / 1e6:.0f}.",
            "Save it at a smaller size.",
        )
    if min(width, height) < MIN_EDGE:
        raise InputError(
            f"{name} is only {width} x {height} px.",
            "Use a photo in which the face is at least 300 px wide.",
        )


def _decode(path: Path) -> tuple[Image.Image, float | None]:
    """The upright picture and its focal length [px]; nothing above the limits is decoded."""
    with path.open("rb") as stream:
        head = stream.read(16)
    if is_heif(head):
        picture, exif, (width, height) = open_heif(path, lambda w, h: _check_size(path.name, w, h))
        return picture, _focal_px(exif, width, height)
    with Image.open(path, formats=FORMATS) as opened:
        width, height = opened.size
        _check_size(path.name, width, height)
        exif = opened.getexif()
        opened.load()
        return ImageOps.exif_transpose(opened), _focal_px(exif, width, height)


def read_photo(path: str | Path) -> Photo:
    """Read a JPEG, PNG, WebP or HEIC file.

    Of the metadata only orientation and focal length are used; nothing else (such as where the
    picture was taken) is kept. Raises InputError for a file that is missing, unreadable,
    truncated, of another kind, above 80 megapixels, or with an edge under 64 px.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no photo {path}.", "Check the path.")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(
            f"{path.name} has {path.stat().st_size / 1e6:.0f} MB; "
            f"the limit is {MAX_BYTES / 1e6:.0f}.",
            "Save the photo as a JPEG.",
        )
    try:
        with warnings.catch_warnings():
            # Pillow warns of large files before our own limit, with its own words, refuses them.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            upright, focal_px = _decode(path)
            rgb = np.ascontiguousarray(np.asarray(_flatten(_to_srgb(upright))))
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(
            f"{path.name} is not a JPEG, PNG, WebP or HEIC picture.",
            "Export the photo in one of these formats.",
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(
            f"{path.name} is above {MAX_PIXELS / 1e6:.0f} megapixels.", "Save it at a smaller size."
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError) as error:
        raise InputError(
            f"{path.name} cannot be decoded (damaged or truncated file).",
            "Export or copy the photo again.",
        ) from error
    return Photo(rgb, focal_px, path.name)
