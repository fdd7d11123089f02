"""What the machine can do: memory bandwidth (STREAM triad) and double-precision matrix products.

Measured in a process of its own with one and two threads, so that a share of the limit can stand
beside every time of a solve or factorisation.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit, prange, set_num_threads
from threadpoolctl import threadpool_limits

from measure import Record

_LENGTH = 20_000_000  # three arrays of 160 MB: far beyond any cache
_ORDER = 2500
_ROUNDS = 7
# Constants of MKL_Set_Threading_Layer.
_INTEL_THREADS = 0
_ROW_MAJOR, _NO_TRANSPOSE = 101, 111


@njit(parallel=True, fastmath=True)
def _triad(a: Any, b: Any, c: Any, s: float) -> None:  # pragma: no cover (compiled)
    for i in prange(len(a)):
        a[i] = b[i] + s * c[i]


def _best(work: Any) -> float:
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def triad_gb_s(threads: int) -> float:
    """Bytes of the three arrays over time, as STREAM counts them [GB/s]."""
    a, b, c = np.zeros(_LENGTH), np.ones(_LENGTH), np.ones(_LENGTH)
    set_num_threads(threads)
    _triad(a, b, c, 3.0)
    return 24e-9 * _LENGTH / _best(lambda: _triad(a, b, c, 3.0))


def numpy_gflop_s(threads: int) -> float:
    """Matrix product of NumPy's BLAS [GFLOP/s]."""
    a = np.random.default_rng(0).normal(size=(_ORDER, _ORDER))
    with threadpool_limits(threads):
        _ = a @ a  # the first product starts the threads
        return 2e-9 * _ORDER**3 / _best(lambda: a @ a)


def mkl_gflop_s(threads: int) -> float | None:
    """Matrix product of MKL [GFLOP/s], None where it is not installed."""
    paths = sorted((Path(sys.prefix) / "lib").glob("libmkl_rt.so*"))
    if not paths:
        return None
    mkl = ctypes.CDLL(str(paths[-1]))
    mkl.MKL_Set_Threading_Layer(_INTEL_THREADS)
    mkl.MKL_Set_Num_Threads(threads)
    a = np.random.default_rng(0).normal(size=(_ORDER, _ORDER))
    c = np.empty_like(a)
    data, out = ctypes.c_void_p(a.ctypes.data), ctypes.c_void_p(c.ctypes.data)
    n, one, zero = ctypes.c_int(_ORDER), ctypes.c_double(1.0), ctypes.c_double(0.0)

    def work() -> None:
        mkl.cblas_dgemm(
            _ROW_MAJOR, _NO_TRANSPOSE, _NO_TRANSPOSE, n, n, n, one, data, n, data, n, zero, out, n
        )

    work()
    return 2e-9 * _ORDER**3 / _best(work)


def main() -> None:
    """Write the limits as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("result", type=Path)
    args = parser.parse_args()
    record = Record(args.result, name="machine limits", cores=os.cpu_count())
    record.data["triad_gb_s"] = {n: triad_gb_s(n) for n in (1, 2)}
    record.data["numpy_gflop_s"] = {n: numpy_gflop_s(n) for n in (1, 2)}
    record.data["mkl_gflop_s"] = {n: mkl_gflop_s(n) for n in (1, 2)}
    record.finish()


if __name__ == "__main__":
    main()
