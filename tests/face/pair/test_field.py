"""The displacement field as a regression: exact data, no data, and what lies between."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threadlift.evidence import value
from threadlift.face.pair.estimate import tangents
from threadlift.face.pair.field import Posterior, Rows, Sites, covariance
from threadlift.face.pair.tracking import agreeing, united


def cap(count, seed=0):
    """Sites on a piece of a sphere of 80 mm, about the size of a cheek."""
    rng = np.random.default_rng(seed)
    flat = rng.uniform(-35.0, 35.0, (count, 2))
    normals = np.column_stack([flat, np.full(count, 80.0)])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Sites(80.0 * normals, normals, np.full(count, 1.5), np.full(count, 3.0))


def smooth_move(points):
    """Downwards, most in the middle."""
    return 3.0 * np.exp(-np.sum(points[:, :2] ** 2, axis=1) / 600.0)[:, None] * [0.0, -1.0, 0.2]


def surface_rows(sites, move, sd=0.05):
    amount = np.einsum("kd,kd->k", sites.normals, move)
    flag = np.ones(len(amount), dtype=bool)
    return Rows(sites, sites.normals, amount, np.full(len(amount), sd), flag)


def full_rows(sites, move, sd=0.05):
    ways = (sites.normals, *tangents(sites.normals))
    joined = sites.joined(sites).joined(sites)
    amount = np.concatenate([np.einsum("kd,kd->k", w, move) for w in ways])
    flag = np.repeat([True, False, False], len(move))
    return Rows(joined, np.concatenate(ways), amount, np.full(len(amount), sd), flag)


#: Far away and firm: what a stable region does for the alignment.
STILL = Sites(
    np.array([[0, 120, 60], [30, 120, 55], [-30, 120, 55], [0, 140, 40], [0, 100, 75]], float),
    np.array([[0, 0.3, 0.95], [0.4, 0.3, 0.85], [-0.4, 0.3, 0.85], [0, 0.6, 0.8], [0, 0.1, 0.99]]),
    np.full(5, 0.05),
    np.full(5, 0.05),
)


def with_still(rows):
    still = Sites(
        STILL.points,
        STILL.normals / np.linalg.norm(STILL.normals, axis=1, keepdims=True),
        STILL.normal_sd,
        STILL.tangential_sd,
    )
    held = full_rows(still, np.zeros((5, 3)), 0.02)
    return Rows(
        rows.sites.joined(held.sites),
        np.concatenate([rows.direction, held.direction]),
        np.concatenate([rows.amount, held.amount]),
        np.concatenate([rows.sd, held.sd]),
        np.concatenate([rows.surface, held.surface]),
    )


CENTRE = np.array([0.0, 120.0, 60.0])


def test_full_observation_gives_the_field_between_its_points():
    sites, probe = cap(160), cap(30, seed=1)
    post = Posterior(with_still(full_rows(sites, smooth_move(sites.points))), 0.05, CENTRE)
    np.testing.assert_allclose(post.mean(probe), smooth_move(probe.points), atol=0.35)
    assert post.variance(probe, tangents(probe.normals)[0]).max() < 1.0


def test_surfaces_alone_say_nothing_of_sliding():
    sites = cap(160)
    post = Posterior(with_still(surface_rows(sites, smooth_move(sites.points))), 0.05, CENTRE)
    across = np.sqrt(post.variance(sites, tangents(sites.normals)[0]))
    along = np.sqrt(post.variance(sites, sites.normals))
    assert across.min() > 0.95 * 3.0
    assert along.max() < 0.5
    normal = np.einsum("kd,kd->k", post.mean(sites) - smooth_move(sites.points), sites.normals)
    assert np.abs(normal).max() < 0.3


def test_more_observations_never_widen_an_interval():
    sites, probe = cap(60), cap(10, seed=2)
    some = Rows(*(_first(x, 30) for x in _parts(surface_rows(sites, smooth_move(sites.points)))))
    more = surface_rows(sites, smooth_move(sites.points))
    few, many = (Posterior(with_still(r), 0.2, CENTRE) for r in (some, more))
    ways = np.concatenate([probe.normals, tangents(probe.normals)[0]])
    both = probe.joined(probe)
    assert (many.variance(both, ways) <= few.variance(both, ways) + 1e-9).all()


def _parts(rows):
    return rows.sites, rows.direction, rows.amount, rows.sd, rows.surface


def _first(part, count):
    return part.at(np.arange(count)) if isinstance(part, Sites) else part[:count]


def test_a_rigid_motion_is_alignment_and_no_displacement():
    sites = cap(120)
    shift = np.array([0.3, -0.2, 0.25])
    rows = full_rows(sites, np.broadcast_to(shift, sites.points.shape))
    still = full_rows(
        Sites(STILL.points, _unit(STILL.normals), STILL.normal_sd, STILL.tangential_sd),
        np.broadcast_to(shift, STILL.points.shape),
    )
    both = Rows(
        rows.sites.joined(still.sites),
        *(np.concatenate(x) for x in zip(_parts(rows)[1:], _parts(still)[1:], strict=True)),
    )
    post = Posterior(both, 0.05, CENTRE)
    assert np.abs(post.mean(sites)).max() < 0.15
    np.testing.assert_allclose(
        post.alignment_error(sites.points), np.broadcast_to(shift, (120, 3)), atol=0.15
    )


def _unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_the_sum_of_a_zone_agrees_with_its_points():
    sites, probe = cap(100), cap(12, seed=3)
    post = Posterior(with_still(full_rows(sites, smooth_move(sites.points))), 0.1, CENTRE)
    weight = np.full(12, 1.0 / 12.0)
    up = np.broadcast_to([0.0, 1.0, 0.0], (12, 3))
    mean, sd, prior = post.functional(probe, up, weight)
    assert mean == pytest.approx(float((post.mean(probe) @ [0.0, 1.0, 0.0]).mean()), abs=1e-9)
    assert 0.0 < sd < prior
    one = np.eye(12)[4]
    assert post.functional(probe, up, one)[1] == pytest.approx(
        float(np.sqrt(post.variance(probe, up)[4])), rel=1e-6
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_prior_covariance_is_one(seed):
    sites = cap(40, seed)
    ways = np.random.default_rng(seed).standard_normal((40, 3))
    matrix = covariance(sites, _unit(ways), sites, _unit(ways))
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-10)
    assert np.linalg.eigvalsh(matrix).min() > -1e-8


def test_a_track_against_its_neighbours_is_dropped():
    rng = np.random.default_rng(0)
    start = np.column_stack([rng.uniform(0, 40, (60, 2)), np.zeros(60)])
    move = np.tile([0.0, -3.0, 0.0], (60, 1)) + rng.normal(0.0, 0.1, (60, 3))
    move[7] = [4.0, 2.0, 0.0]
    good = agreeing(start, move)
    assert not good[7]
    assert good.sum() == 59
    tracks = united(start, move)
    assert np.abs(tracks.move - [0.0, -3.0, 0.0]).max() < 0.5
    assert (tracks.sd >= value("pair.track_sd")).all()


def test_a_handful_of_matches_is_no_track():
    assert len(united(np.zeros((4, 3)), np.zeros((4, 3)))) == 0
