"""The linear model of a face's candidates: what the search knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from threadlift.planning.candidates import Candidate
from threadlift.planning.chance import Spread
from threadlift.planning.optimise import SideGrid, side_grid
from threadlift.planning.responses import Body, Columns, columns
from threadlift.planning.rows import Rows
from threadlift.planning.slips import SlippedPaths, Slips
from threadlift.threads.thread import SIDES, Side
from threadlift.tissue import Tissue


@dataclass(frozen=True)
class LinearModel:
    """Columns of every candidate and tension level, and what slips of the hand do to them.

    expected (goals,): part of each goal attained on average, for each nominal part.
    """

    rows: Rows
    candidates: tuple[Candidate, ...]
    columns: Columns
    slips: Slips
    expected: NDArray

    @classmethod
    def of(
        cls,
        coarse: Tissue,
        rows: Rows,
        candidates: Sequence[Candidate],
        progress: Callable[[float], None] | None = None,
    ) -> LinearModel:
        """The nominal model, about the captured state of the mesh that candidates lie in."""
        paths = SlippedPaths.of(coarse.mesh, candidates)
        body = Body.of(coarse.rest, rows, candidates, progress, also=paths.touched)
        found = columns(body, candidates)
        slips = Slips.of(body, paths, candidates, found)
        return cls(rows, tuple(candidates), found, slips, np.ones(rows.goals))

    def under(self, spread: Spread) -> LinearModel:
        """The model with the nominal limits and expectations that a face's spread asks for."""
        return replace(self.limited(spread.limit_mm), expected=spread.expected)

    def limited(self, limit_mm: Mapping[str, float]) -> LinearModel:
        """The model with other nominal limits."""
        factor = self.rows.scale_to(limit_mm)
        return replace(
            self,
            rows=self.rows.limited(limit_mm),
            columns=self.columns.scaled(factor),
            slips=self.slips.scaled(factor),
        )

    def grids(self) -> dict[Side, SideGrid | None]:
        """The finite choice on each side."""
        return {
            side: side_grid(
                side, self.candidates, self.columns, self.rows, self.slips, self.expected
            )
            for side in SIDES
        }
