"""Anchors, boxes, regions and crops: exact geometry, no network."""

import numpy as np
import pytest
from PIL import Image

from threadlift.face.network import landmarker_math as lm


def test_anchors_cover_the_input_evenly():
    a = lm.anchors()
    assert a.shape == (896, 2)
    np.testing.assert_allclose(a.mean(axis=0), 0.5)
    np.testing.assert_allclose(a[0], 0.5 / 16)  # two anchors in the first 8 px cell
    np.testing.assert_allclose(a[1], a[0])
    np.testing.assert_allclose(a[512], 0.5 / 8)  # six in the first 16 px cell
    np.testing.assert_allclose(a[2] - a[0], [1 / 16, 0])  # x runs first


def test_decoding_adds_the_anchor():
    regressors, logits = np.zeros((896, 16)), np.full(896, -9.0)
    logits[700] = 3.0
    regressors[700, :4] = 12.8, -6.4, 64.0, 32.0
    boxes, points, scores = lm.decode(regressors, logits)
    centre = lm.anchors()[700] + [0.1, -0.05]
    np.testing.assert_allclose(boxes[0, :2], centre - np.array([0.25, 0.125]))
    np.testing.assert_allclose(boxes[0, 2:], centre + np.array([0.25, 0.125]))
    np.testing.assert_allclose(points[0], np.tile(lm.anchors()[700], (6, 1)))
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-3.0)))


def test_overlap_of_unit_squares():
    box = np.array([0.0, 0.0, 1.0, 1.0])
    others = np.array([[0.0, 0, 1, 1], [0.5, 0, 1.5, 1], [2, 2, 3, 3]])
    np.testing.assert_allclose(lm.overlap(box, others), [1, 1 / 3, 0])


def test_overlapping_boxes_merge_by_score_and_others_stay():
    boxes = np.array([[0, 0, 1, 1], [0.1, 0, 1.1, 1], [5, 5, 6, 6.0]])
    scores = np.array([0.6, 0.9, 0.7])
    merged, _, best = lm.merge(boxes, np.zeros((3, 6, 2)), scores)
    np.testing.assert_allclose(merged[0], [0.06, 0, 1.06, 1])
    np.testing.assert_allclose(merged[1], boxes[2])
    np.testing.assert_allclose(best, [0.9, 0.7])


@pytest.mark.parametrize("roll", [0.0, 0.4, -2.0])
def test_region_there_and_back(roll):
    region = lm.Region(100.0, 50.0, 40.0, roll)
    points = np.random.default_rng(0).uniform(-1, 2, (20, 2))
    np.testing.assert_allclose(region.from_picture(region.to_picture(points)), points, atol=1e-12)
    np.testing.assert_allclose(region.to_picture(np.array([0.5, 0.5])), [100, 50])


def test_region_is_upright_with_the_eyes():
    points = np.zeros((478, 2))
    points[lm.LEFT_EYE] = [10.0, 10.0]
    region = lm.region_from_landmarks(points)
    assert region.roll == pytest.approx(np.pi / 4)
    np.testing.assert_allclose([region.x, region.y], 5.0)
    assert region.edge == pytest.approx(1.5 * np.hypot(10, 10))


def test_identity_crop_is_the_picture():
    picture = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    out = lm.crop(Image.fromarray(picture), lm.Region(32, 32, 64, 0.0), 64)
    assert np.abs(out.astype(int) - picture).max() <= 1


def test_quarter_turn_crop_is_the_turned_picture():
    picture = np.random.default_rng(2).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    out = lm.crop(Image.fromarray(picture), lm.Region(32, 32, 64, np.pi / 2), 64)
    # The region's x axis points down the picture: its first row is the picture's last column.
    assert np.abs(out.astype(int) - np.rot90(picture, 1)).max() <= 1


def test_large_crops_average_pixels():
    board = np.indices((1024, 1024)).sum(axis=0) % 2 * 255
    picture = Image.fromarray(np.repeat(board[:, :, None], 3, axis=2).astype(np.uint8))
    out = lm.crop(picture, lm.Region(512, 512, 1024, 0.0), 64)
    assert np.abs(out[2:-2, 2:-2].astype(int) - 127).max() <= 2


def test_outside_the_picture_is_black():
    white = Image.fromarray(np.full((64, 64, 3), 255, np.uint8))
    out = lm.crop(white, lm.Region(64, 32, 64, 0.0), 64)
    assert out[:, :31].min() == 255
    assert out[:, 33:].max() == 0
