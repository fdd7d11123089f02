"""Texture images of scans, decoded within limits."""

from __future__ import annotations

import warnings
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

#: A picture with more pixels is not decoded (a few kilobytes can claim billions of them).
MAX_PIXELS = 150_000_000
#: Textures are kept at most this wide or high [px]: below 0.05 mm on a face.
KEPT_PX = 8192
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "TGA")


def decode_image(content: bytes) -> NDArray[np.uint8] | None:
    """(h, w, 3) uint8 sRGB of an encoded picture; None when it is broken or too large."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures that are allowed here
            with Image.open(BytesIO(content), formats=_FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    return None
                picture.draft("RGB", (KEPT_PX, KEPT_PX))
                whole = picture.convert("RGB")
    except Exception:  # whatever a decoder says of a broken picture: the geometry may be sound
        return None
    if max(whole.size) > KEPT_PX:
        whole.thumbnail((KEPT_PX, KEPT_PX), reducing_gap=2.0)
    return np.asarray(whole, dtype=np.uint8)
