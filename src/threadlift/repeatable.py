"""Same bits on any number of cores.

The matrices that a plan is made of are small (a thread has about a hundred unknowns). On those,
threads of the linear-algebra library cost up to a hundred times what they save when the machine is
busy, and they change the order of sums. Work that must be repeatable therefore runs on one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

P = ParamSpec("P")
R = TypeVar("R")


def one_blas_thread(work: Callable[P, R]) -> Callable[P, R]:
    """Decorator: run a function with one thread in BLAS and LAPACK."""

    @wraps(work)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        with threadpool_limits(limits=1, user_api="blas"):
            return work(*args, **kwargs)

    return limited
