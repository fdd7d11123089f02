"""What every peer is put through, in one order and with one set of names.

A peer is a class built from the arrays of the problem file. Its vectors live in its own layout
(``loads`` is one of them); it has ``residual(u)``, ``tangent(u)``, ``tangent_at_rest()``,
``times(matrix, v)``, ``factor(matrix)``, ``solver_of(factor)``, ``dot(a, b)``, ``nodal(u)`` (N,3),
``responses(factor, columns)`` (skin displacements under a block of sparse load columns),
``total(value)`` and ``agreed(choice)`` over its processes, and the facts ``name``, ``version`` and
``element``.
"""

from __future__ import annotations

import argparse
import gc
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from nonlinear import STRATEGIES, solve

from measure import Record, peak_mb

#: Right-hand sides per block solve: bounds the memory of a block.
BLOCK = 128


def read(path: str) -> dict[str, Any]:
    """Arrays of the problem file, the response loads as a sparse (3N, k) matrix."""
    with np.load(path) as file:
        data = {k: file[k] for k in file.files}
    parts = data.pop("basis_data"), data.pop("basis_indices"), data.pop("basis_indptr")
    shape = (data["nodes"].size, len(parts[2]) - 1)
    data["basis"] = sp.csc_matrix(parts, shape=shape)
    return data


def run(build: Any, rank: int = 0) -> None:
    """Build the peer and measure it; only rank 0 writes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("problem")
    parser.add_argument("result", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--strategies", default=",".join(STRATEGIES))
    parser.add_argument("--no-basis", action="store_true")
    args = parser.parse_args()
    data = read(args.problem)
    _warm(build(_tiny()))
    gc.collect()

    record = Record(args.result if rank == 0 else None, lambda: build.total(peak_mb()))
    peer = record.timed("setup", lambda: build(data))
    record.data.update(name=peer.name, version=peer.version, element=peer.element)
    record.data["dof"] = data["nodes"].size
    matrix = record.timed("assembly", peer.tangent_at_rest, args.repeats)
    factor = record.timed("analysis and factorisation", lambda: peer.factor(matrix))
    record.timed("factorisation", lambda: factor.update(matrix), args.repeats)
    record.data.update(solver=peer.solver_of(factor), factor_nnz=factor.nnz, gflop=factor.gflop)
    x = record.timed("one solve", lambda: factor.solve(peer.loads), 5)
    gap, size = peer.times(matrix, x) - peer.loads, peer.loads
    record.data["solve_residual"] = float(np.sqrt(peer.dot(gap, gap) / peer.dot(size, size)))

    factor.release()
    _equilibria(record, peer, float(data["tolerance"]), args)
    if not args.no_basis:
        factor = peer.factor(peer.tangent_at_rest())
        record.timed("basis", lambda: _basis(peer, factor, data["basis"]))
        record.data["basis_threads"] = len(data["basis"].indptr) - 1
    record.finish()


def _warm(peer: Any) -> None:
    """Compile forms and load libraries outside the clock."""
    factor = peer.factor(peer.tangent_at_rest())
    peer.residual(factor.solve(peer.loads))


def _equilibria(record: Record, peer: Any, tolerance: float, args: Any) -> None:
    """Every strategy once, then the fastest again; the clock starts with a factor of rest.

    A strategy that meets an indefinite tangent pays for the change from Cholesky to LDL^T, so it is
    tried with LDL^T from the start too.
    """
    runs: dict[str, Any] = record.data.setdefault("strategies", {})
    tries = [(s, False) for s in args.strategies.split(",")]
    best: tuple[float, str, bool] | None = None
    for strategy, indefinite in tries:
        entry = _equilibrium(peer, strategy, indefinite, tolerance)
        u = entry.pop("u", None)
        name = f"{strategy}, LDL^T" if indefinite else strategy
        runs[name] = {**entry, "s": [entry["s"]], "cpu_s": [entry["cpu_s"]]}
        if entry["switched"]:
            tries.append((strategy, True))
        # Processes must not disagree on the choice, which hangs on their own clocks.
        if peer.agreed(entry["converged"] and (best is None or entry["s"] < best[0])):
            best = entry["s"], strategy, indefinite
            record.data["best_strategy"] = name
            _keep(peer, u, args.result)
        record.mark("equilibrium")
    if best is None:
        return
    chosen = runs[record.data["best_strategy"]]
    for _ in range(args.repeats - 1):
        entry = _equilibrium(peer, best[1], best[2], tolerance)
        chosen["s"].append(entry["s"])
        chosen["cpu_s"].append(entry["cpu_s"])
    record.data["times_s"]["equilibrium"] = chosen["s"]
    record.data["cpu_s"]["equilibrium"] = chosen["cpu_s"]
    record.write()


def _equilibrium(peer: Any, strategy: str, indefinite: bool, tolerance: float) -> dict[str, Any]:
    """Times [s] and counts of one solve from rest, with the solution or the reason for none."""
    factor = peer.factor(peer.tangent_at_rest(), indefinite)
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        found = asdict(solve(peer, factor, strategy, tolerance))
    except Exception as error:
        found = {"failed": f"{type(error).__name__}: {error}"[:200], "converged": False}
    found["s"] = time.perf_counter() - wall
    found["cpu_s"] = peer.total(time.process_time() - cpu)
    found.update(switched=factor.switched, solver=peer.solver_of(factor))
    factor.release()
    return found


def _keep(peer: Any, u: Any, result: Path) -> None:
    nodal = peer.nodal(u)
    if nodal is not None:
        np.save(result.with_suffix(".npy"), nodal)


def _basis(peer: Any, factor: Any, columns: sp.csc_matrix) -> Any:
    """Skin displacements of every thread, in float32, block by block."""
    parts = [
        peer.responses(factor, columns[:, start : start + BLOCK])
        for start in range(0, len(columns.indptr) - 1, BLOCK)
    ]
    return np.concatenate(parts)


def _tiny() -> dict[str, Any]:
    """Four wedges in a row of two stacks, for the first call of everything."""
    flat = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    nodes = np.concatenate([np.column_stack([flat, np.full(4, z)]) for z in (0.0, 1.0, 2.0)])
    triangles = np.array([[0, 1, 2], [1, 3, 2]])
    wedges = [np.concatenate([t + 4 * z, t + 4 * z + 4]) for z in (0, 1) for t in triangles]
    loads = np.zeros((12, 3))
    loads[8] = 1e-3
    return {
        "nodes": nodes,
        "wedges": np.array(wedges, dtype=np.int32),
        "mu": np.ones(4),
        "bulk": np.full(4, 100.0),
        "clamped": np.arange(4),
        "skin": np.arange(8, 12),
        "loads": loads,
        "basis": sp.csc_matrix((36, 1)),
        "tolerance": np.array(1e-8),
    }
