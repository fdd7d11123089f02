"""What the members of an ensemble share: one matrix pattern, its ordering, and the plan's factor.

A hand places the threads a little differently in every member, and strings need entries of their
own in the matrix. With one pattern for every place where they may lie the ordering, which costs as
much as two factorisations, is found once. A thread that leaves this strip is no error: its member
finds an ordering of its own. All is made from the plan alone: a member is the same to the last bit
whichever members were solved before it, in whichever process.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.members.placement import Course, Ground
from threadlift.threads.thread import Thread
from threadlift.tissue.cables import CableSet
from threadlift.tissue.string_blocks import Strip
from threadlift.tissue.tissue import Tissue
from threadlift.tissue.working_factor import WorkingFactor

# Shifts that are looked at, in standard deviations: aside in steps below the size of a triangle;
# deeper only to see which columns lean over, since whole columns are coupled anyway.
_ASIDE = np.linspace(-2.5, 2.5, 21)
_DEEPER = (-1.5, 0.0, 1.5)


def strip_of(tissue: Tissue, threads: Sequence[Thread]) -> Strip:
    """The pattern of a tissue with every thread where a hand may place it."""
    mesh, ground = tissue.mesh, Ground(tissue.mesh)
    course = Course.joined([Course.of(t) for t in threads])
    shifts = list(product(_DEEPER, _ASIDE))
    spread = value("risks.spread.depth"), value("risks.spread.aside")
    points = np.concatenate(
        [ground.slipped(course, spread[0] * z, spread[1] * a)[0] for z, a in shifts]
    )
    wedge = mesh.locate(points)[0]
    corners = (mesh.wedges[wedge][:, :3] // mesh.nl).reshape(len(shifts), -1, 3)
    ends = np.cumsum([len(t.path_mm) for t in threads])
    first = np.setdiff1d(np.arange(ends[-1] - 1), ends - 1)
    # A segment may touch the columns of both its ends.
    both = np.concatenate([corners[:, first], corners[:, first + 1]], axis=2).reshape(-1, 6)
    rows = np.repeat(np.arange(len(both)), 6)
    shape = (len(both), mesh.columns)
    columns = sp.csr_matrix((np.ones(both.size), (rows, both.ravel())), shape=shape)
    return Strip.of(tissue.solid.pattern, tissue.solid.held, mesh.nl, columns)


def sharing(
    tissue: Tissue, threads: Sequence[Thread], start: NDArray[np.float64] | None = None
) -> Tissue:
    """The tissue of a plan, with what the solves of its members share.

    start: (N, 3) [mm] where the members' solves begin (default: captured). Members are made of it
    by `varied`; its factors take one thread, as in a process that has one.
    """
    strip, solid = strip_of(tissue, threads), tissue.solid
    cables = CableSet([tissue.bonded(t) for t in threads], solid.nodes)
    at = np.zeros_like(solid.points) if start is None else solid.admissible(start)
    opening = WorkingFactor(tissue.backend, strip, most_threads=1)
    strings = opening.strings(solid.pattern, cables)
    opening.make(strings.matrix(solid.tangent(at, safe=True), cables.state(at)), cables.cables)
    out = tissue.varied()
    out.working = WorkingFactor(tissue.backend, strip, opening, most_threads=1)
    return out
