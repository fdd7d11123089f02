"""Where a hand puts a thread: deeper by the shift, aside by the way gone, never out of it."""

import numpy as np
import pytest

from threadlift.members.placement import Course, Ground, displaced
from threadlift.threads.thread import Thread
from threadlift.tissue.box_mesh import box_mesh

MESH = box_mesh(12, 14, size_mm=(90.0, 110.0))


def thread(technique: str = "anchored", side: str = "left", turn: int = 0) -> Thread:
    sign = 1.0 if side == "left" else -1.0
    path = np.linspace([sign * 30.0, 40.0, -6.0], [sign * 12.0, -35.0, -6.0], 31)
    return Thread(
        id="L1", side=side, product="pdo-2-0-molded", technique=technique, entry_mm=path[turn],
        path_mm=path, depth_mm=np.full(31, 6.0), layer=("smas",) * 31, tension_n=0.6, turn=turn,
    )  # fmt: skip


def test_aside_grows_in_proportion_to_the_way_from_the_entry_and_keeps_the_depth() -> None:
    plan = thread()
    off = displaced(plan, 0.0, MESH, 4.0)
    moved = off.path_mm - plan.path_mm
    distance = np.linalg.norm(moved, axis=1)
    np.testing.assert_allclose(distance, 4.0 * plan.arc_mm / plan.length_mm, atol=1e-9)
    along = plan.path_mm[-1] - plan.path_mm[0]
    np.testing.assert_allclose(moved @ along, 0.0, atol=1e-9)
    np.testing.assert_allclose(off.depth_mm, plan.depth_mm, atol=1e-9)
    assert off.layer == plan.layer


def test_mirror_images_slip_the_mirrored_way() -> None:
    left = displaced(thread(), 1.0, MESH, 3.0)
    right = displaced(thread(side="right"), 1.0, MESH, 3.0)
    np.testing.assert_allclose(left.mirrored().path_mm, right.path_mm, atol=1e-9)


def test_both_halves_of_a_two_way_thread_turn_about_the_entry() -> None:
    plan = thread("floating", turn=15)
    moved = displaced(plan, 0.0, MESH, 2.0).path_mm - plan.path_mm
    assert np.linalg.norm(moved[15]) == pytest.approx(0.0, abs=1e-9)
    # The needle goes out to its left both ways: the ends lie on opposite sides of the line.
    np.testing.assert_allclose(moved[0], -moved[-1], atol=1e-9)
    assert np.linalg.norm(moved[0]) == pytest.approx(2.0)


def test_many_courses_at_once_slip_like_each_alone() -> None:
    threads = [thread(), thread(side="right"), thread("floating", turn=15)]
    ground = Ground(MESH)
    joined = Course.joined([Course.of(t) for t in threads])
    path, depth, layer = ground.slipped(joined, 0.8, -2.5)
    alone = [displaced(t, 0.8, ground, -2.5) for t in threads]
    np.testing.assert_allclose(path, np.concatenate([t.path_mm for t in alone]), atol=1e-12)
    np.testing.assert_allclose(depth, np.concatenate([t.depth_mm for t in alone]), atol=1e-12)
    assert layer.tolist() == [name for t in alone for name in t.layer]


def test_a_thread_stays_in_the_tissue() -> None:
    for shift in (-50.0, 50.0):
        slipped = displaced(thread(), shift, MESH, 3.0)
        assert slipped.depth_mm.min() > 0.0
        assert slipped.path_mm[:, 2].min() > MESH.points[:, 2].min()
