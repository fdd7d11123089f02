"""The one problem that everybody solves, as plain arrays in one file.

A face-sized patch (skin, fat, SMAS, deep layer; six wedges per column) bent onto a cylinder, its
base clamped, nearly incompressible neo-Hookean layers, and the dead forces of four threads in the
SMAS. A peer needs nothing of threadlift to read it: nodes, wedges, moduli per element, clamped
nodes, nodal forces, tolerance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.threads import Thread
from threadlift.tissue import TissueParameters
from threadlift.tissue.box_mesh import box_mesh
from threadlift.tissue.mesh import LayeredMesh

#: Cells each way by nominal unknowns; 21 unknowns per column of seven nodes.
GRIDS = {
    2_000: (10, 8),
    20_000: (30, 30),
    60_000: (52, 53),
    100_000: (68, 68),
    200_000: (96, 97),
    400_000: (136, 138),
}
#: About the area and curvature of a face from ear to ear and hairline to neck [mm].
SIZE_MM = (200.0, 220.0)
RADIUS_MM = 80.0
SUBLAYER_MM = (1.5, 2.0, 2.0, 1.5, 3.0, 3.0)
#: Relative residual at which every solver stops: |unbalanced force| <= TOLERANCE * |load|.
TOLERANCE = 1e-8
TENSION_N = 2.0
THREADS = 2_000
#: Catalogue entry of the threads in the full problem.
PRODUCT = "pdo-2-0-molded"
#: Depth in column coordinates: the middle of the SMAS.
_SMAS = 3.5
_STEP_MM = 4.0
#: Ends (arc mm, height mm) of the left-hand threads: temple to jowl, temple to midface.
_ENDS = (((75.0, 75.0), (38.0, -35.0)), ((65.0, 80.0), (24.0, 10.0)))


@dataclass(frozen=True)
class Problem:
    """Mesh, moduli [MPa] per element, clamped nodes and loads [N] of the four threads.

    Attributes
    ----------
    mesh: columns of wedges. mu, bulk: (E,) [MPa]. clamped: node numbers of the base.
    paths: path points (k,3) [mm] of the four threads, held at the first; ``moved``: the same with
    the far end of the first thread 5 mm aside.
    loads: (N,3) dead nodal forces of the four threads [N]; a held end puts none on the tissue.
    basis: (3N, 2000) sparse loads of as many threads at 1 N.
    """

    mesh: LayeredMesh
    mu: NDArray
    bulk: NDArray
    clamped: NDArray
    paths: tuple[NDArray, ...]
    moved: tuple[NDArray, ...]
    loads: NDArray
    basis: sp.csc_matrix


def patch(dof: int) -> LayeredMesh:
    """Curved patch with about ``dof`` unknowns (a key of `GRIDS`)."""
    nx, ny = GRIDS[dof]
    flat = box_mesh(nx, ny, size_mm=SIZE_MM, sublayer_mm=SUBLAYER_MM)
    return LayeredMesh(
        points=_bent(flat.points),
        surface_triangles=flat.surface_triangles,
        sublayers=flat.sublayers,
        mirror=flat.mirror,
    )


def _bent(points: NDArray) -> NDArray:
    """Flat coordinates (arc on the skin, height, -depth) to the cylinder with its axis along y."""
    angle, radius = points[:, 0] / RADIUS_MM, RADIUS_MM + points[:, 2]
    return np.stack(
        [radius * np.sin(angle), points[:, 1], radius * np.cos(angle) - RADIUS_MM], axis=1
    )


def _straight(start: NDArray, end: NDArray, zeta: float) -> NDArray:
    """Path (k,3) [mm] that is straight on the unrolled patch, at one depth."""
    count = max(int(np.ceil(np.linalg.norm(end - start) / _STEP_MM)), 2) + 1
    chart = start + np.linspace(0.0, 1.0, count)[:, None] * (end - start)
    depth = np.interp(zeta, np.arange(7.0), np.concatenate([[0.0], np.cumsum(SUBLAYER_MM)]))
    return _bent(np.column_stack([chart, np.full(count, -depth)]))


def _forces(mesh: LayeredMesh, paths: Sequence[NDArray]) -> sp.csc_matrix:
    """Nodal forces (3N, threads) of threads at 1 N whose cogs hand it evenly to the tissue."""
    points = np.concatenate(paths)
    wedge, weights = mesh.locate(points)
    pull, owner = np.zeros_like(points), np.repeat(np.arange(len(paths)), [len(p) for p in paths])
    first = 0
    for path in paths:
        k = len(path)
        arm = np.diff(path, axis=0)
        tension = (1.0 - np.arange(k - 1) / (k - 1)) / np.linalg.norm(arm, axis=1)
        pull[first : first + k - 1] += tension[:, None] * arm
        pull[first + 1 : first + k] -= tension[:, None] * arm
        pull[first] = 0.0  # held: the anchor carries it
        first += k
    rows = 3 * mesh.wedges[wedge].astype(np.int64)[:, :, None] + np.arange(3)
    data = weights[:, :, None] * pull[:, None, :]
    columns = np.broadcast_to(owner[:, None, None], data.shape)
    return sp.csc_matrix(
        (data.ravel(), (rows.ravel(), columns.ravel())), shape=(mesh.dof, len(paths))
    )


def _four(shift_mm: float) -> tuple[NDArray, ...]:
    paths = []
    for start, end in _ENDS:
        for side in (1.0, -1.0):
            mirror = np.array([side, 1.0])
            moved = np.array([0.0 if paths else shift_mm, 0.0])
            paths.append(_straight(np.array(start) * mirror, np.array(end) * mirror + moved, _SMAS))
    return tuple(paths)


def _many(count: int) -> list[NDArray]:
    """Paths spread over entries, directions, lengths and depths."""
    rng = np.random.default_rng(2026)
    paths = []
    for i in range(count):
        start = np.array([rng.uniform(45.0, 85.0), rng.uniform(20.0, 100.0)])
        angle, length = rng.uniform(-2.4, -1.2), rng.uniform(50.0, 110.0)
        end = start + length * np.array([np.cos(angle), np.sin(angle)])
        mirror = np.array([1.0 if i % 2 == 0 else -1.0, 1.0])
        paths.append(_straight(start * mirror, end * mirror, rng.uniform(1.2, 5.0)))
    return paths


def threads(paths: Sequence[NDArray]) -> list[Thread]:
    """The paths as planned threads (for the full problem of the project)."""
    depth = float(np.interp(_SMAS, np.arange(7.0), np.cumsum([0.0, *SUBLAYER_MM])))
    return [
        Thread(
            id=f"thread {i + 1}",
            side="left" if path[0, 0] > 0 else "right",
            product=PRODUCT,
            technique="anchored",
            entry_mm=path[0],
            path_mm=path,
            depth_mm=np.full(len(path), depth),
            layer=("smas",) * len(path),
            tension_n=TENSION_N,
        )
        for i, path in enumerate(paths)
    ]


def problem(dof: int, columns: int = THREADS) -> Problem:
    """The problem with about ``dof`` unknowns and a response basis of ``columns`` threads."""
    mesh, parameters = patch(dof), TissueParameters()
    layer = mesh.layer.astype(int)
    mu = 1e-3 * parameters.layer_mu_kpa[layer]
    firm = (layer == 0) | (layer == 2)
    bulk = mu * np.where(firm, parameters.bulk_skin, parameters.bulk_fat)
    four = _four(0.0)
    return Problem(
        mesh=mesh,
        mu=mu,
        bulk=bulk,
        clamped=np.arange(mesh.nl - 1, len(mesh.points), mesh.nl),
        paths=four,
        moved=_four(5.0),
        loads=TENSION_N * np.asarray(_forces(mesh, four).sum(axis=1)).reshape(-1, 3),
        basis=_forces(mesh, _many(columns)),
    )


def export(p: Problem, path: Path) -> None:
    """Write what a peer needs as .npz."""
    np.savez(
        path,
        nodes=p.mesh.points,
        wedges=p.mesh.wedges,
        mu=p.mu,
        bulk=p.bulk,
        clamped=p.clamped,
        loads=p.loads,
        skin=np.arange(0, len(p.mesh.points), p.mesh.nl),
        tolerance=TOLERANCE,
        basis_data=p.basis.data,
        basis_indices=p.basis.indices,
        basis_indptr=p.basis.indptr,
    )
