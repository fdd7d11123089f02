"""What skin, lips, brows and eyes look like, point by point.

Colours and amounts are a draughtsman's choice; only the size of the iris is meant to be true.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from threadlift.face.synthetic.noise import noise, noise_and_slope, spots
from threadlift.face.template import Array, IntArray, template
from threadlift.face.zones import segment_distance
from threadlift.graphics.light import to_linear

#: sRGB of untanned facial skin from very light to very dark.
TONES = np.array(
    [
        [238, 207, 187],
        [226, 188, 162],
        [209, 166, 135],
        [176, 130, 97],
        [128, 87, 62],
        [86, 57, 42],
    ]
)
PAINTED_SKIN, PAINTED_CAVITY = (219, 176, 150), (96, 48, 44)
SCLERA, PUPIL = (226, 220, 214), (12, 10, 10)
#: Height [mm] of the hairline over the depth z [mm] of the template, nape to forehead (as painted).
HAIRLINE_Z = (-110.0, -75.0, -45.0, -20.0, 0.0, 10.0, 18.0, 30.0, 55.0, 78.0)
HAIRLINE_Y = (-62.0, -55.0, -28.0, 5.0, 14.0, 12.0, 34.0, 52.0, 66.0, 73.0)
BROW_REACH_MM = 8.0
YOUNG_BROW = (70, 52, 42)
ZONES_WITH_BEARD = ("chin", "jawline", "marionette", "jowl", "submental")


@dataclass(frozen=True)
class SkinLook:
    """One person's skin.

    tone 0 (very light) .. 5 (very dark); redness 0..1 of cheeks and nose; texture: contrast of
    pores and mottle (1 usual); freckles, moles 0..1: how many; oil 0..1; wrinkles 0..1; stubble
    0..1; hair_rgb, iris_rgb sRGB; cropped: short hair painted on the scalp (else bald, under a
    wig of geometry); seed of all patterns.
    """

    tone: float = 1.5
    redness: float = 0.4
    texture: float = 1.0
    freckles: float = 0.2
    moles: float = 0.4
    oil: float = 0.4
    wrinkles: float = 0.2
    stubble: float = 0.0
    hair_rgb: tuple[int, int, int] = (60, 44, 34)
    iris_rgb: tuple[int, int, int] = (92, 70, 48)
    cropped: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Surface:
    """Optical properties of k points: albedo (k, 3) linear, gloss (k,), bump (k, 3) slope."""

    albedo: Array
    gloss: Array
    bump: Array


@dataclass(frozen=True)
class _Masks:
    """Per template vertex: the painted tone relative to skin (n, 3), and weights (n,)."""

    relative: Array
    brow: Array
    cavity: Array
    beard: Array
    red: Array
    forehead: Array
    lips: Array


@lru_cache(maxsize=1)
def _masks() -> _Masks:
    t = template()
    v = t.vertices
    at = {name: v[i] for name, i in t.landmarks.items()}
    x, y, z = v.T
    side = np.abs(v) * [1, 0, 0] + v * [0, 1, 1]
    brow_line = [at[f"brow_{n}_L"] for n in ("medial", "mid", "lateral")]
    gap = np.min([segment_distance(side, a, b) for a, b in pairwise(brow_line)], 0)
    relative = to_linear(t.albedo) / to_linear(np.array(PAINTED_SKIN))
    dark = np.clip(1.0 - relative.mean(axis=1), 0.0, 1.0)
    near_brow = np.clip((2.0 * BROW_REACH_MM - gap) / BROW_REACH_MM, 0.0, 1.0)
    # Above the lids only: lashes and lid shadows keep their paint.
    near_brow *= np.clip((y - at["palpebrale_superius_L"][1] - 5.0) / 3.0, 0.0, 1.0)
    eyeball = np.zeros(len(v), dtype=bool)
    for rows in t.eyes.values():
        eyeball[rows] = True
    cavity = (~t.skin & ~eyeball).astype(float)
    hairy = np.clip((y - np.interp(z, HAIRLINE_Z, HAIRLINE_Y) + 6.0) / 4.0, 0.0, 1.0)
    hairy *= 1.0 - near_brow
    # What is painted as brow or scalp is drawn anew, strand by strand.
    bare = np.maximum(near_brow * (dark > 0.05), hairy)[:, None]
    beard = sum(
        (w for k, w in t.zones.items() if k.rsplit("_", 1)[0] in ZONES_WITH_BEARD),
        start=np.zeros(len(v)),
    )
    upper_lip = np.linalg.norm((side - [8.0, -30.0, 95.0]) / [16.0, 6.0, 20.0], axis=1)
    beard = np.maximum(beard, np.clip(1.6 - upper_lip, 0.0, 1.0))
    cheek = np.linalg.norm((side - at["malar_eminence_L"] + [8, 14, 0]) / [20, 16, 40], axis=1)
    nose = np.linalg.norm((v - at["pronasale"]) / [16.0, 14.0, 20.0], axis=1)
    red = np.exp(-(cheek**2)) + 0.8 * np.exp(-(nose**2))
    forehead = np.clip((y - at["glabella"][1] + 4.0) / 8.0, 0.0, 1.0) * (z > 40.0)
    lips = np.clip((relative[:, 0] - relative[:, 1]) * 4.0 - 0.3, 0.0, 1.0) * (y < -25.0)
    lips *= (np.abs(x) < 30.0) & t.skin
    return _Masks(
        relative * (1.0 - bare) + bare,
        dark / max(float(dark[near_brow > 0.9].max()), 1e-9) * near_brow * t.skin,
        cavity,
        np.clip(beard, 0.0, 1.0) * (1.0 - lips) * t.skin,
        red * t.skin,
        forehead,
        lips,
    )


def skin_surface(look: SkinLook, corners: IntArray, weights: Array, footprint_mm: float) -> Surface:
    """Surface of points given by template vertices (k, 3) and barycentric weights (k, 3).

    Texture finer than the pixel's `footprint_mm` on the skin is left out (it would alias).
    """
    t, m = template(), _masks()

    def at(field: Array) -> Array:
        return np.einsum("kc,kc...->k...", weights, field[corners])

    p = at(t.vertices)
    tone = np.array(
        [np.interp(look.tone, np.arange(len(TONES)), to_linear(TONES)[:, c]) for c in range(3)]
    )
    s = look.seed
    amount = look.texture
    blotch = 0.10 * noise(p, 23.0, s) + 0.08 * noise(p, 9.0, s + 1) + 0.07 * noise(p, 3.4, s + 2)
    blood = 0.10 * noise(p, 14.0, s + 3) + 0.06 * noise(p, 5.0, s + 4)
    blood += 0.22 * look.redness * at(m.red)
    albedo = tone * at(m.relative)
    albedo *= np.exp(amount * blotch)[:, None]
    # Blood takes green and blue out of the light; little of it shows through dark skin.
    show = 1.0 / (1.0 + 0.5 * look.tone)
    albedo *= np.exp(-show * np.maximum(blood, -0.2)[:, None] * np.array([0.25, 1.3, 1.1]))
    bump = np.zeros_like(p)
    for pitch, depth in ((1.7, 0.05), (0.8, 0.035)):
        fine = np.clip((pitch / footprint_mm - 1.5) / 2.0, 0.0, 1.0)
        if fine > 0.0:
            height, slope = noise_and_slope(p, pitch, s + int(10 * pitch))
            bump += amount * fine * depth * slope
            albedo *= np.exp(0.10 * amount * fine * height)[:, None]
    if look.wrinkles > 0.0:
        bump += look.wrinkles * _wrinkles(p, at(m.forehead), s)
    brown = (
        0.5
        * spots(p, 3.2, 0.55 * look.freckles, (0.4, 1.1), s + 30)
        * np.clip(0.6 + 1.2 * noise(p, 30.0, s + 31), 0.0, 1.0)
    )
    moles = spots(p, 13.0, 0.16 * look.moles, (0.7, 2.2), s + 40)
    albedo *= np.exp(-brown[:, None] * np.array([0.35, 0.7, 0.9]))
    albedo *= np.exp(-moles[:, None] * np.array([0.8, 1.2, 1.3]))
    lips = at(m.lips)
    albedo *= np.exp(lips * 0.35 * noise(p, (0.9, 4.0, 4.0), s + 50))[:, None]
    albedo = _hairs(look, albedo, p, at(m.brow), at(m.beard), footprint_mm)
    cavity = at(m.cavity)[:, None]
    albedo = albedo * (1.0 - cavity) + cavity * to_linear(np.array(PAINTED_CAVITY)) * 0.6
    gloss = 0.35 + 0.65 * look.oil * np.clip(at(m.red) + at(m.forehead), 0.0, 1.0) + 0.5 * lips
    return Surface(np.clip(albedo, 0.002, 0.95), gloss, bump)


def _wrinkles(p: Array, forehead: Array, seed: int) -> Array:
    """Slopes (k, 3) of fine lines: across the forehead, and crow's feet."""
    wave = p + np.array([0.0, 1.0, 0.0]) * (4.0 * noise(p, 22.0, seed + 60))[:, None]
    _, lines = noise_and_slope(wave, (45.0, 4.5, 45.0), seed + 61)
    out = 0.9 * forehead[:, None] * lines
    corner = np.exp(
        -(
            np.linalg.norm((np.abs(p) * [1, 0, 0] + p * [0, 1, 1] - [55, 22, 58]) / 12.0, axis=1)
            ** 2
        )
    )
    _, rays = noise_and_slope(p, (10.0, 3.0, 10.0), seed + 62)
    return out + 0.6 * corner[:, None] * rays


