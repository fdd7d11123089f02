"""HEIC/HEIF pictures as Pillow images, without registering anything with Pillow.

pi-heif decodes; it carries no encoder. Registering it as a Pillow plugin would change what every
other `Image.open` in the process accepts, so its reader is called directly here.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pi_heif
from PIL import Image

#: Brands of the file type box that mean a still picture coded as HEVC.
BRANDS = (b"heic", b"heix", b"heim", b"heis", b"mif1", b"msf1")


def is_heif(head: bytes) -> bool:
    """Whether the first bytes (12 or more) of a file are those of a HEIF picture."""
    return head[4:8] == b"ftyp" and head[8:12] in BRANDS


def open_heif(
    path: Path, check: Callable[[int, int], None]
) -> tuple[Image.Image, Image.Exif, tuple[int, int]]:
    """The primary picture, its metadata and its size (w, h) [px].

    The picture is upright: rotation and mirroring are properties of the HEIF container and are
    applied in decoding (the orientation in its metadata repeats them and is ignored). `check`
    is called with width and height before any pixel is decoded. Raises ValueError, EOFError,
    SyntaxError, RuntimeError or OSError for damaged files.
    """
    file = pi_heif.open_heif(path, convert_hdr_to_8bit=True)
    width, height = file.size
    check(width, height)
    exif = Image.Exif()
    raw = file.info.get("exif")
    if raw:
        exif.load(raw)
    picture = file.to_pillow()
    profile = file.info.get("icc_profile")
    if profile:
        picture.info["icc_profile"] = profile
    return picture, exif, (width, height)
