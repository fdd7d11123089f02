"""Adjoint sensitivities against central differences of whole nonlinear solves."""

from dataclasses import replace

import numpy as np
import pytest

from threadlift.errors import InputError
from threadlift.threads.thread import Thread
from threadlift.tissue import Tissue
from threadlift.tissue.adjoint import Adjoint
from threadlift.tissue.box_mesh import box_mesh

# Solves are exact to 1e-11; a longer step meets kinks, where single points begin to wrinkle.
TOLERANCE, STEP = 1e-11, 1e-4


@pytest.fixture(scope="module")
def tissue() -> Tissue:
    return Tissue(box_mesh(14, 8, size_mm=(70.0, 40.0)))


def _thread(name: str, y: float, tension: float = 0.8) -> Thread:
    # Places without symmetry, so that no node lies on the border of two wedges.
    x = np.linspace(-28.3, 24.7, 20)
    path = np.stack([x, y + 0.02 * x + 0.13 * np.sin(x), np.full(20, -3.21)], axis=1)
    return Thread(
        id=name,
        side="left",
        product="plla-3-0-cone",
        technique="anchored",
        entry_mm=path[0],
        path_mm=path,
        depth_mm=np.full(20, 3.21),
        layer=("fat",) * 20,
        tension_n=tension,
    )


@pytest.fixture(scope="module")
def threads() -> list[Thread]:
    return [_thread("a", 3.3), _thread("b", -7.1, 0.5)]


@pytest.fixture(scope="module")
def rows(tissue) -> np.ndarray:
    """Mean motion of the skin over the far end, and that of one place, along the threads."""
    skin = tissue.mesh.surface
    out = np.zeros((2, *tissue.solid.points.shape))
    far = skin[:, 0] > 10.0
    out[0, :: tissue.mesh.nl, 0] = far / far.sum()
    out[1, tissue.mesh.nl * int(np.argmin(np.linalg.norm(skin - [5.0, 2.0, 0.0], axis=1))), 0] = 1.0
    return out


@pytest.fixture(scope="module")
def solved(tissue, threads):
    return tissue.equilibrium(threads, tolerance=TOLERANCE)


@pytest.fixture(scope="module")
def adjoint(tissue, threads, rows, solved) -> Adjoint:
    return Adjoint(tissue, solved, threads, rows)


def _difference(tissue, rows, solved, change, step: float = STEP) -> np.ndarray:
    """Central difference (m,) of the rows for change(h) -> (tissue, threads)."""
    values = []
    for h in (step, -step):
        other, threads = change(h)
        end = other.equilibrium(threads, tolerance=TOLERANCE, start=solved.displacement)
        values.append(np.einsum("mnc,nc->m", rows, end.displacement))
    return (values[0] - values[1]) / (2.0 * step)


def test_value_is_the_row_of_the_displacement(adjoint, rows, solved):
    assert adjoint.value == pytest.approx(np.einsum("mnc,nc->m", rows, solved.displacement))


def test_slope_with_tension(tissue, threads, rows, solved, adjoint):
    def pulled(h):
        return tissue, [replace(threads[0], tension_n=threads[0].tension_n + h), threads[1]]

    assert adjoint.tension()[:, 0] == pytest.approx(
        _difference(tissue, rows, solved, pulled), rel=1e-5
    )


def test_slope_with_depth(tissue, threads, rows, solved, adjoint):
    down = np.array([0.0, 0.0, -1.0])
    free = np.r_[0.0, np.ones(19)]

    def sunk(h):
        t = threads[1]
        path, depth = t.path_mm + h * free[:, None] * down, t.depth_mm + h * free
        return tissue, [threads[0], replace(t, path_mm=path, depth_mm=depth)]

    assert adjoint.depth()[:, 1] == pytest.approx(_difference(tissue, rows, solved, sunk), rel=1e-5)


def test_slope_with_the_place_of_the_far_end(tissue, threads, rows, solved, adjoint):
    t = threads[0]
    along = np.gradient(t.path_mm, axis=0)
    across = np.cross([0.0, 0.0, 1.0], along)
    across *= (t.arc_mm / t.length_mm / np.linalg.norm(across, axis=1))[:, None]

    def turned(h):
        return tissue, [replace(t, path_mm=t.path_mm + h * across), threads[1]]

    exact = _difference(tissue, rows, solved, turned)
    assert adjoint.sideways("tip")[:, 0] == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize(
    "name", ["skin_mu_kpa", "skin_prestretch_excess", "fat_mu_kpa", "fat_b", "smas_mu_kpa",
             "deep_mu_kpa", "rim_n_mm3"],
)  # fmt: skip
def test_slope_with_tissue_parameters(name, tissue, threads, rows, solved, adjoint):
    size = getattr(tissue.parameters, name)

    def other(h):
        return tissue.varied(replace(tissue.parameters, **{name: size * (1.0 + h)})), threads

    exact = _difference(tissue, rows, solved, other) / size
    assert adjoint.parameter(name) == pytest.approx(exact, rel=1e-5)


def test_threads_that_were_not_solved_and_unknown_parameters_are_refused(
    tissue, threads, rows, solved, adjoint
):
    with pytest.raises(InputError, match="not solved with these threads"):
        Adjoint(tissue, solved, threads[:1], rows)
    with pytest.raises(InputError, match="no tissue parameter"):
        adjoint.parameter("price")
