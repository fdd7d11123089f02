"""Operations of a sparse Cholesky factorisation, counted by MKL's analysis of the matrix.

The count belongs to MKL's nested dissection; a solver with another ordering does about the same
work, and its time is set against the same number.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np
import scipy.sparse as sp

_ANALYSE, _RELEASE = 11, -1


def factor_gflop(matrix: sp.csr_matrix) -> float | None:
    """Operations [1e9] of a Cholesky factorisation of a CSR matrix; None without MKL."""
    paths = sorted((Path(sys.prefix) / "lib").glob("libmkl_rt.so*"))
    if not paths:
        return None
    mkl = ctypes.CDLL(str(paths[-1]))
    upper = sp.csr_matrix(sp.triu(matrix, format="csr"))
    upper.sort_indices()
    indptr, indices = upper.indptr.astype(np.int32), upper.indices.astype(np.int32)
    memory, iparm = np.zeros(64, dtype=np.int64), np.zeros(64, dtype=np.int32)
    iparm[0], iparm[1], iparm[34] = 1, 2, 1
    iparm[17] = iparm[18] = -1  # count entries and operations
    empty, error = np.zeros(1), ctypes.c_int(0)

    def call(phase: int) -> None:
        one, none, kind = ctypes.c_int(1), ctypes.c_int(0), ctypes.c_int(2)
        mkl.pardiso(
            _at(memory), ctypes.byref(one), ctypes.byref(one), ctypes.byref(kind),
            ctypes.byref(ctypes.c_int(phase)), ctypes.byref(ctypes.c_int(len(indptr) - 1)),
            _at(upper.data), _at(indptr), _at(indices), _at(np.zeros(1, dtype=np.int32)),
            ctypes.byref(one), _at(iparm), ctypes.byref(none), _at(empty), _at(empty),
            ctypes.byref(error),
        )  # fmt: skip

    call(_ANALYSE)
    # Millions of operations; a negative number beyond 31 bits has wrapped round.
    gflop = float(iparm[18:19].view(np.uint32)[0]) / 1e3 if error.value == 0 else None
    call(_RELEASE)
    return gflop


def _at(array: np.ndarray) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
