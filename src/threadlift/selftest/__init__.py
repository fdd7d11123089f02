"""`threadlift selftest`: exact solutions, solved on the user's own machine.

Small problems whose answer is known on paper or published, run through the same elements, threads
and solvers as a face. A machine on which one of them fails must not be used for planning. The
finer studies behind the tolerances are in docs/verification.md.
"""

from __future__ import annotations

from threadlift.selftest import benchmarks, bond, layers, manufactured, patch, strings, work
from threadlift.selftest.case import Case

__all__ = ["Case", "run_selftest"]


def run_selftest() -> list[Case]:
    """All cases, in the order of the building blocks."""
    families = (patch, work, layers, manufactured, benchmarks, strings, bond)
    return [case for family in families for case in family.cases()]
