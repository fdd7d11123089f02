"""Threads as chains: elastic sections between cogs, each cog bonded to the tissue beside it.

The law and its solution are those of `threadlift.threads.chain_kernels`; here are the arrays that
it works on, what the cogs of a chain hold, and the derivatives of the tensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from threadlift.errors import InputError
from threadlift.threads.chain_kernels import chain_energy, condensed, solve_chains

#: A pull at the limit of all cogs leaves their movement undetermined; this far below it, it is.
#: The tension that this takes away is beyond every digit that is shown.
MARGIN = 1e-9


@dataclass(frozen=True)
class ChainState:
    """Movements w (M,) [mm], tensions (M,) [N], tangents of sections and bonds (M,), energies."""

    w: NDArray
    tension: NDArray
    stiff: NDArray
    grip: NDArray
    energy: NDArray


@dataclass(frozen=True)
class Chains:
    """Stacked chains of M sections and cogs.

    Attributes
    ----------
    start: (chains + 1,) first section of each chain.
    axial: (M,) EA over length of each section [N/mm]; 0 for the missing first section of a chain
        without an anchor.
    bond: (M,) stiffness of each cog's bond [N/mm]; lower, upper: (M,) the forces [N] at which it
        slips against and with the entry's direction.
    pulled: (chains,) the section that is pulled, a number of the stack.
    given: (chains,) True where its tension is given, False where its take-up is.
    """

    start: NDArray
    axial: NDArray
    bond: NDArray
    lower: NDArray
    upper: NDArray
    pulled: NDArray
    given: NDArray

    def __post_init__(self) -> None:
        numbers = np.concatenate([self.axial, self.bond, self.lower, self.upper])
        if not np.isfinite(numbers).all() or (self.bond <= 0.0).any() or (self.axial < 0.0).any():
            raise InputError(
                "A cog has a bond without stiffness, or a number that is not finite.",
                "Check the stiffness and holding force of the product's cogs.",
            )
        if (self.lower >= 0.0).any() or (self.upper <= 0.0).any():
            raise InputError(
                "A cog has no holding force.", "Give holding forces above zero, both ways."
            )

    @cached_property
    def holding_n(self) -> NDArray:
        """Largest tension (chains,) [N] that the cogs on both sides of the pulled section hold."""
        out = np.zeros(len(self.pulled))
        for j, g in enumerate(self.pulled):
            a, b = int(self.start[j]), int(self.start[j + 1])
            out[j] = self.upper[g:b].sum()
            # The first section of a chain hangs on an anchor, unless it is missing.
            if b > a and self.axial[a] == 0.0:
                out[j] = min(out[j], -self.lower[a:g].sum())
        return out

    def level(self, tension_n: NDArray) -> NDArray:
        """Tension (chains,) that takes effect where tension_n is asked for."""
        return np.minimum(tension_n, self.holding_n * (1.0 - MARGIN))

    def solve(self, change: NDArray, level: NDArray) -> ChainState:
        """State for section changes (M,) [mm], take-up included, and levels (chains,) [N].

        Tensions are nan where no state was found (numbers that are not finite).
        """
        w, tension, stiff, grip = np.zeros((4, len(self.axial)))
        law = (
            self.start, change, self.axial, self.bond, self.lower, self.upper, self.given, level,
            self.pulled,
        )  # fmt: skip
        solve_chains(*law, w, tension, stiff, grip)
        energy = np.zeros((2, len(self.axial)))
        chain_energy(*law, w, energy[0], energy[1])
        return ChainState(w, tension, stiff, grip, energy.ravel())

    def times(self, state: ChainState, change: NDArray) -> NDArray:
        """Change of the tensions (M,) with that of the sections (M,): the condensed stiffness."""
        out = np.empty_like(change)
        none = np.zeros_like(change)
        condensed(self.start, change, none, state.stiff, state.grip, self.bond, out)
        return out

    def per_pull(self, state: ChainState, tension_n: NDArray) -> NDArray:
        """Derivative (M,) of the tensions with the pull of each chain, at fixed path.

        Per newton where the tension is given (0 where the cogs hold less than tension_n), per
        millimetre where the take-up is.
        """
        change, push, out = np.zeros((3, len(self.axial)))
        direct = np.zeros(len(self.axial))
        free = tension_n <= self.holding_n * (1.0 - MARGIN)
        for j, g in enumerate(self.pulled):
            if self.start[j] == self.start[j + 1]:
                continue
            if not self.given[j]:
                change[g] = 1.0
            elif free[j]:
                direct[g] = push[g] = 1.0
                if g > self.start[j]:
                    push[g - 1] = -1.0
        condensed(self.start, change, push, state.stiff, state.grip, self.bond, out)
        return out + direct
