"""Errors that threadlift raises on purpose: each names the problem and its remedy.

The command line turns :class:`InputError` into exit code 2 and every other
:class:`ThreadliftError` into exit code 1; both print one or two lines, never a traceback.
"""

from __future__ import annotations


class ThreadliftError(Exception):
    """A failure with a reason and a remedy.

    Parameters
    ----------
    problem: one sentence that names what is wrong (and with which input).
    remedy: one sentence that says what the user can do about it.
    """

    exit_code = 1

    def __init__(self, problem: str, remedy: str = "") -> None:
        self.problem = problem.rstrip()
        self.remedy = remedy.rstrip()
        super().__init__(f"{self.problem} {self.remedy}".strip())


class InputError(ThreadliftError):
    """The input cannot be used: broken file, no face, contradictory record, wrong units."""

    exit_code = 2


class MissingAssetError(InputError):
    """Something that set-up fetches (the landmark network) is not on this machine yet."""


class SolverError(ThreadliftError):
    """The equilibrium could not be found; nothing is returned rather than a doubtful number."""
