"""MKL PARDISO through ctypes: symmetric positive definite factorisation (matrix type 2).

Only the calls that the tissue solver needs (phases 11, 22, 33, -1). The shared library comes with
the wheel ``mkl``; nothing is linked at build time and nothing is imported when it is absent.
"""

from __future__ import annotations

import ctypes
import os
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import SolverError

_SPD = 2
_ANALYSE, _FACTORISE, _SOLVE, _RELEASE = 11, 22, 33, -1

# Constants of MKL_Set_Threading_Layer and MKL_CBWR_Set, from mkl_service.h and mkl_types.h.
_LAYER_INTEL = 0
_CBWR_AUTO = 2

#: Threads of one factorisation or solve. A constant, not the number of processors, because the
#: order of sums and so the last bits depend on it; more than two gain little (a solve is bound by
#: memory) and wait for each other on a busy machine.
THREADS = 2

_ERRORS = {
    -1: "inconsistent input",
    -2: "not enough memory",
    -3: "reordering problem",
    -4: "zero or negative pivot (the matrix is not positive definite)",
    -7: "singular diagonal matrix",
    -8: "32-bit integer overflow",
}


class NotPositiveDefiniteError(SolverError):
    """A Cholesky factorisation met a pivot that is not positive."""


def _candidates(stem: str) -> list[Path]:
    folders = [Path(sys.prefix) / "lib", Path(sys.prefix) / "Library" / "bin"]
    patterns = [f"lib{stem}.so*", f"{stem}*.dll", f"lib{stem}*.dll"]
    return sorted(p for f in folders if f.is_dir() for q in patterns for p in f.glob(q))


@cache
def library() -> ctypes.CDLL | None:
    """The MKL run-time library, set up for repeatable results, or None when it is not installed."""
    paths = _candidates("mkl_rt")
    if not paths:
        return None
    # A thread that has finished goes to sleep at once instead of spinning against the others.
    os.environ.setdefault("KMP_BLOCKTIME", "0")
    try:
        mkl = ctypes.CDLL(str(paths[-1]), mode=ctypes.RTLD_GLOBAL)
        mkl.MKL_Set_Threading_Layer(ctypes.c_int(_LAYER_INTEL))
        # One code path per machine: same bits in every run, whatever the memory alignment.
        mkl.MKL_CBWR_Set(ctypes.c_int(_CBWR_AUTO))
        mkl.MKL_Set_Num_Threads_Local.restype = ctypes.c_int
    except OSError:
        return None
    return mkl


