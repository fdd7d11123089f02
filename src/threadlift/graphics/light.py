"""Studio light for faces: key, fill and rim from the camera's point of view, mild gloss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Light:
    """A light arrangement that travels with the camera, so that every view is lit alike.

    Directions point FROM the face TO the lamp in camera axes (right, down, forward); strengths are
    linear radiance factors for a white surface; `wrap` lets light reach past the terminator as it
    does in skin.
    """

    key_direction: tuple[float, float, float] = (-0.45, -0.55, -0.75)
    key: float = 0.80
    fill_direction: tuple[float, float, float] = (0.75, -0.10, -0.65)
    fill: float = 0.24
    rim_direction: tuple[float, float, float] = (0.55, -0.60, 0.55)
    rim: float = 0.20
    wrap: float = 0.22
    gloss: float = 0.055
    gloss_exponent: float = 22.0


STUDIO = Light()


def to_linear(srgb: NDArray) -> Array:
    """Linear radiance in 0..1 of sRGB bytes (..., 3)."""
    s = np.asarray(srgb, dtype=float) / 255.0
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def to_srgb(linear: Array) -> NDArray[np.uint8]:
    """Linear radiance (..., 3) as sRGB bytes; highlights roll off softly above 0.8."""
    over = np.maximum(linear - 0.8, 0.0)
    soft = np.minimum(linear, 0.8) + 0.2 * (1.0 - np.exp(-over / 0.2))
    x = np.clip(soft, 0.0, 1.0)
    s = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1.0 / 2.4) - 0.055)
    return np.round(255.0 * s).astype(np.uint8)


def shade(albedo: Array, normals: Array, light: Light, ambient: float) -> Array:
    """Outgoing radiance (k, 3) of points with linear `albedo` (k, 3).

    `normals` (k, 3) are unit vectors in camera axes that face the viewer (third component <= 0).
    """
    n = normals
    total = np.full(len(n), 0.0)
    for direction, strength in (
        (light.key_direction, light.key),
        (light.fill_direction, light.fill),
    ):
        d = np.array(direction) / np.linalg.norm(direction)
        total += strength * np.maximum((n @ d + light.wrap) / (1.0 + light.wrap), 0.0)
    up = 0.5 - 0.5 * n[:, 1]
    total += ambient * (0.65 + 0.35 * up)
    facing = np.clip(-n[:, 2], 0.0, 1.0)
    rim_direction = np.array(light.rim_direction) / np.linalg.norm(light.rim_direction)
    rim = light.rim * (1.0 - facing) ** 3 * np.clip(0.4 + 0.6 * (n @ rim_direction), 0.0, 1.0)
    half = np.array(light.key_direction) / np.linalg.norm(light.key_direction)
    half = half + np.array([0.0, 0.0, -1.0])
    half /= np.linalg.norm(half)
    gloss = light.gloss * np.clip(n @ half, 0.0, 1.0) ** light.gloss_exponent
    return albedo * (total + rim)[:, None] + (gloss + 0.10 * rim)[:, None]