def _hairs(
    look: SkinLook, albedo: Array, p: Array, brow: Array, beard: Array, footprint_mm: float
) -> Array:
    """Brows, stubble and cropped scalp hair over the skin's albedo (k, 3)."""
    hair = to_linear(np.array(look.hair_rgb))
    s = look.seed
    pitch = max(0.45, 1.3 * footprint_mm)
    side = np.sign(p[:, 0])
    # Brow hairs lie outwards and up by about 20 degrees.
    along = np.stack(
        [
            0.94 * side * p[:, 0] + 0.34 * p[:, 1],
            0.94 * p[:, 1] - 0.34 * side * p[:, 0],
            p[:, 2] + 40.0 * side,
        ],
        axis=1,
    )
    strands = noise(along, (5.0, pitch, 6.0), s + 70)
    cover = np.clip(1.25 * brow + 0.55 * strands * np.sqrt(np.clip(brow, 0.0, 1.0)), 0.0, 0.92)
    # Brows and beards grey later than the head.
    dark = 0.45 * hair + 0.25 * to_linear(np.array(YOUNG_BROW))
    albedo = albedo * (1.0 - cover[:, None]) + cover[:, None] * dark
    if look.stubble > 0.0:
        dots = np.clip(0.45 + 0.9 * noise(p, max(0.6, 1.3 * footprint_mm), s + 71), 0.0, 1.0)
        cover = 0.55 * look.stubble * beard * dots
        albedo = albedo * (1.0 - cover[:, None]) + cover[:, None] * dark
    if look.cropped:
        edge = p[:, 1] - np.interp(p[:, 2], HAIRLINE_Z, HAIRLINE_Y)
        edge += 4.0 * noise(p, 16.0, s + 72) + 2.5 * noise(p, (1.0, 5.0, 5.0), s + 73)
        cover = 0.97 * np.clip(0.5 + edge / 5.0, 0.0, 1.0)
        strand = np.exp(0.5 * noise(p, (pitch, 9.0, 9.0), s + 74))
        albedo = albedo * (1.0 - cover[:, None]) + cover[:, None] * hair * strand[:, None]
    return albedo


