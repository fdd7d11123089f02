"""Dense comparison of two photos: zero where the surface is true, parallax where it is not."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from threadlift.face.photo.camera import PhotoCamera
from threadlift.face.photo.detail import Kernel, detail_fields, spread
from threadlift.face.photo.joint import tangents
from threadlift.face.photo.stereo import compare, reduced
from threadlift.graphics.camera import view_rotation
from threadlift.graphics.raster import visibility

FOCAL = 3000.0
SIZE = (600, 600)


def sheet(bulge_mm=0.0):
    """A patch of 160 mm, slightly domed, with a bump of `bulge_mm` in the middle."""
    x, y = np.meshgrid(np.linspace(-80, 80, 41), np.linspace(-80, 80, 41))
    r2 = x**2 + y**2
    z = 60.0 - r2 / 300.0 + bulge_mm * np.exp(-r2 / (2 * 20.0**2))
    i = np.arange(41 * 41).reshape(41, 41)
    a, b, c, d = i[:-1, :-1], i[:-1, 1:], i[1:, :-1], i[1:, 1:]
    triangles = np.concatenate([np.stack(t, -1).reshape(-1, 3) for t in ((a, b, c), (b, d, c))])
    return np.column_stack([x.ravel(), y.ravel(), z.ravel()]), triangles


@pytest.fixture(scope="module")
def skin():
    """Mottled colour over the patch: (u, v in mm) -> grey."""
    f = gaussian_filter(np.random.default_rng(4).standard_normal((400, 400)), 2.5)
    return f / f.std()


def camera(yaw):
    rotation = view_rotation(yaw, 0.0)
    return PhotoCamera(rotation, np.array([0.0, 0.0, 900.0]), FOCAL, np.array([300.0, 300.0]))


def photo(vertices, triangles, skin, yaw):
    _, ids, bary = visibility(vertices, triangles, camera(yaw).for_picture(SIZE))
    flat = sheet()[0]
    rgb = np.full((*ids.shape, 3), 90, np.uint8)
    seen = ids >= 0
    at = np.einsum("kc,kcd->kd", bary[seen], flat[triangles[ids[seen]]])[:, :2]
    tone = map_coordinates(skin, (2.0 * at.T + 200.0), order=1)
    rgb[seen] = np.clip(150 + 14 * tone, 0, 255)[:, None]
    return rgb


def measured(true_bulge, assumed_bulge, skin):
    v, triangles = sheet(true_bulge)
    model, _ = sheet(assumed_bulge)
    work = [reduced(photo(v, triangles, skin, yaw), camera(yaw), model) for yaw in (0.0, 30.0)]
    samples = np.flatnonzero(np.abs(model[:, :2]).max(axis=1) < 40)
    usable = np.ones(len(v))
    return model[samples], compare(*work, (model, model), triangles, samples, usable), work


def test_a_true_surface_leaves_no_motion(skin):
    _, motion, _ = measured(0.0, 0.0, skin)
    valid = motion.information[:, 0, 0] > 0
    assert valid.mean() > 0.8
    assert np.sqrt((motion.motion[valid] ** 2).mean()) < 0.15


def test_a_bump_shows_as_its_parallax(skin):
    points, motion, work = measured(2.0, 0.0, skin)
    top = np.argmin(np.linalg.norm(points[:, :2], axis=1))
    assert motion.information[top, 0, 0] > 0
    scale = work[0].camera.focal / 840.0  # px per mm at the patch
    # What lies 2 mm nearer appears displaced by tan(30 degrees) of it along the surface.
    assert abs(motion.motion[top, 0]) == pytest.approx(2.0 * np.tan(np.pi / 6) * scale, rel=0.25)
    assert abs(motion.motion[top, 1]) < 0.3


def test_bare_skin_says_nothing(skin):
    _, motion, _ = measured(0.0, 0.0, 0.0 * skin)
    _, textured, _ = measured(0.0, 0.0, skin)
    strength = textured.information[:, 0, 0].sum()
    assert motion.information[:, 0, 0].sum() < 0.01 * strength


def test_tangents_are_orthonormal_to_the_normal():
    n = np.random.default_rng(1).standard_normal((20, 3))
    n /= np.linalg.norm(n, axis=1, keepdims=True)
    frame = np.concatenate([tangents(n), n[:, :, None]], axis=2)
    np.testing.assert_allclose(frame.transpose(0, 2, 1) @ frame, np.tile(np.eye(3), (20, 1, 1)),
                               atol=1e-12)  # fmt: skip


def test_the_detail_has_the_spread_and_reach_of_its_kernel():
    points, _ = sheet()
    mirror = np.arange(41 * 41).reshape(41, 41)[:, ::-1].ravel()
    kernel = Kernel((0.9, 0.5), (14.0, 7.0))
    centres = spread(points, mirror, 8.0)
    assert set(mirror[centres]) == set(centres)
    normals = np.tile([0.0, 0.0, 1.0], (len(points), 1))
    fields = detail_fields(points, normals, centres, np.ones(len(points)), kernel)[:, :, 2]
    inside = np.abs(points[:, :2]).max(axis=1) < 60
    variance = (fields**2).sum(axis=0)[inside]
    assert variance.max() <= kernel.variance * (1 + 1e-6)
    assert variance.min() > 0.8 * kernel.variance
    far = np.linalg.norm(points - points[840], axis=1) > 60
    assert np.abs(fields.T[840] @ fields[:, far]).max() < 0.02
