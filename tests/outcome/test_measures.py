"""Risks and lift as functions of a displacement that is known."""

from itertools import pairwise

import numpy as np
import pytest
from block_case import UP, block_thread

from threadlift.outcome import Probe
from threadlift.outcome.measures import smoother, vertex_normals
from threadlift.tissue.skin_strain import principal_strains


@pytest.fixture(scope="module")
def probe(block, assessment) -> Probe:
    threads = [block_thread("left"), block_thread("right")]
    return Probe(
        block.mesh, {z: UP for z in assessment.sag}, assessment.goal,
        [t.path_mm for t in threads], [t.depth_mm for t in threads],
    )  # fmt: skip


def bump(surface, centre, height, width=5.0):
    d2 = ((surface[:, :2] - centre) ** 2).sum(axis=1)
    return np.outer(height * np.exp(-0.5 * d2 / width**2), [0.0, 0.0, 1.0])


def test_a_rigid_lift_is_the_lift_of_every_zone_and_no_risk(probe) -> None:
    reading = probe.read(np.tile(1.2 * UP, (len(probe.surface), 1)))
    assert list(reading.lift_mm.values()) == pytest.approx([1.2] * 6)
    assert reading.values["insufficient_effect"] == pytest.approx(1 - 1.2 / 1.5)
    for name in ("cheekbone_prominence", "indentation", "overpull", "asymmetry"):
        assert reading.values[name] == pytest.approx(0.0, abs=1e-9)


def test_lift_is_linear_and_zero_sideways(probe) -> None:
    u = np.random.default_rng(0).standard_normal((len(probe.surface), 3))
    one, three = probe.read(u).lift_mm, probe.read(3 * u).lift_mm
    assert all(three[z] == pytest.approx(3 * mm) for z, mm in one.items())
    aside = probe.read(np.tile([1.0, 0.0, 0.0], (len(u), 1))).lift_mm
    assert max(map(abs, aside.values())) < 1e-12


@pytest.mark.parametrize("risk", ["cheekbone_prominence", "indentation", "overpull", "asymmetry"])
def test_risks_grow_with_the_displacement_that_defines_them(probe, risk) -> None:
    s = probe.surface
    field = {
        "cheekbone_prominence": bump(s, (22.0, 10.0), 1.0),
        "indentation": bump(s, (20.0, 0.0), -1.0),
        "overpull": np.outer(-0.08 * s[:, 1], UP),
        "asymmetry": np.outer(np.where(s[:, 0] > 0, 1.0, 0.0), UP),
    }[risk]
    values = [probe.read(k * field).values[risk] for k in (0.0, 0.5, 1.0, 2.0)]
    assert values[0] == pytest.approx(0.0, abs=1e-12)
    assert all(a < b for a, b in pairwise(values))


def test_inward_is_no_prominence_and_outward_no_dent(probe) -> None:
    u = bump(probe.surface, (22.0, 10.0), -1.0)
    assert probe.read(u).values["cheekbone_prominence"] < 0.05
    assert probe.read(-u).values["indentation"] < 0.2 * probe.read(u).values["indentation"]


def test_the_worst_place_is_where_the_bump_is(probe) -> None:
    reading = probe.read(bump(probe.surface, (-22.0, 10.0), 1.0))
    place = probe.place(reading.vertex["cheekbone_prominence"])
    assert place.zone == "malar_right"
    assert np.linalg.norm(np.array(place.xyz_mm[:2]) - (-22.0, 10.0)) < 9.0


def test_uniform_shortening_reads_as_its_own_strain(probe) -> None:
    u = np.outer(-0.05 * probe.surface[:, 1], UP)
    assert probe.read(u).values["overpull"] == pytest.approx(5.0, abs=1e-6)


def test_strains_ignore_rotation_and_are_exact_for_a_stretch(block) -> None:
    mesh = block.mesh
    turn = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    f = turn @ np.diag([1.2, 0.9, 1.0])
    u = mesh.surface @ f.T - mesh.surface
    longest, shortest = principal_strains(mesh.surface, mesh.surface_triangles, u)
    np.testing.assert_allclose(longest, 0.2, atol=1e-9)
    np.testing.assert_allclose(shortest, -0.1, atol=1e-9)


def test_smoothing_keeps_constants_and_normals_look_out(block) -> None:
    mesh = block.mesh
    kernel = smoother(mesh.surface, mesh.nodal_area(), 6.0)
    np.testing.assert_allclose(kernel @ np.ones(mesh.columns), 1.0)
    normals = vertex_normals(mesh.surface, mesh.surface_triangles)
    np.testing.assert_allclose(normals, np.tile([0, 0, 1.0], (mesh.columns, 1)), atol=1e-12)


def test_mirroring_exchanges_the_sides(probe, block) -> None:
    u = np.random.default_rng(1).standard_normal((len(probe.surface), 3))
    twin = u[block.mesh.mirror] * [-1, 1, 1]
    a, b = probe.read(u), probe.read(twin)
    assert b.lift_mm["jowl_left"] == pytest.approx(a.lift_mm["jowl_right"])
    for name, number in a.values.items():
        assert b.values[name] == pytest.approx(number), name


def test_attained_share_counts_each_zone_between_nothing_and_all(probe) -> None:
    assert probe.attained({"jowl_left": 9.0, "jowl_right": -9.0}) == pytest.approx(0.5)
    assert probe.attained({}) == 0.0
