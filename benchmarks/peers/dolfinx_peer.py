"""dolfinx with the same wedge, law and mean dilatation as the project.

dolfinx 0.5 can compute on prisms, only its Python table of cell names lacks them. The pressure is
constant per element and condensed: the stiffness of the volume, B^T (K/V) B with B = dV/du, is a
product of sparse matrices. Runs alone or on several MPI ranks (``mpirun -n 2``).
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import logging
from typing import Any

import dolfinx
import dolfinx.mesh
import drive
import numpy as np
import scipy.sparse as sp
import ufl
from dolfinx import fem
from mpi4py import MPI
from petsc4py import PETSc
from wedge import ELEMENT, POINTS, WEIGHTS

dolfinx.mesh._uflcell_to_dolfinxcell["prism"] = dolfinx.cpp.mesh.CellType.prism

# UFL warns that it turns the quadrature points into text, at every form.
logging.getLogger("UFL").setLevel(logging.ERROR)

COMM = MPI.COMM_WORLD
RULE = {
    "quadrature_rule": "custom",
    "quadrature_degree": 2,
    "quadrature_points": POINTS,
    "quadrature_weights": WEIGHTS,
}
JIT = {"cffi_extra_compile_args": ["-Ofast", "-march=native"], "cffi_libraries": ["m"]}


class Factor:
    """CHOLMOD on one rank; MUMPS (LDL^T) on several, or once a tangent is indefinite."""

    gflop = None

    def __init__(self, matrix: PETSc.Mat, package: str) -> None:
        self.package, self.switched = package, False
        self._begin(matrix)

    def _begin(self, matrix: PETSc.Mat) -> None:
        matrix.setOption(PETSc.Mat.Option.SYMMETRIC, True)
        matrix.setOption(PETSc.Mat.Option.SPD, self.package == "cholmod")
        self._ksp = PETSc.KSP().create(COMM)
        self._ksp.setType("preonly")
        pc = self._ksp.getPC()
        pc.setType("cholesky")
        pc.setFactorSolverType(self.package)
        if self.package == "mumps":
            # More room than the analysis expects: indefinite pivots delay columns.
            self._ksp.setOperators(matrix)
            pc.setFactorSetUpSolverType()
            pc.getFactorMatrix().setMumpsIcntl(14, 80)
        self.update(matrix)

    def update(self, matrix: PETSc.Mat) -> None:
        """Factorise; the ordering is kept while the matrix is the same object."""
        try:
            self._update(matrix)
        except PETSc.Error:
            if self.package != "cholmod":
                raise
            self.release()
            self.package, self.switched = "mumps", True
            self._begin(matrix)

    def release(self) -> None:
        """Give the memory of the factor back."""
        self._ksp.destroy()

    def _update(self, matrix: PETSc.Mat) -> None:
        # PETSc would factorise anew at the next solve whenever the matrix has changed.
        self._ksp.getPC().setReusePreconditioner(False)
        matrix.stateIncrease()
        self._ksp.setOperators(matrix)
        self._ksp.setUp()
        self._ksp.getPC().setReusePreconditioner(True)
        if self.package == "mumps":
            code = self._ksp.getPC().getFactorMatrix().getMumpsInfog(1)
            if code < 0:
                raise RuntimeError(f"MUMPS failed with code {code}")
        self._x = matrix.createVecRight()
        self._b = matrix.createVecLeft()

    @property
    def nnz(self) -> int | None:
        """Entries of the factor where the package tells."""
        if self.package != "mumps":
            return None
        entries = self._ksp.getPC().getFactorMatrix().getMumpsInfog(29)
        return int(entries if entries >= 0 else -1_000_000 * entries)

    def solve(self, rhs: np.ndarray) -> np.ndarray:
        """One right-hand side (owned entries)."""
        self._b.array[:] = rhs
        self._ksp.solve(self._b, self._x)
        return self._x.array.copy()

    def solve_block(self, rhs: np.ndarray) -> np.ndarray:
        """Several right-hand sides (owned rows, k)."""
        size = (self._b.getSizes(), (None, rhs.shape[1]))
        b = PETSc.Mat().createDense(size, array=np.asfortranarray(rhs), comm=COMM)
        x = PETSc.Mat().createDense(size, comm=COMM)
        x.setUp()
        b.assemble()
        x.assemble()
        self._ksp.getPC().getFactorMatrix().matSolve(b, x)
        out = x.getDenseArray().copy()
        b.destroy()
        x.destroy()
        return out


class Dolfinx:
    """Vectors hold the entries that the rank owns, clamped ones included."""

    name = "dolfinx"
    version = f"{dolfinx.__version__}, {COMM.size} rank{'s' if COMM.size > 1 else ''}"
    element = ELEMENT

    def __init__(self, data: dict[str, Any]) -> None:
        cell = ufl.Cell("prism", geometric_dimension=3)
        first = COMM.rank == 0
        cells = data["wedges"].astype(np.int64)
        mesh = dolfinx.mesh.create_mesh(
            COMM,
            cells if first else cells[:0],
            data["nodes"] if first else data["nodes"][:0],
            ufl.Mesh(ufl.VectorElement("Lagrange", cell, 1)),
        )
        self.space = fem.VectorFunctionSpace(mesh, ("Lagrange", 1))
        cellwise = fem.FunctionSpace(mesh, ("DG", 0))
        self._number_nodes(data, mesh)
        self.u, self.p = fem.Function(self.space), fem.Function(cellwise)
        mu, self.bulk = fem.Function(cellwise), fem.Function(cellwise)
        original = np.asarray(mesh.topology.original_cell_index)
        for function, values in ((mu, data["mu"]), (self.bulk, data["bulk"])):
            function.x.array[: len(original)] = values[original[: len(function.x.array)]]
            function.x.scatter_forward()
        self.clamps = fem.dirichletbc(
            np.zeros(3), self._where[np.isin(self._node, data["clamped"])], self.space
        )
        self._forms(mu, cellwise, mesh)
        self.volume = fem.petsc.assemble_vector(self._volume)
        self.volume = self.volume.array.copy()
        owned = 3 * self.space.dofmap.index_map.size_local
        self.loads = np.zeros(owned)
        mine = self._where < owned // 3
        loads = data["loads"].copy()
        loads[data["clamped"]] = 0.0
        self.loads.reshape(-1, 3)[self._where[mine]] = loads[self._node[mine]]
        self.fixed = np.zeros(owned, dtype=bool)
        clamped = self._where[np.isin(self._node, data["clamped"]) & mine]
        self.fixed.reshape(-1, 3)[clamped] = True
        self._count = len(data["nodes"])
        self._skin = np.zeros(self._count, dtype=bool)
        self._skin[data["skin"]] = True
        self._stiffness = self._product = None

    def _number_nodes(self, data: dict[str, Any], mesh: Any) -> None:
        """_where (n,) local blocks of the space, _node (n,) their numbers in the problem file."""
        imap = mesh.geometry.index_map()
        geometry = np.asarray(mesh.geometry.input_global_indices)
        cells = mesh.geometry.dofmap.array.reshape(-1, 6)
        blocks = self.space.dofmap.list.array.reshape(-1, 6)
        # Geometry and space are both first-order Lagrange on the same cells, in the same order.
        self._where, at = np.unique(blocks.ravel(), return_index=True)
        self._node = geometry[cells.ravel()[at]]
        assert imap.size_global == len(data["nodes"])

    def _forms(self, mu: Any, cellwise: Any, mesh: Any) -> None:
        dx = ufl.Measure("dx", domain=mesh, metadata=RULE)
        v, du = ufl.TestFunction(self.space), ufl.TrialFunction(self.space)
        q = ufl.TestFunction(cellwise)
        F = ufl.variable(ufl.Identity(3) + ufl.grad(self.u))
        J = ufl.det(F)
        energy = mu / 2 * (ufl.inner(F, F) - 3) - mu * ufl.ln(J) + self.p * (J - 1)
        P = ufl.diff(energy, F)
        force = ufl.inner(P, ufl.grad(v)) * dx
        change = ufl.inner(ufl.diff(J, F), ufl.grad(du)) * q * dx
        made = [
            fem.form(f, jit_params=JIT)
            for f in (force, ufl.derivative(force, self.u, du), change, J * q * dx)
        ]
        self._force, self._tangent, self._change, self._volume = made

    def _set(self, u: np.ndarray) -> None:
        self.u.x.array[: len(u)] = np.where(self.fixed, 0.0, u)
        self.u.x.scatter_forward()
        volume = fem.petsc.assemble_vector(self._volume)
        owned = len(self.volume)
        self.p.x.array[:owned] = self.bulk.x.array[:owned] * (volume.array / self.volume - 1.0)
        self.p.x.scatter_forward()

    def residual(self, u: np.ndarray) -> np.ndarray:
        """Unbalanced force; not a number where an element folds."""
        self._set(u)
        r = fem.petsc.assemble_vector(self._force)
        r.ghostUpdate(addv=PETSc.InsertMode.ADD, mode=PETSc.ScatterMode.REVERSE)
        return np.where(self.fixed, 0.0, r.array) - self.loads

    def tangent(self, u: np.ndarray) -> PETSc.Mat:
        """Stiffness, with ones on the diagonal of clamped components; one object for all calls."""
        self._set(u)
        if self._stiffness is None:
            self._stiffness = fem.petsc.create_matrix(self._tangent)
            self._b = fem.petsc.create_matrix(self._change)
        A, B = self._stiffness, self._b
        A.zeroEntries()
        fem.petsc.assemble_matrix(A, self._tangent, bcs=[self.clamps])
        A.assemble()
        B.zeroEntries()
        fem.petsc.assemble_matrix(B, self._change, bcs=[self.clamps])
        B.assemble()
        scale = B.createVecLeft()
        owned = len(self.volume)
        scale.array[:] = np.sqrt(self.bulk.x.array[:owned] / self.volume)
        B.diagonalScale(L=scale)
        self._product = B.transposeMatMult(B, result=self._product)
        A.axpy(1.0, self._product, structure=PETSc.Mat.Structure.SUBSET_NONZERO_PATTERN)
        return A

    def tangent_at_rest(self) -> PETSc.Mat:
        """Stiffness of the captured state."""
        return self.tangent(np.zeros_like(self.loads))

    @staticmethod
    def factor(matrix: PETSc.Mat, indefinite: bool = False) -> Factor:
        """Cholesky or LDL^T factor."""
        alone = COMM.size == 1
        return Factor(matrix, "cholmod" if alone and not indefinite else "mumps")

    @staticmethod
    def solver_of(factor: Factor) -> str:
        """Name of the direct solver."""
        return (
            f"{factor.package.upper()} through PETSc {'.'.join(map(str, PETSc.Sys.getVersion()))}"
        )

    @staticmethod
    def times(matrix: PETSc.Mat, v: np.ndarray) -> np.ndarray:
        """K v."""
        x, y = matrix.createVecRight(), matrix.createVecLeft()
        x.array[:] = v
        matrix.mult(x, y)
        return y.array.copy()

    @staticmethod
    def dot(a: np.ndarray, b: np.ndarray) -> float:
        """Scalar product over all ranks."""
        return COMM.allreduce(float(a @ b))

    @staticmethod
    def agreed(choice: bool) -> bool:
        """The first rank's choice, on every rank."""
        return COMM.bcast(choice)

    def nodal(self, u: np.ndarray) -> np.ndarray | None:
        """Displacements (N,3) on rank 0, None elsewhere."""
        mine = self._where < len(u) // 3
        parts = COMM.gather((self._node[mine], u.reshape(-1, 3)[self._where[mine]]))
        if parts is None:
            return None
        out = np.zeros((self._count, 3))
        for nodes, values in parts:
            out[nodes] = values
        return out

    def responses(self, factor: Factor, columns: sp.csc_matrix) -> np.ndarray:
        """Skin displacements of the rank (k, 3 skin nodes) under load columns (3N, k)."""
        mine = self._where < len(self.loads) // 3
        rows = (3 * self._node[mine][:, None] + np.arange(3)).ravel()
        at = (3 * self._where[mine][:, None] + np.arange(3)).ravel()
        block = np.zeros((len(self.loads), len(columns.indptr) - 1), order="F")
        block[at] = columns.tocsr()[rows].toarray()
        block[self.fixed] = 0.0
        x = factor.solve_block(block)
        skin = self._where[mine & self._skin[self._node]]
        return x[(3 * skin[:, None] + np.arange(3)).ravel()].T.astype(np.float32)

    @staticmethod
    def total(value: float) -> float:
        """Sum over the ranks."""
        return COMM.allreduce(value)


if __name__ == "__main__":
    drive.run(Dolfinx, COMM.rank)
