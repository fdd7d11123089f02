"""Slips of the hand by adjoint fields against threads that are really placed where they slipped."""

from dataclasses import replace

import numpy as np
import pytest

from threadlift.evidence import value
from threadlift.members.placement import displaced
from threadlift.planning.responses import Body, columns
from threadlift.planning.slips import SlippedPaths, Slips


@pytest.fixture(scope="module")
def chosen(few):
    """Some candidates of the thinned set, from both sides."""
    return few.candidates[::10]


def placed(case, candidate, deeper: float, aside: float):
    """The candidate really placed elsewhere: its own path, embedding and load."""
    thread = displaced(candidate.thread, deeper, case.tissue.mesh, aside)
    wedge, weights = case.tissue.mesh.locate(thread.path_mm)
    nodes = case.tissue.mesh.wedges[wedge]
    return replace(candidate, thread=thread, nodes=nodes, weights=weights)


def test_mean_and_spread_are_those_of_threads_placed_there(case, rows, chosen) -> None:
    paths = SlippedPaths.of(case.tissue.mesh, chosen)
    body = Body.of(case.tissue.rest, rows, chosen, also=paths.touched)
    plain = columns(body, chosen)
    slips = Slips.of(body, paths, chosen, plain)
    sigma = {k: np.sqrt(3.0) * value(f"risks.spread.{k}") for k in ("depth", "aside")}
    star = [(sigma["depth"], 0.0), (-sigma["depth"], 0.0), (0.0, sigma["aside"]),
            (0.0, -sigma["aside"])]  # fmt: skip
    top = [max(i for i, c in enumerate(plain.candidate) if c == k) for k in range(len(chosen))]
    # What else bears loads changes no column.
    alone = columns(Body.of(case.tissue.rest, rows, chosen), chosen)
    np.testing.assert_allclose(plain.response, alone.response, rtol=1e-9, atol=1e-12)
    response = plain.response[top]
    pull = plain.tension_n[top][:, None]
    off = []
    for slip in star:
        there = [placed(case, c, *slip) for c in chosen]
        again = columns(Body.of(case.tissue.rest, rows, there), there)
        off.append(again.response[top] - response)
    mean = np.mean(off, axis=0) * 4.0 / 6.0
    sd = np.sqrt(np.maximum(np.mean(np.square(off), axis=0) * 4.0 / 6.0 - mean**2, 0.0))
    # The compliance between the points is taken as planned, which is off by what a coarse mesh
    # makes of the very place of a point in its element: right on the whole, not row by row.
    strong = sd > 0.3 * sd.max(axis=1, keepdims=True)
    told, true = (slips.sd * pull)[strong], sd[strong]
    assert np.median(told / true) == pytest.approx(1.0, abs=0.15)
    assert np.corrcoef(told, true)[0, 1] > 0.85
    assert np.linalg.norm(told - true) < 0.35 * np.linalg.norm(true)
    # On average a slip does little, compared with its spread.
    off = np.linalg.norm(slips.shift * pull - mean)
    assert off < 0.35 * np.linalg.norm(sd)
