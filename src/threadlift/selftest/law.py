"""The tissue law once more, at one point: plain formulas, stress by the complex step.

Written from the energy alone and independently of the compiled kernels, so that a slip in either
shows. The complex step (derivative = imaginary part over a step of 1e-30) has no cancellation, so
the stress is exact to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from threadlift.tissue.materials import ElementMaterials

_STEP = 1e-30


def _eye() -> NDArray:
    return np.eye(3)


def determinant(F: NDArray) -> NDArray:
    """Determinant (...,) of matrices (...,3,3), real or complex."""
    return np.einsum("...i,...i->...", F[..., 0], np.cross(F[..., 1], F[..., 2]))


@dataclass(frozen=True)
class Fibres:
    """One family of fibres: k1 [MPa], k2 [-] and metric H (3,3)."""

    k1: float
    k2: float
    H: NDArray


@dataclass(frozen=True)
class Law:
    """Constants of one material point [MPa].

    mu0 balances the pressure of the captured state (default: mu); G (3,3) is the pre-strain metric;
    sheet (3,3) holds two axes of a wrinkling sheet and its normal, each times its pre-stretch, in
    rows (None: no wrinkling), of whose stiffness in compression the share `slack` is left.
    """

    mu: float
    bulk: float
    b: float = 0.0
    mu0: float | None = None
    G: NDArray = field(default_factory=_eye)
    fibres: tuple[Fibres, ...] = ()
    sheet: NDArray | None = None
    slack: float = 1.0

    @property
    def offset(self) -> float:
        """The pressure offset mu0 [MPa]."""
        return self.mu if self.mu0 is None else self.mu0

    def energy(self, F: NDArray) -> NDArray:
        """Energy per reference volume (...,) at deformation gradients (...,3,3).

        F may be complex with a tiny imaginary part (complex step).
        """
        C = np.einsum("...ki,...kj->...ij", F, F)
        j = determinant(F)
        i1 = np.einsum("...ij,ij->...", C, self.G) - 3.0
        shape = i1 - 2.0 * np.log(j)
        out = 0.5 * self.mu * (i1 + 0.5 * self.b * shape**2)
        out = out + self.mu * (j - 1.0 - np.log(j))
        out = out + 0.5 * self.bulk * (j - 1.0) ** 2 - self.offset * (j - 1.0)
        for family in self.fibres:
            e = np.einsum("...ij,ij->...", C, family.H) - 1.0
            e = np.where(e.real > 0.0, e, 0.0)
            out = out + 0.5 * family.k1 / family.k2 * (np.exp(family.k2 * e**2) - 1.0)
        if self.sheet is not None:
            out = out - (1.0 - self.slack) * 0.5 * self.mu * self._relieved(C)
        return out

    def _relieved(self, C: NDArray) -> NDArray:
        """Share of I1 that wrinkling takes away, from principal stretches of the sheet."""
        assert self.sheet is not None
        m = np.einsum("ki,...ij,lj->...kl", self.sheet, C, self.sheet)
        middle = 0.5 * (m[..., 0, 0] + m[..., 1, 1])
        radius = np.sqrt((0.5 * (m[..., 0, 0] - m[..., 1, 1])) ** 2 + m[..., 0, 1] ** 2)
        l1, l2, l3 = np.sqrt(middle + radius), np.sqrt(middle - radius), np.sqrt(m[..., 2, 2])
        wrinkled = (l3 - l2) ** 2
        slack = l1**2 + l2**2 + l3**2 - 3.0 * (l1 * l2 * l3) ** (2.0 / 3.0)
        # Taut where the sheet is no thinner across than through; slack where nothing pulls.
        return np.where(
            l2.real >= l3.real, 0.0, np.where((l1**2).real > (l2 * l3).real, wrinkled, slack)
        )

    def stress(self, F: NDArray) -> NDArray:
        """First Piola-Kirchhoff stress (...,3,3) [MPa]."""
        out = np.empty_like(F)
        for i in range(3):
            for j in range(3):
                moved = F.astype(complex)
                moved[..., i, j] += 1j * _STEP
                out[..., i, j] = np.imag(self.energy(moved)) / _STEP
        return out

    def elements(self, count: int) -> ElementMaterials:
        """The same constants for ``count`` elements."""
        ones = np.ones(count)
        plain = ElementMaterials.plain(self.mu * ones, bulk=self.bulk * ones, b=self.b)
        k1, k2, H = plain.k1.copy(), plain.k2.copy(), plain.H.copy()
        for f, family in enumerate(self.fibres):
            k1[:, f], k2[:, f], H[:, f] = family.k1, family.k2, family.H
        return replace(
            plain,
            mu0=self.offset * ones,
            G=np.tile(self.G, (count, 1, 1)),
            k1=k1,
            k2=k2,
            H=H,
            sheet=plain.sheet if self.sheet is None else np.tile(self.sheet, (count, 1, 1)),
            slack=self.slack * ones,
        )
