"""Self-overlap: exact for two triangles, found in bodies that run through themselves."""

import numpy as np
import pytest

from threadlift.anatomy import layer_stack
from threadlift.face import Face
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.columns import layered_mesh
from threadlift.tissue.mesh import LayeredMesh
from threadlift.tissue.overlap import body_overlaps, crossings, sheet_overlaps

FLAT = np.array([[0.0, 0, 0], [4, 0, 0], [0, 4, 0]])
COLUMNS = np.arange(6).reshape(2, 3)


def upright(x, y, low, high):
    """A triangle across the plane z = 0 that reaches from low to high at (x, y)."""
    return np.array([[x, y, low], [x, y, high], [x + 0.1, y + 0.1, high]])


@pytest.mark.parametrize(
    ("other", "crosses"),
    [
        (upright(1, 1, -1, 1), True),
        (upright(3.9, 3.9, -1, 1), False),
        (upright(1, 1, 0.5, 1), False),
        (FLAT + np.array([0.3, 0.3, 1e-6]), False),
        (FLAT @ np.diag([1.0, 1.0, 0.0]) + np.array([5.0, 0, 0]), False),
    ],
)
def test_two_triangles(other, crosses):
    pairs = crossings(np.stack([FLAT, other]), COLUMNS)
    assert pairs.tolist() == ([[0, 1]] if crosses else [])
    assert len(crossings(np.stack([other, FLAT]), COLUMNS)) == len(pairs)


def test_the_answer_does_not_depend_on_the_pose():
    rng = np.random.default_rng(0)
    corners = rng.random((120, 3, 3)) * 0.4 + rng.random((120, 1, 3))
    columns = np.arange(360).reshape(120, 3)
    pairs = crossings(corners, columns)
    assert len(pairs) > 20
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    assert np.array_equal(crossings(corners @ turn + [5.0, -3.0, 11.0], columns), pairs)


def test_neighbours_are_not_compared():
    shared = COLUMNS.copy()
    shared[1, 2] = shared[0, 0]
    assert len(crossings(np.stack([FLAT, upright(1, 1, -1, 1)]), shared)) == 0


def test_a_block_does_not_overlap_itself():
    block = box_mesh(5, 4)
    assert body_overlaps(block) == {}
    assert all(len(sheet_overlaps(block, level)) == 0 for level in range(block.nl))


def rolled(turns):
    """A long block rolled up about the y axis, skin outside."""
    block = box_mesh(40, 2, size_mm=(200.0, 20.0), sublayer_mm=(2.0, 2.0), sublayers=(0, 1))
    x, y, z = block.points.T
    angle = 2.0 * np.pi * turns * x / 200.0
    radius = 100.0 / (np.pi * turns) + z
    points = np.stack([radius * np.sin(angle), y + 0.1 * x / 200.0, radius * np.cos(angle)], axis=1)
    return LayeredMesh(points, block.surface_triangles, block.sublayers)


def test_a_strip_rolled_up_too_far_overlaps_although_every_wedge_is_sound():
    assert body_overlaps(rolled(0.9)) == {}
    over = rolled(1.2)
    assert over.volumes.min() > 0.0
    found = body_overlaps(over)
    assert "wall-base" in found
    ends = over.surface[found["wall-base"]]
    assert np.abs(ends[:, :, 0]).max() < 60.0, "near the seam"


def spiral(pitch_mm):
    """A strip of 4 mm rolled up one and a half times, each turn pitch_mm outside the last."""
    block = box_mesh(60, 2, size_mm=(240.0, 20.0), sublayer_mm=(2.0, 2.0), sublayers=(0, 1))
    x, y, z = block.points.T
    turn = 1.5 * (x / 240.0 + 0.5)
    radius = 25.0 + pitch_mm * turn + z
    angle = 2.0 * np.pi * turn
    points = np.stack([radius * np.sin(angle), y + 0.05 * turn, radius * np.cos(angle)], axis=1)
    return LayeredMesh(points, block.surface_triangles, block.sublayers)


def test_leaves_thicker_than_their_gap_overlap():
    assert body_overlaps(spiral(5.0)) == {}
    assert "wall-skin" in body_overlaps(spiral(3.0))


EXPRESSIONS = (None, "smile", "pucker", "frown", "jaw_open", "eyes_closed")


def check_random_face(seed, expression, level):
    rng = np.random.default_rng(seed)
    face = Face.synthetic(
        seed=seed,
        age_years=float(rng.uniform(18, 95)),
        weight=float(rng.uniform(-1, 1)),
        asymmetry=float(rng.uniform(0, 1)),
    )
    shape = face.vertices if expression is None else face.vertices + face.expressions[expression]
    moved = Face.in_frame(shape, sd_mm=0.0, kind="synthetic", capture=face.capture, expressions={})
    mesh = layered_mesh(moved, layer_stack(face, None), level)
    quality = mesh.quality()
    assert quality["inverted"] == 0
    assert quality["min_scaled_jacobian"] >= 0.05
    assert body_overlaps(mesh) == {}
    assert all(len(sheet_overlaps(mesh, inner)) == 0 for inner in range(mesh.nl))


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_a_face_is_sound_and_does_not_overlap_itself(expression):
    check_random_face(4, expression, "coarse")


@pytest.mark.slow
@pytest.mark.parametrize("expression", EXPRESSIONS)
@pytest.mark.parametrize("seed", range(300, 306))
def test_random_faces_do_not_overlap_themselves(seed, expression):
    """Lids, lips and nostrils included; expressions close folds."""
    for level in ("coarse", "default"):
        check_random_face(seed, expression, level)
