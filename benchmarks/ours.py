"""The project on the problem of `problem`, in a process of its own.

``python ours.py 60000 out.json problem.npz`` measures the problem that the peers read;
``--full`` the problem that only the project solves: thread strings, bonded cogs, stiffening fat,
pre-tensioned skin, and the same again after one thread has moved.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import threadlift
from measure import Record
from problem import TOLERANCE, Problem, export, problem, threads
from symbolic import factor_gflop
from threadlift.tissue import RestOperator, Tissue
from threadlift.tissue.assembly import Solid
from threadlift.tissue.linear_solver import factorise
from threadlift.tissue.materials import ElementMaterials
from threadlift.tissue.supports import Supports

#: Rows (goals and limits) of a planning run, for the adjoint way to all responses.
ROWS = 150
#: Unknowns of the run that compiles every kernel before the clock starts.
_WARM = 2_000


def body(p: Problem) -> Solid:
    """Neo-Hookean layers whose base is held."""
    count = len(p.mesh.points)
    held = np.isin(np.arange(count), p.clamped)
    materials = ElementMaterials.plain(p.mu, bulk=p.bulk)
    return Solid(p.mesh.points, p.mesh.wedges, materials, Supports(np.zeros(count), held=held))


def tissue(p: Problem, solid: Solid) -> Tissue:
    """The body as a tissue, so that its equilibria are found the way the product finds them."""
    out = Tissue(p.mesh)
    out.solid = solid
    return out


def adjoint(rest: RestOperator, loads: sp.csc_matrix, skin: NDArray) -> NDArray:
    """`ROWS` components of skin displacement (threads, ROWS) by one solve per row."""
    chosen = skin[np.linspace(0, len(skin) - 1, ROWS).astype(int)]
    rows = sp.csr_matrix((np.ones(ROWS), (np.arange(ROWS), chosen)), shape=(ROWS, len(rest.held)))
    return np.asarray(loads.T @ rest.responses(rows))


def linear(p: Problem, solid: Solid, record: Record, repeats: int) -> None:
    """Stiffness at rest, its factor, one solve."""
    zero = np.zeros_like(solid.points)
    matrix = record.timed("assembly", lambda: solid.tangent(zero).csr(), repeats)
    factor = record.timed("analysis and factorisation", lambda: factorise(matrix))
    record.timed("factorisation", lambda: factor.update(matrix), repeats)
    x = record.timed("one solve", lambda: factor.precondition(p.loads.ravel()), 5)
    load = solid.admissible(p.loads).ravel()
    gap = np.linalg.norm(solid.admissible((matrix @ x - load).reshape(-1, 3)))
    gap /= np.linalg.norm(load)
    record.data.update(solver=factor.backend, factor_nnz=factor.nnz, solve_residual=float(gap))


def identical(p: Problem, record: Record, repeats: int) -> None:
    """What the peers do too, under the same names."""
    solid = record.timed("setup", lambda: body(p))
    linear(p, solid, record, repeats)
    subject = tissue(p, solid)
    record.timed("rest", lambda: subject.rest.precondition(p.loads.ravel()))
    found = record.timed(
        "equilibrium",
        lambda: subject.equilibrium([], loads=p.loads, tolerance=TOLERANCE),
        repeats,
    )
    record.data.update(
        iterations=found.iterations, inner=found.cg_iterations, residual=found.residual
    )
    skin = (3 * np.arange(0, len(p.mesh.points), p.mesh.nl)[:, None] + np.arange(3)).ravel()
    record.timed("basis", lambda: subject.rest.basis(p.basis, skin), repeats)
    record.data["basis_threads"] = len(p.basis.indptr) - 1
    record.timed("adjoint rows", lambda: adjoint(subject.rest, p.basis, skin), repeats)
    if record.path is not None:
        np.save(record.path.with_suffix(".npy"), found.displacement)
    # Last, because it takes memory that the project does not need.
    record.data["gflop"] = factor_gflop(subject.rest.matrix)


def full(p: Problem, record: Record, repeats: int) -> None:
    """Default tissue and four real threads; then one of them elsewhere."""
    subject = record.timed("setup", lambda: Tissue(p.mesh))
    record.timed("rest", lambda: subject.rest)
    plan = threads(p.paths)
    found = record.timed(
        "equilibrium", lambda: subject.equilibrium(plan, tolerance=TOLERANCE), repeats
    )
    record.data.update(iterations=found.iterations, residual=found.residual)
    start = found.displacement
    moved = record.timed(
        "one thread moved",
        lambda: subject.equilibrium(
            threads(p.moved), tolerance=TOLERANCE, start=start, recycle=True
        ),
        repeats,
    )
    record.data.update(moved_iterations=moved.iterations, moved_residual=moved.residual)


def main() -> None:
    """Compile on a small mesh, then measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("dof", type=int)
    parser.add_argument("result", type=Path)
    parser.add_argument("problem", type=Path, nargs="?", help="write the peers' file here")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--full", action="store_true")
    args = parser.parse_args()
    work = full if args.full else identical
    work(problem(_WARM, 20), Record(None), 1)
    p = problem(args.dof)
    if args.problem is not None:
        export(p, args.problem)
    record = Record(
        args.result,
        name="threadlift",
        version=threadlift.__version__,
        element="6-node wedge, mean dilatation",
        dof=p.mesh.dof,
        elements=len(p.mesh.wedges),
    )
    work(p, record, args.repeats)
    record.finish()


if __name__ == "__main__":
    main()
