"""Pictures of threads: which view shows which thread, their names, colours that stay apart."""

from __future__ import annotations

import numpy as np
import pytest

from threadlift.face import Face
from threadlift.interop import FaceModel
from threadlift.reporting.figures import (
    FRONT,
    HAZARD_COLORS,
    LEFT,
    RIGHT,
    Views,
    depth_color,
    thread_pictures,
    visible_side,
)

FACE = Face.synthetic(seed=3, age_years=58)
MODEL = FaceModel(FACE.vertices, FACE.triangles, None, np.zeros_like(FACE.vertices), {})


def cheek_path(side: str, first: float = 0.25, last: float = 0.8) -> np.ndarray:
    """Part of the way from the ear (0) to the mouth (1), 4 mm under the skin. (k,3) mm."""
    start, end = FACE.landmark(f"tragion_{side}"), FACE.landmark(f"cheilion_{side}")
    on_line = start + np.linspace(first, last, 12)[:, None] * (end - start)
    skin = np.flatnonzero(FACE.skin)
    near = [skin[np.argmin(np.linalg.norm(FACE.vertices[skin] - p, axis=1))] for p in on_line]
    return FACE.vertices[near] - 4.0 * FACE.normals[near]


def test_a_view_from_one_side_shows_the_threads_of_that_side() -> None:
    # Beside the mouth the skin faces forward: from the other side it peeps out at the outline.
    left, right = cheek_path("L", 0.6, 1.0), cheek_path("R", 0.6, 1.0)
    views = Views.of(MODEL.vertices)
    seen = {
        yaw: [visible_side(path, views.camera(yaw), MODEL) for path in (left, right)]
        for yaw in (RIGHT, FRONT, LEFT)
    }
    assert seen == {RIGHT: [False, True], FRONT: [True, True], LEFT: [True, False]}


def test_names_are_written_beside_the_ends_of_threads_that_are_seen() -> None:
    path = cheek_path("L")
    given = (MODEL, [path], [[4.0] * len(path)], [])
    plain, named = thread_pictures(*given), thread_pictures(*given, names=["L1"])
    views = Views.of(MODEL.vertices)
    for yaw, before, after in zip((RIGHT, FRONT, LEFT), plain, named, strict=True):
        where = np.argwhere((before != after).any(axis=2))
        if yaw == RIGHT:
            assert len(where) == 0
            continue
        end = views.camera(yaw).project(path[-1:])[0][0]
        assert len(where) > 20
        assert np.abs(where[:, ::-1] - end).max() < 40.0
    with pytest.raises(ValueError, match="zip"):
        thread_pictures(*given, names=["L1", "L2"])


def test_a_face_without_threads_is_drawn_as_it_is() -> None:
    pictures = thread_pictures(MODEL, [], [], [])
    assert len(pictures) == 3
    assert all(p.shape == pictures[0].shape and p.std() > 5.0 for p in pictures)


def test_no_depth_looks_like_a_nerve_or_a_vessel() -> None:
    for level in np.linspace(0.0, 1.0, 11):
        for kind in ("nerve", "artery", "vein", "duct"):
            apart = np.linalg.norm(np.subtract(depth_color(float(level)), HAZARD_COLORS[kind]))
            assert apart > 45.0, (level, kind)
    assert depth_color(-1.0) == depth_color(0.0)
    assert depth_color(2.0) == depth_color(1.0)
