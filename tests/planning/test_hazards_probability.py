"""The probability of contact: never below what simulated shifts show, and seldom far above it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree  # pyright: ignore[reportAttributeAccessIssue]
from sheet import MARKS, SKIN, Structure, X, thread

from threadlift.planning.contact import BINS, bin_mass, bin_of, mass
from threadlift.planning.hazards import HazardField, HazardRules
from threadlift.planning.safety import check

RULES = replace(HazardRules.from_register(), fascia_breach=1.0)
FINE_MM = 0.2


def fine(points: np.ndarray) -> np.ndarray:
    """A polyline (k,c) sampled every FINE_MM."""
    step = np.linalg.norm(np.diff(points, axis=0), axis=1)
    arc = np.concatenate([[0.0], np.cumsum(step)])
    at = np.linspace(0.0, arc[-1], round(arc[-1] / FINE_MM) + 1)
    return np.stack([np.interp(at, arc, c) for c in points.T], axis=1)


def across(points: np.ndarray) -> np.ndarray:
    """Unit normals (k,2) in the sheet of the fine samples (k,3) = (y, z, depth)."""
    step = np.gradient(points[:, :2], axis=0)
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1)
    return normal / np.linalg.norm(normal, axis=1)[:, None]


def simulated(way: np.ndarray, course: np.ndarray, nerve: Structure, n: int) -> float:
    """Share of n random shifts of thread (k,3) and structure (m,3), as (y, z, depth), that touch.

    The generative model as it is defined: each of the two is shifted as a whole along its own
    normals in the sheet and in depth, and they touch within the sum of the radii in space.
    """
    rng = np.random.default_rng(1)
    a, b = fine(way), fine(course)
    na, nb = across(a), across(b)
    # The puncture goes straight down to the start of the path and is shifted with it.
    tract = np.arange(0.0, a[0, 2], FINE_MM)
    a = np.concatenate([np.column_stack([np.tile(a[0, :2], (len(tract), 1)), tract]), a])
    na = np.concatenate([np.tile(na[0], (len(tract), 1)), na])
    radius = nerve.radius_mm + RULES.instrument_radius
    touched = 0
    for lateral_a, depth_a, lateral_b, depth_b in rng.normal(size=(n, 4)):
        one, two = a.copy(), b.copy()
        one[:, :2] += lateral_a * RULES.operator_lateral_sd * na
        one[:, 2] += depth_a * RULES.operator_depth_sd
        two[:, :2] += lateral_b * nerve.sd_lateral_mm * nb
        two[:, 2] += depth_b * nerve.sd_depth_mm
        touched += bool(cKDTree(two).query(one, distance_upper_bound=radius)[0].min() <= radius)
    return touched / n


def arc(middle: float, bend: float, depth: float) -> np.ndarray:
    """A course (k,3) = (y, z, depth) along y at z = 45 that bows by `bend` mm over 80 mm."""
    y = np.linspace(-40.0, 40.0, 41)
    return np.stack([y, 45.0 + middle + bend * (1.0 - (y / 40.0) ** 2), 0.0 * y + depth], axis=1)


def straight(angle: float, beside: float, depth: float, length: float = 80.0) -> np.ndarray:
    """A course (2,3) through the point `beside` mm above (20, 45), turned from z by an angle."""
    along = np.array([np.sin(angle), np.cos(angle)])
    ends = np.array([[-0.5], [0.5]]) * length * along + [20.0 + beside, 45.0]
    return np.column_stack([ends, [depth, depth]])


CASES = {
    "parallel, level": straight(0.0, 3.0, 3.5),
    "parallel, on top": straight(0.0, 0.0, 3.5),
    "parallel, below": straight(0.0, 2.0, 5.0),
    "parallel, far": straight(0.0, 6.0, 4.0),
    "crossing, below": straight(np.pi / 2.0, 0.0, 5.5),
    "crossing aslant, below": straight(np.pi / 4.0, 0.0, 5.0),
    "crossing, level": straight(np.pi / 2.0, 0.0, 3.5),
    "bowed across, below": arc(0.0, 12.0, 5.2),
    "bowed, in front of the tip": arc(25.0, 8.0, 3.5),
    "bowed away from the tip": arc(40.0, -6.0, 3.5),
    "along the puncture": straight(0.0, 4.0, 1.5, 120.0),
}


@pytest.mark.parametrize("name", CASES)
def test_the_bound_holds_and_is_close(name: str) -> None:
    course, n = CASES[name], 1500
    nerve = Structure(
        curve_mm=np.column_stack([np.full(len(course), X), course[:, :2]]),
        depth_mm=course[:, 2],
        sd_lateral_mm=3.0,
        sd_depth_mm=1.0,
    )
    planned = thread(start=5.0, end=75.0)
    p = check([planned], SKIN, MARKS, [nerve], RULES).p_hit
    way = np.column_stack([planned.path_mm[:, 1:], planned.depth_mm])
    found = simulated(way, course, nerve, n)
    error = 3.0 * np.sqrt(max(found * (1.0 - found), 1.0 / n) / n)
    assert p >= found - error
    assert p <= 1.5 * (found + error) + 0.01


def test_parallel_threads_are_exact() -> None:
    """Against the integral of a Gaussian over a disc, by brute force on a grid."""
    nerve = Structure(
        curve_mm=np.array([[X, 22.5, 25.0], [X, 22.5, 130.0]]), depth_mm=np.full(2, 4.2)
    )
    r = RULES
    lateral, depth = (
        np.hypot(a, b)
        for a, b in ((nerve.sd_lateral_mm, r.operator_lateral_sd), (0.5, r.operator_depth_sd))
    )
    radius = nerve.radius_mm + r.instrument_radius
    grid = np.linspace(-radius, radius, 1001)
    x, z = np.meshgrid(grid, grid)
    density = np.exp(-0.5 * (((x + 2.5) / lateral) ** 2 + ((z + 0.7) / depth) ** 2))
    inside = x * x + z * z <= radius**2
    cell = (grid[1] - grid[0]) ** 2
    exact = float((density * inside).sum() * cell / (2.0 * np.pi * lateral * depth))
    # The structure begins far from the puncture, which would meet it from above.
    p = check([thread()], SKIN, MARKS, [nerve], r).p_hit
    assert exact <= p <= 1.04 * exact


def test_the_bins_hold_all_probability_and_each_shift_has_one() -> None:
    assert bin_mass().sum() == pytest.approx(1.0, abs=1e-12)
    assert mass(1.0, 1.0) == mass(2.0, 1.0) == 0.0
    assert [bin_of(x, 2.0) for x in (-100.0, 100.0)] == [0, BINS - 1]
    assert bin_of(1e-9, 2.0) == BINS // 2


def test_a_fascia_in_between_makes_contact_as_rare_as_its_breach() -> None:
    deep = Structure(depth_mm=np.full(2, 5.8))
    guarded, open_ = (
        check([thread()], SKIN, MARKS, [deep], replace(RULES, fascia_breach=b)).p_hit
        for b in (0.1, 1.0)
    )
    assert guarded == pytest.approx(0.1 * open_, rel=1e-6)


@pytest.mark.parametrize("name", ["operator_lateral_sd", "operator_depth_sd"])
def test_a_less_sure_hand_far_from_a_structure_is_never_safer(name: str) -> None:
    """Where contact needs an error to happen, a larger error makes it likelier."""
    for y, depth in ((25.5, 6.5), (28.0, 3.5), (20.0, 6.5)):
        nerve = Structure(
            curve_mm=np.array([[X, y, -10.0], [X, y, 110.0]]), depth_mm=np.full(2, depth)
        )
        p = [
            check([thread()], SKIN, MARKS, [nerve], replace(RULES, **{name: sd})).p_hit
            for sd in (0.3, 0.6, 1.2, 2.0)
        ]
        if (name == "operator_lateral_sd") == (y > 20.0) or y == 25.5:
            assert p == sorted(p)


def test_no_structures_means_no_columns() -> None:
    place = SKIN.place(np.array([[X - 3.0, 0.0, 0.0], [X - 3.0, 1.0, 0.0]]))
    met = HazardField.of([]).meet(place, np.array([0, 2]))
    assert met.margin_mm.shape == met.p_contact.shape == (1, 0)
