"""Skin followed from picture to picture: exact where there is structure, silent where not."""

import cv2
import numpy as np
import pytest

from threadlift.face.pair.skin import Skin, picture_of, skin_of
from threadlift.face.pair.tracking import track
from threadlift.face.scan.read import make_scan
from threadlift.face.scan.texture import Texture
from threadlift.frames import Similarity
from threadlift.graphics.camera import portrait_camera

SIZE_MM, CELLS, TEXELS = 90.0, 30, 450
CENTRE = np.array([0.0, 0.0, 20.0])


def structure(seed):
    """Skin-like grey picture: noise of several sizes."""
    rng = np.random.default_rng(seed)
    out = np.full((TEXELS, TEXELS), 150.0)
    for sigma, amount in ((2.0, 14.0), (5.0, 10.0), (20.0, 8.0)):
        layer = cv2.GaussianBlur(rng.standard_normal((TEXELS, TEXELS)), (0, 0), sigma)
        out += amount * layer / layer.std()
    return np.clip(out, 0, 255).astype(np.uint8)


def patch(grey, move=None, light=1.0):
    """A bulged square of skin that faces forward; move(x, y) -> displacement (k, 3)."""
    axis = np.linspace(0.0, 1.0, CELLS + 1)
    u, v = (a.ravel() for a in np.meshgrid(axis, axis))
    x, y = SIZE_MM * (u - 0.5), SIZE_MM * (0.5 - v)
    points = np.column_stack([x, y, 45.0 - (x**2 + y**2) / 160.0])
    if move is not None:
        points = points + move(x, y)
    i = (np.arange(CELLS)[:, None] * (CELLS + 1) + np.arange(CELLS)).ravel()
    triangles = np.concatenate(
        [
            np.column_stack([i, i + CELLS + 1, i + 1]),
            np.column_stack([i + 1, i + CELLS + 1, i + CELLS + 2]),
        ]
    )
    slope = light * (0.75 + 0.25 * np.linspace(0.0, 1.0, TEXELS))
    image = np.repeat(np.clip(grey * slope, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    uv = np.column_stack([u, v])[triangles].astype(np.float32)
    return Skin(points, triangles, Texture(uv, image), None)


def slide(x, y):
    size = 5.0 * np.exp(-(x**2 + y**2) / (2.0 * 18.0**2))
    return np.column_stack([0.2 * size, -size, -0.05 * size])


def test_a_slide_is_followed_through_another_light():
    grey = structure(1)
    tracks = track(patch(grey), patch(grey, slide, light=0.8), CENTRE)
    assert len(tracks) > 60
    true = slide(tracks.start[:, 0], tracks.start[:, 1])
    miss = np.linalg.norm(tracks.move - true, axis=1)
    assert np.median(miss) < 0.2
    assert np.percentile(miss, 95) < 0.6
    assert true[:, 1].min() < -4.0  # the middle of the slide is among them


def test_there_and_back_is_nothing():
    grey = structure(2)
    one, two = patch(grey), patch(grey, slide)
    there, back = track(one, two, CENTRE), track(two, one, CENTRE)
    assert len(there) == pytest.approx(len(back), rel=0.25)
    assert np.median(there.move[:, 1]) == pytest.approx(-np.median(back.move[:, 1]), abs=0.2)


def test_other_skin_is_not_recognised():
    found = len(track(patch(structure(3)), patch(structure(4)), CENTRE))
    assert found <= 2


def test_bare_colour_gives_no_tracks():
    flat = np.full((TEXELS, TEXELS), 150, np.uint8)
    assert len(track(patch(flat), patch(flat, slide), CENTRE)) == 0


def test_a_picture_of_skin_shows_its_texture_and_nothing_beyond():
    grey = structure(5)
    camera = portrait_camera(0, 0, CENTRE, 120.0, (240, 240))
    rgb, depth = picture_of(patch(grey), camera)
    assert np.isnan(rgb[2, 2]).all()
    assert np.isinf(depth[2, 2])
    middle = grey[TEXELS // 2, TEXELS // 2] * (0.75 + 0.125)
    assert rgb[120, 120, 0] == pytest.approx(middle, abs=12.0)


def test_colours_of_a_coarse_mesh_are_no_picture():
    skin = patch(structure(6))
    coarse = make_scan(
        np.concatenate([skin.vertices, skin.vertices - np.array([0.0, 0.0, 60.0])]) * 1.6,
        np.concatenate([skin.triangles, skin.triangles + len(skin.vertices)]),
        np.random.default_rng(0).integers(0, 255, (2 * len(skin.vertices), 3)).astype(np.uint8),
        units="mm",
    )
    assert skin_of(coarse, Similarity(np.eye(3), np.zeros(3))) is None