def threads() -> int:
    """Threads of a factorisation: `THREADS`, or fewer where OMP_NUM_THREADS says so (ensembles)."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(THREADS, int(limit)) if limit.isdigit() and int(limit) > 0 else THREADS


@contextmanager
def _with_threads(mkl: ctypes.CDLL, count: int) -> Iterator[None]:
    """Hold the number of threads during a call, whatever others set for the process meanwhile.

    A factor must be solved with the number that it was made with.
    """
    before = mkl.MKL_Set_Num_Threads_Local(ctypes.c_int(count))
    try:
        yield
    finally:
        mkl.MKL_Set_Num_Threads_Local(ctypes.c_int(before))


def available() -> bool:
    """Whether MKL PARDISO can be used here."""
    return library() is not None


def _pointer(array: NDArray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


class _Handle:
    """PARDISO's internal memory with the arrays that it refers to."""

    def __init__(
        self, indptr: NDArray, indices: NDArray, data: NDArray, single: bool, most: int
    ) -> None:
        mkl = library()
        if mkl is None:
            raise SolverError("MKL is not installed.", "pip install mkl, or use backend='splu'.")
        self._mkl = mkl
        self.n = len(indptr) - 1
        self.indptr = np.ascontiguousarray(indptr, dtype=np.int32)
        self.indices = np.ascontiguousarray(indices, dtype=np.int32)
        self.dtype = np.dtype(np.float32 if single else np.float64)
        self.data = np.array(data, dtype=self.dtype)
        self.threads = min(most, threads())
        self.memory = np.zeros(64, dtype=np.int64)
        self.iparm = np.zeros(64, dtype=np.int32)
        self.iparm[0] = 1  # no defaults
        self.iparm[1] = 2  # nested dissection (METIS), sequential: the same ordering in every run
        # Two-level factorisation: without it, or with iparm[33] set, solves with one right-hand
        # side run on one thread in the repeatable mode, at half the speed.
        self.iparm[23] = 1
        self.iparm[27] = int(single)
        self.iparm[7] = 0  # iterative refinement only where the residual check asks for it
        self.iparm[17] = -1  # report non-zeros of the factor
        self.iparm[34] = 1  # zero-based indices
        self._empty = np.zeros(1, dtype=self.dtype)
        self.call(_ANALYSE)

    def call(self, phase: int, b: NDArray | None = None, x: NDArray | None = None) -> None:
        columns = 1 if b is None or b.ndim == 1 else b.shape[1]
        scalars = np.array([1, 1, _SPD, phase, self.n, columns, 0, 0], dtype=np.int32)
        maxfct, mnum, mtype, stage, n, nrhs, verbose, error = (
            ctypes.c_void_p(scalars.ctypes.data + 4 * i) for i in range(8)
        )
        perm = np.zeros(1, dtype=np.int32)
        with _with_threads(self._mkl, self.threads):
            self._mkl.pardiso(
                _pointer(self.memory), maxfct, mnum, mtype, stage, n,
                _pointer(self.data), _pointer(self.indptr), _pointer(self.indices),
                _pointer(perm), nrhs, _pointer(self.iparm), verbose,
                _pointer(self._empty if b is None else b),
                _pointer(self._empty if x is None else x),
                error,
            )  # fmt: skip
        code = int(scalars[7])
        if code == -4:
            raise NotPositiveDefiniteError(
                "The stiffness matrix is not positive definite.",
                "Check the supports: a part of the mesh may be free to float.",
            )
        if code != 0:
            reason = _ERRORS.get(code, "internal error")
            raise SolverError(
                f"The sparse solver failed with code {code} ({reason}).",
                "Free some memory, or use the coarse mesh.",
            )


def _release(handle: _Handle) -> None:
    handle.call(_RELEASE)


class PardisoFactor:
    """Cholesky factor of a symmetric positive definite matrix given by its upper triangle.

    indptr, indices (sorted, diagonal present), data: CSR of the upper triangle, zero-based.
    ``single`` keeps the factor in single precision: half the time, traffic and memory, about five
    digits. ``most_threads``: of its factorisation and solves.
    """

    backend = "pardiso"

    def __init__(
        self,
        indptr: NDArray,
        indices: NDArray,
        data: NDArray,
        *,
        single: bool = False,
        most_threads: int = THREADS,
    ) -> None:
        self._handle = _Handle(indptr, indices, data, single, most_threads)
        weakref.finalize(self, _release, self._handle)
        self._handle.call(_FACTORISE)

    @property
    def n(self) -> int:
        """Order of the matrix."""
        return self._handle.n

    @property
    def nnz(self) -> int:
        """Non-zeros of the factor."""
        return int(self._handle.iparm[17])

    def update(self, data: NDArray) -> None:
        """Factorise anew with other values on the same pattern; the ordering is kept."""
        self._handle.data[:] = data
        self._handle.call(_FACTORISE)

    def solve(self, rhs: NDArray) -> NDArray:
        """Solution for one right-hand side (n,) or several (n,k), column-major, in the factor's
        precision. A column-major rhs in that precision is not copied.
        """
        b = np.asfortranarray(rhs, dtype=self._handle.dtype)
        x = np.zeros_like(b, order="F")
        self._handle.call(_SOLVE, b, x)
        return x
