"""Published and closed-form problems, and how the wedges converge to them."""

from __future__ import annotations

import numpy as np
import plane_strain
import pytest

from threadlift.selftest import beam, cook, cylinder, squeezed
from threadlift.tissue.element import wedge_geometry

# -- Cook's panel --------------------------------------------------------------------------------

#: nu = 1/3: Calculix and Elmer, quadratic meshes; nu = 0.4999: 7.769 mm for E = 250 MPa.
PUBLISHED_MM = {1.0 / 3.0: 32.275, 0.4999: 7.769 * 250.0 / cook.E_MPA}


@pytest.mark.slow
@pytest.mark.parametrize("nu", list(cook.REFERENCE_MM))
def test_the_reference_of_cooks_panel_is_reproduced_and_agrees_with_the_literature(
    nu: float,
) -> None:
    computed = plane_strain.tip_lift_mm(nu)
    assert computed == pytest.approx(cook.REFERENCE_MM[nu], rel=2e-4)
    # The corner is singular: published meshes end one part in a thousand below.
    assert computed == pytest.approx(PUBLISHED_MM[nu], rel=1.5e-3)


@pytest.mark.parametrize("layers", [0, 1])
@pytest.mark.parametrize("nu", list(cook.REFERENCE_MM))
def test_cooks_panel_converges_from_below_without_locking(nu: float, layers: int) -> None:
    short = [1.0 - cook.tip_lift(n, nu, layers=layers) / cook.REFERENCE_MM[nu] for n in (8, 16, 32)]
    assert short[0] < 0.08
    assert short[2] < 0.015
    # A singular corner: the error falls by more than half with each mesh, not by a quarter.
    assert short[1] < 0.5 * short[0]
    assert short[2] < 0.5 * short[1]
    assert short[2] > 0.0


@pytest.mark.parametrize("nu", list(cook.REFERENCE_MM))
def test_triangles_in_the_plane_converge_too_but_need_twice_the_mesh(nu: float) -> None:
    """Held between two planes, wedges are plane triangles with one pressure each."""
    lift = [cook.tip_lift(n, nu, layers=2) / cook.REFERENCE_MM[nu] for n in (16, 32, 64)]
    assert lift[0] < lift[1] < lift[2] < 1.0
    assert lift[2] > 0.975


@pytest.mark.slow
def test_cooks_panel_at_finite_strain_converges() -> None:
    lift = [cook.tip_lift(n, 0.4999, finite=1.0) for n in (8, 16, 32)]
    order = np.log2((lift[1] - lift[0]) / (lift[2] - lift[1]))
    assert 0.8 < order < 2.2
    # Large rotation: the finite lift is well below the linear one.
    assert lift[2] < 0.9 * cook.tip_lift(32, 0.4999)
    assert lift[2] > 0.5 * cook.tip_lift(32, 0.4999)
    small = cook.tip_lift(8, 0.4999, finite=1e-3) / 1e-3
    assert small == pytest.approx(cook.tip_lift(8, 0.4999), rel=2e-3)


# -- squeezed block ------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("layers", "limits"), [(2, (0.005, 0.003)), (0, (0.03, 0.015))])
def test_the_squeezed_block_converges_to_one_value_in_both_orientations(
    layers: int, limits: tuple[float, float]
) -> None:
    """Wedges stacked along the load are second order here, those stacked across it first order."""
    values = [squeezed.compression(n, 20, layers=layers) for n in (8, 12)]
    errors = [abs(v / squeezed.CONVERGED_20 - 1.0) for v in values]
    assert errors[0] < limits[0]
    assert errors[1] < limits[1]
    assert errors[1] < 0.75 * errors[0]


@pytest.mark.slow
def test_the_squeezed_block_stays_whole_at_seventy_per_cent() -> None:
    """Eighty unit loads: no element folds, volumes are kept, the top has no checkerboard."""
    u, solid, body = squeezed.compressed(8, 80)
    assert solid.evaluate(u).min_jacobian > 0.0
    volume = solid.geometry.volume
    now = wedge_geometry(body.points + u, body.wedges).volume
    assert np.abs(now / volume - 1.0).max() < 2e-3
    sunk = squeezed.compression(8, 80)
    assert 0.65 < sunk < 0.72
    # Along the symmetry line of the loaded patch the top rises monotonically towards its rim.
    line = body.on(2, 1) & body.on(1, 0) & (body.unit[:, 0] < 0.45)
    order = np.argsort(body.unit[line, 0])
    assert (np.diff(u[line, 2][order]) > 0.0).all()


# -- tube ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("nu", [0.3, 0.4999])
def test_the_tube_under_small_pressure_converges_to_lame_with_order_two(nu: float) -> None:
    exact = cylinder.lame_growth(nu, 1e-5)
    errors = [abs(cylinder.small_growth(n, nu, 1e-5) / exact - 1.0) for n in (4, 8, 16)]
    assert errors[2] < 1e-3
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.1)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2.0, abs=0.05)


def test_the_pressure_of_the_stretched_tube_is_that_of_the_thin_and_the_linear_limit() -> None:
    tiny = 1e-5
    growth = cylinder.lame_growth(0.5, cylinder.exact_pressure(1.0 + tiny))
    assert growth == pytest.approx(tiny * cylinder.INNER_MM, rel=1e-4)
    assert cylinder.exact_pressure(1.0) == pytest.approx(0.0, abs=1e-18)


@pytest.mark.slow
@pytest.mark.parametrize("stretch", [1.2, 1.5])
def test_the_stretched_tube_converges_to_the_exact_finite_solution(stretch: float) -> None:
    exact = (stretch - 1.0) * cylinder.INNER_MM
    errors = [abs(cylinder.finite_growth(n, stretch) / exact - 1.0) for n in (4, 8, 16)]
    assert errors[2] < 6e-4
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.15)


# -- cantilever ----------------------------------------------------------------------------------

#: Deflection and shortening over length, the classical table (Mattiasson 1981).
ELASTICA = {1.0: (0.30172, 0.05643), 2.0: (0.49346, 0.16064), 5.0: (0.71379, 0.38763)}


@pytest.mark.parametrize("load", list(ELASTICA))
def test_the_elastica_agrees_with_the_published_table(load: float) -> None:
    assert beam.elastica(load) == pytest.approx(ELASTICA[load], abs=1e-5)


def test_the_elastica_of_a_small_load_is_the_linear_beam() -> None:
    assert beam.elastica(1e-3)[0] == pytest.approx(1e-3 / 3.0, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("load", [1.0, 5.0])
def test_the_bent_cantilever_converges_to_the_elastica(load: float) -> None:
    exact = np.array(beam.elastica(load))
    off = [np.abs(np.array(beam.bent(n, load, steps=4)) / exact - 1.0) for n in (4, 8)]
    # Parasitic shear: 1 / n^2 of the bending stiffness. The beam is not infinitely thin either:
    # at the larger load the outer fibres stretch by 8 %.
    assert off[0][0] < 0.03
    assert off[0][1] < 0.06
    assert off[1][0] < 0.005
    assert off[1][1] < 0.015


def test_a_sheet_of_one_wedge_is_far_too_stiff_in_bending() -> None:
    """The limit of linear wedges, kept here so that nobody trusts them as shells."""
    thin = beam.bent(1, 0.1)[0] / beam.elastica(0.1)[0]
    assert thin < 0.75
