"""The linear solver: both backends, checked residuals, repeatable bits, honest failures."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from threadlift.errors import SolverError
from threadlift.tissue import cholmod, pardiso
from threadlift.tissue.linear_solver import factorise

BACKENDS = [
    pytest.param(
        "pardiso", marks=pytest.mark.skipif(not pardiso.available(), reason="no MKL here")
    ),
    pytest.param(
        "cholmod", marks=pytest.mark.skipif(not cholmod.available(), reason="no scikit-sparse here")
    ),
    "splu",
]


def _laplacian(n: int = 12) -> sp.csr_matrix:
    one = sp.diags([-np.ones(n - 1), 2.1 * np.ones(n), -np.ones(n - 1)], [-1, 0, 1])
    eye = sp.identity(n)
    return sp.csr_matrix(
        sp.kron(sp.kron(one, eye), eye)
        + sp.kron(sp.kron(eye, one), eye)
        + sp.kron(sp.kron(eye, eye), one)
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_solution_of_one_and_many_right_hand_sides(backend):
    matrix = _laplacian()
    factor = factorise(matrix, backend=backend)
    wanted = np.random.default_rng(0).normal(size=(factor.n, 7))
    assert factor.solve(matrix @ wanted) == pytest.approx(wanted, abs=1e-10)
    assert factor.solve(matrix @ wanted[:, 0]) == pytest.approx(wanted[:, 0], abs=1e-10)
    assert factor.backend == backend
    assert factor.nnz >= matrix.nnz // 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_values_can_be_replaced_on_the_same_pattern(backend):
    matrix = _laplacian(8)
    factor = factorise(matrix, backend=backend)
    load = np.arange(factor.n, dtype=float)
    before = factor.solve(load)
    factor.update(sp.csr_matrix(4.0 * matrix))
    assert 4.0 * factor.solve(load) == pytest.approx(before, rel=1e-10)
    with pytest.raises(SolverError, match="pattern"):
        factor.update(sp.csr_matrix(sp.identity(factor.n)))


@pytest.mark.skipif(not pardiso.available(), reason="no MKL here")
def test_backends_agree():
    matrix = _laplacian()
    load = np.random.default_rng(1).normal(size=matrix.shape[0])
    a, b = (factorise(matrix, backend=k).solve(load) for k in ("pardiso", "splu"))
    assert a == pytest.approx(b, rel=1e-9, abs=1e-12)


@pytest.mark.skipif(not pardiso.available(), reason="no MKL here")
def test_indefinite_matrix_is_refused():
    matrix = _laplacian(6).tolil()
    matrix[0, 0] = -5.0
    with pytest.raises(pardiso.NotPositiveDefiniteError, match="positive definite"):
        factorise(sp.csr_matrix(matrix), backend="pardiso")


def test_singular_matrix_and_loads_that_are_no_numbers_are_refused():
    with pytest.raises(SolverError):
        factorise(sp.csr_matrix((4, 4)), backend="splu")
    broken = _laplacian(3)
    broken.data[0] = np.nan
    with pytest.raises(SolverError, match="not numbers"):
        factorise(broken)
    factor = factorise(_laplacian(3))
    with pytest.raises(SolverError, match="not a number"):
        factor.solve(np.full(27, np.nan))
    with pytest.raises(SolverError, match="shape"):
        factor.solve(np.ones(5))


_DIGEST = """
import hashlib, numpy as np, sys
sys.path.insert(0, {folder!r})
from test_linear_solver import _laplacian
from threadlift.tissue.linear_solver import factorise
matrix = _laplacian()
x = factorise(matrix).solve(np.random.default_rng(3).normal(size=(matrix.shape[0], 3)))
print(hashlib.sha256(np.ascontiguousarray(x)).hexdigest())
"""


def test_a_solve_gives_the_same_bits_within_and_across_processes():
    matrix = _laplacian()
    load = np.random.default_rng(3).normal(size=(matrix.shape[0], 3))
    digests = {
        hashlib.sha256(np.ascontiguousarray(factorise(matrix).solve(load))).hexdigest()
        for _ in range(3)
    }
    code = _DIGEST.format(folder=str(Path(__file__).parent))
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    digests.add(out.stdout.strip())
    assert len(digests) == 1
