"""What a slip of the hand does to every candidate's columns: mean and spread of each row.

A thread is placed too deep or too shallow, and its end to one side (register `risks.spread`). The
tissue between its points gives way as it does along the planned path, a millimetre or two away: so
the small solve with the thread's own string stiffness needs no further compliances, and the adjoint
fields answer every slip. Two independent normal errors make a star of four slips at sqrt(3)
standard deviations; with weights 1/6 each it is exact for cubic responses in either error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from threadlift.evidence import value
from threadlift.members.placement import Course, Ground
from threadlift.planning.candidates import Candidate
from threadlift.planning.responses import Body, Columns, free_points, taut
from threadlift.planning.strings import string_load, string_stiffness, tissue_load
from threadlift.tissue.mesh import LayeredMesh

_REACH = float(np.sqrt(3.0))
_WEIGHT = 1.0 / 6.0


@dataclass(frozen=True)
class SlippedPaths:
    """Candidates' paths after each slip of the star.

    path_mm: (4,K,3) points of all candidates, one after the other; nodes, weights: (4,K,6) their
    embedding; start (C+1,): where each candidate's points begin.
    """

    path_mm: NDArray
    nodes: NDArray
    weights: NDArray
    start: NDArray

    @classmethod
    def of(cls, mesh: LayeredMesh, candidates: Sequence[Candidate]) -> SlippedPaths:
        """The paths of the candidates on their mesh."""
        course, ground = Course.joined([Course.of(c.thread) for c in candidates]), Ground(mesh)
        free = np.concatenate([free_points(c) for c in candidates])
        deeper, aside = (_REACH * value(f"risks.spread.{k}") for k in ("depth", "aside"))
        paths, nodes, weights = [], [], []
        for slip in ((deeper, 0.0), (-deeper, 0.0), (0.0, aside), (0.0, -aside)):
            path, _, _ = ground.slipped(course, *slip)
            wedge, w = mesh.locate(path)
            paths.append(path)
            nodes.append(mesh.wedges[wedge])
            # An anchored end is held by what it is fixed to, wherever that is.
            weights.append(np.where(free[:, None], w, 0.0))
        start = np.cumsum([0, *(len(c.nodes) for c in candidates)])
        return cls(np.array(paths), np.array(nodes), np.array(weights), start)

    @property
    def touched(self) -> NDArray:
        """Mesh nodes that bear a load after some slip."""
        return np.unique(self.nodes[self.weights > 0.0])


@dataclass(frozen=True)
class Slips:
    """By candidate and row, per newton of tension: shift (C,q) of the mean and sd (C,q)."""

    shift: NDArray
    sd: NDArray

    @classmethod
    def of(
        cls, body: Body, paths: SlippedPaths, candidates: Sequence[Candidate], columns: Columns
    ) -> Slips:
        """From the adjoint fields and the loads at every candidate's highest tension.

        body: with adjoint fields at `paths.touched`; paths, columns: of the candidates.
        """
        count = len(candidates)
        shift, sd = np.zeros((2, count, body.rows.count))
        # The last column of a candidate is the one of its highest tension.
        last = {int(c): i for i, c in enumerate(columns.candidate)}
        for c, candidate in enumerate(candidates):
            mine = slice(paths.start[c], paths.start[c + 1])
            top = last[c]
            tension = float(columns.tension_n[top])
            _, segment = taut(candidate.thread, tension)
            compliance = body.compliance(*body.embedding(candidate))
            off = np.array(
                [
                    body.response(nodes, weights, _load(compliance, path, segment))
                    for path, nodes, weights in zip(
                        paths.path_mm[:, mine],
                        paths.nodes[:, mine],
                        paths.weights[:, mine],
                        strict=True,
                    )
                ]
            )
            off -= columns.response[top]
            mean = _WEIGHT * off.sum(axis=0)
            shift[c] = mean / tension
            sd[c] = np.sqrt(np.maximum(_WEIGHT * (off**2).sum(axis=0) - mean**2, 0.0)) / tension
        return cls(shift, sd)

    def scaled(self, factor: NDArray) -> Slips:
        """The same with factors (q,) on the rows."""
        return Slips(self.shift * factor, self.sd * factor)


def _load(compliance: NDArray, path_mm: NDArray, segment_n: NDArray) -> NDArray:
    """What a taut thread on these points does to the tissue (k,3) [N]."""
    force, stiffness = string_load(path_mm, segment_n), string_stiffness(path_mm, segment_n)
    _, load = tissue_load(compliance, force.ravel(), stiffness)
    return load.reshape(-1, 3)