def eye_surface(
    look: SkinLook, points: Array, centre: Array, gaze: Array, iris_radius_mm: float
) -> Surface:
    """Surface of points (k, 3) [mm] of an eyeball about `centre` that looks along `gaze` (3,)."""
    local = points - centre
    depth = local @ gaze
    off = local - depth[:, None] * gaze
    r = np.linalg.norm(off, axis=1)
    angle = np.arctan2(off[:, 1], off[:, 0])
    s = look.seed + 90
    iris = to_linear(np.array(look.iris_rgb))
    # Radial fibres: noise in polar coordinates.
    polar = np.stack([np.cos(angle) * 12.0, np.sin(angle) * 12.0, 0.35 * r], axis=1)
    fibres = np.exp(0.8 * noise(polar, 1.1, s))
    inner = np.exp(0.9 * np.exp(-(((r - 0.45 * iris_radius_mm) / 1.2) ** 2)))
    colour = iris[None] * (fibres * inner)[:, None]
    limbus = np.clip((r - 0.78 * iris_radius_mm) / (0.22 * iris_radius_mm), 0.0, 1.0)
    colour *= (1.0 - 0.65 * limbus)[:, None]
    pupil = np.clip((0.33 * iris_radius_mm - r) / 0.25 + 0.5, 0.0, 1.0)[:, None]
    colour = colour * (1.0 - pupil) + pupil * to_linear(np.array(PUPIL))
    white = to_linear(np.array(SCLERA)) * np.exp(0.05 * noise(points, 3.0, s + 1))[:, None]
    veins = np.clip(noise(points, (2.5, 0.5, 2.5), s + 2) - 0.45, 0.0, 1.0)
    # The sclera reddens towards the corners.
    red = 0.10 * np.clip(r / iris_radius_mm - 1.0, 0.0, 1.5) + 0.5 * veins
    white *= np.exp(-red[:, None] * np.array([0.1, 1.0, 0.9]))
    edge = np.clip((r - iris_radius_mm) / 0.4 + 0.5, 0.0, 1.0)[:, None]
    edge = np.where((depth > 0.0)[:, None], edge, 1.0)
    albedo = colour * (1.0 - edge) + white * edge
    return Surface(albedo, np.full(len(points), 3.0), np.zeros_like(points))
