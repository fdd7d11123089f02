"""Columns against the full finite-element solve with the thread's string stiffness."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import Case

from threadlift.planning.candidates import CandidateSet
from threadlift.planning.responses import Body, columns, coupled
from threadlift.planning.rows import Rows
from threadlift.planning.strings import string_load, string_stiffness
from threadlift.threads import product, tension_profile
from threadlift.tissue.linear_solver import factorise


def directly(case: Case, rows: Rows, chosen) -> np.ndarray:
    """(K + sum R'SR) u = sum R'f on the whole mesh, factorised anew."""
    matrix = case.tissue.rest.matrix.copy()
    load = np.zeros(case.tissue.ndof)
    for candidate, tension in chosen:
        thread = candidate.at(tension, "L1")
        profile = tension_profile(thread, product(thread.product))
        points, segment = np.asarray(thread.path_mm), profile.segment_tension_n
        embed = case.tissue.embed(thread)
        load += embed.T @ string_load(points, segment).ravel()
        matrix = matrix + embed.T @ sp.csr_matrix(string_stiffness(points, segment)) @ embed
    u = factorise(sp.csr_matrix(matrix)).solve(load)
    return rows.matrix @ u


def test_a_column_is_the_full_solution(case: Case, rows: Rows, few: CandidateSet, body: Body):
    found = columns(body, few.candidates)
    for i in (0, len(found.tension_n) // 2, len(found.tension_n) - 1):
        candidate = few.candidates[found.candidate[i]]
        truth = directly(case, rows, [(candidate, float(found.tension_n[i]))])
        # The path is rounded to a hundredth of a millimetre, and located again, on the way.
        np.testing.assert_allclose(found.response[i], truth, atol=5e-3 * np.abs(truth).max())


def test_the_coupled_solution_is_the_full_solution(case, rows, few, body) -> None:
    left, right = few.of_side("left"), few.of_side("right")
    chosen = [(left[0], 1.0), (left[-1], 2.0), (right[1], 1.5)]
    truth = directly(case, rows, chosen)
    np.testing.assert_allclose(coupled(body, chosen), truth, atol=5e-3 * np.abs(truth).max())


def test_a_loop_is_the_pair_of_its_limbs(case, rows, few, body) -> None:
    """Why candidates hold limbs and no loops: at one tension the tissue cannot tell them apart."""
    limbs = [c for c in few.candidates if c.thread.technique == "anchored"]
    one, two = next(
        (a, b) for a, b in itertools.combinations(limbs, 2)
        if a.entry == b.entry and a.side == b.side and a.target != b.target
    )  # fmt: skip
    a, b = one.thread, two.thread

    def joined(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.concatenate([x[::-1], y[1:]])

    loop = replace(
        one,
        nodes=joined(one.nodes, two.nodes),
        weights=joined(one.weights, two.weights),
        thread=replace(
            a,
            technique="U",
            path_mm=joined(a.path_mm, b.path_mm),
            depth_mm=joined(a.depth_mm, b.depth_mm),
            layer=a.layer[::-1] + b.layer[1:],
            turn=len(a.path_mm) - 1,
        ),
    )
    found = coupled(body, [(loop, 0.5)])
    pair = coupled(body, [(one, 0.5), (two, 0.5)])
    np.testing.assert_allclose(found, pair, atol=1e-4 * np.abs(pair).max())
    truth = directly(case, rows, [(loop, 0.5)])
    np.testing.assert_allclose(found, truth, atol=5e-3 * np.abs(truth).max())


def test_columns_add_up_to_the_coupled_solution_within_a_few_percent(few, body, rows) -> None:
    left, right = few.of_side("left"), few.of_side("right")
    chosen = [(left[0], 1.0), (right[-1], 1.0)]
    alone = sum(coupled(body, [c]) for c in chosen)
    both = coupled(body, chosen)
    assert np.abs(alone - both).max() < 0.1 * np.abs(both).max()


def test_more_tension_does_not_lift_less(few: CandidateSet, body: Body, rows: Rows) -> None:
    """In the linear range the zone that a thread lifts most rises with its tension."""
    found = columns(body, few.candidates)
    for i in range(len(few.candidates)):
        mine = found.candidate == i
        goals = found.response[mine][:, : rows.goals]
        zone = int(np.argmax(goals[-1]))
        assert (np.diff(goals[:, zone]) > 0.0).all()


def test_goal_rows_read_a_uniform_lift_exactly(case: Case, rows: Rows) -> None:
    for i, zone in enumerate(rows.zones):
        goal = case.assessment.goal[zone]
        uniform = np.tile(goal.mm * np.asarray(goal.direction), (len(case.tissue.mesh.points), 1))
        assert rows.read(uniform)[i] == pytest.approx(1.0)


def test_limit_rows_do_not_see_a_uniform_shift_as_a_dip(case: Case, rows: Rows) -> None:
    """A rigid shift has no local dip beyond what curvature makes of its normal component."""
    shift = np.tile([0.0, 0.0, 0.2], (len(case.tissue.mesh.points), 1))
    read = rows.read(shift)[rows.goals :]
    dips = read[np.array(rows.limit_name) == "dip"]
    assert np.median(np.abs(dips)) < 0.05
